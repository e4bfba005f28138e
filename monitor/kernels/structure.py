"""Luminance, contrast and structure as libvmaf's SSIM and MS-SSIM take them, and the ways both make pictures smaller."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

Picture = Plane | NDArray[np.float32]
"""A plane of code values, or one that was made smaller."""

TAPS = 11
"""Samples across the window."""

TILE = 128
"""Results across one tile: its eleven rows of five planes take 30 KB, the first-level cache."""

PITCH = 144
"""Floats from one row of a tile to the next: room for ``TILE + TAPS - 1``."""

LUMINANCE = np.float32((0.01 * 255) ** 2)
CONTRAST = np.float32((0.03 * 255) ** 2)

Offsets = tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp, np.uintp]
Weights = tuple[np.float32, np.float32, np.float32, np.float32, np.float32, np.float32]

WEIGHTS: Weights = (
    np.float32(0.266012),
    np.float32(0.213006),
    np.float32(0.109361),
    np.float32(0.036001),
    np.float32(0.007599),
    np.float32(0.001028),
)
"""libvmaf's window, from the centre out. The eleven add up to 1.000002, which takes 4e-6 of the mean squared off each
variance, so that flat parts have none. It belongs to the definition."""

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

LOW_PASS = np.array(
    [
        [0.363505, 0.160885, -0.047149, -0.010146, 0.016114],
        [0.160885, 0.071207, -0.020867, -0.004490, 0.007132],
        [-0.047149, -0.020867, 0.006115, 0.001316, -0.002090],
        [-0.010146, -0.004490, 0.001316, 0.000283, -0.000450],
        [0.016114, 0.007132, -0.002090, -0.000450, 0.000714],
    ],
    np.float32,
)
"""Weights of the low-pass filter (9/7 biorthogonal wavelet) by distance down and across, rounded as libvmaf has them."""

NATIVE = 256
"""Shorter side at which ``float_ssim`` takes a picture as it is."""

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of contrast and structure at each scale of MS-SSIM, from full size down; luminance counts at the last alone."""

REACH = 4
"""Samples of the low-pass filter on each side of its centre."""


class Structure(NamedTuple):
    """Means over all whole windows of a picture, each at most 1."""

    luminance: float
    contrast: float
    structure: float
    ssim: float
    """Mean of the product of the three."""


@kernel()
def mirrored(index: int, size: int) -> int:
    """Index of the sample that stands for one outside: the border is a mirror that shows the outermost sample twice."""
    while index < 0 or index >= size:
        index = -1 - index if index < 0 else 2 * size - 1 - index
    return index


@kernel(reorder=True)
def _smooth(values: NDArray[np.float32], at: int | np.uintp, offsets: Offsets, weights: Weights) -> np.float32:
    """Weighted mean of eleven values; those with the same weight are added first."""
    smoothed: np.float32 = weights[0] * values[at + offsets[5]]
    smoothed += weights[1] * (values[at + offsets[4]] + values[at + offsets[6]])
    smoothed += weights[2] * (values[at + offsets[3]] + values[at + offsets[7]])
    smoothed += weights[3] * (values[at + offsets[2]] + values[at + offsets[8]])
    smoothed += weights[4] * (values[at + offsets[1]] + values[at + offsets[9]])
    smoothed += weights[5] * (values[at + offsets[0]] + values[at + offsets[10]])
    return smoothed


@kernel(inner=True)
def _smooth_as_libvmaf(values: NDArray[np.float32], at: int | np.uintp, offsets: Offsets, weights: Weights) -> np.float32:
    """The same with libvmaf's rounding: products and the result in single precision, sums in double."""
    smoothed = np.float64(weights[5] * values[at + offsets[0]])
    smoothed += np.float64(weights[4] * values[at + offsets[1]])
    smoothed += np.float64(weights[3] * values[at + offsets[2]])
    smoothed += np.float64(weights[2] * values[at + offsets[3]])
    smoothed += np.float64(weights[1] * values[at + offsets[4]])
    smoothed += np.float64(weights[0] * values[at + offsets[5]])
    smoothed += np.float64(weights[1] * values[at + offsets[6]])
    smoothed += np.float64(weights[2] * values[at + offsets[7]])
    smoothed += np.float64(weights[3] * values[at + offsets[8]])
    smoothed += np.float64(weights[4] * values[at + offsets[9]])
    smoothed += np.float64(weights[5] * values[at + offsets[10]])
    return np.float32(smoothed)


@kernel(reorder=True)
def _moments(
    distorted: NDArray[np.integer] | NDArray[np.float32],
    reference: NDArray[np.integer] | NDArray[np.float32],
    step: np.float32,
    samples: np.uintp,
    at: np.uintp,
    apart: np.uintp,
    moments: NDArray[np.float32],
) -> None:
    """Write what is smoothed of one row: both pictures, their squares, their product."""
    for x in range(samples):
        d, r = np.float32(distorted[x]) * step, np.float32(reference[x]) * step
        moments[at + x] = d
        moments[at + apart + x] = r
        moments[at + apart * np.uintp(2) + x] = d * d
        moments[at + apart * np.uintp(3) + x] = r * r
        moments[at + apart * np.uintp(4) + x] = d * r


@kernel()
def _ring(y: int) -> Offsets:
    """Where the eleven rows up to ``y`` are kept, from the oldest on."""
    pitch = np.uintp(PITCH)
    return (
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
        np.uintp(y % TAPS) * pitch,
    )


@kernel(reorder=True, inner=True)
def _row_sums(smoothed: NDArray[np.float32], results: np.uintp) -> tuple[float, float, float, float]:
    """Sums of luminance, contrast, structure and their product over the windows of one row."""
    zero, two = np.float32(0), np.float32(2)
    pitch = np.uintp(PITCH)
    luminances, contrasts, structures, products = 0.0, 0.0, 0.0, 0.0
    for x in range(results):
        mean_d, mean_r = smoothed[x], smoothed[pitch + x]
        square_d, square_r = mean_d * mean_d, mean_r * mean_r
        variance_d = max(smoothed[pitch * np.uintp(2) + x] - square_d, zero)
        variance_r = max(smoothed[pitch * np.uintp(3) + x] - square_r, zero)
        covariance = smoothed[pitch * np.uintp(4) + x] - mean_d * mean_r
        deviations = np.sqrt(variance_d * variance_r)
        covariance = zero if (covariance < zero) & (deviations == zero) else covariance
        luminance = (two * mean_d * mean_r + LUMINANCE) / (square_d + square_r + LUMINANCE)
        contrast = (two * deviations + CONTRAST) / (variance_d + variance_r + CONTRAST)
        structure = (covariance + CONTRAST / two) / (deviations + CONTRAST / two)
        luminances += np.float64(luminance)
        contrasts += np.float64(contrast)
        structures += np.float64(structure)
        products += np.float64(luminance * contrast * structure)
    return luminances, contrasts, structures, products


@kernel(reorder=True)
def _sums(
    distorted: Picture,
    reference: Picture,
    step: np.float32,
    row: NDArray[np.float32],
    rows: NDArray[np.float32],
    smoothed: NDArray[np.float32],
) -> tuple[float, float, float, float]:
    """Sums over every whole window, fast.

    As ``monitor.kernels.similarity`` goes about it: stripes of columns, a ring of eleven rows, smoothed down and then along.
    """
    height, width = reference.shape
    pitch, apart = np.uintp(PITCH), np.uintp(PITCH * TAPS)
    luminances, contrasts, structures, products = 0.0, 0.0, 0.0, 0.0
    for left in range(0, width - TAPS + 1, TILE):
        results = np.uintp(min(TILE, width - TAPS + 1 - left))
        samples = results + np.uintp(TAPS - 1)
        for y in range(height):
            _moments(distorted[y, left:], reference[y, left:], step, samples, np.uintp(y % TAPS) * pitch, apart, rows)
            if y < TAPS - 1:
                continue
            down = _ring(y)
            for each in range(np.uintp(5)):
                for x in range(samples):
                    row[each * pitch + x] = _smooth(rows, each * apart + x, down, WEIGHTS)
            for each in range(np.uintp(5)):
                for x in range(results):
                    smoothed[each * pitch + x] = _smooth(row, each * pitch + x, ALONG, WEIGHTS)
            of_row = _row_sums(smoothed, results)
            luminances += of_row[0]
            contrasts += of_row[1]
            structures += of_row[2]
            products += of_row[3]
    return luminances, contrasts, structures, products


@kernel()
def _sums_as_libvmaf(
    distorted: Picture,
    reference: Picture,
    step: np.float32,
    row: NDArray[np.float32],
    rows: NDArray[np.float32],
    smoothed: NDArray[np.float32],
) -> tuple[float, float, float, float]:
    """The same sums with libvmaf's rounding: smoothed along and then down."""
    height, width = reference.shape
    pitch, apart = np.uintp(PITCH), np.uintp(PITCH * TAPS)
    luminances, contrasts, structures, products = 0.0, 0.0, 0.0, 0.0
    for left in range(0, width - TAPS + 1, TILE):
        results = np.uintp(min(TILE, width - TAPS + 1 - left))
        for y in range(height):
            _moments(distorted[y, left:], reference[y, left:], step, results + np.uintp(TAPS - 1), np.uintp(0), pitch, row)
            newest = np.uintp(y % TAPS) * pitch
            for each in range(np.uintp(5)):
                for x in range(results):
                    rows[each * apart + newest + x] = _smooth_as_libvmaf(row, each * pitch + x, ALONG, WEIGHTS)
            if y < TAPS - 1:
                continue
            down = _ring(y)
            for each in range(np.uintp(5)):
                for x in range(results):
                    smoothed[each * pitch + x] = _smooth_as_libvmaf(rows, each * apart + x, down, WEIGHTS)
            of_row = _row_sums(smoothed, results)
            luminances += of_row[0]
            contrasts += of_row[1]
            structures += of_row[2]
            products += of_row[3]
    return luminances, contrasts, structures, products


@kernel(reorder=True)
def _box_means(
    plane: Plane, factor: int, weight: np.float32, columns: NDArray[np.float32], smaller: NDArray[np.float32]
) -> None:
    height, width = plane.shape
    before = factor // 2
    for y in range(smaller.shape[0]):
        columns[:] = 0
        for k in range(factor):
            row = plane[mirrored(y * factor - before + k, height)]
            for x in range(width):
                columns[x] += np.float32(row[x])
        for x in range(smaller.shape[1]):
            total = 0.0
            for k in range(factor):
                total += np.float64(columns[mirrored(x * factor - before + k, width)])
            smaller[y, x] = np.float32(total * weight)


@kernel(reorder=True)
def _halve(
    picture: Picture, step: np.float32, folded: NDArray[np.float32], down: NDArray[np.float32], smaller: NDArray[np.float32]
) -> None:
    """Low-pass at every second sample: rows at one distance are added, weighted for each distance across, added along."""
    height, width = picture.shape
    for y in range(smaller.shape[0]):
        for k in range(REACH + 1):
            above, below = picture[mirrored(2 * y - k, height)], picture[mirrored(2 * y + k, height)]
            row = folded[k]
            if k == 0:
                for x in range(width):
                    row[x] = np.float32(above[x]) * step
            else:
                for x in range(width):
                    row[x] = (np.float32(above[x]) + np.float32(below[x])) * step
        zeroth, first, second, third, fourth = folded[0], folded[1], folded[2], folded[3], folded[4]
        for j in range(REACH + 1):
            profile = down[j]
            inside = profile[REACH : REACH + width]
            for x in range(width):
                inside[x] = (
                    LOW_PASS[0, j] * zeroth[x]
                    + LOW_PASS[1, j] * first[x]
                    + LOW_PASS[2, j] * second[x]
                    + LOW_PASS[3, j] * third[x]
                    + LOW_PASS[4, j] * fourth[x]
                )
            for k in range(REACH):
                profile[REACH - 1 - k] = inside[mirrored(-1 - k, width)]
                profile[REACH + width + k] = inside[mirrored(width + k, width)]
        near, one, two, three, four = down[0], down[1], down[2], down[3], down[4]
        result = smaller[y]
        for x in range(np.uintp(smaller.shape[1])):
            at = x + x
            result[x] = (
                near[at + np.uintp(4)]
                + (one[at + np.uintp(3)] + one[at + np.uintp(5)])
                + (two[at + np.uintp(2)] + two[at + np.uintp(6)])
                + (three[at + np.uintp(1)] + three[at + np.uintp(7)])
                + (four[at] + four[at + np.uintp(8)])
            )


def box_means(plane: Plane, factor: int, bit_depth: int) -> NDArray[np.float32]:
    """A plane made smaller as libvmaf's ``float_ssim`` does: means of boxes ``factor`` samples wide and high.

    Box ``(X, Y)`` begins ``factor // 2`` samples before ``(X * factor, Y * factor)``; outside the picture is its mirror
    image. There are ``width // factor`` boxes in a row, and one more where the width is odd.

    Args:
        plane: At least as wide and high as the factor.
        factor: 1 or more.
        bit_depth: Of the plane; the means are in 8-bit code values.
    """
    height, width = plane.shape
    smaller = np.empty((height // factor + height % 2, width // factor + width % 2), np.float32)
    weight = np.float32(1 / (factor * factor)) / np.float32(1 << (bit_depth - 8))
    _box_means(plane, factor, weight, np.empty(width, np.float32), smaller)
    return smaller


def halved(picture: Picture, bit_depth: int = 8) -> NDArray[np.float32]:
    """Every second sample of a picture after the low-pass filter of libvmaf's MS-SSIM, in 8-bit code values."""
    height, width = picture.shape
    smaller = np.empty(((height + 1) // 2, (width + 1) // 2), np.float32)
    step = np.float32(1 / (1 << (bit_depth - 8)))
    folded, down = np.empty((REACH + 1, width), np.float32), np.empty((REACH + 1, width + 2 * REACH), np.float32)
    _halve(picture, step, folded, down, smaller)
    return smaller


def structure(distorted: Picture, reference: Picture, bit_depth: int = 8, *, as_libvmaf: bool = True) -> Structure:
    """Mean luminance, contrast and structure of two pictures as libvmaf defines them (``ssim_tools.c``).

    Args:
        distorted: At least 11x11.
        reference: Of the same shape and type.
        bit_depth: Of code values; pictures made smaller are in 8-bit code values already.
        as_libvmaf: Round where libvmaf does, which takes twice the time. Its rounding is the same in every window of a flat
            part, so that it shows in the mean: 8e-7 have been seen.
    """
    height, width = reference.shape
    step = np.float32(1 / (1 << (bit_depth - 8)))
    row, rows, smoothed = (np.empty(size, np.float32) for size in (5 * PITCH, 5 * TAPS * PITCH, 5 * PITCH))
    sums = (_sums_as_libvmaf if as_libvmaf else _sums)(distorted, reference, step, row, rows, smoothed)
    windows: int = (height - TAPS + 1) * (width - TAPS + 1)
    return Structure(*(min(float(total) / windows, 1.0) for total in sums))


def float_ssim(distorted: Plane, reference: Plane, bit_depth: int) -> float:
    """libvmaf's ``float_ssim``, within 1e-6: single precision in libvmaf makes the difference.

    Args:
        distorted: A plane of at least 11x11; it is made smaller by the whole factor nearest to its shorter side over 256.
        reference: A plane of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        From -1 to 1; 1 for equal planes.
    """
    factor = max(1, int(min(reference.shape) / NATIVE + 0.5))
    if factor == 1:
        return structure(distorted, reference, bit_depth).ssim
    return structure(box_means(distorted, factor, bit_depth), box_means(reference, factor, bit_depth)).ssim


def ms_ssim(distorted: Plane, reference: Plane, bit_depth: int) -> float:
    """libvmaf's ``float_ms_ssim``, within 1e-6: single precision in libvmaf makes the difference.

    Args:
        distorted: A plane of at least 176x176.
        reference: A plane of the same shape and type.
        bit_depth: Bits per sample.

    Returns:
        From 0 to 1; 1 for equal planes. 0 where a scale's mean structure is negative, for which libvmaf has no number.
    """
    # at full size rounding hardly matters: the exponent is 0.0448
    dist, ref = halved(distorted, bit_depth), halved(reference, bit_depth)
    scales = [structure(distorted, reference, bit_depth, as_libvmaf=False), structure(dist, ref)]
    while len(scales) < len(EXPONENTS):
        dist, ref = halved(dist), halved(ref)
        scales.append(structure(dist, ref))
    product = math.prod(
        (scale.contrast * max(scale.structure, 0.0)) ** exponent for scale, exponent in zip(scales, EXPONENTS, strict=True)
    )
    return float(product * scales[-1].luminance ** EXPONENTS[-1])
