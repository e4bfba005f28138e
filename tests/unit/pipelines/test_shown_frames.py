"""Frames that are shown beside each other are those that were scored: their samples give the score again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from monitor.encoding import EncodeSettings, encode_segment
from monitor.protocols import Reference
from monitor.types import Frame, Plane
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.files import FileScores, choose_metrics
from pipelines.worst_frames import decode_pairs

WIDTH, HEIGHT, FRAMES = 192, 108, 75


def pictures(width: int = WIDTH, height: int = HEIGHT, pixel_format: str = "yuv420p") -> list[list[Plane]]:
    """Soft blobs that drift, no two frames alike."""
    random = np.random.default_rng(1)
    side, depth = width // 16, 8 + 2 * ("10" in pixel_format)
    coarse = random.integers(30, 220, (height // side + 2, width // side + FRAMES * 4 // side + 3)).astype(np.float32)
    scene = np.kron(coarse, np.ones((side, side), np.float32))
    scene = (scene + np.roll(scene, 4, 0) + np.roll(scene, 4, 1) + np.roll(scene, 3, (0, 1))) / 4
    kind = np.uint8 if depth == 8 else np.uint16
    flat = np.full((height // 2, width // 2), 1 << (depth - 1), kind)
    return [
        [(scene[:height, place : place + width] * (1 << (depth - 8))).astype(kind), flat, flat]
        for place in np.cumsum(random.integers(1, 4, FRAMES))
    ]


def film(
    path: Path, shown: Sequence[Sequence[Plane]], *, crf: float = 30, rate: int = 25, pixel_format: str = "yuv420p"
) -> str:
    height, width = shown[0][0].shape
    container = {".mp4": "mp4", ".ts": "mpegts"}[path.suffix]
    made = EncodeSettings(
        width, height, Fraction(rate), crf=crf, gop=20, preset="medium", container=container, pixel_format=pixel_format
    )
    path.write_bytes(encode_segment(shown, made, start_pts=126_000))
    return str(path)


def compare(distorted: str, reference: str, **how: object) -> FileScores:
    metrics = choose_metrics(("psnr",), Reference.FULL)
    [one] = compare_files([distorted], reference, metrics, Settings(**how))  # type: ignore[arg-type]
    assert one.scores is not None, one.error
    return one.scores


def psnr(distorted: Frame, reference: Frame) -> float:
    peak = distorted.format.peak
    error = np.square(distorted.luma.astype(float) - reference.luma.astype(float)).mean()
    return min(10 * math.log10(peak * peak / error), 6 * distorted.format.bit_depth + 12) if error else 72.0


def holds(scores: FileScores, *, least: int) -> None:
    """Each of eleven frames, decoded anew, gives its score to the last digit."""
    of_luma = [score for score in scores.result.frame_scores if score.feature == "psnr_y"]
    assert len(of_luma) >= least
    chosen = of_luma[:: max(1, len(of_luma) // 10)]
    found, missing = decode_pairs(scores, chosen[::-1])
    assert (missing, [score for score, _, _ in found]) == ("", chosen[::-1])
    for score, distorted, reference in found:
        assert psnr(distorted, reference) == pytest.approx(score.value, abs=1e-9), score
        assert distorted.format == reference.format == scores.format


@pytest.fixture
def reference(tmp_path: Path) -> str:
    return film(tmp_path / "reference.mp4", pictures(), crf=12)


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_as_they_are(tmp_path: Path, reference: str, suffix: str) -> None:
    holds(compare(film(tmp_path / f"distorted{suffix}", pictures()), reference), least=FRAMES)


@pytest.mark.parametrize("lost", [7, -5])
def test_at_an_offset_that_the_pictures_tell(tmp_path: Path, lost: int) -> None:
    distorted = film(tmp_path / "distorted.ts", pictures()[max(lost, 0) :])
    original = film(tmp_path / "original.mp4", pictures()[max(-lost, 0) :], crf=12)
    scores = compare(distorted, original, sync="auto")
    assert scores.sync is not None
    assert scores.sync.offset_frames == lost
    holds(scores, least=FRAMES - abs(lost) - 1)


def test_where_lost_frames_hide_behind_rewritten_times(tmp_path: Path, reference: str) -> None:
    kept = [picture for index, picture in enumerate(pictures()) if index != 30]
    scores = compare(film(tmp_path / "distorted.mp4", kept), reference, sync="auto")
    assert "realigned" in [flag.name for flag in scores.flags]
    assert len({scores.pairs.partners[index] - Fraction(index, 25) for index in scores.pairs.partners}) == 2
    holds(scores, least=FRAMES - 2)


@pytest.mark.parametrize("start", [Fraction(4, 5), 11])
def test_from_a_later_moment_on(tmp_path: Path, reference: str, start: Fraction | int) -> None:
    scores = compare(film(tmp_path / "distorted.mp4", pictures()), reference, start=start, frames=20)
    assert scores.result.frame_scores[0].index == (20 if start == Fraction(4, 5) else 11)
    holds(scores, least=20)


@pytest.mark.parametrize("scaling", ["bilinear", "lanczos"])
def test_of_a_smaller_encode_scaled_as_asked(tmp_path: Path, reference: str, scaling: str) -> None:
    small = film(tmp_path / "small.mp4", pictures(96, 54))
    holds(compare(small, reference, scaling=scaling), least=FRAMES)


@pytest.mark.parametrize("depth", [0, 12])
def test_of_other_depths(tmp_path: Path, reference: str, depth: int) -> None:
    deep = film(tmp_path / "deep.mp4", pictures(pixel_format="yuv420p10le"), pixel_format="yuv420p10le")
    holds(compare(deep, reference, bit_depth=depth), least=FRAMES)


@pytest.mark.parametrize("rates", [(50, 25), (25, 60), (60, 25), (24, 25)])
def test_of_other_frame_rates(tmp_path: Path, rates: tuple[int, int]) -> None:
    own, other = rates
    distorted = film(tmp_path / "distorted.mp4", pictures()[:: max(1, other // own)], rate=own)
    original = film(tmp_path / "original.mp4", pictures()[:: max(1, own // other)], rate=other, crf=12)
    holds(compare(distorted, original), least=20)
    holds(compare(distorted, original, rate=Fraction(30)), least=20)
