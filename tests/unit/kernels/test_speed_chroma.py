from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import speed_chroma as kernels
from monitor.kernels.settings import SpeedSettings
from tests.unit.kernels import naive_speed_chroma as naive
from tests.unit.kernels.planes import plane_of

ROUNDING = 1e-5
"""Covariances are sums in double precision in another order; a last bit of single precision may come out differently."""

V1 = SpeedSettings(speed_nn_floor=0.1, speed_sigma_nn=0.19, speed_weight_var_mode=5, speed_max_val=45.0)


def textured(height: int, width: int, depth: int, seed: int, noise: float) -> Any:
    """Detail at all scales, so that something is left at a sixteenth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    picture = 128 + 30 * np.sin(x / 23 + seed) * np.cos(y / 31) + rng.normal(0, 12, (height, width))
    picture += rng.normal(0, 25, (height // 16 + 1, width // 16 + 1)).repeat(16, 0).repeat(16, 1)[:height, :width]
    picture += np.random.default_rng(seed + 1).normal(0, noise, picture.shape) if noise else 0
    samples = np.clip(np.rint(picture * 2 ** (depth - 8)), 0, 2**depth - 1)
    plane = samples.astype(np.uint8 if depth == 8 else np.uint16)
    plane.flags.writeable = False
    return plane


def pictures(height: int, width: int, depth: int, seed: int, noise: float) -> Any:
    return tuple(
        tuple(textured(height, width, depth, seed + 10 * part, amount) for part in range(2)) for amount in (noise, 0.0)
    )


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(240, 340), st.integers(240, 340)),
    st.sampled_from([8, 10, 12, 16]),
    st.integers(0, 99),
    st.sampled_from([0.5, 5.0, 40.0]),
    st.builds(
        SpeedSettings,
        speed_prescale=st.sampled_from([1.0, 1.0, 0.7, 1.5]),
        speed_prescale_method=st.sampled_from(["nearest", "bilinear"]),
        speed_sigma_nn=st.sampled_from([0.29, 0.19]),
        speed_nn_floor=st.sampled_from([0.0, 0.1]),
        speed_weight_var_mode=st.integers(0, 6),
        speed_max_val=st.sampled_from([1000.0, 45.0]),
    ),
)
def test_speed_is_that_of_the_twin(
    size: tuple[int, int], depth: int, seed: int, noise: float, options: SpeedSettings
) -> None:
    distorted, reference = pictures(*size, depth, seed, noise)
    found = kernels.speed_chroma(distorted, reference, depth, size[::-1], options)
    assert found == pytest.approx(naive.speed_chroma(distorted, reference, depth, options), rel=ROUNDING, abs=ROUNDING)
    assert found.uv > 0


@pytest.mark.parametrize("content", ["flat", "black", "peak"])
def test_planes_without_detail_score_nothing(content: str) -> None:
    flat = plane_of(content, 200, 200, 8, 1)
    (textured_u, textured_v), _ = pictures(200, 200, 8, 3, 5.0)
    assert kernels.speed_chroma((flat, flat), (flat, flat), 8, (200, 200)) == (0, 0, 0)
    assert kernels.speed_chroma((flat, flat), (textured_u, textured_v), 8, (200, 200)) == (0, 0, 0)


@pytest.mark.parametrize("flat_in", [("distorted",), ("reference",), ("distorted", "reference")])
def test_a_plane_that_is_flat_leaves_the_mean_to_the_other(flat_in: tuple[str, ...]) -> None:
    flat, sides = plane_of("flat", 200, 200, 8, 1), pictures(200, 200, 8, 3, 5.0)
    distorted, reference = (
        (flat, planes[1]) if name in flat_in else planes
        for name, planes in zip(("distorted", "reference"), sides, strict=True)
    )
    found = kernels.speed_chroma(distorted, reference, 8, (200, 200))
    assert found.u == 0
    assert found.uv == found.v > 0


def test_equal_planes_miss_zero_where_scales_are_mixed() -> None:
    """By the rounding that tells VMAF v1 that the value is not missing."""
    _, reference = pictures(300, 300, 8, 3, 5.0)
    assert kernels.speed_chroma(reference, reference, 8, (300, 300)) == (0, 0, 0)
    assert 0 < kernels.speed_chroma(reference, reference, 8, (300, 300), V1).uv < 1e-4


def test_the_part_of_a_plane_that_is_looked_at() -> None:
    distorted, reference = pictures(255, 253, 8, 3, 5.0)
    within = [[np.ascontiguousarray(plane[:254, :252]) for plane in planes] for planes in (distorted, reference)]
    assert kernels.speed_chroma(distorted, reference, 8, (252, 254)) == kernels.speed_chroma(*within, 8, (252, 254))


@pytest.mark.parametrize(
    ("width", "height", "prescale", "too_small"),
    [(240, 135, 1, True), (160, 160, 1, False), (160, 159, 1, True), (320, 320, 0.5, False), (319, 300, 0.5, True)],
)
def test_sizes_whose_covariance_is_singular(width: int, height: int, prescale: float, too_small: bool) -> None:
    assert kernels.is_too_small(width, height, SpeedSettings(speed_prescale=prescale)) is too_small


def test_blocks_without_a_logarithm_do_not_count() -> None:
    """Rounding made a scale negative: libvmaf gives its largest value for the plane, even beside itself."""
    entropies = np.array([np.nan, 60.0, 70.0], np.float32)
    broken = kernels.Statistics(entropies, np.array([-0.7, 1.0, 2.0], np.float32), is_singular=False)
    whole = kernels.Statistics(np.array([65.0, 60.0, 80.0], np.float32), np.array([0.5, 1.0, 3.0], np.float32), False)
    assert kernels.difference(broken, broken, V1) == pytest.approx(0, abs=1e-4)
    for pair in ((broken, whole), (whole, broken)):
        expected = kernels.difference(*(one._replace(entropies=np.where([1, 0, 0], 0, one.entropies)) for one in pair), V1)
        assert kernels.difference(*pair, V1) == pytest.approx(expected)
