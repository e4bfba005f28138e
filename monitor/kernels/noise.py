"""Immerkaer's noise mask over blocks of a luma plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.luma import BLOCK
from monitor.types import Plane

NARROW_PEAK = 4095
"""Highest code value for which the mask's intermediate differences fit 16 bits."""


@kernel()
def _mask_sums(
    luma: Plane, second: NDArray[np.int16] | NDArray[np.int32], columns: NDArray[np.uint32], sums: NDArray[np.int64]
) -> None:
    height, width = luma.shape
    left, middle, right = second[: width - 2], second[1 : width - 1], second[2:]
    for top in range(0, height, BLOCK):
        columns[:] = 0
        for y in range(max(top, 1), min(top + BLOCK, height - 1)):
            above, row, below = luma[y - 1], luma[y], luma[y + 1]
            for x in range(width):
                second[x] = np.int32(above[x]) - 2 * np.int32(row[x]) + np.int32(below[x])
            for x in range(width - 2):
                columns[x] += np.uint32(abs(np.int32(np.int32(left[x]) - 2 * np.int32(middle[x]) + np.int32(right[x]))))
        blocks = sums[top // BLOCK]
        for block in range(blocks.size):
            total = np.int64(0)
            for x in range(max(block * BLOCK, 1), min((block + 1) * BLOCK, width - 1)):
                total += np.int64(columns[x - 1])
            blocks[block] = total


def mask_means(luma: Plane, peak: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of ``|N * luma|`` over each 16x16 block, N being ``[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]``; exact sums.

    Args:
        luma: At least 3x3, samples up to ``peak``.
        peak: Largest code value.

    Returns:
        The means in code values, ``(ceil(height / 16), ceil(width / 16))``, and how many samples each is taken over: those
        of the block that have all eight neighbours. A block without any has mean 0.
    """
    height, width = luma.shape
    sums = np.empty((-(-height // BLOCK), -(-width // BLOCK)), np.int64)
    second = np.empty(width, np.int16) if peak <= NARROW_PEAK else np.empty(width, np.int32)
    _mask_sums(luma, second, np.empty(width - 2, np.uint32), sums)
    rows, columns = (_inner(size) for size in (height, width))
    samples = rows[:, np.newaxis] * columns
    return sums / np.maximum(samples, 1), samples


def _inner(size: int) -> NDArray[np.int64]:
    """How many of each block's rows (or columns) are neither the first nor the last of the plane."""
    starts = np.arange(0, size, BLOCK)
    return np.minimum(starts + BLOCK, size - 1) - np.maximum(starts, 1)
