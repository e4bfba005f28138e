from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.signal import convolve2d

from monitor.kernels.gmsd import gmsd
from tests.unit.kernels.planes import plane_of, planes


def twin(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    """The authors' published MATLAB steps in double precision, with the population's deviation as in piq."""
    prewitt = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3

    def magnitude(plane: NDArray[Any]) -> Any:
        small = convolve2d(plane / (1 << (depth - 8)), np.full((2, 2), 0.25))[1::2, 1::2]
        return np.hypot(convolve2d(small, prewitt, "same"), convolve2d(small, prewitt.T, "same"))

    d, r = magnitude(distorted), magnitude(reference)
    return float(((2 * d * r + 170) / (d**2 + r**2 + 170)).std())


@settings(max_examples=80, deadline=None)
@given(planes(count=2, smallest=4))
def test_gmsd_is_that_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    found = gmsd(distorted, reference, depth)
    assert found == pytest.approx(twin(distorted, reference, depth), abs=1e-6)
    assert 0 <= found <= 0.5
    assert gmsd(reference, distorted, depth) == pytest.approx(found, abs=1e-7)
    assert gmsd(reference, reference, depth) == 0


@pytest.mark.parametrize(("height", "width"), [(270, 480), (271, 481)])
def test_whole_pictures_are_those_of_the_twin(height: int, width: int) -> None:
    distorted, reference = plane_of("noise", height, width, 8, 1), plane_of("photo", height, width, 8, 2)
    assert gmsd(distorted, reference, 8) == pytest.approx(twin(distorted, reference, 8), abs=1e-7)
