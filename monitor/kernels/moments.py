"""Mean and variance of a filtered plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel

RUN = 2048
"""Samples within +-1020, as a Laplacian has at 8 bits, whose squares fit an unsigned 32-bit sum: 2048 * 1020**2 < 2**32."""


@kernel()
def _sums_8bit(filtered: NDArray[np.int16]) -> tuple[np.int64, np.int64]:
    total, squares = np.int64(0), np.int64(0)
    for y in range(filtered.shape[0]):
        row = filtered[y]
        for start in range(0, row.size, RUN):
            part = row[start : start + RUN]
            in_run, squares_in_run = np.int32(0), np.uint32(0)
            for x in range(part.size):
                in_run = np.int32(in_run + np.int32(part[x]))
                squares_in_run = np.uint32(squares_in_run + np.uint32(np.int32(part[x]) * np.int32(part[x])))
            total += np.int64(in_run)
            squares += np.int64(squares_in_run)
    return total, squares


@kernel(reorder=True)
def _sums(filtered: NDArray[np.float32]) -> tuple[float, float]:
    total, squares = 0.0, 0.0
    for y in range(filtered.shape[0]):
        row = filtered[y]
        for x in range(row.size):
            value = np.float64(row[x])
            total += value
            squares += value * value
    return total, squares


def variance(filtered: NDArray[Any]) -> float:
    """Population variance.

    Args:
        filtered: int16 within +-1020 is summed exactly; float32 in 64-bit floats.
    """
    total, squares = (int(each) for each in (_sums_8bit if filtered.dtype == np.int16 else _sums)(filtered))
    return (squares * filtered.size - total * total) / filtered.size**2
