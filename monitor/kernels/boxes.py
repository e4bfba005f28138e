"""SSIM by boxes: FFmpeg's approximation, whose windows are 8x8 samples at every fourth sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

CELL = 4
"""Side of the cells that windows are made of: two by two to a window."""

WINDOW = 64
"""Samples of a window."""

NARROW = 12
"""Bits per sample up to which a cell's sums fit 32 bits."""


@kernel(inner=True)
def _cell_sums(distorted: Plane, reference: Plane, top: int, columns: NDArray[np.integer], cells: NDArray[np.int64]) -> None:
    """Sums over a row of cells: both pictures, their squares together, their product."""
    columns[:] = 0
    of_d, of_r, squares, products = columns[0], columns[1], columns[2], columns[3]
    for y in range(top, top + CELL):
        dist, ref = distorted[y], reference[y]
        for x in range(of_d.size):
            d, r = np.int32(dist[x]), np.int32(ref[x])
            of_d[x] += d
            of_r[x] += r
            squares[x] += d * d + r * r
            products[x] += d * r
    for each in range(4):
        row, sums = columns[each], cells[each]
        for cell in range(np.uintp(sums.size)):
            at = cell * np.uintp(CELL)
            sums[cell] = (row[at] + row[at + np.uintp(1)]) + (row[at + np.uintp(2)] + row[at + np.uintp(3)])


@kernel(reorder=True, inner=True)
def _ssim_of_rows(above: NDArray[np.int64], below: NDArray[np.int64], luminance: float, contrast: float) -> float:
    """Sum of SSIM over the windows of two rows of cells; all sums are exact."""
    total = 0.0
    for cell in range(np.uintp(above.shape[1] - 1)):
        after = cell + np.uintp(1)
        d = np.float64(above[0, cell] + above[0, after] + below[0, cell] + below[0, after])
        r = np.float64(above[1, cell] + above[1, after] + below[1, cell] + below[1, after])
        squares = np.float64(above[2, cell] + above[2, after] + below[2, cell] + below[2, after])
        products = np.float64(above[3, cell] + above[3, after] + below[3, cell] + below[3, after])
        both, levels = d * r, d * d + r * r
        variances, covariance = WINDOW * squares - levels, WINDOW * products - both
        total += ((both + both + luminance) * (covariance + covariance + contrast)) / (
            (levels + luminance) * (variances + contrast)
        )
    return total


@kernel()
def _ssim_sum(
    distorted: Plane,
    reference: Plane,
    luminance: float,
    contrast: float,
    columns: NDArray[np.integer],
    cells: NDArray[np.int64],
) -> float:
    total = 0.0
    _cell_sums(distorted, reference, 0, columns, cells[0])
    for row in range(1, reference.shape[0] // CELL):
        above, below = cells[(row - 1) % 2], cells[row % 2]
        _cell_sums(distorted, reference, row * CELL, columns, below)
        total += _ssim_of_rows(above, below, luminance, contrast)
    return total


def box_ssim(distorted: Plane, reference: Plane, bit_depth: int) -> float:
    """Mean SSIM over 8x8 boxes, as FFmpeg's ``ssim`` filter has it; FFmpeg's single precision makes a difference of 1e-6.

    The last samples of a row or column that make no whole cell are left out.

    Args:
        distorted: A plane of at least 8x8.
        reference: A plane of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        From -1 to 1; 1 for equal planes.
    """
    height, width = reference.shape
    peak = (1 << bit_depth) - 1
    luminance, contrast = int(0.01**2 * peak**2 * WINDOW + 0.5), int(0.03**2 * peak**2 * WINDOW * (WINDOW - 1) + 0.5)
    columns = np.empty((4, width), np.int32 if bit_depth <= NARROW else np.int64)
    cells = np.empty((2, 4, width // CELL), np.int64)
    windows: int = (height // CELL - 1) * (width // CELL - 1)
    return float(_ssim_sum(distorted, reference, float(luminance), float(contrast), columns, cells)) / windows
