"""Comparisons of real pictures that start late, lose a frame, freeze: what is found, and what it does to the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from monitor.encoding import EncodeSettings, encode_segment
from monitor.errors import CannotAlign
from monitor.protocols import Reference
from monitor.types import Plane
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.files import FileScores, choose_metrics

WIDTH, HEIGHT, RATE, LENGTH, LOST = 320, 180, Fraction(25), 100, 12
Picture = Sequence[Plane]
Write = Callable[..., Path]

REFERENCE = EncodeSettings(WIDTH, HEIGHT, RATE, crf=14, preset="veryfast", gop=40, container="mp4")
ENCODE = EncodeSettings(WIDTH, HEIGHT, RATE, crf=30, preset="veryfast", gop=50, container="mp4")


def planes(frame: av.VideoFrame) -> list[Plane]:
    flat = frame.reformat(WIDTH, HEIGHT, "yuv420p").to_ndarray().reshape(-1)
    size, quarter = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
    chroma = (flat[size + part * quarter :][:quarter].reshape(HEIGHT // 2, WIDTH // 2) for part in (0, 1))
    return [flat[:size].reshape(HEIGHT, WIDTH), *chroma]


@pytest.fixture(scope="module")
def pictures(shared: Path) -> list[Picture]:
    with av.open(str(shared / "data" / "content" / "clips" / "bikes.mp4")) as container:
        return [planes(frame) for frame in islice(container.decode(video=0), LENGTH + LOST)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, shown: Sequence[Picture], settings: EncodeSettings = ENCODE) -> Path:
        path = tmp_path / name
        path.write_bytes(encode_segment(shown, settings, start_pts=126_000))
        return path

    return written


def compare(path: Path, reference: Path, **how: object) -> FileScores:
    metrics = choose_metrics(("vmaf", "psnr"), Reference.FULL)
    (one,) = compare_files([str(path)], str(reference), metrics, Settings(**how))  # type: ignore[arg-type]
    if one.error is not None:
        raise one.error
    assert one.scores is not None
    return one.scores


def mean(scores: FileScores, feature: str = "vmaf") -> float:
    return next(one.mean for one in scores.result.scores if one.feature == feature)


def flags(scores: FileScores) -> set[str]:
    return {flag.name for flag in scores.flags}


@pytest.mark.parametrize("lost", [LOST, -LOST])
def test_an_offset_is_named_found_and_can_be_given(lost: int, pictures: list[Picture], write: Write) -> None:
    start, late = max(lost, 0), max(-lost, 0)
    reference = write("reference.mp4", pictures[late : late + LENGTH], REFERENCE)
    path = write("late.mp4", pictures[start : start + LENGTH])
    trusting = compare(path, reference)
    assert not trusting.valid
    assert flags(trusting) & {"misaligned", "unlike"}
    found = compare(path, reference, sync="auto")
    assert found.valid
    assert found.sync is not None
    assert (found.sync.offset_frames, found.sync.offset, found.sync.mode) == (lost, pytest.approx(lost / 25), "content")
    assert found.sync.confidence is not None
    assert found.sync.confidence > 0.9
    assert found.result.segment.frames_paired == LENGTH - LOST == found.sync.matched
    assert mean(found) > mean(trusting) + 30
    given = compare(path, reference, sync=Fraction(lost, 25))
    assert given.sync is not None
    assert (given.sync.offset_frames, given.sync.mode, given.sync.confidence) == (lost, "given", None)
    assert given.result.frame_scores == found.result.frame_scores


def panned(still: Picture, speed: float, frames: int) -> list[Picture]:
    """The middle of a still, moving by so many samples a frame."""
    luma, *chroma = still
    moved = []
    for index in range(frames):
        shift = np.array([[2, 0, -WIDTH / 4 - 2 * speed * index], [0, 2, -HEIGHT / 2]], np.float32)
        moved.append([cv2.warpAffine(luma, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), *chroma])
    return moved


@pytest.mark.parametrize("crf", [40, 45, 48])
@pytest.mark.parametrize("speed", [0.08, 0.15, 0.25])
def test_an_encode_that_is_late_with_slow_motion_is_not_misaligned(
    speed: float, crf: int, pictures: list[Picture], write: Write
) -> None:
    shown = panned(pictures[0], speed, LENGTH)
    reference = write("reference.mp4", shown, REFERENCE)
    scores = compare(write("frugal.mp4", shown, replace(ENCODE, crf=crf, gop=250)), reference)
    assert scores.valid, scores.flags
    assert scores.sync is not None
    assert (scores.sync.dropped, scores.sync.duplicated, scores.sync.frozen) == (0, 0, 0)


@pytest.mark.parametrize("lost", [40, -40])
@pytest.mark.parametrize("crf", [30, 45])
def test_what_is_far_off_is_named_even_in_slow_motion(lost: int, crf: int, pictures: list[Picture], write: Write) -> None:
    shown = panned(pictures[0], 0.25, LENGTH + 40)
    reference = write("reference.mp4", shown[max(-lost, 0) :], REFERENCE)
    scores = compare(write("frugal.mp4", shown[max(lost, 0) :], replace(ENCODE, crf=crf, gop=250)), reference)
    assert not scores.valid
    assert "misaligned" in flags(scores)


def test_files_that_belong_together_are_left_alone(pictures: list[Picture], write: Write) -> None:
    reference = write("reference.mp4", pictures[:LENGTH], REFERENCE)
    path = write("encode.mp4", pictures[:LENGTH])
    trusting, found = compare(path, reference), compare(path, reference, sync="auto")
    assert trusting.flags == found.flags == ()
    assert trusting.result.frame_scores == found.result.frame_scores
    for scores in (trusting, found):
        assert scores.sync is not None
        assert (scores.sync.matched, scores.sync.dropped, scores.sync.duplicated, scores.sync.frozen) == (LENGTH, 0, 0, 0)


def test_a_lost_frame_shifts_nothing_even_where_the_times_hide_it(pictures: list[Picture], write: Write) -> None:
    reference = write("reference.mp4", pictures[:LENGTH], REFERENCE)
    settings = EncodeSettings(WIDTH, HEIGHT, RATE, crf=30, preset="veryfast", gop=1, container="mp4")  # frames apart
    whole = compare(write("whole.mp4", pictures[:LENGTH], settings), reference)
    shorter = [*pictures[:40], *pictures[41:LENGTH]]
    path = write("shorter.mp4", shorter, settings)
    trusting = compare(path, reference)
    assert "misaligned" in flags(trusting)
    assert not trusting.valid
    found = compare(path, reference, sync="auto")
    assert found.valid
    assert found.sync is not None
    assert (found.sync.offset_frames, found.sync.dropped, found.sync.matched) == (0, 1, LENGTH - 1)
    assert {"realigned", "dropped"} <= flags(found)
    assert mean(found) == pytest.approx(mean(whole), abs=0.05)
    assert mean(trusting) < mean(whole) - 5


def test_a_gap_is_a_lost_frame_and_no_more(pictures: list[Picture], write: Write, tmp_path: Path) -> None:
    reference = write("reference.mp4", pictures[:LENGTH], REFERENCE)
    settings = EncodeSettings(WIDTH, HEIGHT, RATE, crf=30, preset="veryfast", gop=1, container="mp4")
    whole = write("whole.mp4", pictures[:LENGTH], settings)
    gap = tmp_path / "gap.mkv"
    with av.open(str(whole)) as source, av.open(str(gap), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            if index != 40:
                packet.stream = stream
                target.mux(packet)
    scores = compare(gap, reference)
    assert scores.valid
    assert scores.sync is not None
    assert (scores.sync.dropped, scores.sync.matched) == (1, LENGTH - 1)
    assert mean(scores) == pytest.approx(mean(compare(whole, reference)), abs=0.05)


def test_a_freeze_is_counted_and_lowers_the_score(pictures: list[Picture], write: Write) -> None:
    reference = write("reference.mp4", pictures[:LENGTH], REFERENCE)
    shown = [*pictures[:40], *[pictures[39]] * 10, *pictures[50:LENGTH]]
    whole = compare(write("whole.mp4", pictures[:LENGTH]), reference)
    for sync in ("none", "auto"):
        scores = compare(write("frozen.mp4", shown), reference, sync=sync)
        assert scores.valid
        assert scores.sync is not None
        assert (scores.sync.frozen, scores.sync.duplicated) == (10, 0)
        assert "frozen" in flags(scores)
        assert mean(scores) < mean(whole) - 1


def test_black_bars_on_one_side_spoil_the_numbers(pictures: list[Picture], write: Write) -> None:
    def barred(picture: Picture) -> list[Plane]:
        luma, *chroma = (np.array(plane) for plane in picture)
        luma[:24], luma[-24:] = 16, 16
        for plane in chroma:
            plane[:12], plane[-12:] = 128, 128
        return [luma, *chroma]

    reference = write("reference.mp4", [barred(picture) for picture in pictures[:LENGTH]], REFERENCE)
    scores = compare(write("full.mp4", pictures[:LENGTH]), reference)
    assert "letterbox" in flags(scores)
    assert not scores.valid


def test_what_cannot_tell_is_refused_unless_forced(pictures: list[Picture], write: Write) -> None:
    still = [pictures[0]] * 60
    path, reference = write("still.mp4", still), write("reference.mp4", still, REFERENCE)
    with pytest.raises(CannotAlign, match=r"can't tell which frames of .*reference\.mp4 it shows \(static"):
        compare(path, reference, sync="auto")
    forced = compare(path, reference, sync="auto", force=True)
    assert forced.sync is not None
    assert forced.sync.confidence is not None
    assert forced.sync.confidence < 0.5
    assert compare(path, reference).valid
