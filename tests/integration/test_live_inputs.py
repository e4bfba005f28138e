"""Live inputs as they are: real protocols on loopback, senders that die and come back, servers that hang."""

from __future__ import annotations

import random
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from monitor.errors import SourceError, SourceUnavailable
from monitor.sources.backoff import Backoff
from monitor.sources.decoding import PacketSegment
from monitor.sources.pyav import PyavSource
from monitor.types import EventKind, SourceEvent
from tests.integration.live_senders import HttpServer, RtspServer, free_port, sending
from tests.unit.sources.media import clip

Item = PacketSegment | SourceEvent


class Everything:
    keyframes_only = False

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        return True

    def reset(self) -> None:
        pass


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("live") / "clip.ts", seconds=20, b_frames=2, audio=True)


def watch(url: str, **settings: object) -> PyavSource:
    """A live source that is impatient enough for a test."""
    patience = {"open_timeout_seconds": 3.0, "read_timeout_seconds": 1.0, "segment_seconds": 1.0}
    backoff = Backoff(random.Random(1), minimum_seconds=0.1, maximum_seconds=0.3)
    return PyavSource(url, **{"stream": "s", "live": True, "backoff": backoff, **patience, **settings})


class Watching:
    """A source iterated in its own thread; what it gave so far."""

    def __init__(self, source: PyavSource) -> None:
        self.source = source
        self.items: list[Item] = []
        self.error: SourceError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.source.stop()
        self._thread.join(10)
        assert not self._thread.is_alive(), "stop did not end the iteration"

    def _run(self) -> None:
        try:
            with self.source as source:
                for item in source:
                    with self._changed:
                        self.items.append(item)
                        self._changed.notify_all()
        except SourceError as error:
            self.error = error
        with self._changed:
            self._changed.notify_all()

    @property
    def segments(self) -> list[PacketSegment]:
        return [item for item in self.items if isinstance(item, PacketSegment)]

    def events(self, kind: EventKind) -> list[SourceEvent]:
        return [item for item in self.items if isinstance(item, SourceEvent) and item.kind is kind]

    def until(self, condition: Callable[[], object], seconds: float = 40.0) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"not within {seconds} s; got {self.items}"

    def until_segments(self, count: int) -> None:
        self.until(lambda: len(self.segments) >= count)

    def until_event(self, kind: EventKind, count: int = 1) -> None:
        self.until(lambda: len(self.events(kind)) >= count)


def decoded(segment: PacketSegment) -> int:
    with segment.decode() as decoding:
        frames = sum(1 for _ in decoding.frames(Everything()))
        assert decoding.decode_errors == 0
    return frames


def whole_segments(watching: Watching) -> None:
    """What every live input must give: decodable segments of the right length, contiguous in time, dated by arrival."""
    watching.until_segments(4)
    first, second, third = watching.segments[1:4]
    for segment in (first, second, third):
        assert float(segment.duration) == pytest.approx(1, abs=0.05)
        assert decoded(segment) == 25
    assert (second.started_at - first.started_at).total_seconds() == pytest.approx(1, abs=0.05)
    assert abs((datetime.now(UTC) - first.started_at).total_seconds()) < 30
    assert [segment.sequence for segment in watching.segments] == list(range(len(watching.segments)))
    assert not first.has_utc


Sender = Callable[[], AbstractContextManager[object]]


def udp(clip_path: Path) -> tuple[str, Sender]:
    url = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    return url, lambda: sending(clip_path, "-f", "mpegts", f"{url}?pkt_size=1316")


def rtmp(clip_path: Path) -> tuple[str, Sender]:
    url = f"rtmp://127.0.0.1:{free_port()}/live/key"
    return url, lambda: sending(clip_path, "-bsf:a", "aac_adtstoasc", "-f", "flv", "-listen", "1", url)


def tcp(clip_path: Path) -> tuple[str, Sender]:
    url = f"tcp://127.0.0.1:{free_port()}"
    return url, lambda: sending(clip_path, "-f", "mpegts", f"{url}?listen=1")


def http(clip_path: Path) -> tuple[str, Sender]:
    url = f"http://127.0.0.1:{free_port()}/clip.ts"
    return url, lambda: sending(clip_path, "-f", "mpegts", "-listen", "1", url)


@pytest.mark.parametrize(("protocol", "reasons"), [(udp, {"timeout"}), (rtmp, {"eof"}), (tcp, {"eof"}), (http, {"eof"})])
def test_a_sender_that_dies_and_comes_back(looped: Path, protocol: Callable[[Path], tuple[str, Sender]], reasons: set[str]):
    url, sender = protocol(looped)
    with Watching(watch(url)) as watching:
        with sender():
            whole_segments(watching)
            watching.items.clear()
            watching.until_segments(1)
        watching.until_event(EventKind.DOWN)
        watching.until_event(EventKind.RECONNECT, 2)
        assert {event.reason for event in watching.events(EventKind.DOWN)} == reasons
        before = len(watching.segments)
        with sender():
            watching.until_event(EventKind.UP)
            watching.until_segments(before + 2)
            assert len(watching.events(EventKind.DOWN)) == 1
        resumed = watching.segments[before]
        assert resumed.discontinuity
        assert not watching.segments[before + 1].discontinuity
        assert decoded(watching.segments[before + 1]) == 25


def test_nobody_there_is_one_down_and_many_attempts():
    with Watching(watch(f"rtmp://127.0.0.1:{free_port()}/a/b")) as watching:
        watching.until_event(EventKind.RECONNECT, 4)
    assert [event.reason for event in watching.events(EventKind.DOWN)] == ["refused"]
    assert watching.segments == []


def test_an_unknown_host_is_named():
    with Watching(watch("rtmp://user:secret@nowhere.invalid/a/b")) as watching:
        watching.until_event(EventKind.DOWN)
    [down] = watching.events(EventKind.DOWN)
    assert down.reason == "dns"
    assert "secret" not in down.detail


def test_rtsp_over_tcp(looped: Path, tmp_path: Path):
    port = free_port(socket.SOCK_DGRAM)
    description = tmp_path / "live.sdp"
    with (
        RtspServer(description, port) as server,
        sending(
            looped, "-an", "-bsf:v", "dump_extra", "-f", "rtp", "-sdp_file", str(description), f"rtp://127.0.0.1:{port}"
        ),
        Watching(watch(server.url)) as watching,
    ):
        watching.until_segments(3)
        assert decoded(watching.segments[1]) == 25
    assert watching.events(EventKind.DOWN) == []


def test_an_rtsp_server_that_says_nothing_is_a_timeout(tmp_path: Path):
    with (
        RtspServer(tmp_path / "none.sdp", free_port(socket.SOCK_DGRAM), mute=True) as server,
        Watching(watch(server.url, open_timeout_seconds=1.0)) as watching,
    ):
        watching.until_event(EventKind.DOWN)
    assert watching.events(EventKind.DOWN)[0].reason == "timeout"


def test_joining_between_key_frames_is_no_fault(tmp_path: Path):
    path = clip(tmp_path / "long.ts", seconds=20, gop=50)
    url, sender = udp(path)
    with sender():
        time.sleep(1)  # the first key frame is gone before anybody listens
        with Watching(watch(url)) as watching:
            watching.until_segments(2)
    assert all(segment.packets[0].keyframe for segment in watching.segments)
    assert watching.events(EventKind.DECODE_ERROR) == []
    assert decoded(watching.segments[0]) == 50


def test_another_picture_size_after_a_reconnect_is_an_event(tmp_path: Path):
    small = clip(tmp_path / "small.ts", seconds=20)
    large = clip(tmp_path / "large.ts", seconds=20, size=(96, 64))
    url, sender = tcp(small)
    with Watching(watch(url)) as watching:
        with sender():
            watching.until_segments(1)
        with sending(large, "-f", "mpegts", f"{url}?listen=1"):
            watching.until_event(EventKind.FORMAT_CHANGED)
            watching.until(lambda: watching.segments[-1].template.width == 96)
    [changed] = watching.events(EventKind.FORMAT_CHANGED)
    assert changed.detail.endswith("h264 64x48 became h264 96x64")


def test_a_sender_that_moves_to_other_pids_is_found_again(looped: Path):
    url, sender = udp(looped)
    with Watching(watch(url)) as watching:
        with sender():
            watching.until_segments(1)
        moved = ["-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x1010"]
        with sending(looped, *moved, "-f", "mpegts", f"{url}?pkt_size=1316"):  # keeps the old reader's demuxer busy
            watching.until_event(EventKind.UP, 2)
            watching.until(lambda: watching.segments[-1].discontinuity)


@pytest.fixture
def short(tmp_path: Path) -> bytes:
    return clip(tmp_path / "short.ts", seconds=3).read_bytes()


def recorded(url: str, **settings: object) -> Iterator[Item]:
    with watch(url, live=False, **settings) as source:
        yield from source


def test_plain_http_is_a_file(short: bytes):
    with HttpServer(short) as server:
        items = list(recorded(server.url))
    assert [item.kind for item in items if isinstance(item, SourceEvent)] == [EventKind.UP, EventKind.ENDED]
    assert sum(len(item.packets) for item in items if isinstance(item, PacketSegment)) == 75


def test_plain_http_that_is_live_is_fetched_again(short: bytes):
    with HttpServer(short) as server, Watching(watch(server.url)) as watching:
        watching.until_segments(6)
        watching.until_event(EventKind.UP, 2)
    assert {event.reason for event in watching.events(EventKind.DOWN)} == {"eof"}
    assert watching.segments[3].discontinuity


@pytest.mark.parametrize(("status", "reason"), [(403, "http_4xx"), (404, "http_4xx"), (429, "http_4xx"), (503, "http_5xx")])
def test_http_statuses(status: int, reason: str):
    secret = "".join(("hid", "den"))  # so that the test's own source line in a traceback does not hold it
    with HttpServer(b"no", status=status) as server, pytest.raises(SourceUnavailable, match="answered HTTP") as caught:
        list(recorded(server.url.replace("127", f"user:{secret}@127") + f"?token={secret}"))
    assert caught.value.reason == reason
    assert secret not in str(caught.value)
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_never_answers_is_a_timeout():
    with HttpServer(hang=True) as server, pytest.raises(SourceUnavailable) as caught:
        list(recorded(server.url, open_timeout_seconds=0.5))
    assert caught.value.reason == "timeout"


def test_a_server_that_falls_silent_is_a_timeout_after_what_came(short: bytes):
    got: list[Item] = []
    with HttpServer(short, hang=True, announce=10 * len(short)) as server, pytest.raises(SourceUnavailable) as caught:
        got.extend(recorded(server.url, open_timeout_seconds=1.0, options={"probesize": "10000"}))
    assert caught.value.reason == "timeout"
    assert sum(len(item.packets) for item in got if isinstance(item, PacketSegment)) >= 70


def silent_udp() -> str:
    return f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"


def test_stop_does_not_wait_for_an_input_that_cannot_be_opened():
    watching = Watching(watch(silent_udp(), open_timeout_seconds=25.0))
    with watching:
        time.sleep(0.2)  # now inside av.open
    assert watching.items == []  # leaving the context stopped it, 25 s before its timeout


def test_stop_does_not_wait_for_a_silent_server(short: bytes):
    with HttpServer(short, hang=True, announce=10 * len(short)) as server:
        settings = {"read_timeout_seconds": 25.0, "options": {"probesize": "10000"}}
        with Watching(watch(server.url, **settings)) as watching:
            watching.until_segments(2)  # and now inside demux, waiting for more


def test_stop_does_not_wait_for_the_next_attempt():
    backoff = Backoff(random.Random(3), minimum_seconds=60, maximum_seconds=120)
    with Watching(watch(f"tcp://127.0.0.1:{free_port()}", backoff=backoff)) as watching:
        watching.until_event(EventKind.DOWN)


def test_a_protocol_that_is_not_there_is_final():
    with Watching(watch("srt://127.0.0.1:9000")) as watching:
        watching.until(lambda: watching.error)
    assert watching.error is not None
    assert watching.error.reason == "protocol"
    assert watching.items == []
