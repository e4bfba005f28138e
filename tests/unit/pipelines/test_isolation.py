"""A group in a real child process: killed, hung, told to stop, and asked for evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from monitor.errors import SinkUnavailable
from monitor.scheduling import Failed
from monitor.types import EventKind, SegmentResult, SourceEvent
from pipelines import isolation
from pipelines.config import EvidenceConfig, StreamConfig
from pipelines.group import Expected, Gauges, GroupMessage, Unopened
from pipelines.isolation import GroupProcess
from tests.unit.notifiers.samples import FIRING
from tests.unit.sources.clips import ts_segment
from tests.unit.sources.media import clip
from tests.unit.sources.origin import LivePlaylist, Origin

WAIT_SECONDS = 40.0


@contextmanager
def running(*streams: StreamConfig, evidence: Path | None = None) -> Iterator[tuple[GroupProcess, list[GroupMessage]]]:
    outbox: list[GroupMessage] = []
    kept = EvidenceConfig(dir=evidence) if evidence else None
    group = GroupProcess(streams, outbox.append, evidence=kept, workers=1)
    group.start()
    try:
        yield group, outbox
    finally:
        child = group.pid
        group.close()
        assert child is None or not psutil.pid_exists(child)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def of(outbox: list[GroupMessage], kind: type) -> list:
    return [message for message in list(outbox) if isinstance(message, kind)]


def news(origin: Origin, segments: int = 3) -> tuple[LivePlaylist, StreamConfig]:
    live = LivePlaylist(origin, path="/live/video.m3u8")
    for number in range(segments):
        live.publish(ts_segment(number))
    return live, StreamConfig(name="news", url=live.url, metrics=("exposure",))


def test_messages_come_in_order_and_evidence_after_the_end(tmp_path: Path) -> None:
    movie = clip(tmp_path / "movie.mp4", seconds=5)
    with running(StreamConfig(name="movie", url=str(movie), metrics=("luma_mean",)), evidence=tmp_path) as (group, outbox):
        until(lambda: group.finished)
        assert group.join(0.0)
        kinds = [type(message).__name__ for message in outbox if not isinstance(message, Gauges)]
        assert kinds == ["Expected", "SourceEvent", "SegmentResult", "SegmentResult", "SourceEvent"]
        assert of(outbox, Gauges)
        where = of(outbox, SegmentResult)[-1].segment
        alert = replace(
            FIRING, stream="movie", rendition="main", feature="luma_mean", segment_start_ms=where.start_ms, evidence=()
        )
        names = group.collect(alert)
        assert [(tmp_path / name).is_file() for name in names] == [True, True]
    with pytest.raises(SinkUnavailable, match="is gone"):
        group.collect(alert)


@pytest.mark.parametrize("fate", ["killed", "hung"])
def test_a_child_that_dies_or_hangs_is_started_anew(fate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "RESTART_SECONDS", 0.1)
    with Origin() as origin:
        live, config = news(origin)
        with running(config) as (group, outbox):
            until(lambda: of(outbox, SegmentResult))
            assert group.pid is not None
            child = psutil.Process(group.pid)
            if fate == "killed":
                child.kill()
            else:
                monkeypatch.setattr(isolation, "HANG_SECONDS", 1.0)
                child.suspend()
                until(lambda: group.report() or not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
                monkeypatch.setattr(isolation, "HANG_SECONDS", 60.0)
            until(lambda: len(of(outbox, Expected)) == 2)
            live.publish(ts_segment(3))
            until(lambda: 3 in [result.segment.sequence for result in of(outbox, SegmentResult)])
            assert group.pid != child.pid
            assert not group.finished
    states = [event for event in of(outbox, SourceEvent) if event.kind in (EventKind.UP, EventKind.DOWN)]
    assert [(event.kind, event.rendition) for event in states] == [
        (EventKind.UP, "main"),
        (EventKind.DOWN, "main"),
        (EventKind.UP, "main"),
    ]
    assert states[1].reason == "decode"
    assert "SIGKILL" in states[1].detail


def test_a_child_that_dies_before_it_knows_its_renditions_leaves_the_stream_unopened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation, "RESTART_SECONDS", 0.1)
    with Origin() as origin:
        config = StreamConfig(name="news", url=origin.url("/live/video.m3u8"), metrics=("exposure",))
        with running(config) as (group, outbox):
            until(lambda: of(outbox, Unopened))
            assert group.pid is not None
            psutil.Process(group.pid).kill()
            until(lambda: any("SIGKILL" in message.event.detail for message in of(outbox, Unopened)))
            news(origin)
            until(lambda: of(outbox, SegmentResult))


def test_what_has_ended_and_recordings_are_not_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "RESTART_SECONDS", 0.1)
    movie = clip(tmp_path / "movie.mp4", seconds=2)
    endless = clip(tmp_path / "endless.mp4", seconds=60)
    streams = [
        StreamConfig(name="ended", url=str(movie), metrics=("exposure",)),
        StreamConfig(name="paced", url=str(endless), metrics=("exposure",), realtime=True),
    ]
    with running(*streams) as (group, outbox):
        until(lambda: EventKind.ENDED in [event.kind for event in of(outbox, SourceEvent)])
        until(lambda: ("paced", EventKind.UP) in [(event.stream, event.kind) for event in of(outbox, SourceEvent)])
        assert group.pid is not None
        psutil.Process(group.pid).kill()
        until(lambda: group.finished)
    [failed] = of(outbox, Failed)
    assert (failed.event.stream, failed.event.rendition) == ("paced", "main")
    assert "it is given up" in failed.event.detail
    assert len(of(outbox, Expected)) == 2


def test_a_stop_drains_and_finishes() -> None:
    with Origin() as origin:
        _, config = news(origin)
        with running(config) as (group, outbox):
            until(lambda: of(outbox, SegmentResult))
            group.stop()
            assert group.join(WAIT_SECONDS)
            assert group.finished
    sequences = [result.segment.sequence for result in of(outbox, SegmentResult)]
    assert sequences == list(range(len(sequences)))


def test_a_child_that_will_not_stop_is_killed_in_time() -> None:
    with Origin() as origin:
        _, config = news(origin)
        with running(config) as (group, outbox):
            until(lambda: of(outbox, SegmentResult))
            assert group.pid is not None
            psutil.Process(group.pid).suspend()
            group.stop()
            assert not group.join(0.2)
            assert group.finished


def test_a_stop_before_the_child_is_up_reaches_it() -> None:
    with Origin() as origin:
        _, config = news(origin)
        with running(config) as (group, _):
            group.stop()
            assert group.join(WAIT_SECONDS)
