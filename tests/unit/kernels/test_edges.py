from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from monitor.kernels.edges import difference_profiles, sobel_moments
from tests.unit.kernels import naive
from tests.unit.kernels.planes import plane_of, planes


@settings(max_examples=60, deadline=None)
@given(planes(smallest=3))
def test_sobel_moments(drawn: tuple[int, list[Any]]) -> None:
    _, (luma,) = drawn
    mean, variance = sobel_moments(luma)
    expected_mean, expected_variance = naive.sobel_moments(luma)
    assert mean == pytest.approx(expected_mean, rel=1e-6, abs=1e-6)
    assert math.sqrt(variance) == pytest.approx(math.sqrt(expected_variance), rel=1e-4, abs=1e-3 * mean + 1e-9)


@pytest.mark.parametrize("content", ["photo", "noise", "gradient"])
def test_the_deviation_of_a_large_gradient_is_close(content: str) -> None:
    luma = plane_of(content, 720, 1280, 8, 3)
    assert math.sqrt(sobel_moments(luma)[1]) == pytest.approx(math.sqrt(naive.sobel_moments(luma)[1]), rel=2e-6)


@settings(max_examples=60, deadline=None)
@given(planes(smallest=2))
def test_difference_profiles_are_exact(drawn: tuple[int, list[Any]]) -> None:
    _, (luma,) = drawn
    columns, rows = naive.difference_profiles(luma)
    profiles = difference_profiles(luma)
    assert np.array_equal(profiles.columns, columns)
    assert np.array_equal(profiles.rows, rows)
