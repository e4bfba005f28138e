from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from monitor.errors import SourceUnavailable
from monitor.sources.clock import SystemClock
from monitor.sources.packets import DemuxedPacket, PacketReader

from .media import clip


def reader(path: Path, **settings: object) -> PacketReader:
    defaults = {"open_timeout_seconds": 5, "read_timeout_seconds": 5, "options": {}, "clock": SystemClock(), "live": False}
    return PacketReader(str(path), **{**defaults, **settings})


def packets(source: PacketReader) -> list[DemuxedPacket]:
    return list(iter(source.packet, None))


def demuxing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("demux ")]


def test_it_describes_the_video_and_gives_its_packets(tmp_path: Path):
    with reader(clip(tmp_path / "a.mp4", b_frames=2, audio=True)) as source:
        opened = source.opened()
        assert opened is not None
        assert (opened.template.name, opened.template.width, opened.template.height) == ("h264", 64, 48)
        assert (opened.template.frame_rate, opened.reorders, opened.duration) == (25.0, True, 2)
        assert opened.template.extradata.startswith(b"\x01")
        found = packets(source)
    assert len(found) == 50
    assert [packet.keyframe for packet in found] == [n % 25 == 0 for n in range(50)]
    assert sorted(packet.pts for packet in found) == [512 * n for n in range(50)]


def test_a_slow_consumer_stops_the_demuxer_at_the_limit(tmp_path: Path):
    limit = 40_000
    with reader(clip(tmp_path / "a.ts", seconds=20, size=(160, 120)), queue_bytes=limit) as source:
        assert source.opened() is not None
        waiting = demuxing_threads()
        deadline = time.monotonic() + 5
        while source.queued_bytes < limit // 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert limit // 2 <= source.queued_bytes <= limit
        assert waiting[0].is_alive()
        assert len(packets(source)) == 500
        assert source.queued_bytes == 0


def test_a_packet_larger_than_the_queue_passes(tmp_path: Path):
    with reader(clip(tmp_path / "a.ts", seconds=1), queue_bytes=1) as source:
        source.opened()
        assert len(packets(source)) == 25


def test_leaving_ends_the_thread(tmp_path: Path):
    with reader(clip(tmp_path / "a.ts", seconds=20), queue_bytes=1000) as source:
        source.opened()
        [thread] = demuxing_threads()
    thread.join(5)
    assert not thread.is_alive()


def test_stopped_it_gives_nothing_more(tmp_path: Path):
    with reader(clip(tmp_path / "a.ts", seconds=5)) as source:
        source.opened()
        source.stop()
        assert source.packet() is None


def test_the_outer_watchdog_needs_no_help_from_ffmpeg(tmp_path: Path):
    fifo = (
        tmp_path / "pipe.ts"
    )  # opening a FIFO without a writer blocks in the system call, where no timeout of FFmpeg's looks
    os.mkfifo(fifo)
    with reader(fifo, open_timeout_seconds=0.1) as source, pytest.raises(SourceUnavailable) as caught:
        source.opened()
    assert caught.value.reason == "timeout"
    with fifo.open("wb"):  # let the thread go
        pass
