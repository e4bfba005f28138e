from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings

from monitor.kernels.noise import mask_means
from tests.unit.kernels import naive
from tests.unit.kernels.planes import planes


@settings(max_examples=40, deadline=None)
@given(planes(smallest=3, largest=50))
def test_mask_means_are_exact(drawn: tuple[int, list[Any]]) -> None:
    depth, (luma,) = drawn
    means, samples = mask_means(luma, (1 << depth) - 1)
    expected_means, expected_samples = naive.mask_means(luma)
    assert np.array_equal(samples, expected_samples)
    assert np.array_equal(means, expected_means)
