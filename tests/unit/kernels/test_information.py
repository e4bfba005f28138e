"""VIF's counts of a row, compiled and as NumPy, and its logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monitor.kernels import information
from monitor.kernels.compiler import kernel
from monitor.kernels.vectors import Array
from tests.unit.kernels import naive_vmaf


def test_logarithms_are_those_of_libvmafs_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = naive_vmaf.LOG[32768:]
    assert table[[0, 7232, 17232, 32767]].tolist() == [30720, 31309, 31969, 32768]
    mantissas = np.arange(32768, 65536)
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr(Array, "times_plus", lambda one, factor, summand: one * factor + summand)
        for k in (2, 5, 9, 14):
            values = Array(((mantissas << k) | ((1 << k) - 1)).astype(np.int32))
            assert ((information.logarithm(values).values - information.LOG_OF_ONE) == table + 2048 * k).all()


def test_information_of_a_row_compiled_and_plain() -> None:
    @kernel()
    def compiled(sums: Any, picture: int, odd: int, count: int, limits: Any, scratch: Any, totals: Any) -> None:
        information.add_reference(sums, odd, count, scratch, totals)
        information.add_distorted(sums, picture, odd, count, limits, scratch, totals)

    rng = np.random.default_rng(0)
    sums = np.zeros((2, 3, 2, 64), np.uint32)
    mean = rng.integers(1 << 20, 1 << 31, 128).astype(object)
    variance, gain = rng.integers(0, 1 << 20, 128), rng.uniform(-0.5, 2.0, 128)
    other = mean * 9 // 10
    sums[0, 0], sums[1, 0] = mean.reshape(2, 64), other.reshape(2, 64)
    moments = ((0, 1, mean * mean, 1.0), (1, 1, other * other, 1.1 * gain**2), (1, 2, mean * other, gain))
    for picture, quantity, product, extra in moments:
        moment = ((product + (1 << 31)) >> 32) + (variance * extra).astype(int).clip(-1000)
        sums[picture, quantity] = moment.reshape(2, 64)
    limits, scratch = np.array([100.0, 1.0]), np.zeros((information.ROWS + 2, 64), np.int32)
    totals = np.zeros((2, 4, 5), np.int64)
    for odd, count in ((0, 64), (1, 37)):
        information.add_reference(sums, odd, count, scratch, totals[0])
        information.add_distorted(sums, 3, odd, count, limits, scratch, totals[0])
        compiled(sums, 3, odd, count, limits, scratch, totals[1])
    assert totals[0].tolist() == totals[1].tolist()
    assert not totals[0, 1:3].any()
    assert 0 < totals[0, 0, information.FLAT] < 101
    rest, plain, limited = totals[0, 3, information.OTHERS :]
    assert plain > limited > rest
