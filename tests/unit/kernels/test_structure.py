from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import structure as kernels
from tests.unit.kernels import naive_structure as naive
from tests.unit.kernels.planes import CONTENTS, plane_of, planes

ROUNDING = 1e-6
"""Of the last step, in single precision."""


def twin_of(distorted: Any, reference: Any, depth: int, kind: Any = np.float32) -> tuple[float, float, float, float]:
    return naive.structure(naive.eight_bit(distorted, depth), naive.eight_bit(reference, depth), kind)


@settings(max_examples=60, deadline=None)
@given(planes(count=2, smallest=11))
def test_parts_are_those_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    found = kernels.structure(distorted, reference, depth)
    twin = np.minimum(twin_of(distorted, reference, depth), 1)  # its single precision rounds a correlation to 1.000002
    assert found == pytest.approx(tuple(twin), abs=ROUNDING)
    assert max(found) <= 1


@settings(max_examples=60, deadline=None)
@given(planes(count=2, smallest=11))
def test_fast_parts_are_those_of_double_precision(drawn: tuple[int, list[Any]]) -> None:
    """In one window a variance is off by up to 0.01 of 58; over many windows the mean is a thousand times closer."""
    depth, (distorted, reference) = drawn
    found = kernels.structure(distorted, reference, depth, as_libvmaf=False)
    assert found == pytest.approx(twin_of(distorted, reference, depth, np.float64), abs=3e-4)
    assert max(found) <= 1


@settings(max_examples=40, deadline=None)
@given(planes(smallest=11))
def test_equal_planes_score_one(drawn: tuple[int, list[Any]]) -> None:
    depth, (plane,) = drawn
    for as_libvmaf in (True, False):
        found = kernels.structure(plane, plane, depth, as_libvmaf=as_libvmaf)
        assert found == pytest.approx((1, 1, 1, 1), abs=1e-6)


@pytest.mark.parametrize("width", [137, 138, 139, 266, 271])
def test_tiles_meet_without_a_seam(width: int) -> None:
    distorted, reference = plane_of("photo", 20, width, 8, 1), plane_of("photo", 20, width, 8, 2)
    for as_libvmaf in (True, False):
        found = kernels.structure(distorted, reference, as_libvmaf=as_libvmaf)
        assert found == pytest.approx(twin_of(distorted, reference, 8), abs=2e-5)


@settings(max_examples=40, deadline=None)
@given(planes(smallest=8), st.integers(1, 8))
def test_box_means_are_those_of_the_twin(drawn: tuple[int, list[Any]], factor: int) -> None:
    depth, (plane,) = drawn
    smaller = kernels.box_means(plane, factor, depth)
    assert smaller.dtype == np.float32
    np.testing.assert_allclose(smaller, naive.box_means(naive.eight_bit(plane, depth), factor), rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(planes(smallest=1))
def test_halved_is_that_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (plane,) = drawn
    np.testing.assert_allclose(
        kernels.halved(plane, depth), naive.halved(naive.eight_bit(plane, depth)), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize(("height", "width"), [(383, 400), (384, 391), (640, 641), (900, 897)])
def test_float_ssim_takes_libvmafs_size(height: int, width: int) -> None:
    distorted, reference = plane_of("photo", height, width, 10, 1), plane_of("noise", height, width, 10, 2)
    found = kernels.float_ssim(distorted, reference, 10)
    assert found == pytest.approx(naive.float_ssim(distorted, reference, 10), abs=ROUNDING)


@pytest.mark.parametrize("depth", [8, 12])
@pytest.mark.parametrize("contents", [("photo", "photo"), ("gradient", "photo"), ("flat", "black"), ("noise", "noise")])
def test_ms_ssim_is_that_of_the_twin(depth: int, contents: tuple[str, str]) -> None:
    distorted, reference = (plane_of(content, 176, 185, depth, seed) for seed, content in enumerate(contents))
    twin = naive.ms_ssim(distorted, reference, depth)
    assert kernels.ms_ssim(distorted, reference, depth) == pytest.approx(twin, abs=ROUNDING)


@pytest.mark.parametrize("content", CONTENTS)
def test_ms_ssim_of_a_plane_with_itself_is_one_and_with_its_negative_zero_or_more(content: str) -> None:
    plane = plane_of(content, 176, 176, 8, 3)
    assert kernels.ms_ssim(plane, plane, 8) == pytest.approx(1, abs=1e-6)
    negative = 255 - plane
    negative.flags.writeable = False
    assert 0 <= kernels.ms_ssim(negative, plane, 8) <= 1
