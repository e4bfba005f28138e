"""Structural similarity under a Gaussian window, streamed through the first-level cache."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

TAPS = 11
"""Samples across the window."""

SIGMA = 1.5
"""Standard deviation of the Gaussian in samples."""

TILE = 150
"""Results across one tile: the eleven rows of four planes that a tile needs take 30 KB."""

PITCH = 168
"""Floats from one row of a tile to the next: room for ``TILE + TAPS - 1``, and rows start in different cache banks."""

SPARSE = 16
"""Rows from one to the next of those that tell a plane's middle."""

STEP = 2.0**-22
"""What the window's taps are multiples of: without a common step they would not add up to one in single precision, and that
would look like variance in flat parts."""

Offsets = tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp]
Weights = tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]

ALONG: Offsets = (
    np.uintp(0),
    np.uintp(1),
    np.uintp(2),
    np.uintp(3),
    np.uintp(4),
    np.uintp(5),
    np.uintp(6),
    np.uintp(7),
    np.uintp(8),
    np.uintp(9),
    np.uintp(10),
)
"""Unsigned, as all indices here: a signed one is tested for being negative, and the loop isn't vectorised."""


def _weights() -> Weights:
    """The window's centre and one side, multiples of ``STEP`` that add up to exactly one."""
    taps = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(TAPS // 2 + 1)]
    total = taps[0] + 2 * sum(taps[1:])
    two, three, four, five, six = (round(tap / total / STEP) * STEP for tap in taps[1:])
    one = 1 - 2 * (two + three + four + five + six)
    return np.float32(one), np.float32(two), np.float32(three), np.float32(four), np.float32(five), np.float32(six)


@kernel(reorder=True)
def _smooth(values: NDArray[np.float32], at: int | np.uintp, offsets: Offsets, weights: Weights) -> np.float32:
    """Gaussian mean of eleven values; those with the same weight are added first."""
    smoothed: np.float32 = weights[0] * values[at + offsets[5]]
    smoothed += weights[1] * (values[at + offsets[4]] + values[at + offsets[6]])
    smoothed += weights[2] * (values[at + offsets[3]] + values[at + offsets[7]])
    smoothed += weights[3] * (values[at + offsets[2]] + values[at + offsets[8]])
    smoothed += weights[4] * (values[at + offsets[1]] + values[at + offsets[9]])
    smoothed += weights[5] * (values[at + offsets[0]] + values[at + offsets[10]])
    return smoothed


@kernel(reorder=True)
def _ssim_sum(
    distorted: Plane,
    reference: Plane,
    middles: tuple[np.float32, np.float32],
    stabilisers: tuple[np.float32, np.float32],
    weights: Weights,
    rows: NDArray[np.float32],
    smoothed: NDArray[np.float32],
) -> float:
    """Sum of SSIM over every whole window.

    A tile is a stripe of columns. Each of its rows is turned into four rows of floats (distorted, reference, sum of
    squares, product; each about its plane's middle, which keeps single precision exact enough), kept in a ring of eleven,
    smoothed down the ring and then along the row.
    """
    height, width = distorted.shape
    luminance, contrast = stabilisers
    middle_d, middle_r = middles
    pitch = np.uintp(PITCH)
    moment = pitch * np.uintp(TAPS)
    total = 0.0
    for left in range(0, width - TAPS + 1, TILE):
        results = np.uintp(min(TILE, width - TAPS + 1 - left))
        samples = results + np.uintp(TAPS - 1)
        for y in range(height):
            dist, ref = distorted[y, left:], reference[y, left:]
            newest = np.uintp(y % TAPS) * pitch
            for x in range(samples):
                d, r = np.float32(dist[x]) - middle_d, np.float32(ref[x]) - middle_r
                rows[newest + x] = d
                rows[newest + moment + x] = r
                rows[newest + moment + moment + x] = d * d + r * r
                rows[newest + moment + moment + moment + x] = d * r
            if y < TAPS - 1:
                continue
            down = (
                np.uintp((y + 1) % TAPS) * pitch,
                np.uintp((y + 2) % TAPS) * pitch,
                np.uintp((y + 3) % TAPS) * pitch,
                np.uintp((y + 4) % TAPS) * pitch,
                np.uintp((y + 5) % TAPS) * pitch,
                np.uintp((y + 6) % TAPS) * pitch,
                np.uintp((y + 7) % TAPS) * pitch,
                np.uintp((y + 8) % TAPS) * pitch,
                np.uintp((y + 9) % TAPS) * pitch,
                np.uintp((y + 10) % TAPS) * pitch,
                newest,
            )
            for each in range(np.uintp(4)):
                for x in range(samples):
                    smoothed[each * pitch + x] = _smooth(rows, each * moment + x, down, weights)
            in_row = np.float32(0)
            for x in range(results):
                mean_d = _smooth(smoothed, x, ALONG, weights)
                mean_r = _smooth(smoothed, pitch + x, ALONG, weights)
                squares = _smooth(smoothed, pitch + pitch + x, ALONG, weights)
                product = _smooth(smoothed, pitch + pitch + pitch + x, ALONG, weights)
                covariance = product - mean_d * mean_r
                variances = squares - mean_d * mean_d - mean_r * mean_r
                mean_d += middle_d
                mean_r += middle_r
                both = mean_d * mean_r
                levels = mean_d * mean_d + mean_r * mean_r
                in_row += ((both + both + luminance) * (covariance + covariance + contrast)) / (
                    (levels + luminance) * (variances + contrast)
                )
            total += np.float64(in_row)
    return total


def _middle(plane: Plane) -> np.float32:
    """About the mean of a plane, from a few of its rows."""
    return np.float32(round(float(plane[::SPARSE].mean())))


def ssim(distorted: Plane, reference: Plane, peak: int) -> float:
    """Mean SSIM over all 11x11 windows that lie in the picture (Wang et al. 2004): sigma 1.5, K1 = 0.01, K2 = 0.03.

    Single precision inside a row, double over rows: within 1e-5 of the same in double precision, 1e-6 on most pictures.

    Args:
        distorted: A plane of at least 11x11.
        reference: A plane of the same shape and type.
        peak: Largest code value.

    Returns:
        From -1 to 1; 1 for equal planes.
    """
    height, width = reference.shape
    total = float(
        _ssim_sum(
            distorted,
            reference,
            (_middle(distorted), _middle(reference)),
            (np.float32((0.01 * peak) ** 2), np.float32((0.03 * peak) ** 2)),
            _weights(),
            np.empty(4 * TAPS * PITCH, np.float32),
            np.empty(4 * PITCH, np.float32),
        )
    )
    windows: int = (height - TAPS + 1) * (width - TAPS + 1)
    return min(total / windows, 1.0)
