"""Slow and obvious twins of the structure kernels: libvmaf's arithmetic with its rounding, or all in double precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

HALF = np.array([0.001028, 0.007599, 0.036001, 0.109361, 0.213006, 0.266012], np.float32)
GAUSSIAN = HALF[[0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]]
QUARTER = np.array(
    [
        [0.000714, -0.000450, -0.002090, 0.007132, 0.016114],
        [-0.000450, 0.000283, 0.001316, -0.004490, -0.010146],
        [-0.002090, 0.001316, 0.006115, -0.020867, -0.047149],
        [0.007132, -0.004490, -0.020867, 0.071207, 0.160885],
        [0.016114, -0.010146, -0.047149, 0.160885, 0.363505],
    ]
)
LOW_PASS = QUARTER[np.ix_([0, 1, 2, 3, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 3, 2, 1, 0])]
BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def eight_bit(plane: NDArray[Any], depth: int) -> NDArray[np.float64]:
    return plane / (1 << (depth - 8))


def structure(distorted: NDArray[Any], reference: NDArray[Any], kind: Any = np.float32) -> tuple[float, float, float, float]:
    """With libvmaf's rounding products, stored sums and moments are float32; with ``np.float64`` nothing is rounded."""
    dist, ref = distorted.astype(kind), reference.astype(kind)

    def smoothed(plane: NDArray[Any]) -> Any:
        for axis in (1, 0):
            plane = (sliding_window_view(plane, 11, axis=axis) * GAUSSIAN).sum(axis=2, dtype=np.float64).astype(kind)
        return plane

    mean_r, mean_d = smoothed(ref), smoothed(dist)
    variance_r = np.maximum(smoothed(ref * ref) - mean_r * mean_r, 0)
    variance_d = np.maximum(smoothed(dist * dist) - mean_d * mean_d, 0)
    covariance = smoothed(ref * dist) - mean_r * mean_d
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    deviations = np.sqrt(variance_r * variance_d)
    covariance = np.where((covariance < 0) & (deviations == 0), 0, covariance)
    luminance = (2 * mean_r * mean_d + first) / (mean_r**2 + mean_d**2 + first)
    contrast = (2 * deviations + second) / (variance_r + variance_d + second)
    correlation = (covariance + second / 2) / (deviations + second / 2)
    of_each = (luminance, contrast, correlation, luminance * contrast * correlation)
    one, two, three, four = (float(part.mean(dtype=np.float64)) for part in of_each)
    return one, two, three, four


def mirrored(size: int, before: int, after: int) -> NDArray[np.int64]:
    index = np.arange(-before, size + after)
    return np.where((index // size) % 2 == 0, index % size, size - 1 - index % size)


def box_means(plane: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    height, width = (size // factor + size % 2 for size in plane.shape)
    rows, columns = (mirrored(size, factor, 2 * factor) for size in plane.shape)
    smaller = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            top, left = (at * factor - factor // 2 + factor for at in (y, x))
            smaller[y, x] = plane[np.ix_(rows[top : top + factor], columns[left : left + factor])].mean()
    return smaller


def halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (mirrored(size, 4, 4) for size in plane.shape)
    windows = sliding_window_view(plane[np.ix_(rows, columns)], (9, 9))[::2, ::2]
    smaller: NDArray[np.float64] = np.einsum("yxij,ij->yx", windows, LOW_PASS)
    return smaller


def float_ssim(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    factor = max(1, math.floor(min(reference.shape) / 256 + 0.5))
    pictures = eight_bit(distorted, depth), eight_bit(reference, depth)
    return structure(*pictures)[3] if factor == 1 else structure(*(box_means(picture, factor) for picture in pictures))[3]


def ms_ssim(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    dist, ref = eight_bit(distorted, depth), eight_bit(reference, depth)
    product = 1.0
    for scale, beta in enumerate(BETAS):
        luminance, contrast, correlation, _ = structure(dist, ref)
        product *= contrast**beta * max(correlation, 0.0) ** beta
        if scale == 4:
            product *= luminance**beta
        dist, ref = halved(dist), halved(ref)
    return product
