"""The ``/metrics`` page: read back by the strict OpenMetrics parser, by the Prometheus parser and by promtool."""

from __future__ import annotations

import math
import os
import shutil
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.sinks.prometheus import PrometheusCollector, stats
from monitor.telemetry import COUNTERS, ERROR_KINDS, Telemetry
from monitor.types import POOLS, EventKind
from tests.unit.sinks.samples import alert, event, moment, result

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def feature(name: str, worst: float, best: float, pool: str = "mean", display: tuple[float, float] = (0.0, 1.0)) -> Feature:
    low, high = min(worst, best), max(worst, best)
    return Feature(name, name, "", low, high, worst, best, "", "", display=display, pool=pool)


SPEC = MetricSpec(
    name="many",
    title="",
    summary="",
    source="",
    reference=Reference.NONE,
    features=(
        feature("psnr_y", 0.0, math.inf, display=(20.0, 60.0)),
        feature("black_ratio", 1.0, 0.0),
        feature("luma", 0.0, 0.0),
        feature("ssim", 0.0, 1.0, pool="p1"),
    ),
)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry([SPEC])


@pytest.fixture
def collector(telemetry: Telemetry) -> PrometheusCollector:
    return PrometheusCollector(telemetry, [SPEC])


def page(collector: PrometheusCollector) -> dict[tuple[str, ...], float]:
    """Value by (sample, label values in order of their names); the strict parser must take the page."""
    text = collector.exposition(OPENMETRICS)[0].decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in openmetrics(text)
        for sample in family.samples
    }


def fill(telemetry: Telemetry, stream: str = "news") -> None:
    telemetry.set_build_info("1.2.3", revision="abc")
    telemetry.expect(stream, "idle")
    means = {"psnr_y": 40.0, "black_ratio": 0.5, "luma": 90.0, "ssim": 0.9}
    telemetry.observe_result(
        result(stream, means=means, frame_values={"psnr_y": [39.0, 41.0, math.inf], "black_ratio": [1.0, 0.0]})
    )
    for kind in EventKind:
        telemetry.observe_event(event(kind, stream, reason="lag" if kind is EventKind.DROPPED else "eof", value=3))
    telemetry.observe_event(event(EventKind.UP, stream))
    telemetry.set_queue(stream, "720p", depth=2, bytes_=999)
    telemetry.set_lag(stream, 1.5)
    telemetry.count_sink("store", writes=5, failures=1)
    telemetry.count_notification("hook", sent=2, failed=1)
    telemetry.observe_scorer("psnr", "cpu", 0.03)
    telemetry.count_scorer_failure("psnr", "error")
    telemetry.set_alerts([alert(stream=stream)])


def test_every_value_has_its_place(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    fill(telemetry)
    found = page(collector)
    end = moment(2).timestamp()
    wanted = {
        ("vqmon_build_info", "abc", "1.2.3"): 1,
        ("vqmon_stream_info", "h264", "25", "720", "720p", "news", "1280"): 1,
        ("vqmon_stream_up", "720p", "news"): 1,
        ("vqmon_stream_up", "idle", "news"): 0,
        ("vqmon_reference_up", "720p", "news"): 1,
        ("vqmon_stream_last_frame_timestamp_seconds", "720p", "news"): end,
        ("vqmon_live_latency_seconds", "720p", "news"): 1,
        ("vqmon_manifest_last_change_timestamp_seconds", "720p", "news"): moment(0).timestamp(),
        ("vqmon_manifest_target_duration_seconds", "720p", "news"): 3,
        ("vqmon_segment_score", "psnr_y", "720p", "mean", "news"): 40.0,
        ("vqmon_segment_score", "psnr_y", "720p", "p5", "news"): 40.0 + POOLS.index("p5") / 8,
        ("vqmon_segment_score", "black_ratio", "720p", "max", "news"): 0.5 + POOLS.index("max") / 8,
        ("vqmon_segment_score_timestamp_seconds", "psnr_y", "720p", "news"): end,
        ("vqmon_segment_score_coverage_ratio", "720p", "news"): 0.2,
        ("vqmon_segments_total", "720p", "news"): 1,
        ("vqmon_segments_total", "idle", "news"): 0,
        ("vqmon_segments_missing_total", "720p", "news"): 1,
        ("vqmon_segments_bad_total", "720p", "news"): 1,
        ("vqmon_bytes_received_total", "720p", "news"): 500_000,
        ("vqmon_frames_expected_total", "720p", "news"): 50,
        ("vqmon_frames_decoded_total", "720p", "news"): 49,
        ("vqmon_frames_sampled_total", "720p", "news"): 10,
        ("vqmon_frames_paired_total", "720p", "news"): 9,
        ("vqmon_decode_errors_total", "720p", "news"): 1,
        ("vqmon_format_changes_total", "720p", "news"): 1,
        ("vqmon_segments_dropped_total", "lag", "720p", "news"): 3,
        ("vqmon_stream_errors_total", "eof", "720p", "news"): 7,
        ("vqmon_stream_errors_total", "dns", "720p", "news"): 0,
        ("vqmon_stream_reconnects_total", "eof", "news"): 1,
        ("vqmon_discontinuities_total", "other", "news"): 1,
        ("vqmon_black_seconds_total", "720p", "news"): 1.0,
        ("vqmon_freeze_seconds_total", "720p", "news"): 0,
        ("vqmon_frame_score_bucket", "40.0", "psnr_y", "news"): 1,
        ("vqmon_frame_score_bucket", "+Inf", "psnr_y", "news"): 3,
        ("vqmon_frame_score_count", "psnr_y", "news"): 3,
        ("vqmon_frame_score_sum", "psnr_y", "news"): 140,
        ("vqmon_queue_depth", "720p", "news"): 2,
        ("vqmon_queue_bytes", "720p", "news"): 999,
        ("vqmon_pipeline_lag_seconds", "news"): 1.5,
        ("vqmon_scorer_duration_seconds_count", "cpu", "psnr"): 1,
        ("vqmon_scorer_duration_seconds_bucket", "cpu", "0.05", "psnr"): 1,
        ("vqmon_scorer_duration_seconds_bucket", "cpu", "0.025", "psnr"): 0,
        ("vqmon_scorer_failures_total", "error", "psnr"): 1,
        ("vqmon_sink_writes_total", "store"): 5,
        ("vqmon_sink_failures_total", "store"): 1,
        ("vqmon_notifications_total", "hook"): 2,
        ("vqmon_notification_failures_total", "hook"): 1,
        ("vqmon_alerts_firing", "BlackPicture", "critical", "news"): 1,
    }
    assert {key: found.get(key) for key in wanted} == wanted
    assert found[("process_start_time_seconds",)] > 0


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("psnr_y", ("mean", "p5", "min")),
        ("black_ratio", ("mean", "p95", "max")),
        ("luma", ("mean", "min", "max")),
        ("ssim", ("mean", "p1", "p5", "min")),
    ],
)
def test_a_feature_shows_its_bad_end(
    telemetry: Telemetry, collector: PrometheusCollector, name: str, chosen: tuple[str, ...]
) -> None:
    (spec,) = (one for one in SPEC.features if one.name == name)
    assert stats(spec) == chosen
    fill(telemetry)
    found = {key[3] for key in page(collector) if key[:2] == ("vqmon_segment_score", name)}
    assert found == set(chosen)


def test_what_is_known_in_advance_is_there_at_zero(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    telemetry.expect("news", "720p")
    telemetry.count_sink("store")
    found = page(collector)
    vqmon = {key: value for key, value in found.items() if key[0].startswith("vqmon_")}
    assert set(vqmon.values()) == {0.0}
    assert {key[1] for key in vqmon if key[0] == "vqmon_stream_errors_total"} == set(ERROR_KINDS)
    assert sum(key[0].endswith("_total") and key[1:] == ("720p", "news") for key in vqmon) == len(COUNTERS) + 2


def test_no_data_is_no_series(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    telemetry.observe_event(event(EventKind.ENDED))
    telemetry.observe_result(result(means={"psnr_y": math.nan}, published_at=moment(1)))
    names = {key[0] for key in page(collector)}
    assert "vqmon_stream_up" not in names, "an input that has ended is neither up nor down"
    assert "vqmon_segment_score" not in names, "no number"
    assert "vqmon_live_latency_seconds" not in names, "listed before it ended: not dated by PDT"
    assert "vqmon_reference_up" not in names
    assert "vqmon_build_info" not in names


def test_an_infinite_score_is_shown_as_such(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    telemetry.observe_result(result(means={"psnr_y": math.inf}))
    assert page(collector)["vqmon_segment_score", "psnr_y", "720p", "mean", "news"] == math.inf
    assert b'stat="mean"' in collector.exposition("")[0]


def test_a_forgotten_streams_series_vanish(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    fill(telemetry)
    fill(telemetry, "film")
    telemetry.set_alerts([alert(), alert(stream="film")])
    assert any("film" in key for key in page(collector))
    telemetry.forget("film", "idle")
    assert not any("idle" in key and "film" in key for key in page(collector))
    telemetry.forget("film")
    found = page(collector)
    assert not any("film" in key for key in found)
    assert any("news" in key for key in found)


def test_a_stream_that_never_opened_is_one_series_until_renditions_are_known(
    telemetry: Telemetry, collector: PrometheusCollector
) -> None:
    telemetry.observe_event(event(EventKind.DOWN, "dead", "", reason="dns"))
    assert page(collector)["vqmon_stream_up", "", "dead"] == 0
    telemetry.expect("dead", "720p")
    assert {key for key in page(collector) if key[0] == "vqmon_stream_up"} == {("vqmon_stream_up", "720p", "dead")}


ODD = ['say "no"', "back\\slash", "two\nlines", "ünïcødé ✓", 'x"} 1', "", " ", "{stream='a'}", "#"]


@pytest.mark.parametrize("stream", ODD)
@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_odd_names_come_back_as_they_were(
    telemetry: Telemetry, collector: PrometheusCollector, stream: str, accept: str
) -> None:
    fill(telemetry, stream)
    parse = openmetrics if accept else prometheus
    families = list(parse(collector.exposition(accept)[0].decode()))
    found = {sample.labels["stream"] for family in families for sample in family.samples if "stream" in sample.labels}
    assert found == {stream}


def test_labels_are_from_the_known_set_and_no_sample_is_dated(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    fill(telemetry)
    allowed = {
        "stream", "rendition", "metric", "stat", "kind", "reason", "device", "sink", "notifier", "alertname", "severity",
        "le", "version", "revision", "codec", "width", "height", "frame_rate",
    }  # fmt: skip
    for family in openmetrics(collector.exposition(OPENMETRICS)[0].decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            assert sample.timestamp is None
            if not sample.name.startswith("process_"):
                assert sample.name.startswith("vqmon_")
                assert set(sample.labels) <= allowed, sample


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
    ],
)
def test_the_scraper_chooses_the_format(collector: PrometheusCollector, accept: str, content_type: str) -> None:
    body, found = collector.exposition(accept)
    assert found == content_type
    assert body.endswith(b"# EOF\n") == content_type.startswith("application/openmetrics")


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        problem = "promtool (Debian package prometheus) is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(problem)
        pytest.skip(problem)
    return found


def test_promtool_has_nothing_to_say(telemetry: Telemetry, collector: PrometheusCollector) -> None:
    for stream in ("news", *ODD):
        fill(telemetry, stream)
    done = subprocess.run(
        [promtool(), "check", "metrics"], input=collector.exposition("")[0], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_two_collectors_do_not_meet(telemetry: Telemetry) -> None:
    first, second = PrometheusCollector(telemetry, [SPEC]), PrometheusCollector(Telemetry(), [])
    fill(telemetry)
    assert ("vqmon_stream_up", "720p", "news") in page(first)
    assert ("vqmon_stream_up", "720p", "news") not in page(second)
