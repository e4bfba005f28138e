"""A slow and obvious twin of CAMBI's kernels, in NumPy: libvmaf's feature/cambi.c step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, *[9] * 10)
FOOT, HEAD = 64, 940


def luminance(sample: int, eotf: str) -> float:
    v = (min(max(sample, FOOT), HEAD) - FOOT) / (HEAD - FOOT)
    if eotf == "pq":
        root = v ** (4096 / (2523 * 128))
        above = max(root - 3424 / 4096, 0.0)
        return float(10000 * (above / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610))
    gamma = 1 / 2.4
    a = (300**gamma - 0.01**gamma) ** 2.4
    b = 0.01**gamma / (300**gamma - 0.01**gamma)
    return float(a * max(v + b, 0) ** 2.4)


def brightest(step: int, threshold: float, eotf: str) -> int:
    """The brightest sample at which a difference of ``step`` is seen."""

    def seen(sample: int) -> bool:
        here = luminance(sample, eotf)
        return luminance(sample + step, eotf) - here > threshold * here

    if not seen(FOOT):
        return 0
    last = HEAD - step - 1
    if seen(last) and seen(last + 1):
        return 1023
    return max(sample for sample in range(FOOT, last + 1) if seen(sample))


def darkest(threshold: float, eotf: str) -> int:
    found = next(sample for sample in range(FOOT, HEAD + 1) if luminance(sample, eotf) >= threshold)
    return 0 if found == FOOT else found


def resized(picture: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    indices = []
    for of_input, of_output in zip(picture.shape, (height, width), strict=True):
        ratio = np.float32(of_input / of_output)
        position, chosen = np.float32(ratio / 2 - 0.5), []
        for _ in range(of_output):
            chosen.append(int(position + np.float32(0.5)))
            position = np.float32(position + ratio)
        indices.append(chosen)
    return picture[np.ix_(*indices)]


def ten_bits(picture: NDArray[Any], bit_depth: int) -> NDArray[np.int64]:
    samples = picture.astype(np.int64)
    if bit_depth <= 10:
        return samples << (10 - bit_depth)
    return (samples + (1 << (bit_depth - 11))) >> (bit_depth - 10)


def without_dither(p: NDArray[np.int64]) -> NDArray[np.int64]:
    smooth = p.copy()
    smooth[:-1, :-1] = (p[:-1, :-1] + p[:-1, 1:] + p[1:, :-1] + p[1:, 1:]) >> 2
    smooth[:-1, -1] = (p[:-1, -1] + p[1:, -1]) >> 1
    smooth[-1, :-1] = (p[-1, :-1] + p[-1, 1:]) >> 1
    return smooth


def flat_mask(p: NDArray[np.int64]) -> NDArray[np.bool_]:
    height, width = p.shape
    right, below = np.ones(p.shape, bool), np.ones(p.shape, bool)
    right[:, :-1] = p[:, :-1] == p[:, 1:]
    below[:-1] = p[:-1] == p[1:]
    padded = np.pad((right & below).astype(np.int64), 3)
    around = np.lib.stride_tricks.sliding_window_view(padded, (7, 7)).sum((2, 3))
    blocks = (width >> 6) * (height >> 6)
    log = math.ceil(math.log2(blocks)) if blocks else 0
    return np.asarray(around > (49 + 3 * (log - 11) - 1) >> 1)


def mode3(a: Any, b: Any, c: Any) -> Any:
    return np.where((a == b) | (a == c), a, np.where(b == c, b, np.minimum(np.minimum(a, b), c)))


def filtered(p: NDArray[np.int64]) -> NDArray[np.int64]:
    across, out = p.copy(), p.copy()
    across[:, 1:-1] = mode3(p[:, :-2], p[:, 1:-1], p[:, 2:])
    out[1:-1] = mode3(across[:-2], across[1:-1], across[2:])
    return out


def around(marked: NDArray[np.bool_], pad: int) -> NDArray[np.int64]:
    """How many of the square around each sample are marked."""
    sums = np.zeros((marked.shape[0] + 1, marked.shape[1] + 1), np.int64)
    sums[1:, 1:] = marked.cumsum(0).cumsum(1)
    (top, bottom), (left, right) = (
        (np.maximum(np.arange(size) - pad, 0), np.minimum(np.arange(size) + pad + 1, size)) for size in marked.shape
    )
    return sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)] - sums[np.ix_(bottom, left)] + sums[np.ix_(top, left)]


def contrast(p: NDArray[np.int64], mask: NDArray[np.bool_], pad: int, tvi: list[int], low: int) -> NDArray[np.float64]:
    c, steps = np.zeros(p.shape), len(tvi)
    counts: dict[int, NDArray[np.int64]] = {}

    def count(value: int) -> NDArray[np.int64]:
        if value not in counts:
            counts[value] = around(mask & (p == value), pad)
        return counts[value]

    for value in np.unique(p[mask]).tolist():
        here = mask & (p == value)
        same = count(value)
        for d in range(1, steps + 1):
            if value <= tvi[d - 1] and value + steps + d > low:
                other = np.maximum(count(value + d), count(value - d))
                found = WEIGHTS[d - 1] * same * other / np.maximum(same + other, 1)
                c = np.where(here, np.maximum(c, found), c)
    return c


def cambi(luma: NDArray[Any], bit_depth: int, settings: Any) -> float:
    height, width = luma.shape
    if 0 < settings.enc_width <= width and 0 < settings.enc_height <= height:
        width, height = settings.enc_width, settings.enc_height
    p = ten_bits(resized(luma, width, height), bit_depth)
    if (settings.enc_bitdepth or bit_depth) < 10:
        p = without_dither(p)
    mask = flat_mask(p)
    smallest = {1080: 1920 * 1080, 1440: 2560 * 1440, 2160: 3840 * 2160}.get(settings.cambi_high_res_speedup, math.inf)
    fast = width * height >= smallest
    window = (settings.window_size * (width + height) // 375) >> 4
    pad = (((window + 1) >> 1 if fast else window) | 1) >> 1
    tvi = [brightest(d, settings.tvi_threshold, settings.cambi_eotf) for d in range(1, (1 << settings.max_log_contrast) + 1)]
    low = darkest(settings.cambi_vis_lum_threshold, settings.cambi_eotf)
    total = 0.0
    for scale in range(5):
        if scale or fast:
            p, mask = p[::2, ::2], mask[::2, ::2]
        p = filtered(p)
        c = np.sort(contrast(p, mask, pad, tvi, low).ravel())[::-1]
        k = min(max(int(settings.topk * c.size), 1), c.size)
        total += c[:k].mean() * (16 >> scale)
    return float(min(total / (2 * pad + 1) ** 2, settings.cambi_max_val))
