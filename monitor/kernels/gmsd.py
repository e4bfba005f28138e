"""Gradient magnitude similarity at half size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

STABILISER = np.float32(170.0)
"""In squared 8-bit code values."""


@kernel(inner=True)
def _halved_row(plane: Plane, y: int, weight: np.float32, halved: NDArray[np.float32]) -> None:
    """Means of two by two samples in ``halved[1:-1]``, which has a zero at each end; outside the picture is zero."""
    height, width = plane.shape
    inside = halved[1 : halved.size - 1]
    if not 0 <= 2 * y < height:
        halved[:] = np.float32(0)
        return
    upper, lower = plane[2 * y], plane[min(2 * y + 1, height - 1)]
    of_lower = weight if 2 * y + 1 < height else np.float32(0)
    for x in range(np.uintp(width // 2)):
        left, right = x + x, x + x + np.uintp(1)
        inside[x] = weight * (np.float32(upper[left]) + np.float32(upper[right])) + of_lower * (
            np.float32(lower[left]) + np.float32(lower[right])
        )
    if width % 2:
        inside[inside.size - 1] = weight * np.float32(upper[width - 1]) + of_lower * np.float32(lower[width - 1])


@kernel(reorder=True, inner=True)
def _magnitudes(
    above: NDArray[np.float32], row: NDArray[np.float32], below: NDArray[np.float32], magnitudes: NDArray[np.float32]
) -> None:
    """Length of the Prewitt gradient along a row."""
    third = np.float32(1 / 3)
    for x in range(np.uintp(magnitudes.size)):
        middle, right = x + np.uintp(1), x + np.uintp(2)
        across = (above[right] + row[right] + below[right]) - (above[x] + row[x] + below[x])
        down = (below[x] + below[middle] + below[right]) - (above[x] + above[middle] + above[right])
        magnitudes[x] = np.sqrt(across * across + down * down) * third


@kernel(reorder=True)
def _dissimilarity_sums(
    distorted: Plane, reference: Plane, weight: np.float32, rows: NDArray[np.float32], magnitudes: NDArray[np.float32]
) -> tuple[float, float]:
    """Sums of one minus similarity and of its square."""
    total, squares = 0.0, 0.0
    of_d, of_r = magnitudes[0], magnitudes[1]
    for y in range(-1, (reference.shape[0] + 1) // 2 + 1):
        newest = (y + 1) % 3
        _halved_row(distorted, y, weight, rows[0, newest])
        _halved_row(reference, y, weight, rows[1, newest])
        if y < 1:
            continue
        above, middle = (y - 1) % 3, y % 3
        _magnitudes(rows[0, above], rows[0, middle], rows[0, newest], of_d)
        _magnitudes(rows[1, above], rows[1, middle], rows[1, newest], of_r)
        for x in range(of_d.size):
            apart = of_d[x] - of_r[x]
            dissimilarity = apart * apart / (of_d[x] * of_d[x] + of_r[x] * of_r[x] + STABILISER)
            total += np.float64(dissimilarity)
            squares += np.float64(dissimilarity) * np.float64(dissimilarity)
    return total, squares


def gmsd(distorted: Plane, reference: Plane, bit_depth: int) -> float:
    """Standard deviation of the gradient magnitude similarity of two planes (Xue et al. 2014).

    Both are made half their size by means of two by two samples; Prewitt's operator is divided by three; outside the picture
    is zero, as in the authors' code. The deviation is that of the population.

    Args:
        distorted: At least 2x2.
        reference: Of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        From 0 to 0.5; 0 for equal planes.
    """
    height, width = ((size + 1) // 2 for size in reference.shape)
    weight = np.float32(0.25 / (1 << (bit_depth - 8)))
    rows, magnitudes = np.zeros((2, 3, width + 2), np.float32), np.empty((2, width), np.float32)
    total, squares = _dissimilarity_sums(distorted, reference, weight, rows, magnitudes)
    samples = height * width
    mean = float(total) / samples
    return math.sqrt(max(float(squares) / samples - mean * mean, 0.0))
