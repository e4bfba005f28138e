"""Slow and obvious twins of the kernels, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def squared_error(distorted: NDArray[Any], reference: NDArray[Any]) -> int:
    return int(((distorted.astype(np.int64) - reference.astype(np.int64)) ** 2).sum())


def levels(luma: NDArray[Any], *, dark: int, black: int, white: int) -> tuple[NDArray[np.int64], int, int, int]:
    values = luma.astype(np.int64)
    blocks = [
        [int(values[y : y + 16, x : x + 16].sum()) for x in range(0, values.shape[1], 16)]
        for y in range(0, values.shape[0], 16)
    ]
    clipped = np.count_nonzero(values <= black) + np.count_nonzero(values >= white)
    return np.array(blocks), int((values**2).sum()), int(np.count_nonzero(values <= dark)), int(clipped)


def sobel_moments(luma: NDArray[Any]) -> tuple[float, float]:
    p = luma.astype(np.float64)
    across = (p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[1:-1, :-2] + p[2:, :-2])
    down = (p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[:-2, 1:-1] + p[:-2, 2:])
    magnitude = np.sqrt(across**2 + down**2)
    return float(magnitude.mean()), float(magnitude.var())


def difference_profiles(luma: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = luma.astype(np.int64)
    return np.abs(np.diff(values, axis=1)).mean(axis=0), np.abs(np.diff(values, axis=0)).mean(axis=1)


def mask_means(luma: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = luma.astype(np.int64)
    filtered = np.full(luma.shape, -1, np.int64)
    for y in range(1, luma.shape[0] - 1):
        for x in range(1, luma.shape[1] - 1):
            around = values[y - 1 : y + 2, x - 1 : x + 2]
            filtered[y, x] = abs((around * np.outer([1, -2, 1], [1, -2, 1])).sum())
    shape = (-(-luma.shape[0] // 16), -(-luma.shape[1] // 16))
    means, samples = np.zeros(shape), np.zeros(shape, np.int64)
    for row in range(shape[0]):
        for column in range(shape[1]):
            block = filtered[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            inner = block[block >= 0]
            samples[row, column] = inner.size
            means[row, column] = inner.mean() if inner.size else 0.0
    return means, samples


def ssim(distorted: NDArray[Any], reference: NDArray[Any], peak: int) -> float:
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(taps, taps) / taps.sum() ** 2
    d, r = (sliding_window_view(plane.astype(np.float64), (11, 11)) for plane in (distorted, reference))

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        smoothed: NDArray[Any] = (values * window).sum(axis=(2, 3))
        return smoothed

    mean_d, mean_r = mean(d), mean(r)
    covariance = mean(d * r) - mean_d * mean_r
    variances = mean(d * d) - mean_d**2 + mean(r * r) - mean_r**2
    luminance, contrast = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    numerator = (2 * mean_d * mean_r + luminance) * (2 * covariance + contrast)
    return float((numerator / ((mean_d**2 + mean_r**2 + luminance) * (variances + contrast))).mean())
