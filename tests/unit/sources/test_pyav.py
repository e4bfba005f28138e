from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest

from monitor.errors import BadMedia, ConfigError, NoVideo, SourceError
from monitor.protocols import Source
from monitor.sources.decoding import PacketSegment
from monitor.sources.pyav import PyavSource
from monitor.types import EventKind, Frame, SourceEvent

from .media import RATE, clip

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Everything:
    keyframes_only = False

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        return True

    def reset(self) -> None:
        pass


class FakeClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time - 100)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.time += max(0.0, seconds)
        return event.is_set()


def source(path: Path, **settings: object) -> PyavSource:
    return PyavSource(str(path), **{"stream": "s", "live": False, "segment_seconds": 1.0, "started_at": START, **settings})


def read(path: Path, **settings: object) -> tuple[list[PacketSegment], list[SourceEvent]]:
    with source(path, **settings) as opened:
        items = list(opened)
    segments = [item for item in items if isinstance(item, PacketSegment)]
    return segments, [item for item in items if isinstance(item, SourceEvent)]


def frames(segment: PacketSegment) -> list[Frame]:
    with segment.decode() as decoding:
        found = list(decoding.frames(Everything()))
        assert decoding.decode_errors == 0
    return found


def kinds(events: list[SourceEvent]) -> list[EventKind]:
    return [event.kind for event in events]


def test_it_is_a_source(tmp_path: Path):
    assert isinstance(source(tmp_path / "x.mp4"), Source)


@pytest.mark.parametrize(
    ("name", "b_frames"),
    [*itertools.product(["a.ts", "a.mp4", "a.mkv", "a.flv", "a.h264"], [0, 2]), ("a.avi", 0)],  # AVI cannot say their times
)
def test_every_container_gives_each_frame_once_in_segments_that_decode_alone(tmp_path: Path, name: str, b_frames: int):
    segments, events = read(clip(tmp_path / name, seconds=3, b_frames=b_frames, audio=name.endswith((".ts", ".mp4"))))
    assert kinds(events) == [EventKind.UP, EventKind.ENDED]
    assert [segment.sequence for segment in segments] == [0, 1, 2]
    assert [float(segment.duration) for segment in segments] == pytest.approx([1, 1, 1], abs=0.01)
    times = [frame.pts for segment in segments for frame in frames(segment)]
    assert len(times) == 3 * RATE
    steps = {round(float(after - before), 3) for before, after in itertools.pairwise(times)}
    assert steps == {0.04}
    assert not any(segment.discontinuity or segment.has_utc for segment in segments)


def test_segments_carry_identity_and_how_to_decode_them(tmp_path: Path):
    segments, _ = read(clip(tmp_path / "a.ts", seconds=2, size=(96, 64)), rendition="96p")
    first = segments[0]
    assert (first.stream, first.rendition, first.started_at) == ("s", "96p", START)
    assert segments[1].started_at == START + timedelta(seconds=1)
    assert (first.template.name, first.template.width, first.template.height) == ("h264", 96, 64)
    assert first.template.frame_rate == RATE
    assert first.size == sum(len(packet.data) for packet in first.packets) > 0


def test_a_file_longer_than_the_gop_is_cut_at_key_frames(tmp_path: Path):
    segments, _ = read(clip(tmp_path / "a.mp4", seconds=4, gop=40), segment_seconds=1)
    assert [len(segment.packets) for segment in segments] == [40, 40, 20]
    assert all(segment.packets[0].keyframe for segment in segments)


def test_variable_frame_rate_keeps_its_times(tmp_path: Path):
    times = [0, 40, 80, 500, 540, 1200, 1240, 1900, 1940, 1980]
    segments, events = read(clip(tmp_path / "a.mp4", milliseconds=times), segment_seconds=5)
    assert [round(1000 * frame.pts) for frame in frames(segments[0])] == times
    assert EventKind.DISCONTINUITY not in kinds(events)


def test_a_wrap_goes_on_and_is_reported(tmp_path: Path):
    path = clip(tmp_path / "a.ts", seconds=4, b_frames=2, mux={"output_ts_offset": "95441"})
    segments, events = read(path)
    times = [frame.pts for segment in segments for frame in frames(segment)]
    assert len(times) == 100
    assert times == sorted(times)
    assert times[0] < Fraction(1 << 33, 90_000) < times[-1]
    assert [event.reason for event in events if event.kind is EventKind.DISCONTINUITY] == ["wrap"]
    assert not any(segment.discontinuity for segment in segments)


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_an_encoder_restart_is_a_discontinuity(tmp_path: Path):
    part = clip(tmp_path / "a.ts", seconds=4)
    segments, events = read(joined(tmp_path / "b.ts", part, part))
    assert [segment.discontinuity for segment in segments] == [False] * 4 + [True] + [False] * 3
    assert [event.reason for event in events if event.kind is EventKind.DISCONTINUITY] == ["pts_back"]
    assert [segment.started_at for segment in segments] == [START + timedelta(seconds=n) for n in range(8)]
    assert sum(len(frames(segment)) for segment in segments) == 8 * RATE


def test_a_missing_stretch_is_a_gap(tmp_path: Path):
    parts = [
        clip(tmp_path / f"{n}.ts", seconds=2, mux={"output_ts_offset": offset}) for n, offset in enumerate(["0", "2", "9"])
    ]
    segments, events = read(joined(tmp_path / "b.ts", *parts))
    jumps = [event for event in events if event.kind is EventKind.DISCONTINUITY]
    assert [event.reason for event in jumps] == ["pts_gap"]
    assert [segment.discontinuity for segment in segments] == [False] * 4 + [True, False]
    assert segments[4].started_at == START + timedelta(seconds=9)


def test_a_change_of_size_inside_a_stream_begins_a_segment(tmp_path: Path):
    parts = [
        clip(tmp_path / "0.ts", seconds=1.6, gop=20, size=(64, 48)),
        clip(tmp_path / "1.ts", seconds=1.6, gop=20, size=(96, 64), mux={"output_ts_offset": "1.6"}),
    ]
    segments, events = read(joined(tmp_path / "b.ts", *parts), segment_seconds=1)
    sizes = [{(frame.format.width, frame.format.height) for frame in frames(segment)} for segment in segments]
    assert sizes == [{(64, 48)}, {(96, 64)}]
    assert [(segment.template.width, segment.template.height) for segment in segments] == [(64, 48), (96, 64)]
    changed = [event for event in events if event.kind is EventKind.FORMAT_CHANGED]
    assert [event.detail.split(": ")[1] for event in changed] == ["h264 64x48 became h264 96x64"]


def test_a_change_of_configuration_in_flv_reaches_the_decoder(tmp_path: Path):
    first = clip(tmp_path / "0.flv", seconds=2, size=(64, 48)).read_bytes()
    second = clip(tmp_path / "1.flv", seconds=2, size=(96, 64)).read_bytes()
    (tmp_path / "b.flv").write_bytes(first + second[13:])  # without its file header (9 bytes) and first tag size (4)
    segments, events = read(tmp_path / "b.flv")
    sizes = [{(frame.format.width, frame.format.height) for frame in frames(segment)} for segment in segments]
    assert sizes == [{(64, 48)}] * 2 + [{(96, 64)}] * 2
    assert EventKind.FORMAT_CHANGED in kinds(events)


@pytest.mark.parametrize("codec", ["mpeg2video", "libx265"])
def test_a_change_of_codec_inside_a_stream_ends_the_reading(tmp_path: Path, codec: str):
    parts = [
        clip(tmp_path / "0.ts", seconds=2, size=(160, 120)),
        clip(tmp_path / "1.ts", seconds=3, codec=codec, gop=12, size=(160, 120), mux={"output_ts_offset": "2"}),
    ]
    failure = failing(joined(tmp_path / "b.ts", *parts), options={"probesize": "20000"})
    assert isinstance(failure, BadMedia)
    assert "changed on the way from h264" in str(failure)


def test_new_streams_on_the_way_are_named_instead_of_lost(tmp_path: Path):
    moved = {"output_ts_offset": "2", "mpegts_start_pid": "0x300", "mpegts_pmt_start_pid": "0x1010"}
    parts = [
        clip(tmp_path / "0.ts", seconds=2, size=(160, 120)),
        clip(tmp_path / "1.ts", seconds=2, size=(160, 120), mux=moved),
    ]
    failure = failing(joined(tmp_path / "b.ts", *parts), options={"probesize": "20000"})
    assert isinstance(failure, BadMedia)
    assert "streams changed on the way" in str(failure)


def test_other_pids_announced_by_the_same_map_are_followed(tmp_path: Path):
    parts = [
        clip(tmp_path / "0.ts", seconds=2, size=(160, 120)),
        clip(tmp_path / "1.ts", seconds=2, size=(160, 120), mux={"output_ts_offset": "2", "mpegts_start_pid": "0x300"}),
    ]
    segments, _ = read(joined(tmp_path / "b.ts", *parts), options={"probesize": "20000"})
    assert sum(len(frames(segment)) for segment in segments) >= 4 * RATE - 2  # the pictures under way at the join


def test_open_gops_lose_only_leading_pictures(tmp_path: Path):
    path = clip(tmp_path / "a.ts", seconds=4, b_frames=2, gop=26, x264="open-gop=1")  # P pictures fall on every third
    segments, _ = read(path)
    assert len(segments) == 4
    assert sum(len(segment.packets) for segment in segments) == 100
    leading = sum(1 for segment in segments[1:] for packet in segment.packets if packet.pts < segment.packets[0].pts)
    assert leading > 0
    decoded = 0
    for segment in segments:
        with segment.decode() as decoding:
            times = [frame.pts for frame in decoding.frames(Everything())]
        assert times == sorted(times)
        decoded += len(times)
    assert 100 - leading <= decoded <= 100


def test_intra_refresh_is_cut_without_key_frames(tmp_path: Path):
    path = clip(tmp_path / "a.flv", seconds=8, gop=10_000, x264="intra-refresh=1:keyint=10000")
    segments, _ = read(path, segment_seconds=1)
    assert [len(segment.packets) for segment in segments] == [75, 75, 50]


def test_damaged_packets_do_not_end_the_reading(tmp_path: Path):
    data = bytearray(clip(tmp_path / "a.ts", seconds=4, size=(160, 120)).read_bytes())
    for position in range(3000, len(data), 2999):
        data[position] ^= 0xFF
    (tmp_path / "b.ts").write_bytes(data)
    segments, events = read(tmp_path / "b.ts")
    assert kinds(events)[-1] is EventKind.ENDED
    assert sum(len(segment.packets) for segment in segments) > 90


@pytest.mark.parametrize(("name", "flags"), [("a.mp4", "faststart"), ("a.mkv", "")])
def test_a_truncated_file_gives_what_it_has_and_then_says_so(tmp_path: Path, name: str, flags: str):
    data = clip(tmp_path / name, seconds=4, mux={"movflags": flags} if flags else {}).read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(data[: len(data) // 2])
    got: list[object] = []
    with source(tmp_path / f"cut-{name}") as opened, pytest.raises(BadMedia, match=r"of the 4\.00 s .* truncated"):
        got.extend(opened)
    assert any(isinstance(item, PacketSegment) for item in got)
    assert EventKind.ENDED not in [item.kind for item in got if isinstance(item, SourceEvent)]


def failing(path: Path, **settings: object) -> SourceError:
    with source(path, **settings) as opened, pytest.raises(SourceError) as caught:
        list(opened)
    return caught.value


def test_files_without_video(tmp_path: Path):
    failure = failing(clip(tmp_path / "a.mp4", video=False, audio=True))
    assert isinstance(failure, NoVideo)
    assert "only audio" in str(failure)


def test_cover_art_is_no_video(tmp_path: Path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg")
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        output.mux(cover.encode(None))
    assert isinstance(failing(path), NoVideo)


def test_missing_empty_and_odd_files(tmp_path: Path):
    assert "no such file" in str(failing(tmp_path / "none.mp4"))
    assert "is a directory" in str(failing(tmp_path))
    (tmp_path / "empty.mp4").touch()
    assert isinstance(failing(tmp_path / "empty.mp4"), BadMedia)


def test_a_playlist_under_another_name_is_refused(tmp_path: Path):
    clip(tmp_path / "a.ts", seconds=1)
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.ts\n#EXT-X-ENDLIST\n")
    with source(tmp_path / "list.mp4") as opened, pytest.raises((ConfigError, BadMedia)):
        list(opened)


@pytest.mark.parametrize("name", ["timeout", "listen", "listen_timeout"])
def test_options_that_mean_something_else_by_protocol_are_refused(tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match=name), source(tmp_path / "a.ts", options={name: "3"}):
        pass


def test_realtime_delivers_a_segment_when_its_end_would_have_been_broadcast(tmp_path: Path):
    clock = FakeClock()
    path = clip(tmp_path / "a.ts", seconds=3, mux={"output_ts_offset": "500"})
    with source(path, realtime=True, clock=clock, started_at=None) as opened:
        delivered = [(clock.time, item.started_at) for item in opened if isinstance(item, PacketSegment)]
    assert [time for time, _ in delivered] == pytest.approx([101, 102, 103])
    assert [at for _, at in delivered] == [START + timedelta(seconds=n) for n in range(3)]


def test_realtime_does_not_wait_for_a_slow_consumer(tmp_path: Path):
    clock = FakeClock()
    with source(clip(tmp_path / "a.ts", seconds=3), realtime=True, clock=clock) as opened:
        for item in opened:
            if isinstance(item, PacketSegment):
                clock.time += 5
    assert [round(wait, 6) for wait in clock.waits] == [1, -4, -8]


def test_without_realtime_nothing_waits(tmp_path: Path):
    clock = FakeClock()
    with source(clip(tmp_path / "a.ts", seconds=3), clock=clock) as opened:
        list(opened)
    assert clock.waits == []


@pytest.mark.parametrize("stop", [PyavSource.stop, lambda opened: opened.__exit__(None, None, None)])
def test_stop_ends_the_iteration_without_ended(tmp_path: Path, stop: Callable[[PyavSource], None]):
    with source(clip(tmp_path / "a.ts", seconds=5)) as opened:
        items = iter(opened)
        assert next(items).kind is EventKind.UP
        next(items)
        stop(opened)
        assert list(items) == []


def test_stop_before_the_start(tmp_path: Path):
    with source(clip(tmp_path / "a.ts", seconds=1)) as opened:
        opened.stop()
        assert list(opened) == []


def test_the_same_file_gives_the_same_segments(tmp_path: Path):
    path = clip(tmp_path / "a.ts", seconds=3, b_frames=2)
    one, two = (read(path)[0] for _ in range(2))
    assert [(s.started_at, s.duration, s.packets) for s in one] == [(s.started_at, s.duration, s.packets) for s in two]
