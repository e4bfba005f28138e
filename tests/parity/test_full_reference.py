"""Full-reference metrics against libvmaf and FFmpeg: their published scores, and the binary run here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import scorers
from monitor.types import FramePair
from tests.parity import agreements, filters
from tests.parity.clips import NAMES, clip

EXTRACTORS = {"float_ssim": "float_ssim", "float_ms_ssim": "float_ms_ssim", "psnr_hvs": "psnr_hvs", "ciede2000": "ciede"}
"""What libvmaf calls the extractor, by our metric."""


def ours(metric: str, pairs: Sequence[FramePair]) -> list[dict[str, float]]:
    """Scores of every pair by feature."""
    scorer = scorers.create(metric)
    scorer.prepare(pairs[0].format)
    found: list[dict[str, float]] = [{} for _ in pairs]
    for score in scorer.score(pairs):
        found[score.index][score.feature] = score.value
    return found


def check(metric: str, witness: str, found: dict[str, float], expected: dict[str, float | None]) -> None:
    for feature, value in found.items():
        theirs = expected[feature]
        if theirs is None:
            assert value == scorers.feature(feature)[1].maximum, f"{feature} is infinite for libvmaf"
        else:
            agreements.STRUCTURAL[metric, witness].check(value, theirs, feature)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", EXTRACTORS)
def test_published_scores(shared: Path, metric: str, name: str) -> None:
    of = clip(shared, name)
    spec = scorers.spec(metric)
    if spec.features[0].name not in of.scores[0]:
        pytest.skip("libvmaf can't score this clip")
    for found, exact in zip(ours(metric, filters.pairs_of(of)), of.scores, strict=True):
        assert list(found) == [feature.name for feature in spec.features]
        check(metric, agreements.SCALAR, found, dict(exact))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(300, 440), st.integers(300, 400)),
    pixel_format=st.sampled_from(["yuv420p", "yuv444p", "yuv420p10le", "yuv444p12le"]),
    content=st.sampled_from(["noise", "gradient", "flat", "black", "texture"]),
    amount=st.sampled_from([0.0, 1.0, 5.0, 40.0]),
    seed=st.integers(0, 1000),
)
@pytest.mark.parametrize("metric", EXTRACTORS)
def test_made_pictures(
    tmp_path: Path, metric: str, size: tuple[int, int], pixel_format: str, content: str, amount: float, seed: int
) -> None:
    if metric == "ciede2000" and pixel_format.startswith("yuv420"):
        size = size[0] & ~1, size[1] & ~1  # else libvmaf reads chroma that isn't there
    pairs = filters.made(content, filters.video_format(*size, pixel_format), seed, amount)
    for found, theirs in zip(ours(metric, pairs), filters.libvmaf(pairs, tmp_path, EXTRACTORS[metric]), strict=True):
        check(metric, agreements.BINARY, found, theirs)


@pytest.mark.parametrize(
    ("pixel_format", "size", "content", "rate"),
    [
        ("yuv420p", (320, 180), "texture", 25),
        ("yuv420p", (321, 181), "noise", 50),
        ("yuv422p10le", (642, 482), "gradient", 30),
        ("yuv444p12le", (700, 500), "texture", 60),
        ("yuv420p", (1920, 1080), "texture", 25),
        ("yuv420p10le", (2560, 1440), "texture", 50),
        ("yuv420p", (40, 40), "texture", 25),
        ("yuv420p", (64, 64), "black", 25),
    ],
)
def test_ffmpegs_filters(tmp_path: Path, pixel_format: str, size: tuple[int, int], content: str, rate: int) -> None:
    """To the six decimals that they print; the original is the first input of ``xpsnr``, the second of ``ssim``."""
    pairs = filters.made(content, filters.video_format(*size, pixel_format), 3, 4.0, 4, rate)
    swapped = [FramePair(pair.reference, pair.distorted) for pair in pairs]
    ssims, xpsnrs = filters.ffmpeg(pairs, tmp_path, "ssim"), filters.ffmpeg(swapped, tmp_path, "xpsnr")
    for found, theirs in zip(ours("ssim_ffmpeg", pairs), ssims, strict=True):
        for feature, key in zip(("_y", "_cb", "_cr", ""), ("Y", "U", "V", "All"), strict=True):
            agreements.SSIM_FFMPEG.check(found[f"ssim_ffmpeg{feature}"], theirs[f"ssim.{key}"], key)
    for found, theirs in zip(ours("xpsnr", pairs), xpsnrs, strict=True):
        parts = [found[f"xpsnr_{part}"] for part in ("y", "cb", "cr")]
        for value, key in zip(parts, "yuv", strict=True):
            agreements.XPSNR.check(value, theirs[f"xpsnr.xpsnr.{key}"], key)
        y, cb, cr = (10 ** (-value / 10) for value in parts)
        assert found["xpsnr"] == pytest.approx(-10 * math.log10((4 * y + cb + cr) / 6), abs=1e-9)
