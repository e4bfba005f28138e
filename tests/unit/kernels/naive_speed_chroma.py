"""A slow and obvious twin of SpEED-chroma's kernels, in double precision: libvmaf's feature/speed.c step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENTROPY = math.log2(2 * math.pi * math.e)


def mirrored(index: int, size: int) -> int:
    index = abs(index)
    return index if index < size else 2 * size - 2 - index


def resized(picture: NDArray[Any], scale: float, method: str) -> NDArray[Any]:
    if abs(scale - 1) < 0.001:
        return picture
    for axis in (0, 1):
        old = picture.shape[axis]
        new = int(old * scale + 0.5)
        ratio, lines = np.float32(old / new), []
        for i in range(new):
            if method == "nearest":
                lines.append(picture.take(int(np.float32(i) * ratio), axis))
                continue
            position = np.float32(np.float32(i + 0.5) * ratio - np.float32(0.5))
            low, high = (mirrored(int(rounded(position)), old) for rounded in (np.floor, np.ceil))
            share = float(position) - low
            lines.append((1 - share) * picture.take(low, axis) + share * picture.take(high, axis))
        picture = np.stack(lines, axis)
    return picture


def smoothed(picture: NDArray[Any], taps: int, sigma: float) -> NDArray[Any]:
    reach = taps // 2
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    for axis in (0, 1):
        size = picture.shape[axis]
        lines = [
            sum(
                weight * picture.take(mirrored(i + k - reach, size), axis)
                for k, weight in enumerate(weights / weights.sum())
            )
            for i in range(size)
        ]
        picture = np.stack(lines, axis)
    return picture


def details(plane: NDArray[Any], depth: int, settings: Any) -> NDArray[Any]:
    picture = resized(plane / 2.0 ** (depth - 8) - 128, settings.speed_prescale, settings.speed_prescale_method)
    height, width = picture.shape
    small = smoothed(picture, 9, 3.6)[::16, ::16][: height >> 4, : width >> 4]
    small = small - smoothed(small, 3, 0.6)
    return small[: small.shape[0] // 5 * 5, : small.shape[1] // 5 * 5]


def statistics(plane: NDArray[Any], depth: int, settings: Any) -> tuple[NDArray[Any], NDArray[Any], bool]:
    picture = details(plane, depth, settings)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (5, 5)).reshape(-1, 25)
    covariance = np.cov(windows, rowvar=False, bias=True)
    blocks = [
        picture[y : y + 5, x : x + 5].ravel() for y in range(0, picture.shape[0], 5) for x in range(0, picture.shape[1], 5)
    ]
    eigenvalues = np.linalg.eigvalsh(covariance)
    singular = bool(eigenvalues.min() < 1e-6)
    scales = np.zeros(len(blocks))
    if not singular:
        inverse = np.linalg.inv(covariance)
        scales = np.array([block @ inverse @ block / 25 for block in blocks])
    entropies = [
        sum(math.log2(max(value, 0) * scale + settings.speed_sigma_nn) + ENTROPY for value in eigenvalues)
        for scale in scales
    ]
    return np.array(entropies), scales, singular


def score(distorted: NDArray[Any], reference: NDArray[Any], depth: int, settings: Any) -> float | None:
    (of_r, sr, r_singular), (of_d, sd, d_singular) = (statistics(p, depth, settings) for p in (reference, distorted))
    if r_singular != d_singular:
        return None
    base = 25 * (math.log2((1 + settings.speed_nn_floor) * settings.speed_sigma_nn) + ENTROPY)
    a, b = [
        (sr, sd),
        (sr, sr),
        (sd, sd),
        ((sr + sd) / 2, (sr + sd) / 2),
        (sr, (sr + sd) / 2),
        (sr, 0.75 * sr + 0.25 * sd),
        (sr, 0.25 * sr + 0.75 * sd),
    ][settings.speed_weight_var_mode]
    counted = ~((of_r < base) & (of_d < base))
    return float((np.abs(of_r * np.log2(1 + a) - of_d * np.log2(1 + b)) * counted).mean())


def speed_chroma(distorted: Any, reference: Any, depth: int, settings: Any) -> list[float]:
    u, v = (score(d, r, depth, settings) for d, r in zip(distorted, reference, strict=True))
    values = [value for value in (u, v) if value is not None]
    mean = sum(values) / len(values) if values else 0.0
    return [min(value or 0.0, settings.speed_max_val) for value in (u, v, mean)]
