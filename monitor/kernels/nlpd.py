"""Normalised Laplacian pyramid: what the eye is left with of a picture, band by band."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.structure import Picture, mirrored

REACH = 2
"""Samples of the low-pass filter on each side of its centre; it is (1, 5, 8, 5, 1) / 20 both ways."""

BANDS: tuple[tuple[float, float, float, float, float], ...] = (
    (0.0248, 0.1015, 0.1460, 0.1493, 0.1011),
    (0.0185, 0.0837, 0.1846, 0.1986, 0.0757),
    (0.0179, 0.0467, 0.2243, 0.2138, 0.0477),
    (0.0191, 0.0, 0.2616, 0.2503, 0.0),
    (0.0220, 0.0, 0.2552, 0.2598, 0.0),
    (0.2782, 0.0, 0.0717, 0.2215, 0.0),
)
"""The authors' constants of each band, finest first, what is left last: what is added to the neighbours' amplitudes, and the
weights of those above, to the left, to the right and below (their filters as a convolution turns them)."""

Row = NDArray[np.float32]


@kernel(reorder=True)
def _shrink(picture: Picture, scale: np.float32, profile: Row, smaller: NDArray[np.float32]) -> None:
    """Low-pass at every second sample; outside the picture is its mirror image, the outermost sample shown twice."""
    height, width = picture.shape
    near, middle, far = np.float32(0.4) * scale, np.float32(0.25) * scale, np.float32(0.05) * scale
    inside = profile[REACH : REACH + width]
    for y in range(smaller.shape[0]):
        second_above, above = picture[mirrored(2 * y - 2, height)], picture[mirrored(2 * y - 1, height)]
        row, below = picture[2 * y], picture[mirrored(2 * y + 1, height)]
        second_below = picture[mirrored(2 * y + 2, height)]
        for x in range(width):
            inside[x] = (
                near * np.float32(row[x])
                + middle * (np.float32(above[x]) + np.float32(below[x]))
                + far * (np.float32(second_above[x]) + np.float32(second_below[x]))
            )
        for k in range(REACH):
            profile[REACH - 1 - k] = inside[mirrored(-1 - k, width)]
            profile[REACH + width + k] = inside[mirrored(width + k, width)]
        result = smaller[y]
        for x in range(np.uintp(result.size)):
            at = x + x
            result[x] = (
                np.float32(0.4) * profile[at + np.uintp(2)]
                + np.float32(0.25) * (profile[at + np.uintp(1)] + profile[at + np.uintp(3)])
                + np.float32(0.05) * (profile[at] + profile[at + np.uintp(4)])
            )


@kernel(reorder=True, inner=True)
def _band_row(picture: Picture, scale: np.float32, smaller: NDArray[np.float32], y: int, profile: Row, band: Row) -> None:
    """What a row has beyond the smaller picture made larger again, in ``band[1:-1]``; outside the picture is zero.

    Without a smaller picture it is the row itself. Beyond its edges the smaller picture goes on as its outermost samples.
    """
    height, width = picture.shape
    inside = band[1 : width + 1]
    if y >= height:
        inside[:] = np.float32(0)
        return
    row = picture[y]
    if smaller.size == 0:
        for x in range(width):
            inside[x] = scale * np.float32(row[x])
        return
    last, columns = smaller.shape[0] - 1, np.uintp(smaller.shape[1])
    above, here, below = smaller[max(y // 2 - 1, 0)], smaller[y // 2], smaller[min(y // 2 + 1, last)]
    if y % 2:
        for x in range(columns):
            profile[x + np.uintp(1)] = np.float32(0.5) * (here[x] + below[x])
    else:
        for x in range(columns):
            profile[x + np.uintp(1)] = np.float32(0.8) * here[x] + np.float32(0.1) * (above[x] + below[x])
    profile[0], profile[columns + np.uintp(1)] = profile[1], profile[columns]
    for x in range(np.uintp(width // 2)):
        at = x + x
        left, middle, right = profile[x], profile[x + np.uintp(1)], profile[x + np.uintp(2)]
        inside[at] = scale * np.float32(row[at]) - (np.float32(0.8) * middle + np.float32(0.1) * (left + right))
        inside[at + np.uintp(1)] = scale * np.float32(row[at + np.uintp(1)]) - np.float32(0.5) * (middle + right)
    if width % 2:
        left, middle, right = profile[columns - np.uintp(1)], profile[columns], profile[columns + np.uintp(1)]
        inside[width - 1] = scale * np.float32(row[width - 1]) - (
            np.float32(0.8) * middle + np.float32(0.1) * (left + right)
        )


@kernel()
def _apart(d: np.float32, r: np.float32, of_d: np.float32, of_r: np.float32) -> np.float32:
    """Difference of two quotients; rounded product by product, so that it is 0 where they are equal."""
    return (d * of_r - r * of_d) / (of_d * of_r)


@kernel(reorder=True, inner=True)
def _squares_of_row(
    d: NDArray[np.float32], r: NDArray[np.float32], above: int, here: int, below: int, of_band: Row
) -> float:
    """Sum of the squared differences of two rows, each sample divided by what its neighbours add up to."""
    constant, up, left, right, down = of_band[0], of_band[1], of_band[2], of_band[3], of_band[4]
    d_up, d_row, d_down = d[above], d[here], d[below]
    r_up, r_row, r_down = r[above], r[here], r[below]
    total = 0.0
    for x in range(np.uintp(d.shape[1] - 2)):
        middle, after = x + np.uintp(1), x + np.uintp(2)
        of_d = (
            constant + up * abs(d_up[middle]) + left * abs(d_row[x]) + right * abs(d_row[after]) + down * abs(d_down[middle])
        )
        of_r = (
            constant + up * abs(r_up[middle]) + left * abs(r_row[x]) + right * abs(r_row[after]) + down * abs(r_down[middle])
        )
        apart = _apart(d_row[middle], r_row[middle], of_d, of_r)
        total += np.float64(apart * apart)
    return total


@kernel()
def _squares(
    distorted: Picture,
    reference: Picture,
    scale: np.float32,
    smaller_distorted: NDArray[np.float32],
    smaller_reference: NDArray[np.float32],
    of_band: Row,
    profile: Row,
    rows: NDArray[np.float32],
) -> float:
    """Sum of the squared differences of one band."""
    total = 0.0
    for y in range(-1, reference.shape[0]):
        newest = (y + 1) % 3
        _band_row(distorted, scale, smaller_distorted, y + 1, profile, rows[0, newest])
        _band_row(reference, scale, smaller_reference, y + 1, profile, rows[1, newest])
        if y >= 0:
            total += _squares_of_row(rows[0], rows[1], (y + 2) % 3, y % 3, newest, of_band)
    return total


def nlpd(distorted: Picture, reference: Picture, bit_depth: int) -> float:
    """Normalised Laplacian pyramid distance of two planes (Laparra et al. 2016), as the authors' ``NLP_dist.m`` has it.

    Six bands, the last one what is left; each sample is divided by a constant and its neighbours' amplitudes, weighted. The
    result is the mean over bands of the root mean squared difference.

    Args:
        distorted: Code values; 255 at 8 bits is 1.
        reference: Of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        0 for equal planes, and more the further apart they look.
    """
    scale = np.float32(1 / (255 << (bit_depth - 8)))
    total = 0.0
    for band, constants in enumerate(BANDS):
        height, width = reference.shape
        shape = ((height + 1) // 2, (width + 1) // 2) if band < len(BANDS) - 1 else (0, 0)
        smaller_distorted, smaller_reference = np.empty(shape, np.float32), np.empty(shape, np.float32)
        profile, rows = np.empty(width + 2 * REACH, np.float32), np.zeros((2, 3, width + 2), np.float32)
        _shrink(distorted, scale, profile, smaller_distorted)
        _shrink(reference, scale, profile, smaller_reference)
        of_band = np.array(constants, np.float32)
        squares = _squares(distorted, reference, scale, smaller_distorted, smaller_reference, of_band, profile, rows)
        total += math.sqrt(float(squares) / (height * width))
        distorted, reference, scale = smaller_distorted, smaller_reference, np.float32(1)
    return total / len(BANDS)
