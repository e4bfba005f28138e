"""Offsets between small files of known pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from monitor.encoding import EncodeSettings, encode_segment
from monitor.errors import SourceError
from monitor.scorers import resolve
from monitor.sources.file import FileSegment
from monitor.types import Plane
from pipelines.compare_settings import Settings
from pipelines.comparing import compare_files
from pipelines.syncing import Located, find_offset

WIDTH, HEIGHT, FRAMES = 192, 108, 90


def pictures(begin: int, *, seed: int = 1, speed: int = 1, bars: int = 0, frames: int = FRAMES) -> Iterator[list[Plane]]:
    """Soft blobs that drift; from frame ``begin`` on."""
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 220, (HEIGHT // 12 + 2, (WIDTH + frames * 3) // 12 + 2)).astype(np.float32)
    scene = np.kron(coarse, np.ones((12, 12), np.float32))
    scene = (scene + np.roll(scene, 4, 0) + np.roll(scene, 4, 1) + np.roll(scene, 3, (0, 1))) / 4
    places = np.cumsum(random.integers(0, 4, frames)) * speed
    for place in places[begin:]:
        luma = scene[:HEIGHT, place : place + WIDTH].astype(np.uint8)
        if bars:
            luma[:bars] = luma[-bars:] = 16
        yield [luma, *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in "uv")]


def film(path: Path, begin: int, *, crf: float = 24, gop: int = 20, **scene: int) -> FileSegment:
    container = {".mp4": "mp4", ".ts": "mpegts"}[path.suffix]
    settings = EncodeSettings(WIDTH, HEIGHT, Fraction(25), crf=crf, gop=gop, preset="veryfast", container=container)
    path.write_bytes(encode_segment(pictures(begin, **scene), settings, start_pts=126_000))
    return FileSegment(str(path), datetime(2026, 11, 21, tzinfo=UTC), path.name)


def found(distorted: FileSegment, reference: FileSegment) -> Located:
    return find_offset(distorted, reference, window=3.0, threads=1)


@pytest.mark.parametrize(("lost", "late"), [(0, 0), (1, 0), (0, 1), (30, 0), (0, 25), (12, 19)])
@pytest.mark.parametrize("gop", [20, 250])
def test_known_offsets(tmp_path: Path, lost: int, late: int, gop: int) -> None:
    located = found(film(tmp_path / "d.ts", lost, crf=36, gop=gop), film(tmp_path / "r.mp4", late, gop=gop))
    assert (located.offset_frames, located.offset) == (lost - late, pytest.approx((lost - late) / 25))
    assert (located.sure, located.reason, located.letterbox, located.rates) == (True, "", "", (25.0, 25.0))


@pytest.mark.parametrize(("lost", "late"), [(0, 0), (40, 0), (0, 60), (70, 5)])
def test_a_comparison_that_trusts_times_looks_further_where_pictures_are_out_of_reach(
    tmp_path: Path, lost: int, late: int
) -> None:
    distorted, reference = film(tmp_path / "d.ts", lost, crf=34, frames=160), film(tmp_path / "r.mp4", late, frames=160)
    [one] = compare_files([distorted.path], reference.path, resolve(["psnr"]), Settings())
    assert one.scores is not None
    assert one.scores.valid is (lost == late)
    told = [flag.detail for flag in one.scores.flags if flag.name == "misaligned"]
    apart = lost - late
    where = f"its pictures are those that the reference shows {apart / 25:+.3f} s ({apart:+d} frames) away"
    assert told == ([f"{distorted.path}: {where} from where its times say; compare with --sync auto"] if apart else [])


def test_bars_are_told(tmp_path: Path) -> None:
    located = found(film(tmp_path / "d.ts", 10, bars=14), film(tmp_path / "r.mp4", 0))
    assert located.offset_frames == 10
    assert located.letterbox == "black bars differ: distorted 14 top, 14 bottom; reference none (samples)"


@pytest.mark.parametrize(
    ("of", "other", "reason"), [({"speed": 0}, {"speed": 0}, "static"), ({}, {"seed": 5}, "not the same")]
)
def test_what_can_not_be_told_is_said(tmp_path: Path, of: dict[str, int], other: dict[str, int], reason: str) -> None:
    located = found(film(tmp_path / "d.ts", 0, **of), film(tmp_path / "r.mp4", 0, **other))
    assert not located.sure
    assert located.reason.startswith(reason)


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    reference = film(tmp_path / "r.mp4", 0)
    with pytest.raises(SourceError, match="nowhere"):
        found(FileSegment(str(tmp_path / "nowhere.mp4"), reference.started_at, "nowhere"), reference)
