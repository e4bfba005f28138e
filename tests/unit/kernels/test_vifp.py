from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.signal import convolve2d

from monitor.kernels.vifp import vifp
from tests.unit.kernels.planes import plane_of, planes


def gaussian(taps: int) -> NDArray[Any]:
    falls = np.exp(-((np.arange(taps) - taps // 2) ** 2) / (2 * (taps / 5) ** 2))
    return falls / falls.sum()


def twin(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    """The authors' published MATLAB steps in double precision, with what piq adds for pictures without information."""
    told = known = 1e-8
    d, r = (plane / (1 << (depth - 8)) for plane in (distorted, reference))
    for taps in (17, 9, 5, 3):
        window = gaussian(taps)

        def smooth(picture: NDArray[Any], window: NDArray[Any] = window) -> NDArray[Any]:
            smoothed: NDArray[Any] = convolve2d(convolve2d(picture, window[None], "valid"), window[:, None], "valid")
            return smoothed

        if taps < 17:
            d, r = smooth(d)[::2, ::2], smooth(r)[::2, ::2]
        variance_d = np.maximum(smooth(d * d) - smooth(d) ** 2, 0)
        variance_r = np.maximum(smooth(r * r) - smooth(r) ** 2, 0)
        covariance = smooth(d * r) - smooth(d) * smooth(r)
        gain = covariance / (variance_r + 1e-8)
        left = variance_d - gain * covariance
        gain[variance_r < 1e-8], left[variance_r < 1e-8] = 0, variance_d[variance_r < 1e-8]
        variance_r[variance_r < 1e-8] = 0
        gain[variance_d < 1e-8], left[variance_d < 1e-8] = 0, 0
        left[gain < 0] = variance_d[gain < 0]
        gain = np.maximum(gain, 0)
        told += np.log10(1 + gain**2 * variance_r / (np.maximum(left, 1e-8) + 2)).sum()
        known += np.log10(1 + variance_r / 2).sum()
    return float(told / known)


@settings(max_examples=40, deadline=None)
@given(planes(count=2, smallest=41, largest=90))
def test_vifp_is_that_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    found = vifp(distorted, reference, depth)
    # a steep ramp beside its shifted copy, whose variances cancel to nothing: the worst that single precision can meet
    assert found == pytest.approx(twin(distorted, reference, depth), rel=1e-3, abs=1e-5)
    assert found >= 0
    assert vifp(reference, reference, depth) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(270, 480), (271, 481)])
@pytest.mark.parametrize("depth", [8, 10])
def test_whole_pictures_are_those_of_the_twin(height: int, width: int, depth: int) -> None:
    reference = plane_of("photo", height, width, depth, 2)
    grain = np.random.default_rng(5).integers(-9, 10, reference.shape) << (depth - 8)
    distorted = np.clip(reference + grain, 0, (1 << depth) - 1).astype(reference.dtype)
    assert vifp(distorted, reference, depth) == pytest.approx(twin(distorted, reference, depth), abs=1e-6)


def test_flat_parts_tell_nothing() -> None:
    """Single precision must not take the noise of its own rounding for information."""
    reference, distorted = plane_of("photo", 400, 300, 8, 2).copy(), plane_of("photo", 400, 300, 8, 3).copy()
    reference[:200], distorted[:200] = 201, 195
    assert vifp(distorted, reference, 8) == pytest.approx(twin(distorted, reference, 8), abs=1e-5)
