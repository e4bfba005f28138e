"""Contrast sensitivity and masking of wavelet coefficients, and the cubes of what is seen, for ADM.

Source: libvmaf feature/integer_adm.c. ``_first`` functions are for the finest level, whose numbers are in another scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel


@kernel()
def weigh_first(
    masker: NDArray[np.int32],
    factors: tuple[int, int, int],
    begin: int,
    end: int,
    neighbour: NDArray[np.int32],
    centre: NDArray[np.int32],
) -> None:
    """``weigh`` at level 0, where 32 bits hold everything."""
    h, v, d = masker[0, begin:end], masker[1, begin:end], masker[2, begin:end]
    of_neighbour, of_centre = neighbour[begin + 1 : end + 1], centre[begin:end]
    factor_h, factor_v, factor_d = np.int32(factors[0]), np.int32(factors[1]), np.int32(factors[2])
    for i in range(np.uint64(h.size)):
        a = np.int32(abs(np.int32(np.int32(factor_h * h[i] + 16384) >> 15)))
        b = np.int32(abs(np.int32(np.int32(factor_v * v[i] + 16384) >> 15)))
        c = np.int32(abs(np.int32(np.int32(factor_d * d[i] + 65535) >> 17)))
        less = np.int32(np.int32(np.int32(4369 * a + 2048) >> 12) + np.int32(np.int32(4369 * b + 2048) >> 12))
        less = np.int32(less + np.int32(np.int32(4369 * c + 2048) >> 12))
        more = np.int32(np.int32(np.int32(8738 * a + 2048) >> 12) + np.int32(np.int32(8738 * b + 2048) >> 12))
        of_neighbour[i] = less
        of_centre[i] = np.int32(np.int32(more + np.int32(np.int32(8738 * c + 2048) >> 12)) - less)


@kernel()
def _thirtieth(weighted: np.int64) -> np.int32:
    """A thirtieth of a weighted masker; in every build of libvmaf the rounding constant overflows to this."""
    return np.int32((np.int64(143165577) * weighted - np.int64(1 << 31)) >> 32)


@kernel()
def _fifteenth(weighted: np.int64) -> np.int32:
    return np.int32((np.int64(286331153) * weighted - np.int64(1 << 31)) >> 32)


@kernel()
def _weighted(factor: np.int32, coefficient: np.int32) -> np.int64:
    """A coefficient times its contrast sensitivity, at levels 1 to 3; its size fits 31 bits."""
    return np.int64(abs(np.int32((np.int64(factor) * np.int64(coefficient) + np.int64(1 << 27)) >> 28)))


@kernel()
def weigh(
    masker: NDArray[np.int32],
    factors: tuple[int, int, int],
    begin: int,
    end: int,
    neighbour: NDArray[np.int32],
    centre: NDArray[np.int32],
) -> None:
    """What each place adds to the threshold of its neighbours, one to the right of it, and to its own beside that."""
    h, v, d = masker[0, begin:end], masker[1, begin:end], masker[2, begin:end]
    of_neighbour, of_centre = neighbour[begin + 1 : end + 1], centre[begin:end]
    factor_h, factor_v, factor_d = np.int32(factors[0]), np.int32(factors[1]), np.int32(factors[2])
    for i in range(np.uint64(h.size)):
        a, b, c = _weighted(factor_h, h[i]), _weighted(factor_v, v[i]), _weighted(factor_d, d[i])
        less = np.int32(np.int32(_thirtieth(a) + _thirtieth(b)) + _thirtieth(c))
        of_neighbour[i] = less
        of_centre[i] = np.int32(np.int32(np.int32(_fifteenth(a) + _fifteenth(b)) + _fifteenth(c)) - less)


@kernel()
def threshold(
    above: NDArray[np.int32],
    beside: NDArray[np.int32],
    below: NDArray[np.int32],
    centre: NDArray[np.int32],
    columns: NDArray[np.int32],
    threshold: NDArray[np.int32],
) -> None:
    """Add up the neighbours of each place of a row, and its own share. The rows begin one place to the left."""
    for i in range(np.uint64(columns.size)):
        columns[i] = np.int32(np.int32(above[i] + beside[i]) + below[i])
    for i in range(np.uint64(threshold.size)):
        around = np.int32(np.int32(columns[i] + columns[i + np.uint64(1)]) + columns[i + np.uint64(2)])
        threshold[i] = np.int32(around + centre[i])


@kernel()
def _cube(v: np.int32, square_half: np.uint64, square_shift: np.uint64, half: np.uint64, shift: np.uint64) -> np.uint64:
    """A cube of a number of 31 bits, rounded twice; its square is first cut to 32 bits."""
    size = np.uint64(np.uint32(v))
    square = np.uint64(np.uint32((size * size + square_half) >> square_shift))
    return (square * size + half) >> shift


@kernel()
def add_masked_first(
    signal: NDArray[np.int32], factor: int, threshold: NDArray[np.int32], threshold_shift: int, square: int, cube: int
) -> np.int64:
    """``add_masked`` at level 0; a threshold that would not fit 32 bits is above every signal."""
    square_shift, shift = np.uint64(square), np.uint64(cube)
    square_half, half = np.uint64(1) << (square_shift - np.uint64(1)), (np.uint64(1) << shift) >> np.uint64(1)
    weight, places = np.int32(factor), np.int32(threshold_shift)
    highest = np.int32(0x7FFF_FFFF >> threshold_shift)
    total = np.uint64(0)
    for i in range(np.uint64(signal.size)):
        shown = np.int32(abs(np.int32(weight * signal[i])))
        hidden = np.int32(min(threshold[i], highest) << places)
        total += _cube(max(np.int32(shown - hidden), np.int32(0)), square_half, square_shift, half, shift)
    return np.int64(total)


@kernel()
def add_masked(signal: NDArray[np.int32], factor: int, threshold: NDArray[np.int32], square: int, cube: int) -> np.int64:
    """Sum of the cubes of what one band's row shows above its threshold."""
    square_shift, shift = np.uint64(square), np.uint64(cube)
    square_half, half = np.uint64(1) << (square_shift - np.uint64(1)), (np.uint64(1) << shift) >> np.uint64(1)
    weight = np.int32(factor)
    total = np.uint64(0)
    for i in range(np.uint64(signal.size)):
        shown = np.int32(_weighted(weight, signal[i]))
        total += _cube(max(np.int32(shown - threshold[i]), np.int32(0)), square_half, square_shift, half, shift)
    return np.int64(total)


@kernel()
def add_reference(row: NDArray[np.int32], shift: int, cube: int) -> np.int64:
    """Sum of the cubes of one band's row of the reference."""
    unit, places = np.uint64(1 << shift if shift else 0), np.uint64(shift)
    half, cube_places = np.uint64((1 << cube) >> 1), np.uint64(cube)
    total = np.uint64(0)
    for i in range(np.uint64(row.size)):
        size = np.uint64(np.uint32(abs(np.int32(row[i]))))
        total += (np.uint64(np.uint32((size * size + unit) >> places)) * size + half) >> cube_places
    return np.int64(total)
