from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from monitor.kernels.similarity import TAPS, TILE, ssim
from tests.unit.kernels import naive
from tests.unit.kernels.planes import plane_of, planes


@settings(max_examples=80, deadline=None)
@given(planes(count=2, smallest=11))
def test_ssim_is_that_of_double_precision(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    peak = (1 << depth) - 1
    value = ssim(distorted, reference, peak)
    assert value == pytest.approx(naive.ssim(distorted, reference, peak), abs=1e-5)
    assert -1 <= value <= 1
    assert ssim(reference, distorted, peak) == pytest.approx(value, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(planes(smallest=11))
def test_equal_planes_score_one(drawn: tuple[int, list[Any]]) -> None:
    depth, (plane,) = drawn
    assert ssim(plane, plane, (1 << depth) - 1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("width", [TILE + TAPS - 2, TILE + TAPS - 1, TILE + TAPS, 2 * TILE + TAPS - 1, 2 * TILE + TAPS + 3])
def test_tiles_meet_without_a_seam(width: int) -> None:
    distorted, reference = plane_of("photo", 20, width, 8, 1), plane_of("photo", 20, width, 8, 2)
    assert ssim(distorted, reference, 255) == pytest.approx(naive.ssim(distorted, reference, 255), abs=1e-6)
