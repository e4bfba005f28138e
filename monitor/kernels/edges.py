"""Gradients of a luma plane: how strong they are, and how they lie on its columns and rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

Room = NDArray[np.int16] | NDArray[np.int32]
"""Room for one row of sums of four samples: 16 bits are enough for 8-bit ones."""


class Profiles(NamedTuple):
    """Mean absolute difference between neighbouring samples, by where the border between the two lies; in code values."""

    columns: NDArray[np.float64]
    """Between columns ``x`` and ``x + 1``, over all rows; ``(width - 1,)``."""
    rows: NDArray[np.float64]
    """Between rows ``y`` and ``y + 1``, over all columns; ``(height - 1,)``."""


@kernel(reorder=True)
def _sobel_sums(luma: Plane, smooth: Room, slope: Room) -> tuple[float, float]:
    height, width = luma.shape
    total, squares = 0.0, 0.0
    for y in range(1, height - 1):
        above, middle, below = luma[y - 1], luma[y], luma[y + 1]
        for x in range(width):
            smooth[x] = np.int32(above[x]) + 2 * np.int32(middle[x]) + np.int32(below[x])
            slope[x] = np.int32(below[x]) - np.int32(above[x])
        smooth_left, smooth_right = smooth[: width - 2], smooth[2:]
        slope_left, slope_here, slope_right = slope[: width - 2], slope[1 : width - 1], slope[2:]
        in_row, squares_in_row = np.float32(0), np.float32(0)
        for x in range(width - 2):
            across = np.float32(np.int32(np.int32(smooth_right[x]) - np.int32(smooth_left[x])))
            down = np.float32(np.int32(np.int32(slope_left[x]) + 2 * np.int32(slope_here[x]) + np.int32(slope_right[x])))
            square = across * across + down * down
            in_row += np.sqrt(square)
            squares_in_row += square
        total += np.float64(in_row)
        squares += np.float64(squares_in_row)
    return total, squares


@kernel()
def _difference_sums(luma: Plane, columns: NDArray[np.uint32], rows: NDArray[np.uint32]) -> None:
    height, width = luma.shape
    columns[:] = 0
    for y in range(height):
        row, below = luma[y], luma[min(y + 1, height - 1)]
        left, right = row[: width - 1], row[1:]
        for x in range(width - 1):
            columns[x] += np.uint32(abs(np.int32(np.int32(right[x]) - np.int32(left[x]))))
        if y < rows.size:
            total = np.uint32(0)
            for x in range(width):
                total = np.uint32(total + np.uint32(abs(np.int32(np.int32(below[x]) - np.int32(row[x])))))
            rows[y] = total


def sobel_moments(luma: Plane) -> tuple[float, float]:
    """Mean and population variance of the Sobel gradient's magnitude over the samples that have all eight neighbours.

    Sums are taken in 32-bit floats a row at a time and in 64 bits over rows; the relative error of the standard deviation
    stays below 1e-4 where that is not small beside the mean.

    Args:
        luma: At least 3x3; results are in its code values.
    """
    height, width = luma.shape
    narrow = luma.dtype == np.uint8
    smooth, slope = (np.empty(width, np.int16) if narrow else np.empty(width, np.int32) for _ in range(2))
    total, squares = _sobel_sums(luma, smooth, slope)
    samples = (height - 2) * (width - 2)
    mean = total / samples
    return mean, max(squares / samples - mean * mean, 0.0)


def difference_profiles(luma: Plane) -> Profiles:
    """How much neighbours differ at every vertical and horizontal border between samples; exact sums.

    Args:
        luma: At least 2x2, at most 65536 samples a side.
    """
    height, width = luma.shape
    columns, rows = np.empty(width - 1, np.uint32), np.empty(height - 1, np.uint32)
    _difference_sums(luma, columns, rows)
    return Profiles(columns / height, rows / width)
