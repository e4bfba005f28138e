"""Starting, stopping, restarting and crashing a real watch: nothing that was scored is lost, nothing is told twice."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from monitor.types import AlertState, EventKind
from tests.e2e.channel import Channel, segment
from tests.e2e.receiver import Receiver
from tests.e2e.watch_command import Command, assert_no_traceback, configuration, eventually, rules, watch
from tests.unit.sources.media import clip
from tests.unit.sources.origin import Origin


def ndjson(command: Command, kind: str = "segment") -> list[dict[str, object]]:
    lines = (command.folder / "scores.ndjson").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["type"] == kind]


def assert_all_gone(family: list[psutil.Process], seconds: float = 10.0) -> None:
    _, alive = psutil.wait_procs(family, seconds)
    assert alive == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_stores_what_is_scored_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with (
        Origin() as origin,
        Channel(origin, "live", at_once=8) as channel,
        watch(tmp_path, channel.url, "--out", "scores.ndjson", "--sampling", "every") as command,
    ):
        eventually("the first scores", lambda: command.store.sequences("127.0.0.1/video"))
        family = command.family()
        assert len(command.decoders()) == 1
        began = time.monotonic()
        command.signal(number)
        assert command.wait(20) == code
        took = time.monotonic() - began
        assert_all_gone(family)
    assert took < 10, took
    assert_no_traceback(command)
    stored = command.store.sequences("127.0.0.1/video")
    assert stored == list(range(stored[0], stored[-1] + 1))  # no gap
    assert [line["sequence"] for line in ndjson(command)] == stored
    said = re.search(r"1 stream: (\d+) segments, (\d+) frames scored", command.stderr)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (len(stored), 10 * len(stored))
    assert not list(tmp_path.glob("*.spool*"))


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    with Origin() as origin, Channel(origin, "live") as channel, watch(tmp_path, channel.url) as command:
        eventually("the first scores", lambda: command.store.sequences("127.0.0.1/video"))
        family = command.family()
        [decoder] = command.decoders()
        decoder.suspend()  # so that the first one has something to wait for
        command.signal(signal.SIGINT)
        time.sleep(0.5)
        assert command.process.is_running()
        command.signal(signal.SIGINT)
        began = time.monotonic()
        assert command.wait() == 130
        assert time.monotonic() - began < 8
        assert_all_gone(family)
    assert_no_traceback(command)


def test_a_killed_watch_leaves_no_decoder_behind_and_its_store_can_be_used_again(tmp_path: Path) -> None:
    with Origin() as origin, Channel(origin, "live") as channel:
        with watch(tmp_path, channel.url) as command:
            eventually("the first scores", lambda: len(command.store.sequences("127.0.0.1/video")) > 1)
            family = command.family()
            command.process.kill()
            assert_all_gone(family)
        before = command.store.sequences("127.0.0.1/video")
        with watch(tmp_path, channel.url) as again:
            eventually("more scores", lambda: len(again.store.sequences("127.0.0.1/video")) > len(before) + 1)
            again.signal(signal.SIGTERM)
            assert again.wait(20) == 0
    assert again.store.sequences("127.0.0.1/video")[: len(before)] == before


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: all streams are decoded by one process")
def test_a_decoder_that_crashes_costs_its_own_streams_a_moment(tmp_path: Path) -> None:
    with Origin() as origin, Channel(origin, "one") as one, Channel(origin, "two") as two:
        streams = [{"name": "one", "url": one.url}, {"name": "two", "url": two.url}]
        quick = rules(tmp_path, {"name": "StreamDown", "for_seconds": 0.5})
        config = configuration(tmp_path, streams, rules=str(quick), listen="127.0.0.1:0")
        with watch(tmp_path, config) as command:
            for name in ("one", "two"):
                eventually(f"scores of {name}", lambda name=name: len(command.store.sequences(name)) >= 2)
            first, second = command.decoders()
            first.kill()
            [down] = eventually("the crash is an event", lambda: command.store.events(None, EventKind.DOWN))
            assert (down.rendition, down.reason) == ("main", "decode")
            assert "SIGKILL" in down.detail
            hit, spared = (down.stream, "two" if down.stream == "one" else "one")
            eventually(
                "it is up again",
                lambda: (
                    [event.kind for event in command.store.events(hit, EventKind.UP, EventKind.DOWN)]
                    == [EventKind.UP, EventKind.DOWN, EventKind.UP]
                ),
            )
            resumed = len(command.store.sequences(hit))
            eventually("it is scored again", lambda: len(command.store.sequences(hit)) >= resumed + 2)
            eventually(
                "its alert is resolved",
                lambda: [alert.state for alert in command.store.incidents("StreamDown")] == [AlertState.RESOLVED],
            )
            assert [alert.stream for alert in command.store.incidents("StreamDown")] == [hit]
            assert len(command.decoders()) == 2
            assert command.decoders()[0].pid == second.pid
            assert command.metric("vqmon_stream_up", stream=hit) == 1
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
    scored = command.store.sequences(spared)
    assert scored == list(range(scored[0], scored[-1] + 1))
    assert command.store.events(spared, EventKind.DOWN, EventKind.DROPPED) == []
    assert_no_traceback(command)


def test_a_crash_ends_a_recording_and_does_not_start_it_anew(tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", seconds=60)
    with watch(tmp_path, "clip.mp4", "--realtime") as command:
        eventually("the input is open", lambda: command.store.events("clip", EventKind.UP))
        command.decoders()[0].kill()
        assert command.wait(20) == 1
    assert "SIGKILL" in command.stderr
    assert "given up" in command.stderr
    assert_no_traceback(command)


def test_an_alert_survives_a_restart_and_is_told_once(tmp_path: Path) -> None:
    quick = rules(tmp_path, {"name": "BlackPicture", "for_seconds": 1, "keep_firing_for_seconds": 0})
    with Receiver() as receiver, Origin() as origin, Channel(origin, "live") as channel:
        config = configuration(
            tmp_path,
            [{"name": "news", "url": channel.url}],
            rules=str(quick),
            notifiers=[{"type": "webhook", "url": receiver.url}],
            listen="127.0.0.1:0",
        )
        channel.make = lambda number: segment(number, black=True)
        with watch(tmp_path, config) as command:
            eventually("the alert is told", lambda: receiver.alerts("BlackPicture", "firing"))
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
        stored = len(command.store.sequences("news"))
        with watch(tmp_path, config) as again:
            eventually("black goes on after the restart", lambda: len(again.store.sequences("news")) >= stored + 3)
            assert again.metric("vqmon_alerts_firing", alertname="BlackPicture") == 1
            channel.make = segment
            eventually("its end is told", lambda: receiver.alerts("BlackPicture", "resolved"))
            eventually("nothing fires any more", lambda: again.metric("vqmon_alerts_firing") == 0)
            again.signal(signal.SIGTERM)
            assert again.wait(20) == 0
        [firing], [resolved] = (receiver.alerts("BlackPicture", status) for status in ("firing", "resolved"))
        assert firing["fingerprint"] == resolved["fingerprint"]
        assert firing["startsAt"] == resolved["startsAt"] < resolved["endsAt"]
        assert len(receiver.posted) == 2, [posted.document for posted in receiver.posted]
    [incident] = again.store.incidents("BlackPicture")
    assert incident.state is AlertState.RESOLVED
    for run in (command, again):
        assert_no_traceback(run)


def test_an_input_away_over_a_restart_is_told_once_and_resolved_once(tmp_path: Path) -> None:
    quick = rules(tmp_path, {"name": "StreamDown", "for_seconds": 1})
    with Receiver() as receiver, Origin() as origin:
        config = configuration(
            tmp_path,
            [{"name": "news", "url": origin.url("/live/video.m3u8")}],
            rules=str(quick),
            notifiers=[{"type": "webhook", "url": receiver.url}],
        )
        with watch(tmp_path, config) as command:
            eventually("the alert is told", lambda: receiver.alerts("StreamDown", "firing"))
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
        with Channel(origin, "live"), watch(tmp_path, config) as again:
            eventually("its end is told", lambda: receiver.alerts("StreamDown", "resolved"))
            eventually("scores", lambda: len(again.store.sequences("news")) >= 2)
            again.signal(signal.SIGTERM)
            assert again.wait(20) == 0
        assert len(receiver.posted) == 2, [posted.document for posted in receiver.posted]
    with again.store.open() as store:
        [row] = store.renditions()
    assert (row.rendition, row.up) == ("main", True)
