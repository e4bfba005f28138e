"""Whole files as segments."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from monitor.errors import BadMedia, NoVideo, SourceError
from monitor.protocols import EncodedSegment
from monitor.sources.file import FileSegment
from tests.unit.sources.media import clip
from tests.unit.sources.pictures import RATE, START, Every, encoded, moving, x264


def file_segment(path: Path) -> FileSegment:
    return FileSegment(str(path), START, "clip")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(x264(50, container="mp4"))
    return path


@pytest.mark.parametrize(
    ("name", "container", "b_frames"), [("a.mp4", "mp4", 3), ("a.ts", "mpegts", 3), ("a.mkv", "matroska", 0)]
)
def test_time_begins_with_the_first_frame(tmp_path: Path, name: str, container: str, b_frames: int) -> None:
    path = tmp_path / name
    path.write_bytes(x264(50, container=container, b_frames=b_frames))
    one = file_segment(path)
    with one.decode() as decoding:
        times = [frame.pts for frame in decoding.frames(Every())]
    assert times == [Fraction(index, RATE) for index in range(50)]
    assert one.span() == (0, 2)
    assert (decoding.start, decoding.end) == one.span()
    assert one.decoding is decoding


def test_size_is_that_on_disk(film: Path) -> None:
    assert file_segment(film).size == film.stat().st_size
    assert FileSegment("https://example.com/film.mp4", START, "clip").size == 0


def test_files_are_segments(film: Path) -> None:
    one: EncodedSegment = file_segment(film)
    assert (one.stream, one.rendition, one.sequence, one.has_utc, one.started_at) == ("clip", "main", 0, False, START)


@pytest.mark.parametrize(("name", "announced"), [("a.mp4", 2), ("a.mkv", 2), ("a.ts", None), ("a.flv", None)])
def test_only_a_written_duration_counts_as_announced(tmp_path: Path, name: str, announced: int | None) -> None:
    assert file_segment(clip(tmp_path / name)).announced() == announced


def test_sound_does_not_lengthen_the_announced_video(tmp_path: Path) -> None:
    assert file_segment(clip(tmp_path / "a.mp4", audio=True)).announced() == 2
    assert file_segment(clip(tmp_path / "a.mkv", audio=True)).announced() is None


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """Two seconds of video that can be read once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = x264(50)
    writer = threading.Thread(target=lambda: path.write_bytes(content), daemon=True)
    writer.start()
    yield path
    writer.join()


def test_a_pipe_is_read_once(pipe: Path) -> None:
    one = file_segment(pipe)
    assert one.is_pipe
    seen = one.look()
    with one.decode() as decoding:
        assert {frame.format for frame in decoding.frames(Every())} == {seen}
    assert decoding.frames_decoded == 50
    for act in (one.decode, one.look, one.seeking):
        with pytest.raises(SourceError, match="pipe is a pipe, which can be read only once"):
            act()


def test_what_is_no_pipe(film: Path) -> None:
    assert not any(file_segment(path).is_pipe for path in (film, film.parent, film.parent / "nowhere"))
    assert not FileSegment("https://example.com/film.mp4", START, "clip").is_pipe


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("fragments", ["", "frag_keyframe+empty_moov", "frag_every_frame+empty_moov"])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3", "b-pyramid": "normal"}),
        ("libx264", {"bf": "16", "b-adapt": "0"}),
        ("libx264", {"bf": "0"}),
        ("libx265", {"bf": "4"}),
        ("mpeg4", {"bf": "2"}),
        ("mpeg2video", {"bf": "2"}),
    ],
)
def test_reordered_pictures_come_as_ffmpeg_shows_them(
    codec: str, options: dict[str, str], fragments: str, threads: int, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    muxing = {"movflags": fragments} if fragments else {}
    path.write_bytes(encoded(moving(40), codec=codec, container="mp4", options=options, muxing=muxing))
    with av.open(str(path)) as container:
        expected = [(frame.pts * frame.time_base, frame.to_ndarray()[0].copy()) for frame in container.decode(video=0)]
    with file_segment(path).decode(threads=threads) as decoding:
        found = [(frame.pts, frame.luma[0].copy()) for frame in decoding.frames(Every())]
    assert [pts for pts, _ in found] == [pts - expected[0][0] for pts, _ in expected]
    np.testing.assert_array_equal([row for _, row in found], [row for _, row in expected])


def test_decoding_twice_gives_the_same(film: Path) -> None:
    one = file_segment(film)
    pictures = []
    for _ in range(2):
        with one.decode(threads=2) as decoding:
            pictures.append([frame.luma.copy() for frame in decoding.frames(Every())])
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.mkv"])
def test_a_first_look_begins_the_next_pass(tmp_path: Path, name: str) -> None:
    one, other = file_segment(clip(tmp_path / name)), file_segment(tmp_path / name)
    seen = one.look(threads=2)
    (tmp_path / name).unlink()
    with one.decode(threads=2) as decoding:
        frames = list(decoding.frames(Every()))
    assert one.announced() == (None if name == "a.ts" else 2)
    assert (len(frames), frames[0].format) == (50, seen)
    with pytest.raises(SourceError, match="no such file"):
        one.decode(threads=2)
    with pytest.raises(SourceError, match="no such file"):
        other.look()


def test_a_first_look_serves_no_pass_of_another_kind(film: Path) -> None:
    one = file_segment(film)
    one.look(threads=2)
    film.unlink()
    for act in (one.decode, partial(one.decode, keyframes_only=True, threads=2)):
        with pytest.raises(SourceError, match="no such file"):
            act()
    one.close()
    with pytest.raises(SourceError, match="no such file"):
        one.decode(threads=2)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for act in ("span", "decode", "announced", "look"):
        with pytest.raises(SourceError, match=r"nowhere\.mp4: no such file"):
            getattr(file_segment(tmp_path / "nowhere.mp4"), act)()


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a directory, expected a video file"):
        file_segment(tmp_path).decode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"Dear diary\n" * 30, "is text"), (bytes(range(200, 256)) * 50, "no media that FFmpeg knows")],
)
def test_what_is_no_video(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(BadMedia, match=complaint):
        file_segment(path).decode()


def test_an_mp4_without_its_index(film: Path) -> None:
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(BadMedia, match=r"without its index \(moov\)"):
        file_segment(film).decode()


def test_sound_alone(tmp_path: Path) -> None:
    path = clip(tmp_path / "song.mp4", video=False, audio=True)
    with pytest.raises(NoVideo, match=r"song\.mp4 has no video stream, only audio"):
        file_segment(path).decode()


def test_video_without_a_decoder(film: Path) -> None:
    film.write_bytes(film.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(BadMedia, match=r"film\.mp4.*no decoder"):
        file_segment(film).decode()


def test_bytes_that_stop(tmp_path: Path) -> None:
    path = clip(tmp_path / "film.mp4", mux={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    one = file_segment(path)
    with one.decode() as decoding:
        count = len(list(decoding.frames(Every())))
    assert 10 < count < 45
    assert decoding.end is not None
    assert decoding.end < one.announced() == 2
