"""Inputs that are wrong, away or damaged: one line or a counted, alerted event each, and the others go on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.types import AlertState, EventKind
from pipelines import cli
from tests.e2e.channel import Channel, segment
from tests.e2e.watch_command import (
    ROOT,
    Command,
    assert_no_traceback,
    complaints,
    configuration,
    eventually,
    rules,
    watch,
)
from tests.integration.live_senders import free_port
from tests.unit.sources.media import clip
from tests.unit.sources.origin import Origin, Reply

HTML = Reply(
    b"<!doctype html><html><body>" + 200 * b"<p>It works!</p>\n" + b"</body></html>", headers={"Content-Type": "text/html"}
)
HOUR_OF_CLOCK = Fraction(1 << 33, 90_000)
"""Seconds until the 33-bit clock of MPEG-TS wraps: 26.5 hours."""


def damaged_ts(number: int) -> bytes:
    """A segment of which every third transport packet's payload is noise."""
    data = bytearray(segment(number))
    rng = random.Random(number)
    for offset in range(10 * 188, len(data) - 188, 3 * 188):
        data[offset + 40 : offset + 188] = rng.randbytes(148)
    return bytes(data)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    whole = clip(folder / "good.mp4", seconds=4).read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("This is a shopping list.\n" * 20, encoding="utf-8")
    (folder / "noise.mp4").write_bytes(random.Random(1).randbytes(50_000))
    (folder / "headless.mp4").write_bytes(whole[: len(whole) // 2])
    clip(folder / "audio.mp4", seconds=2, video=False, audio=True)
    fast = clip(folder / "fast.mp4", seconds=8, mux={"movflags": "faststart"}).read_bytes()
    (folder / "cut.mp4").write_bytes(fast[: len(fast) // 2])
    return folder


def test_files_that_can_not_be_read_cost_a_line_each_and_not_the_others(tmp_path: Path, files: Path) -> None:
    with Origin() as origin:
        origin.pages["/503.mp4"] = Reply(status=503)
        origin.pages["/page.mp4"] = HTML
        origin.pages["/hang.mp4"] = Reply(hang=True)
        inputs = {
            "missing": ("nope.mp4", "no such file", "open"),
            "folder": (str(files), "is a directory", "open"),
            "empty": (f"{files}/empty.mp4", "is empty", "demux"),
            "text": (f"{files}/text.mp4", "is text", "demux"),
            "noise": (f"{files}/noise.mp4", "is no media", "demux"),
            "headless": (f"{files}/headless.mp4", "truncated", "demux"),
            "audio": (f"{files}/audio.mp4", "no video", "no_video"),
            "cut": (f"{files}/cut.mp4", "truncated", "eof"),
            "unknown": ("http://no-such-host.invalid/clip.mp4", "unknown host 'no-such-host.invalid'", "dns"),
            "refused": (f"http://127.0.0.1:{free_port()}/clip.mp4", "connection refused", "refused"),
            "gone": (origin.url("/404.mp4"), "HTTP 404", "http_4xx"),
            "broken": (origin.url("/503.mp4"), "HTTP 5", "http_5xx"),
            "html": (origin.url("/page.mp4"), "is an HTML page", "demux"),
            "hang": (origin.url("/hang.mp4"), "within 10 s", "timeout"),
            "secret": (f"http://user:pa55word@127.0.0.1:{free_port()}/c.mp4?token=s3cret", "connection refused", "refused"),
        }
        streams = [{"name": name, "url": url} for name, (url, _, _) in inputs.items()]
        streams.append({"name": "good", "url": f"{files}/good.mp4"})
        with watch(tmp_path, configuration(tmp_path, streams)) as command:
            assert command.wait() == 1
    assert_no_traceback(command)
    said = complaints(command)
    assert len(said) == len(inputs), command.stderr
    assert len(command.stderr.splitlines()) == len(inputs) + 1  # and the summary
    for name, (_, words, reason) in inputs.items():
        [down] = command.store.events(name, EventKind.DOWN)
        assert words in down.detail, f"{name}: {down.detail}"
        assert down.reason == reason, f"{name}: {down}"
        assert f"vqmon: {down.detail}" in said
    assert command.store.sequences("good") == [0]
    assert command.store.sequences("cut")  # what there is of it is scored
    assert not any(secret in text for secret in ("pa55word", "s3cret") for text in (command.stderr, command.stdout))
    assert command.store.incidents("StreamDown") == []


def test_live_inputs_that_are_away_are_alerted_and_found_again(tmp_path: Path) -> None:
    port = free_port()
    reasons = {
        "unknown": ("http://no-such-host.invalid/video.m3u8", "dns"),
        "refused": (f"http://127.0.0.1:{port}/refused/video.m3u8", "refused"),
    }
    with Origin() as origin, Channel(origin, "healthy") as healthy:
        origin.pages["/broken/video.m3u8"] = Reply(status=503)
        origin.pages["/html/video.m3u8"] = HTML
        origin.pages["/hang/video.m3u8"] = Reply(hang=True)
        for name, reason in (("gone", "http_4xx"), ("broken", "http_5xx"), ("html", "playlist"), ("hang", "timeout")):
            reasons[name] = (origin.url(f"/{name}/video.m3u8"), reason)
        streams = [{"name": name, "url": url} for name, (url, _) in reasons.items()]
        streams.append({"name": "healthy", "url": healthy.url})
        quick = rules(tmp_path, {"name": "StreamDown", "for_seconds": 1})
        config = configuration(tmp_path, streams, rules=str(quick), listen="127.0.0.1:0")
        with watch(tmp_path, config) as command:
            alerted = set(reasons) - {"html"}  # whose address is wrong, which waiting does not mend
            eventually(
                "an alert on every input that is away",
                lambda: {one.stream for one in command.store.incidents("StreamDown")} >= alerted,
            )
            for name, (_, reason) in reasons.items():
                assert command.store.events(name, EventKind.DOWN)[0].reason == reason
            assert command.metric("vqmon_alerts_firing", alertname="StreamDown") == len(alerted)
            assert command.metric("vqmon_stream_up", stream="gone") == 0
            before = len(command.store.sequences("healthy"))
            eventually("the healthy stream goes on", lambda: len(command.store.sequences("healthy")) > before + 2)
            with Origin(port) as returned, Channel(returned, "refused"):
                back = {"refused", "gone", "broken", "hang"}
                others = [Channel(origin, name) for name in back - {"refused"}]
                for other in others:
                    other.__enter__()
                eventually(
                    "the alerts on inputs that came back are resolved",
                    lambda: {one.stream for one in command.store.incidents("StreamDown", state=AlertState.RESOLVED)} == back,
                )
                for name in back:
                    eventually(f"scores of {name}", lambda name=name: command.store.sequences(name))
                assert command.metric("vqmon_alerts_firing", alertname="StreamDown") == 1  # the unknown host
                command.signal(signal.SIGINT)
                assert command.wait() == 130
                for other in others:
                    other.pause()
    assert_no_traceback(command)
    assert [line for line in complaints(command) if "video.m3u8" in line] == complaints(command)  # the page that is none


def test_damaged_and_changing_streams_are_counted_alerted_and_scored_on(tmp_path: Path) -> None:
    last = 7
    wrap = HOUR_OF_CLOCK - 4
    makes = {
        "empty": lambda n: b"" if n == 3 else segment(n),
        "missing": lambda n: None if n == 3 else segment(n),
        "short": lambda n: segment(n)[: len(segment(n)) // 188 // 4 * 188] if n == 3 else segment(n),
        "corrupt": lambda n: damaged_ts(n) if n in (3, 4) else segment(n),
        "page": lambda n: HTML.body if n == 3 else segment(n),
        "size": lambda n: segment(n, size=(64, 48)) if n >= 4 else segment(n),
        "codec": lambda n: segment(n, codec="mpeg2video") if n >= 4 else segment(n),
        "wrap": lambda n: segment(n, start=wrap + n),
        "jump": lambda n: segment(n, start=Fraction(1000 + n)) if n >= 4 else segment(n),
        "healthy": segment,
    }
    with Origin() as origin:
        streams = []
        for name, make in makes.items():
            channel = Channel(origin, name, make, count=last + 1, at_once=last + 1)
            with channel:
                streams.append({"name": name, "url": channel.url, "sampling": {"mode": "every"}})
        with watch(tmp_path, configuration(tmp_path, streams), "--out", "scores.ndjson") as command:
            assert command.wait() == 0, command.stderr
    assert_no_traceback(command)
    store = command.store
    every = list(range(last + 1))

    def kinds(stream: str) -> set[EventKind]:
        return {event.kind for event in store.events(stream)} - {EventKind.UP, EventKind.ENDED}

    assert store.sequences("healthy") == every
    assert kinds("healthy") == set()
    for name in ("empty", "missing"):
        assert [number for number in every if number != 3] == store.sequences(name), name
        assert kinds(name) == {EventKind.SEGMENT_MISSING} or kinds(name) == {EventKind.SEGMENT_BAD}
        assert [one.state for one in store.incidents("SegmentMissing", name)] == [AlertState.RESOLVED]
    assert EventKind.SEGMENT_BAD in kinds("page")
    assert store.incidents("SegmentMissing", "page")
    assert set(store.sequences("page")) >= set(every) - {3}
    assert kinds("corrupt") & {EventKind.DECODE_ERROR, EventKind.SEGMENT_BAD}
    assert store.sequences("corrupt") == every
    assert store.sequences("short") == every
    for name in ("size", "codec"):
        assert store.sequences(name) == every
        assert kinds(name) == {EventKind.FORMAT_CHANGED}
    assert store.sequences("wrap") == every
    assert [event.reason for event in store.events("wrap", EventKind.DISCONTINUITY)] in ([], ["wrap"])
    assert store.sequences("jump") == every
    assert [event.reason for event in store.events("jump", EventKind.DISCONTINUITY)] == ["pts_gap"]
    for name in ("healthy", "size", "wrap", "jump"):  # every frame of every segment was scored
        with store.open() as opened:
            rows = opened.series(name, "main", "luma_mean", since_ms=0, until_ms=1 << 50)
        assert [(row.frames, row.coverage) for row in rows] == [(10, 1.0)] * 8, name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("streams:\n- {name: a, url: a.mp4, refrence: b.mp4}\n", "did you mean 'reference'?"),
        ("streams:\n- {name: a, url: a.mp4}\nstor: x\n", "did you mean 'store'?"),
        ("streams:\n- {name: a, url: a.mp4, metrics: [psnrr]}\n", "did you mean psnr"),
        ("streams:\n- {name: a, url: a.mp4, metrics: [psnr]}\n", "needs a reference"),
        ("streams:\n- {name: a, url: a.mp4}\nlisten: 'here'\n", "HOST:PORT"),
        ("streams: []\n", "streams"),
        ("streams: [\n", "no YAML"),
        ("streams:\n- {name: a, url: a.mp4}\nrules: missing.yaml\n", "missing.yaml"),
        (
            "streams:\n- {name: a, url: a.mp4}\nnotifiers:\n- {type: webhook, url: 'http://x/', secret: {env: NOT_SET_1}}\n",
            "NOT_SET_1",
        ),
        ("streams:\n- {name: a, url: a.mp4}\nstore: mysql://x/y\n", "mysql"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    (tmp_path / "watch.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["vqmon", "watch", "watch.yaml"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("vqmon: ")
    assert expected in line
    assert not (tmp_path / "vqmon.db").exists()


def test_a_wrong_option_is_exit_2(tmp_path: Path) -> None:
    with watch(tmp_path, "a.mp4", "--realtme") as command:
        assert command.wait() == 2
    assert_no_traceback(command)
    assert "--realtime" in command.stderr


def test_an_address_that_can_not_be_one_is_one_line(tmp_path: Path) -> None:
    with Command(tmp_path, "watch", "gopher://example.com/x") as command:
        assert command.wait() == 1
    assert len(complaints(command)) == 1
    assert "gopher" in command.stderr
    assert_no_traceback(command)


def test_the_reader_of_the_output_may_leave(tmp_path: Path, files: Path) -> None:
    pipe = f"{sys.executable} -m pipelines watch {files}/good.mp4 --out - | head -c 10"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", pipe],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
