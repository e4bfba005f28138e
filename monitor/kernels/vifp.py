"""Visual information fidelity in the pixel domain: what of a reference can be told from the distorted picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.structure import Picture

WINDOWS = (17, 9, 5, 3)
"""Samples across the Gaussian window of each scale, finest first."""

NOISE = np.float32(2.0)
"""Variance of the noise that the eye adds, in squared 8-bit code values."""

TINY = np.float32(1e-8)
"""A variance below this is none."""

FAR, NEAR = 8, 4
"""Samples on each side of a window's centre that are added up: at the first scale, and at the others. What a window does not
reach has no weight."""

COLUMNS = 64
"""Windows across a tile: seventeen of its rows of five planes take 22 KB, the first-level cache."""

ROWS = 64
"""Windows down a tile. One column of them multiplies what it tells, which is less than 2**13 for each window and so fits a
double, and needs one logarithm."""

LENGTH = COLUMNS + 2 * FAR
"""Samples of a tile's row that go into its windows."""

AREA = (ROWS + 2 * FAR) * COLUMNS
"""Floats from one plane of a tile to the next."""

Row = NDArray[np.float32]


def gaussian(taps: int) -> Row:
    """Window with a deviation of a fifth of its taps, from the centre out to ``FAR``; both sides add up to 1."""
    falls = [math.exp(-((k / (taps / 5)) ** 2) / 2) if k <= taps // 2 else 0.0 for k in range(FAR + 1)]
    total = falls[0] + 2 * sum(falls[1:])
    return np.array([fall / total for fall in falls], np.float32)


@kernel(reorder=True)
def _moments(
    distorted: NDArray[np.integer] | Row,
    reference: NDArray[np.integer] | Row,
    step: np.float32,
    from_d: np.float32,
    from_r: np.float32,
    margin: np.uintp,
    moments: Row,
) -> None:
    """Write what is smoothed of one row: both pictures less a level, their squares, their product."""
    length = np.uintp(LENGTH)
    for x in range(np.uintp(reference.size)):
        d, r = np.float32(distorted[x]) * step - from_d, np.float32(reference[x]) * step - from_r
        here = margin + x
        moments[here] = d
        moments[here + length] = r
        moments[here + length * np.uintp(2)] = d * d
        moments[here + length * np.uintp(3)] = r * r
        moments[here + length * np.uintp(4)] = d * r


@kernel(reorder=True)
def _near(values: Row, at: np.uintp, apart: np.uintp, weights: Row) -> np.float32:
    """Weighted mean of nine values about the one at ``at``."""
    smoothed: np.float32 = weights[0] * values[at]
    smoothed += weights[1] * (values[at - apart] + values[at + apart])
    smoothed += weights[2] * (values[at - apart * np.uintp(2)] + values[at + apart * np.uintp(2)])
    smoothed += weights[3] * (values[at - apart * np.uintp(3)] + values[at + apart * np.uintp(3)])
    smoothed += weights[4] * (values[at - apart * np.uintp(4)] + values[at + apart * np.uintp(4)])
    return smoothed


@kernel(reorder=True, inner=True)
def _far(values: Row, at: np.uintp, apart: np.uintp, weights: Row) -> np.float32:
    """What eight values further out add."""
    smoothed: np.float32 = weights[5] * (values[at - apart * np.uintp(5)] + values[at + apart * np.uintp(5)])
    smoothed += weights[6] * (values[at - apart * np.uintp(6)] + values[at + apart * np.uintp(6)])
    smoothed += weights[7] * (values[at - apart * np.uintp(7)] + values[at + apart * np.uintp(7)])
    smoothed += weights[8] * (values[at - apart * np.uintp(8)] + values[at + apart * np.uintp(8)])
    return smoothed


@kernel(reorder=True, inner=True)
def _smooth_along(moments: Row, at: np.uintp, weights: Row, count: np.uintp, here: np.uintp, along: Row) -> None:
    """Weighted means of five rows, by the narrower or the wider window."""
    one = np.uintp(1)
    for each in range(np.uintp(5)):
        values, smoothed = at + each * np.uintp(LENGTH), here + each * np.uintp(AREA)
        if weights[NEAR + 1] == 0:
            for x in range(count):
                along[smoothed + x] = _near(moments, values + x, one, weights)
        else:
            for x in range(count):
                along[smoothed + x] = _near(moments, values + x, one, weights) + _far(moments, values + x, one, weights)


@kernel(reorder=True, inner=True)
def _smooth_down(along: Row, at: np.uintp, weights: Row, count: np.uintp, smoothed: Row) -> None:
    """Weighted means of the rows about those at ``at``, of five planes."""
    apart = np.uintp(COLUMNS)
    for each in range(np.uintp(5)):
        values, result = at + each * np.uintp(AREA), each * apart
        if weights[NEAR + 1] == 0:
            for x in range(count):
                smoothed[result + x] = _near(along, values + x, apart, weights)
        else:
            for x in range(count):
                smoothed[result + x] = _near(along, values + x, apart, weights) + _far(along, values + x, apart, weights)


@kernel(reorder=True)
def _tell(smoothed: Row, count: np.uintp, told: Row, known: Row) -> None:
    """How many times more than noise is told of the reference by the distorted picture, and by itself, in each window."""
    zero, one = np.float32(0), np.float32(1)
    second, third, fourth, fifth = np.uintp(COLUMNS), np.uintp(2 * COLUMNS), np.uintp(3 * COLUMNS), np.uintp(4 * COLUMNS)
    for x in range(count):
        mean_d, mean_r = smoothed[x], smoothed[second + x]
        variance_d = max(smoothed[third + x] - mean_d * mean_d, zero)
        variance_r = max(smoothed[fourth + x] - mean_r * mean_r, zero)
        covariance = smoothed[fifth + x] - mean_d * mean_r
        gain = covariance / (variance_r + TINY)
        is_told = (variance_r >= TINY) & (variance_d >= TINY) & (gain > zero)
        gain = gain if is_told else zero
        left = max(variance_d - gain * covariance, TINY)
        told[x] = one + gain * gain * variance_r / (left + NOISE)
        known[x] = one + (variance_r if variance_r >= TINY else zero) / NOISE


@kernel(reorder=True)
def _information(
    distorted: Picture,
    reference: Picture,
    step: np.float32,
    taps: int,
    weights: Row,
    moments: Row,
    along: Row,
    smoothed: Row,
    gains: NDArray[np.float32],
    products: NDArray[np.float64],
) -> tuple[float, float]:
    """Logarithms of what is told and of what is known, added up over every whole window."""
    height, width = reference.shape
    reach = FAR if taps > 2 * NEAR + 1 else NEAR
    margin = reach - taps // 2
    told, known = 0.0, 0.0
    for top in range(0, height - taps + 1, ROWS):
        rows = min(ROWS, height - taps + 1 - top)
        for left in range(0, width - taps + 1, COLUMNS):
            columns = min(COLUMNS, width - taps + 1 - left)
            middle, centre = top + (rows + taps - 1) // 2, left + (columns + taps - 1) // 2
            from_d, from_r = np.float32(distorted[middle, centre]) * step, np.float32(reference[middle, centre]) * step
            right, count = left + columns + taps - 1, np.uintp(columns)
            for y in range(rows + taps - 1):
                of_d, of_r = distorted[top + y, left:right], reference[top + y, left:right]
                _moments(of_d, of_r, step, from_d, from_r, np.uintp(margin), moments)
                _smooth_along(moments, np.uintp(reach), weights, count, np.uintp((y + margin) * COLUMNS), along)
            products[:] = 1.0
            for y in range(rows):
                _smooth_down(along, np.uintp((y + reach) * COLUMNS), weights, count, smoothed)
                _tell(smoothed, count, gains[0], gains[1])
                for each in range(2):
                    of_row, product = gains[each], products[each]
                    for x in range(count):
                        product[x] *= np.float64(of_row[x])
            for x in range(columns):
                told += np.log10(products[0, x])
                known += np.log10(products[1, x])
    return told, known


@kernel(reorder=True)
def _halve(picture: Picture, step: np.float32, taps: int, weights: Row, profile: Row, smaller: NDArray[np.float32]) -> None:
    """Weighted means at every second sample, of whole windows only."""
    height, width = picture.shape
    reach = taps // 2
    inside = profile[NEAR - reach : NEAR - reach + width]
    for y in range(smaller.shape[0]):
        centre = 2 * y + reach
        row, last = picture[centre], height - 1
        above, below = picture[centre - 1], picture[centre + 1]
        above2, below2 = picture[max(centre - 2, 0)], picture[min(centre + 2, last)]
        above3, below3 = picture[max(centre - 3, 0)], picture[min(centre + 3, last)]
        above4, below4 = picture[max(centre - 4, 0)], picture[min(centre + 4, last)]
        for x in range(width):
            inside[x] = step * (
                weights[0] * np.float32(row[x])
                + weights[1] * (np.float32(above[x]) + np.float32(below[x]))
                + weights[2] * (np.float32(above2[x]) + np.float32(below2[x]))
                + weights[3] * (np.float32(above3[x]) + np.float32(below3[x]))
                + weights[4] * (np.float32(above4[x]) + np.float32(below4[x]))
            )
        result = smaller[y]
        for x in range(np.uintp(result.size)):
            result[x] = _near(profile, x + x + np.uintp(NEAR), np.uintp(1), weights)


def halved(picture: Picture, step: np.float32, taps: int) -> NDArray[np.float32]:
    """A picture at half size, by the window of the scale that it is for."""
    height, width = picture.shape
    smaller = np.empty(((height - taps) // 2 + 1, (width - taps) // 2 + 1), np.float32)
    _halve(picture, step, taps, gaussian(taps), np.zeros(width + 2 * NEAR, np.float32), smaller)
    return smaller


def vifp(distorted: Picture, reference: Picture, bit_depth: int) -> float:
    """Pixel-domain visual information fidelity of two planes (Sheikh and Bovik 2006), as the authors' ``vifp_mscale.m``.

    Four scales. A variance does not change with the level that is taken off first, and single precision suffices when that
    is near: each tile takes off the level of the sample in its middle.

    Args:
        distorted: At least 41x41.
        reference: Of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        0 or more; 1 for equal planes and where neither has information, above 1 where contrast was enhanced.
    """
    step = np.float32(1 / (1 << (bit_depth - 8)))
    moments, along = np.zeros(5 * LENGTH, np.float32), np.zeros(5 * AREA, np.float32)
    smoothed, gains, products = np.zeros(5 * COLUMNS, np.float32), np.zeros((2, COLUMNS), np.float32), np.empty((2, COLUMNS))
    told, known = 0.0, 0.0
    for scale, taps in enumerate(WINDOWS):
        if scale:
            distorted, reference = halved(distorted, step, taps), halved(reference, step, taps)
            step = np.float32(1)
        sums = _information(distorted, reference, step, taps, gaussian(taps), moments, along, smoothed, gains, products)
        told, known = told + float(sums[0]), known + float(sums[1])
    return (told + float(TINY)) / (known + float(TINY))
