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
    def compiled(sums: Any, count: int, limits: Any, scratch: Any, totals: Any) -> None:
        information.add_information(sums, count, limits, scratch, totals)

    rng = np.random.default_rng(0)
    sums = np.zeros((information.QUANTITIES, 64), np.uint32)
    mean = rng.integers(1 << 20, 1 << 31, 64).astype(object)
    variance, gain = rng.integers(0, 1 << 20, 64), rng.uniform(-0.5, 2.0, 64)
    other = mean * 9 // 10
    sums[0], sums[1] = mean, other
    for quantity, product, extra in ((2, mean * mean, 1.0), (3, other * other, 1.1 * gain**2), (4, mean * other, gain)):
        sums[quantity] = ((product + (1 << 31)) >> 32) + (variance * extra).astype(int).clip(-1000)
    sums[5:] = rng.integers(0, 1 << 32, (3, 64))
    limits, scratch = (100.0, 1.0), np.empty((7, 64), np.int32)
    totals = np.zeros((2, 7), np.int64)
    compiled(sums, 64, limits, scratch, totals[0])
    information.add_information(sums, 64, limits, scratch, totals[1])
    assert totals[0].tolist() == totals[1].tolist()
    assert 0 < totals[0][information.FLAT] < 64
    assert totals[0][-2] > totals[0][-1] > totals[0][4]
