"""The worst frames: which they are, and that it is they who are shown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from monitor.types import Frame, Score, Sync, VideoFormat
from pipelines.files import FileScores
from pipelines.worst_frames import choose, decode_worst, difference, map_colours
from tests.unit.pipelines.scored import scores

RATE = 25


def film(path: Path, levels: Sequence[int], *, size: tuple[int, int] = (128, 64), b_frames: int = 0) -> Path:
    """Frames of one grey each, so that a picture tells which frame it is; ten to a GOP."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "1", "g": "10", "bf": str(b_frames), "preset": "ultrafast"}
        for level in levels:
            picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            picture[: size[1]] = level
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        output.mux(stream.encode(None))
    return path


def grey(width: int, height: int) -> VideoFormat:
    """What a film's frames are decoded to."""
    return VideoFormat(width, height, "yuv420p", chroma_width=width // 2, chroma_height=height // 2)


def beside(
    distorted: Path, reference: Path, values: Sequence[float], *, sync: Sync | None = None, sizes: Sequence[VideoFormat] = ()
) -> FileScores:
    """Made up scores of two films."""
    own, other = sizes or (grey(128, 64), grey(128, 64))
    return scores(str(distorted), {"vmaf": values}, reference=str(reference), sync=sync, formats={(own, other): other})


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def shown(jpeg: bytes) -> float:
    """The luma level of a grey picture in limited range."""
    return 16 + float(decoded(jpeg).mean()) * 219 / 255


def score(values: Sequence[float]) -> list[Score]:
    return [Score("vmaf", value, index, Fraction(index, RATE)) for index, value in enumerate(values)]


def test_the_worst_frames_are_a_second_apart_and_worst_first() -> None:
    values = [90.0] * 100
    values[30], values[31], values[50], values[80] = 20.0, 10.0, 15.0, 40.0
    chosen = choose(score(values), higher_is_better=True, count=3)
    assert [each.index for each in chosen] == [
        31,
        80,
        0,
    ]  # 30 and 50 are less than a second from 31; of equal ones the first


def test_of_a_score_that_is_better_low_the_highest_are_worst() -> None:
    assert [each.index for each in choose(score([1.0, 5.0, 3.0]), higher_is_better=False, count=5)] == [1]


LEVELS = [40 + 2 * index for index in range(75)]


def compared(folder: Path, *, b_frames: int = 0, offset_frames: int = 0, reference: str = "ref.mp4") -> FileScores:
    """An encode that lost its first ``offset_frames`` and is 10 levels brighter."""
    film(folder / "ref.mp4", LEVELS, b_frames=b_frames)
    film(folder / "dist.mp4", [level + 10 for level in LEVELS[offset_frames:]], b_frames=b_frames)
    values = [90.0] * (75 - offset_frames)
    values[13], values[47] = 5.0, 7.0
    sync = Sync(offset_frames / RATE, offset_frames, "content")
    return beside(folder / "dist.mp4", folder / reference, values, sync=sync)


@pytest.mark.parametrize(("b_frames", "offset_frames"), [(0, 0), (3, 0), (3, 7)])
def test_the_very_frames_are_shown_beside_those_of_the_reference(tmp_path: Path, b_frames: int, offset_frames: int) -> None:
    file = compared(tmp_path, b_frames=b_frames, offset_frames=offset_frames)
    [worst] = decode_worst([file], "vmaf", higher_is_better=True, count=2)
    assert (worst.missing, [shot.score.index for shot in worst.frames]) == ("", [13, 47])
    for shot in worst.frames:
        level = LEVELS[shot.score.index + offset_frames]
        assert shown(shot.reference) == pytest.approx(level, abs=0.9)  # neighbours differ by 2
        assert shown(shot.distorted) == pytest.approx(level + 10, abs=0.9)


def test_pictures_of_another_size_are_brought_to_that_of_the_reference(tmp_path: Path) -> None:
    film(tmp_path / "ref.mp4", [100] * 5, size=(1280, 96))
    film(tmp_path / "dist.mp4", [110] * 5, size=(64, 32))
    sizes = grey(64, 32), grey(1280, 96)
    file = beside(tmp_path / "dist.mp4", tmp_path / "ref.mp4", [5.0] * 5, sizes=sizes)
    [worst] = decode_worst([file], "vmaf", higher_is_better=True, count=1)
    shapes = {
        decoded(each).shape for each in (worst.frames[0].reference, worst.frames[0].distorted, worst.frames[0].difference)
    }
    assert shapes == {(72, 960, 3)}


def test_difference_maps_of_all_files_have_one_scale(tmp_path: Path) -> None:
    film(tmp_path / "ref.mp4", [100] * 5)
    files = []
    for name, level in (("near", 102), ("far", 140)):
        film(tmp_path / f"{name}.mp4", [level] * 5)
        files.append(beside(tmp_path / f"{name}.mp4", tmp_path / "ref.mp4", [5.0] * 5))
    near, far = decode_worst(files, "vmaf", higher_is_better=True, count=1)
    assert near.frames[0].full_scale == far.frames[0].full_scale == 64.0  # the smallest power of two above 40
    brightness = [decoded(each.frames[0].difference).mean() for each in (near, far)]
    assert brightness[0] < 10 < 60 < brightness[1]


def test_where_nothing_differs_the_map_is_black(tmp_path: Path) -> None:
    film(tmp_path / "ref.mp4", [100] * 5)
    file = beside(tmp_path / "ref.mp4", tmp_path / "ref.mp4", [99.0] * 5)
    [worst] = decode_worst([file], "vmaf", higher_is_better=True, count=1)
    assert decoded(worst.frames[0].difference).mean() < 3
    assert worst.frames[0].full_scale == 8.0  # 32 times at most


def frame(samples: np.ndarray, depth: int) -> Frame:
    height, width = samples.shape
    form = VideoFormat(width, height, "gray" if depth == 8 else f"gray{depth}le", depth)
    return Frame(0, Fraction(0), Fraction(1, RATE), form, (samples,))


@pytest.mark.parametrize(("depth", "kind"), [(8, np.uint8), (10, np.uint16)])
def test_differences_are_in_eight_bit_steps(depth: int, kind: type) -> None:
    flat = np.full((4, 6), 50 << (depth - 8), kind)
    other = flat.copy()
    other[1, 2] -= np.array(20 << (depth - 8), kind)
    steps = difference(frame(flat, depth), frame(other, depth))
    assert steps[1, 2] == 20.0
    assert steps.sum() == 20.0


def test_a_file_that_is_gone_costs_its_pictures_and_nothing_else(tmp_path: Path) -> None:
    file = compared(tmp_path)
    (tmp_path / "dist.mp4").unlink()
    [worst] = decode_worst([file], "vmaf", higher_is_better=True)
    assert worst.frames == ()
    assert "dist.mp4" in worst.missing


def test_a_frame_that_is_not_there_any_more_is_said(tmp_path: Path) -> None:
    file = compared(tmp_path)
    film(tmp_path / "dist.mp4", LEVELS[:30])
    [worst] = decode_worst([file], "vmaf", higher_is_better=True, count=2)
    assert [shot.score.index for shot in worst.frames] == [13]
    assert worst.missing == "frame 47 could not be decoded again"


def test_the_legend_goes_from_black_to_bright() -> None:
    colours = map_colours(5)
    levels = [sum(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in colours]
    assert len(colours) == 5
    assert levels == sorted(levels)
    assert levels[0] < 20
