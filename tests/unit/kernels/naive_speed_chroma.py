"""A slow and obvious twin of SpEED-chroma's kernels: libvmaf's feature/speed.c step by step, rounded as there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.unit.kernels.naive_equations import F, eigenvalues, solution, summed

ENTROPY = math.log2(2 * math.pi * math.e)


def mirrored(index: int, size: int) -> int:
    index = abs(index)
    return index if index < size else 2 * size - 2 - index


def places(old: int, new: int) -> list[tuple[int, int, Any]]:
    """Of each sample the one below, the one above and the share of the latter."""
    found, ratio = [], float(F(old / new))
    for i in range(new):
        position = F((i + 0.5) * ratio - 0.5)
        low, high = (mirrored(int(rounded(position)), old) for rounded in (np.floor, np.ceil))
        found.append((low, high, position - F(low)))
    return found


def resized(picture: NDArray[Any], scale: float, method: str) -> NDArray[Any]:
    if abs(scale - 1) < 0.001:
        return picture
    height, width = (int(size * scale + 0.5) for size in picture.shape)
    if method == "nearest":
        rows, columns = (
            [int(F(i) * F(o / n)) for i in range(n)] for o, n in zip(picture.shape, (height, width), strict=True)
        )
        return picture[np.ix_(rows, columns)]
    left, right, across = (np.array(part) for part in zip(*places(picture.shape[1], width), strict=True))
    lines = []
    for above, below, share in places(picture.shape[0], height):
        terms = [(1 - share) * (1 - across) * picture[above, left], (1 - share) * across * picture[above, right]]
        terms += [share * (1 - across) * picture[below, left], share * across * picture[below, right]]
        lines.append(summed(terms))
    return np.array(lines)


def taps(count: int, sigma: float) -> Any:
    places = np.arange(count) - count // 2
    densities = np.exp(-0.5 * places / float(F(sigma)) * places / float(F(sigma))).astype(F)
    densities /= F(1 / (float(F(sigma)) * math.sqrt(2 * math.pi)))
    return densities / summed(densities)


def smoothed(picture: NDArray[Any], count: int, sigma: float) -> NDArray[Any]:
    reach = count // 2
    for axis in (0, 1):
        size = picture.shape[axis]
        lines = [
            summed(weight * picture.take(mirrored(i + k - reach, size), axis) for k, weight in enumerate(taps(count, sigma)))
            for i in range(size)
        ]
        picture = np.stack(lines, axis)
    return picture


def details(plane: NDArray[Any], depth: int, settings: Any) -> NDArray[Any]:
    picture = resized((plane / 2.0 ** (depth - 8) - 128).astype(F), settings.speed_prescale, settings.speed_prescale_method)
    height, width = picture.shape
    small = smoothed(picture, 9, 3.6)[::16, ::16][: height >> 4, : width >> 4]
    small = small - smoothed(small, 3, 0.6)
    return small[: small.shape[0] // 5 * 5, : small.shape[1] // 5 * 5]


def statistics(plane: NDArray[Any], depth: int, settings: Any) -> tuple[NDArray[Any], NDArray[Any], bool]:
    picture = details(plane, depth, settings)
    height, width = picture.shape
    shifted = [picture[y : y + height - 4, x : x + width - 4].ravel() for y in range(5) for x in range(5)]
    centred = np.array([part.astype(np.float64) - float(summed(part) / F(part.size)) for part in shifted])
    covariance = (centred @ centred.T / centred.shape[1]).astype(F)
    blocks = [picture[y : y + 5, x : x + 5].ravel() for y in range(0, height, 5) for x in range(0, width, 5)]
    found = eigenvalues(covariance)
    regular = all(float(value) >= 1e-6 for value in found)
    solved = solution(covariance, np.array(blocks).T.copy()) if regular else None
    scales = np.zeros(len(blocks), F)
    if solved is not None:
        scales = np.array([summed(x * y / F(25)) for x, y in zip(solved.T, blocks, strict=True)])
    entropies = []
    for scale in scales:
        entropy = F(0)
        for value in found:
            seen = max(value, F(0)) * scale + F(settings.speed_sigma_nn)
            entropy = F(float(entropy) + (math.log2(seen) + ENTROPY))
        entropies.append(entropy)
    return np.array(entropies), scales, solved is None


def score(distorted: NDArray[Any], reference: NDArray[Any], depth: int, settings: Any) -> float | None:
    (of_r, sr, r_singular), (of_d, sd, d_singular) = (statistics(p, depth, settings) for p in (reference, distorted))
    if r_singular or d_singular:
        return None
    base = F(25 * (math.log2((F(1) + F(settings.speed_nn_floor)) * F(settings.speed_sigma_nn)) + ENTROPY))
    total = F(0)
    for er, ed, r, d in zip(of_r, of_d, sr, sd, strict=True):
        if er < base and ed < base:
            continue
        both = float(r), float(d)
        a, b = [
            (F(1) + r, F(1) + d),
            (F(1) + r, F(1) + r),
            (F(1) + d, F(1) + d),
            (1 + float(r + d) / 2, 1 + float(r + d) / 2),
            (F(1) + r, 1 + float(r + d) / 2),
            (F(1) + r, 1 + (0.75 * both[0] + 0.25 * both[1])),
            (F(1) + r, 1 + (0.25 * both[0] + 0.75 * both[1])),
        ][settings.speed_weight_var_mode]
        total += abs(F(float(er) * math.log2(a)) - F(float(ed) * math.log2(b)))
    return float(total / F(len(sr)))


def speed_chroma(distorted: Any, reference: Any, depth: int, settings: Any) -> list[float]:
    u, v = (score(d, r, depth, settings) for d, r in zip(distorted, reference, strict=True))
    values = [value for value in (u, v) if value is not None]
    mean = float(F(sum(values))) / len(values) if values else 0.0
    return [min(value or 0.0, settings.speed_max_val) for value in (u, v, mean)]
