from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels.moments import variance


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 5000), st.integers(0, 99), st.sampled_from([0, 1, 100, 1020]))
def test_variance_of_16_bit_integers(height: int, width: int, seed: int, largest: int) -> None:
    filtered = np.random.default_rng(seed).integers(-largest, largest + 1, (height, width)).astype(np.int16)
    assert variance(filtered) == pytest.approx(filtered.astype(np.float64).var(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("value", [-1020, 1020])
def test_the_largest_integers_do_not_overflow(value: int) -> None:
    filtered = np.full((300, 9000), value, np.int16)
    filtered[0, 0] = 0
    assert variance(filtered) == pytest.approx(filtered.astype(np.float64).var(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 3000), st.integers(0, 99), st.sampled_from([1, 4092, 16380, 262140]))
def test_variance_of_floats(height: int, width: int, seed: int, largest: int) -> None:
    filtered = np.random.default_rng(seed).integers(-largest, largest + 1, (height, width)).astype(np.float32)
    assert variance(filtered) == pytest.approx(filtered.astype(np.float64).var(), rel=1e-9, abs=1e-9)
