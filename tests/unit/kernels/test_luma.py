from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels.luma import levels
from tests.unit.kernels import naive
from tests.unit.kernels.planes import plane_of, planes


@settings(max_examples=60, deadline=None)
@given(planes(), st.floats(0, 1), st.floats(0, 1))
def test_levels_are_exact(drawn: tuple[int, list[Any]], low: float, high: float) -> None:
    depth, (luma,) = drawn
    peak = (1 << depth) - 1
    black, white = sorted((round(low * (peak - 1)), round(high * (peak - 1))))
    white += 1
    counted = levels(luma, peak=peak, dark=(black + white) // 2, black=black, white=white)
    block_sums, squares, dark, clipped = naive.levels(luma, dark=(black + white) // 2, black=black, white=white)
    assert np.array_equal(counted.block_sums, block_sums)
    assert counted[1:] == (squares, dark, clipped)


@pytest.mark.parametrize(("depth", "height", "width"), [(8, 600, 900), (10, 520, 4200), (12, 300, 700), (16, 40, 100)])
def test_the_brightest_planes_do_not_overflow(depth: int, height: int, width: int) -> None:
    peak = (1 << depth) - 1
    counted = levels(plane_of("peak", height, width, depth, 0), peak=peak, dark=peak, black=0, white=peak)
    assert int(counted.block_sums.sum()) == height * width * peak
    assert counted[1:] == (height * width * peak**2, height * width, height * width)
