"""The live state: what counts, what is newest, what is forgotten."""

from __future__ import annotations

import math
import threading

import pytest

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.telemetry import COUNTERS, ERROR_KINDS, Histogram, RenditionTelemetry, Telemetry
from monitor.types import AlertState, EventKind
from tests.unit.sinks.samples import alert, event, moment, result

SPEC = MetricSpec(
    name="psnr",
    title="PSNR",
    summary="",
    source="",
    reference=Reference.FULL,
    features=(Feature("psnr_y", "PSNR Y", "dB", 0.0, math.inf, 0.0, math.inf, "", "", display=(20.0, 60.0)),),
)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry([SPEC])


def rendition(telemetry: Telemetry, stream: str = "news", name: str = "720p") -> RenditionTelemetry:
    return telemetry.snapshot().streams[stream].renditions[name]


def test_an_expected_rendition_is_down_and_at_zero(telemetry: Telemetry) -> None:
    telemetry.expect("news", "720p")
    found = rendition(telemetry)
    assert found.up is False
    assert not found.counts
    telemetry.observe_event(event(EventKind.UP))
    telemetry.expect("news", "720p")
    assert rendition(telemetry).up is True, "expecting again resets nothing"


def test_a_result_is_counted(telemetry: Telemetry) -> None:
    for number in range(2):
        telemetry.observe_result(result(number=number))
    counts = dict(rendition(telemetry).counts)
    assert counts == {
        "bytes": 1_000_000, "decode_errors": 2, "frames_decoded": 98, "frames_expected": 100, "frames_paired": 18,
        "frames_sampled": 20, "segments": 2,
    }  # fmt: skip
    assert set(counts) < set(COUNTERS)


def test_the_newest_by_media_time_is_shown_whatever_the_order(telemetry: Telemetry) -> None:
    telemetry.observe_result(result(number=2, means={"psnr_y": 42.0}))
    telemetry.observe_result(result(number=1, means={"psnr_y": 41.0, "ssim": 0.9}))
    found = rendition(telemetry)
    assert found.segment is not None
    assert found.segment.sequence == 102
    assert {name: score.mean for name, score in found.scores.items()} == {"psnr_y": 42.0, "ssim": 0.9}
    assert found.counts["segments"] == 2


def test_coverage_is_that_of_the_newest_segment(telemetry: Telemetry) -> None:
    telemetry.observe_result(result(number=1))
    assert rendition(telemetry).coverage == 0.2
    telemetry.observe_result(result(number=2, means={}))
    assert rendition(telemetry).coverage == 0.0


def test_state_reports(telemetry: Telemetry) -> None:
    seen = []
    for kind in (EventKind.UP, EventKind.DOWN, EventKind.UP, EventKind.ENDED):
        telemetry.observe_event(event(kind, reason="eof" if kind is EventKind.DOWN else ""))
        seen.append(rendition(telemetry).up)
    assert seen == [True, False, True, None]


def test_a_report_on_the_whole_stream_counts_for_every_rendition(telemetry: Telemetry) -> None:
    telemetry.expect("news", "a")
    telemetry.expect("news", "b")
    telemetry.observe_event(event(EventKind.UP, rendition=""))
    assert [rendition(telemetry, name=name).up for name in "ab"] == [True, True]


def test_references_come_and_go(telemetry: Telemetry) -> None:
    telemetry.expect("news", "720p")
    assert rendition(telemetry).reference_up is None
    telemetry.observe_event(event(EventKind.REFERENCE_LOST))
    assert rendition(telemetry).reference_up is False
    telemetry.observe_event(event(EventKind.REFERENCE_BACK))
    assert rendition(telemetry).reference_up is True
    assert rendition(telemetry).up is False, "a reference says nothing about the input"


def test_faults_are_counted_by_kind_from_a_closed_set(telemetry: Telemetry) -> None:
    telemetry.observe_event(event(EventKind.DOWN, reason="refused"))
    telemetry.observe_event(event(EventKind.MANIFEST_ERROR, reason="http_5xx"))
    telemetry.observe_event(event(EventKind.SEGMENT_MISSING, reason="http_4xx", value=7))
    telemetry.observe_event(event(EventKind.SEGMENT_BAD, reason="", value=8))
    telemetry.observe_event(event(EventKind.DECODE_ERROR, value=5))
    telemetry.observe_event(event(EventKind.MANIFEST_ERROR, reason="https://joe:secret@host/"))
    found = rendition(telemetry)
    assert found.errors == {"refused": 1, "http_5xx": 1, "http_4xx": 1, "decode": 6, "other": 1}
    assert set(found.errors) <= set(ERROR_KINDS)
    assert (found.counts["segments_missing"], found.counts["segments_bad"]) == (1, 1)


def test_a_reconnect_is_counted_by_what_was_lost(telemetry: Telemetry) -> None:
    telemetry.observe_event(event(EventKind.RECONNECT))
    telemetry.observe_event(event(EventKind.DOWN, reason="timeout"))
    telemetry.observe_event(event(EventKind.RECONNECT))
    telemetry.observe_event(event(EventKind.RECONNECT, reason="dns"))
    assert telemetry.snapshot().streams["news"].reconnects == {"other": 1, "timeout": 1, "dns": 1}


def test_other_events(telemetry: Telemetry) -> None:
    telemetry.observe_event(event(EventKind.MANIFEST_CHANGED, at=4, value=6.0))
    telemetry.observe_event(event(EventKind.FORMAT_CHANGED))
    telemetry.observe_event(event(EventKind.DROPPED, reason="lag", value=12))
    telemetry.observe_event(event(EventKind.DISCONTINUITY, reason="pts_gap"))
    found = rendition(telemetry)
    assert (found.manifest_changed_at, found.target_duration_seconds) == (moment(4).timestamp(), 6.0)
    assert (found.counts["format_changes"], found.dropped) == (1, {"lag": 12})
    assert telemetry.snapshot().streams["news"].discontinuities == {"pts_gap": 1}


@pytest.mark.parametrize(
    ("values", "mean", "black_seconds"),
    [([1.0, 0.98, 0.5, 0.0], 0.62, 1.0), ([0.97, 0.97], 0.97, 0.0), ([], 0.99, 2.0), ([], 0.5, 0.0)],
)
def test_black_time_is_the_share_of_black_frames(
    telemetry: Telemetry, values: list[float], mean: float, black_seconds: float
) -> None:
    telemetry.observe_result(result(means={"black_ratio": mean}, frame_values={"black_ratio": values, "other": [1.0]}))
    assert rendition(telemetry).black_seconds == black_seconds


def test_frozen_time_is_the_share_of_frozen_frames(telemetry: Telemetry) -> None:
    for number, mean in enumerate((0.5, 1.0, 0.0)):
        telemetry.observe_result(result(number=number, means={"frozen": mean}))
    assert rendition(telemetry).freeze_seconds == 3.0


def test_frame_scores_are_counted_by_size_over_all_renditions(telemetry: Telemetry) -> None:
    telemetry.observe_result(result(rendition="a", frame_values={"psnr_y": [10.0, 24.0, 24.1], "unknown": [1.0]}))
    telemetry.observe_result(result(rendition="b", frame_values={"psnr_y": [60.0, math.inf]}))
    histograms = telemetry.snapshot().streams["news"].frame_scores
    assert list(histograms) == ["psnr_y"]
    assert histograms["psnr_y"].edges == (20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60)
    assert histograms["psnr_y"].counts == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert histograms["psnr_y"].total == 20 + 24 + 24.1 + 60 + 60


def test_edges_are_inclusive() -> None:
    histogram = Histogram.over((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]


def test_queues_lag_sinks_notifiers_scorers_and_build(telemetry: Telemetry) -> None:
    telemetry.set_queue("news", "720p", depth=3, bytes_=1000)
    telemetry.set_lag("news", 4.5)
    telemetry.count_sink("store")
    telemetry.count_sink("store", writes=2, failures=1)
    telemetry.count_notification("hook", sent=1)
    telemetry.count_notification("hook", failed=2)
    telemetry.observe_scorer("psnr", "cpu", 0.03)
    telemetry.count_scorer_failure("psnr", "error")
    telemetry.set_build_info("1.2.3", revision="abc")
    status = telemetry.snapshot()
    assert (rendition(telemetry).queue_depth, rendition(telemetry).queue_bytes) == (3, 1000)
    assert status.streams["news"].lag_seconds == 4.5
    assert (status.sinks["store"].done, status.sinks["store"].failed) == (2, 1)
    assert (status.notifiers["hook"].done, status.notifiers["hook"].failed) == (1, 2)
    assert sum(status.scorer_seconds["psnr", "cpu"].counts) == 1
    assert status.scorer_failures == {("psnr", "error"): 1}
    assert status.build == {"version": "1.2.3", "revision": "abc"}


def test_only_firing_alerts_count(telemetry: Telemetry) -> None:
    telemetry.set_alerts(
        [alert(), alert(rendition="1080p"), alert(state=AlertState.PENDING), alert("X", state=AlertState.RESOLVED, until=1)]
    )
    assert telemetry.snapshot().firing == {("BlackPicture", "critical", "news"): 2}
    telemetry.set_alerts([])
    assert not telemetry.snapshot().firing


def test_forgetting(telemetry: Telemetry) -> None:
    for stream, name in (("news", "a"), ("news", "b"), ("film", "a")):
        telemetry.observe_result(result(stream, name))
    telemetry.set_alerts([alert(), alert(stream="film")])
    telemetry.forget("news", "a")
    assert {name: list(one.renditions) for name, one in telemetry.snapshot().streams.items()} == {
        "news": ["b"],
        "film": ["a"],
    }
    telemetry.forget("news", "b")
    telemetry.forget("news")
    telemetry.forget("never seen", "x")
    status = telemetry.snapshot()
    assert list(status.streams) == ["film"]
    assert list(status.firing) == [("BlackPicture", "critical", "film")]


def test_a_snapshot_stays_as_it_was(telemetry: Telemetry) -> None:
    def fill() -> None:
        telemetry.observe_result(result(frame_values={"psnr_y": [30.0]}))
        telemetry.observe_event(event(EventKind.DOWN, reason="eof"))
        telemetry.observe_event(event(EventKind.DROPPED, reason="lag"))
        telemetry.observe_event(event(EventKind.DISCONTINUITY, reason="wrap"))
        telemetry.observe_event(event(EventKind.RECONNECT))
        telemetry.count_sink("store", writes=1)
        telemetry.count_notification("hook", sent=1)
        telemetry.observe_scorer("psnr", "cpu", 0.1)
        telemetry.count_scorer_failure("psnr", "error")

    fill()
    before, printed = telemetry.snapshot(), repr(telemetry.snapshot())
    fill()
    telemetry.forget("news")
    assert repr(before) == printed
    assert telemetry.snapshot() != before


def test_threads_lose_no_count(telemetry: Telemetry) -> None:
    given = result(frame_values={"psnr_y": [30.0]})

    def observe() -> None:
        for _ in range(200):
            telemetry.observe_result(given)
            telemetry.observe_event(event(EventKind.DECODE_ERROR, value=1))
            telemetry.snapshot()

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rendition(telemetry).counts["segments"] == 800
    assert rendition(telemetry).errors["decode"] == 800
    assert sum(telemetry.snapshot().streams["news"].frame_scores["psnr_y"].counts) == 800
