"""Reading files from any moment on."""

from __future__ import annotations

import contextlib
import os
import threading
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import pytest

from monitor.errors import NoVideo, SourceError
from monitor.sources.file import FileSegment
from monitor.sources.seeking import SeekingReader
from tests.unit.sources.media import clip
from tests.unit.sources.pictures import RATE, START, Every, x264

FRAMES, GOP = 60, 12

CONTAINERS = [("a.mp4", "mp4"), ("a.ts", "mpegts"), ("a.mkv", "matroska"), ("a.264", "h264")]


@pytest.fixture(params=CONTAINERS, ids=[name for name, _ in CONTAINERS])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> FileSegment:
    name, container = request.param
    path = tmp_path / name
    path.write_bytes(x264(FRAMES, container=container, gop=GOP, b_frames=2))
    return FileSegment(str(path), START, "film")


def seconds(frame: int) -> Fraction:
    return Fraction(frame, RATE)


def timed(film: FileSegment) -> bool:
    return not film.path.endswith(".264")


@pytest.mark.parametrize("start", [0, 5, 12, 13, 47, 59, 75])
def test_frames_begin_with_the_key_frame_before(film: FileSegment, start: int) -> None:
    with film.seeking() as reader:
        times = [frame.pts for frame in islice(reader.frames(seconds(start)), 14)]
    first = min(start, FRAMES - 1) // GOP * GOP if timed(film) else 0
    assert times == [seconds(frame) for frame in range(first, min(first + 14, FRAMES))]


def test_pictures_are_those_of_the_whole_file(film: FileSegment) -> None:
    with film.decode() as decoding:
        whole = {frame.pts: frame.luma.mean() for frame in decoding.frames(Every())}
    with film.seeking() as reader:
        for start in (30, 0, 50, 20):
            for frame in islice(reader.frames(seconds(start)), 5):
                assert frame.luma.mean() == pytest.approx(whole[frame.pts], abs=1.0)  # no deblocking


def test_key_frames_alone(film: FileSegment) -> None:
    with film.seeking() as reader:
        times = [frame.pts for frame in reader.key_frames(seconds(5), seconds(48))]
        assert times == ([seconds(frame) for frame in (12, 24, 36)] if timed(film) else [])
        assert reader.key_before(seconds(30)) == (seconds(24) if timed(film) else 0)
        assert [frame.pts for frame in islice(reader.frames(seconds(0)), 3)] == [seconds(frame) for frame in range(3)]


def test_length_and_rate(film: FileSegment) -> None:
    with film.seeking(threads=2) as reader:
        assert reader.length() == seconds(FRAMES)
        assert reader.rate == RATE
        assert len(list(reader.frames(Fraction(0)))) == FRAMES


def test_a_damaged_tail_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    data = x264(FRAMES, container="mpegts", gop=GOP)
    path.write_bytes(data[: len(data) * 3 // 4])
    with FileSegment(str(path), START, "film").seeking() as reader:
        assert FRAMES // 2 < len(list(reader.frames(Fraction(0)))) < FRAMES


def test_a_pipe_has_but_one_beginning() -> None:
    media = 50 * x264(FRAMES, container="mpegts", gop=GOP, b_frames=2)  # more than FFmpeg keeps of what it has read
    reading, writing = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(media)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        container = av.open(f"/dev/fd/{reading}")
        with SeekingReader(lambda: (container, container.streams.video[0]), "film") as reader:
            list(islice(reader.frames(seconds(0)), 20))
            with pytest.raises(SourceError, match="can't be read from another place than its start, as a pipe can't"):
                reader.key_before(seconds(FRAMES))
    finally:
        os.close(reading)
        writer.join()


def test_what_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"), FileSegment(str(tmp_path / "nowhere.mp4"), START, "film").seeking():
        pass
    sound = clip(tmp_path / "sound.mp4", video=False, audio=True)
    with pytest.raises(NoVideo, match="audio"), FileSegment(str(sound), START, "film").seeking():
        pass
