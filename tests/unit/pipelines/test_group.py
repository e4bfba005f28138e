from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from monitor.errors import ConfigError, UnknownName
from monitor.scheduling import Failed
from monitor.types import Alert, EventKind, SegmentResult, SourceEvent
from pipelines import group as groups
from pipelines.config import EvidenceConfig, StreamConfig
from pipelines.group import Expected, Gauges, GroupMessage, StreamGroup, Unopened, chosen_metrics
from tests.unit.notifiers.samples import FIRING
from tests.unit.sources.clips import ts_segment
from tests.unit.sources.media import clip
from tests.unit.sources.origin import LivePlaylist, Origin, Reply, playlist
from tests.unit.sources.pictures import encoded, moving

WAIT_SECONDS = 20.0


@contextmanager
def running(*streams: StreamConfig, evidence: Path | None = None) -> Iterator[tuple[StreamGroup, list[GroupMessage]]]:
    outbox: list[GroupMessage] = []
    kept = EvidenceConfig(dir=evidence) if evidence else None
    group = StreamGroup(streams, outbox.append, evidence=kept, workers=1)
    group.start()
    try:
        yield group, outbox
    finally:
        group.close()
        assert group.join(WAIT_SECONDS)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def of(outbox: list[GroupMessage], kind: type) -> list:
    return [message for message in list(outbox) if isinstance(message, kind)]


def events(outbox: list[GroupMessage], rendition: str = "main") -> list[EventKind]:
    return [event.kind for event in of(outbox, SourceEvent) if event.rendition == rendition]


def stream(url: object, **settings: object) -> StreamConfig:
    return StreamConfig.model_validate({"name": "news", "url": str(url), "metrics": ["exposure"], **settings})


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "movie.mp4", seconds=10)


def recording(origin: Origin, path: str, count: int = 4) -> LivePlaylist:
    found = LivePlaylist(origin, path=path)
    for number in range(count):
        found.publish(ts_segment(number))
    found.end()
    return found


def test_a_file_is_announced_scored_and_ended_in_this_order(movie: Path) -> None:
    with running(stream(movie)) as (group, outbox):
        until(lambda: group.finished)
    kinds = [type(message).__name__ for message in outbox]
    assert kinds == ["Expected", "SourceEvent", "SegmentResult", "SegmentResult", "SegmentResult", "SourceEvent"]
    assert outbox[0] == Expected("news", "main", live=False, ladder=("main",))
    assert events(outbox) == [EventKind.UP, EventKind.ENDED]
    assert {score.feature for score in outbox[2].scores} == {"luma_mean", "luma_variance", "clipped_ratio"}


def test_only_the_wanted_renditions_are_watched() -> None:
    with Origin() as origin:
        lines = ["#EXTM3U"]
        for height, bandwidth in ((720, 3000), (360, 1000), (180, 500)):
            recording(origin, f"/{height}/video.m3u8")
            lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}000,RESOLUTION=640x{height}", f"/{height}/video.m3u8"]
        origin.pages["/master.m3u8"] = playlist("\n".join(lines))
        with running(stream(origin.url("/master.m3u8"), renditions=["[71]*p"])) as (group, outbox):
            until(lambda: group.finished)
        assert [message.rendition for message in of(outbox, Expected)] == ["720p", "180p"]
        assert origin.count("/360/video.m3u8") == 0
        with running(stream(origin.url("/master.m3u8"), renditions=["1080p"])) as (group, outbox):
            until(lambda: group.finished)
    [failed] = of(outbox, Failed)
    assert "no rendition matches 1080p; there are: 720p, 360p, 180p" in failed.event.detail


def test_a_live_input_is_tried_until_it_is_there() -> None:
    with Origin() as origin, running(stream(origin.url("/live/video.m3u8"))) as (group, outbox):
        until(lambda: len(of(outbox, Unopened)) >= 2)
        assert of(outbox, Unopened)[0].event.reason == "http_4xx"
        recording(origin, "/live/video.m3u8")
        until(lambda: group.finished)
    assert len(of(outbox, SegmentResult)) == 4
    assert of(outbox, Failed) == []


@pytest.mark.parametrize("settings", [{"live": False}, {"realtime": True}])
def test_an_input_that_is_said_to_be_recorded_is_tried_once(settings: dict[str, object]) -> None:
    with Origin() as origin, running(stream(origin.url("/video.m3u8"), **settings)) as (group, outbox):
        until(lambda: group.finished)
    [failed] = of(outbox, Failed)
    assert (failed.event.rendition, failed.event.reason) == ("", "http_4xx")
    assert of(outbox, Unopened) == []


def test_a_bug_in_one_stream_costs_that_stream(
    movie: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = groups.discover

    def discover(url: str, **settings: object) -> list:
        if url == "broken":
            raise ZeroDivisionError("a bug")
        return real(url, **settings)

    monkeypatch.setattr(groups, "discover", discover)
    broken = stream("broken").model_copy(update={"name": "broken"})
    with running(broken, stream(movie)) as (group, outbox):
        until(lambda: group.finished)
    [failed] = of(outbox, Failed)
    assert failed.event.detail == "stream 'broken' can't be watched (ZeroDivisionError); the log has the details"
    assert len(of(outbox, SegmentResult)) == 3
    assert "a bug" in caplog.text


def test_a_metric_that_can_not_be_prepared_costs_no_other(
    movie: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(groups, "warm_up", fail)
    with running(stream(movie)) as (group, outbox):
        until(lambda: group.finished)
    assert len(of(outbox, SegmentResult)) == 3
    assert "a bug" in caplog.text


def test_files_are_compared_with_their_reference(movie: Path) -> None:
    with running(stream(movie, reference=str(movie), metrics=["psnr"], sampling={"mode": "every"})) as (group, outbox):
        until(lambda: group.finished)
    results = of(outbox, SegmentResult)
    assert sum(result.segment.frames_paired for result in results) == 250
    assert {score.min for result in results for score in result.scores} == {60.0}  # identical: the cap
    assert events(outbox, "reference") == [EventKind.UP, EventKind.ENDED]


def test_a_reference_of_another_kind_is_refused_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fields = encoded(moving(50), codec="libx264", options={"x264-params": "tff=1", "g": "25"})
    (tmp_path / "fields.mkv").write_bytes(fields)
    (tmp_path / "frames.mkv").write_bytes(encoded(moving(50), codec="libx264", options={"g": "25"}))
    wanted = stream(tmp_path / "fields.mkv", reference=str(tmp_path / "frames.mkv"), metrics=["psnr", "exposure"])
    with running(wanted) as (group, outbox):
        until(lambda: group.finished)
    features = {score.feature for result in of(outbox, SegmentResult) for score in result.scores}
    assert features == {"luma_mean", "luma_variance", "clipped_ratio"}
    [lost] = [event for event in of(outbox, SourceEvent) if event.kind is EventKind.REFERENCE_LOST]
    assert "can't compare interlaced 64x48 yuv420p with progressive" in lost.detail
    assert caplog.text.count("can't compare interlaced") == 1


def test_without_its_reference_a_file_is_scored_on_its_own(movie: Path) -> None:
    wanted = stream(movie, reference="http://127.0.0.1:1/source.m3u8", metrics=["psnr", "exposure"])
    with running(wanted) as (group, outbox):
        until(lambda: group.finished)
    [failed] = of(outbox, Failed)
    assert (failed.event.kind, failed.event.rendition, failed.event.reason) == (EventKind.DOWN, "reference", "refused")
    assert {score.feature for result in of(outbox, SegmentResult) for score in result.scores} == {
        "luma_mean",
        "luma_variance",
        "clipped_ratio",
    }


def test_a_live_streams_reference_is_tried_until_it_is_there() -> None:
    with Origin() as origin:
        live = LivePlaylist(origin, path="/live/video.m3u8")
        for number in range(3):
            live.publish(ts_segment(number))
        reference = origin.url("/source/video.m3u8")
        with running(stream(live.url, reference=reference, metrics=["psnr"])) as (group, outbox):
            until(lambda: origin.count("/source/video.m3u8") >= 2)
            [down] = [event for event in of(outbox, SourceEvent) if event.rendition == "reference"]
            assert (down.kind, down.reason) == (EventKind.DOWN, "http_4xx")
            recording(origin, "/source/video.m3u8")
            until(lambda: EventKind.UP in events(outbox, "reference"))
            live.end()
            until(lambda: group.finished)


def test_a_reference_with_a_ladder_has_names_of_its_own() -> None:
    with Origin() as origin:
        recording(origin, "/720/video.m3u8")
        master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=64x720\n/720/video.m3u8"
        origin.pages["/master.m3u8"] = playlist(master)
        url = origin.url("/master.m3u8")
        with running(stream(url, reference=url, metrics=["psnr"])) as (group, outbox):
            until(lambda: group.finished)
    assert {event.rendition for event in of(outbox, SourceEvent)} == {"720p", "reference-720p"}


def test_evidence_can_be_had_until_the_group_is_closed(movie: Path, tmp_path: Path) -> None:
    with running(stream(movie), evidence=tmp_path / "evidence") as (group, outbox):
        until(lambda: group.finished)
        first = of(outbox, SegmentResult)[0]
        alert = alert_on(first)
        names = group.collect(alert)
    assert [name.rsplit("/", 1)[1] for name in names] == ["frame.jpg", "segment.json"]
    assert cv2.imread(str(tmp_path / "evidence" / names[0])).shape == (48, 64, 3)
    assert StreamGroup([], lambda _: None).collect(alert) == ()


def alert_on(result: SegmentResult) -> Alert:
    where = result.segment
    return replace(
        FIRING,
        stream=where.stream,
        rendition=where.rendition,
        feature="luma_mean",
        segment_start_ms=where.start_ms,
        evidence=(),
    )


def test_the_report_tells_queues_and_times(movie: Path) -> None:
    with running(stream(movie)) as (group, outbox):
        until(lambda: group.finished)
        group.report()
        group.report()
    first, second = of(outbox, Gauges)
    [lane] = first.lanes
    assert (lane.stream, lane.rendition, lane.depth, lane.bytes, lane.lag_seconds) == ("news", "main", 0, 0, 0.0)
    assert [metric for metric, _ in first.scorer_seconds] == ["exposure"] * 3
    assert second.scorer_seconds == ()


def test_a_stop_scores_what_has_been_fetched() -> None:
    with Origin() as origin:
        live = LivePlaylist(origin, path="/live/video.m3u8")
        for number in range(3):
            live.publish(ts_segment(number))
        with running(stream(live.url)) as (group, outbox):
            until(lambda: of(outbox, SegmentResult))
            group.stop()
            assert group.join(WAIT_SECONDS)
            assert group.finished
    sequences = [result.segment.sequence for result in of(outbox, SegmentResult)]
    assert sequences == list(range(len(sequences)))


def test_a_stop_does_not_wait_for_an_input_that_hangs() -> None:
    with Origin() as origin:
        origin.pages["/live/video.m3u8"] = Reply(hang=True)
        with running(stream(origin.url("/live/video.m3u8"))) as (group, _):
            origin.wait_for("/live/video.m3u8")
            began = time.monotonic()
            group.stop()
            assert group.join(WAIT_SECONDS)
            assert time.monotonic() - began < 5


def test_metrics_by_name_and_by_input(movie: Path) -> None:
    names = [spec.name for spec in chosen_metrics(stream(movie, metrics=None))]
    assert "psnr" not in names
    assert "blur" in names
    assert "psnr" in [spec.name for spec in chosen_metrics(stream(movie, metrics=None, reference="r"))]
    assert [spec.name for spec in chosen_metrics(stream(movie, metrics=["luma_mean"]))] == ["exposure"]
    with pytest.raises(UnknownName, match="did you mean"):
        chosen_metrics(stream(movie, metrics=["blurr"]))
    with pytest.raises(ConfigError, match="'news' asks for psnr, which needs a reference"):
        chosen_metrics(stream(movie, metrics=["psnr"]))


def test_nothing_is_left_running(movie: Path) -> None:
    before = set(threading.enumerate())
    with running(stream(movie)) as (group, _):
        until(lambda: group.finished)
    until(lambda: set(threading.enumerate()) <= before)
