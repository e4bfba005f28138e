"""Slow and obvious twins of VMAF's kernels, in NumPy integers: libvmaf's integer extractors step by step."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

VIF_TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784, 7455, 6547, 5274, 3896, 2640, 1640, 935, 489),
    (1244, 3663, 7925, 12590, 14692, 12590, 7925, 3663, 1244),
    (3571, 16004, 26386, 16004, 3571),
    (10904, 43728, 10904),
)
LOG = np.zeros(65536, np.int64)
LOG[32767:] = np.floor(2048 * np.log2(np.arange(32767, 65536)).astype(np.float32).astype(np.float64) + 0.5)

LOW = (15826, 27411, 7345, -4240)
HIGH = (-4240, -7345, 27411, -15826)
CSF = (
    (0.0173815377, 0.005890687),
    (0.0319848284, 0.0142990677),
    (0.0433726609, 0.0243969075),
    (0.0456734113, 0.0313127376),
)
f32 = np.float32


def rounded(value: Any, shift: int) -> Any:
    return (value + (1 << (shift - 1))) >> shift if shift else value


def mirrored(size: int, reach: int) -> NDArray[np.int64]:
    """Indices -reach .. size-1+reach, mirrored without repeating the edge sample as often as it takes."""
    index = np.arange(-reach, size + reach)
    if size == 1:
        return np.zeros_like(index)
    index = np.abs(index) % (2 * size - 2)
    return np.minimum(index, 2 * size - 2 - index)


def filtered(rows: NDArray[Any], taps: tuple[int, ...]) -> NDArray[Any]:
    """Weighted sum down the first axis."""
    reach = len(taps) // 2
    padded = rows[mirrored(rows.shape[0], reach)]
    return sum((tap * padded[k : k + rows.shape[0]] for k, tap in enumerate(taps)), np.zeros_like(rows))


def vif(distorted: NDArray[Any], reference: NDArray[Any], depth: int, gain_limit: float = 100.0) -> list[float]:
    x, y = reference.astype(np.uint64), distorted.astype(np.uint64)
    ratios = []
    for scale, taps in enumerate(VIF_TAPS):
        of_mean, of_square = (depth, 2 * (depth - 8)) if scale == 0 else (16, 16)
        if scale:
            first = depth if scale == 1 else 16
            x, y = (
                rounded(filtered(rounded(filtered(p, taps), first).T, taps).T, 16)[: 2 * (p.shape[0] // 2) : 2][
                    :, : 2 * (p.shape[1] // 2) : 2
                ]
                for p in (x, y)
            )
        ratios.append(_vif_scale(x, y, taps, of_mean, of_square, gain_limit))
    return ratios


def _vif_scale(x: Any, y: Any, taps: tuple[int, ...], of_mean: int, of_square: int, limit: float) -> float:
    mx, my = (filtered(rounded(filtered(p, taps), of_mean).T, taps).T for p in (x, y))
    qxx, qyy, qxy = (
        rounded(filtered(rounded(filtered(p * q, taps), of_square).T, taps).T, 16) for p, q in ((x, x), (y, y), (x, y))
    )
    mxx, myy, mxy = ((p * q + (1 << 31)) >> 32 for p, q in ((mx, mx), (my, my), (mx, my)))
    s1, s2, s12 = (q.astype(np.int64) - m.astype(np.int64) for q, m in ((qxx, mxx), (qyy, myy), (qxy, mxy)))
    s2 = np.maximum(s2, 0)
    noise = 131072

    def log(value: int) -> int:
        k = value.bit_length() - 16
        return int(LOG[value >> k]) + 2048 * k

    numerator = denominator = outside = flat = 0
    for a, b, c in zip(s1.ravel().tolist(), s2.ravel().tolist(), s12.ravel().tolist(), strict=True):
        if a < noise:
            outside, flat = outside + b, flat + 1
            continue
        denominator += log(noise + a) - 2048 * 17
        if c > 0 and b > 0:
            gain = c / (a + 65536e-10)
            rest = max(int(b - gain * c), 0)
            gain = min(gain, limit)
            numerator += log(int(gain * gain * a) + rest + noise) - log(rest + noise)
    top = f32(numerator / 2048 + (flat - (outside / 16384) / 65025))
    return float(top / f32(denominator / 2048 + flat))


def motion_sad(earlier: NDArray[Any], current: NDArray[Any], depth: int) -> float:
    difference = earlier.astype(np.int64) - current.astype(np.int64)
    down = rounded(filtered(difference, VIF_TAPS[2]), depth)
    across = rounded(filtered(down.T, VIF_TAPS[2]).T, 16)
    return float(int(np.abs(across).sum()) / 256 / current.size)


def wavelet(rows: NDArray[np.int64], taps: tuple[int, ...]) -> NDArray[np.int64]:
    """Filter and halve along the first axis: output i from inputs 2i-1 .. 2i+2."""
    size = rows.shape[0]
    outputs = (size + 1) // 2
    total = np.zeros((outputs, *rows.shape[1:]), np.int64)
    for k, tap in enumerate(taps):
        index = np.abs(2 * np.arange(outputs) - 1 + k)
        total += tap * rows[np.where(index >= size, 2 * size - 1 - index, index)]
    return total


def bands(picture: NDArray[Any], depth: int) -> list[dict[str, NDArray[np.int64]]]:
    """Levels 0-3, each with the bands a, h, v and d."""
    levels = []
    shifts = ((depth, 16), (0, 15), (16, 16), (16, 15))
    a = picture.astype(np.int64)
    for level, (down, across) in enumerate(shifts):
        low, high = wavelet(a, LOW), wavelet(a, HIGH)
        if level == 0:
            low = low - (46342 << (depth - 1))
        low, high = (rounded(part, down).T for part in (low, high))
        made = {
            name: rounded(wavelet(part, taps).T, across)
            for name, part, taps in (("a", low, LOW), ("v", low, HIGH), ("h", high, LOW), ("d", high, HIGH))
        }
        levels.append(made)
        a = made["a"]
    return levels


def restored(o: Any, t: Any, limit: float) -> list[NDArray[np.int64]]:
    """The restored part of each band h, v, d of a level."""
    oh, ov, th, tv = (band[name].astype(object) for band in (o, t) for name in ("h", "v"))
    dot, oo, tt = oh * th + ov * tv, oh * oh + ov * ov, th * th + tv * tv
    dot, oo, tt = (part.astype(np.int64).astype(np.float32).astype(np.float64) / 4096 for part in (dot, oo, tt))
    aligned = (dot >= 0) & (dot * dot >= float(f32(math.cos(math.pi / 180) ** 2)) * oo * tt)
    parts = []
    for name in ("h", "v", "d"):
        part = np.zeros(o[name].shape, np.int64)
        for at in np.ndindex(part.shape):
            a, b = int(o[name][at]), int(t[name][at])
            size = abs(a)
            extra = 0 if size < 32768 else size.bit_length() - 15
            divisor = rounded(size, extra)
            k = 32768
            if a:
                k = ((1 << 30) // divisor * b * (1 if a > 0 else -1) + (1 << (14 + extra))) >> (15 + extra)
                k = min(max(k, 0), 32768)
            r = (k * a + 16384) >> 15
            if aligned[at] and k > 0 and a:
                r = int(min(r * limit, b) if a > 0 else max(r * limit, b))
            part[at] = r
        parts.append(part)
    return parts


def central(size: int) -> slice:
    edge = max(int(0.1 * size - 0.5), 0)
    return slice(edge, size - edge)


def _around(plane: NDArray[np.int64], centre: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of the eight neighbours of ``plane`` and the middle of ``centre``."""
    top, bottom = plane[min(1, plane.shape[0] - 1)], plane[-1]
    padded = np.concatenate([top[None], plane, bottom[None]])
    left, right = padded[:, min(1, plane.shape[1] - 1)], padded[:, -1]
    padded = np.concatenate([left[:, None], padded, right[:, None]], axis=1)
    height, width = plane.shape
    total = np.zeros_like(plane)
    for dy in range(3):
        for dx in range(3):
            total += padded[dy : dy + height, dx : dx + width]
    return total - plane + centre


def logarithm(value: float) -> int:
    return math.ceil(math.log2(value))


def cube_root(value: Any) -> Any:
    return f32(np.power(f32(value), f32(1) / f32(3)))


def masked_numerator(level: int, signal: Any, masker: Any, noise_weight: float) -> Any:
    height, width = signal[0].shape
    rows, columns = central(height), central(width)
    area = f32((rows.stop - rows.start) * (columns.stop - columns.start))
    factors = (CSF[level][0], CSF[level][0], CSF[level][1])
    threshold = np.zeros((height, width), np.int64)
    if level == 0:
        fixed = (36453, 36453, 49417)
        for factor, band, half, shift in zip(fixed, masker, (16384, 16384, 65535), (15, 15, 17), strict=True):
            c = np.abs(((factor * band + half) >> shift).astype(np.int16).astype(np.int64))
            threshold += _around((4369 * c + 2048) >> 12, (8738 * c + 2048) >> 12)
    else:
        fixed = tuple(int(float(f32(factor)) * 2**32) for factor in factors)  # type: ignore[assignment]
        for factor, band in zip(fixed, masker, strict=True):
            c = np.abs((factor * band + (1 << 27)) >> 28)
            threshold += _around((143165577 * c - (1 << 31)) >> 32, (286331153 * c - (1 << 31)) >> 32)
    total = f32(0)
    for index, (factor, band) in enumerate(zip(fixed, signal, strict=True)):
        if level == 0:
            v = np.maximum(np.abs(factor * band) - (threshold << (10, 10, 12)[index]), 0)
            of_square, across = (29, 29, 30)[index], math.ceil(math.log2(width) - (4, 4, 3)[index])
            scale = (52, 52, 57)[index]
        else:
            v = np.maximum(np.abs((factor * band + (1 << 27)) >> 28) - threshold, 0)
            of_square, across, scale = 30, logarithm(width), (45, 39, 36)[level - 1]
        v = v[rows, columns].astype(object)
        terms = rounded(rounded(v * v, of_square) * v, across)
        down = logarithm(height)
        value = sum(rounded(int(row.sum()), down) for row in terms)
        total = f32(total + f32(cube_root(value / 2.0 ** (scale - across - down)) + cube_root(area * f32(noise_weight))))
    return total


def denominator(level: int, reference: Any, noise_weight: float) -> Any:
    total = f32(0)
    for name in ("h", "v", "d"):
        band = np.abs(reference[name])
        inner = band[central(band.shape[0]), central(band.shape[1])].astype(object)
        height, width = inner.shape
        factor = float(f32(CSF[level][1 if name == "d" else 0]))
        if level == 0:
            shift = max(0, math.ceil(math.log2(inner.size) - 20))
            value = sum(rounded(int(row.sum()), shift) for row in inner**3) / 2.0 ** (18 - shift)
        else:
            unit = (31, 30, 31)[level - 1]
            across, down = logarithm(width), logarithm(height)
            terms = rounded(((inner * inner + (1 << unit)) >> unit) * inner, across)
            value = sum(rounded(int(row.sum()), down) for row in terms)
            value /= 2.0 ** ((32, 27, 23)[level - 1] - across - down)
        total = f32(total + f32(cube_root(value * factor**3) + cube_root(f32(inner.size) * f32(noise_weight))))
    return total


def adm(distorted: NDArray[Any], reference: NDArray[Any], depth: int, limit: float = 100.0) -> dict[str, float]:
    numerators, additive, denominators = [], [], []
    for level, (o, t) in enumerate(zip(bands(reference, depth), bands(distorted, depth), strict=True)):
        r = restored(o, t, limit)
        u = [t[name] - part for name, part in zip("hvd", r, strict=True)]
        numerators.append(float(masked_numerator(level, r, u, 1 / 32)))
        additive.append(float(masked_numerator(level, u, r, 0.0)))
        denominators.append(float(denominator(level, o, 1 / 32)))
    top, bottom = sum(numerators), sum(denominators)
    return {
        "integer_adm2": top / bottom,
        "integer_aim": sum(additive) / bottom,
        **{f"integer_adm_scale{level}": n / d for level, (n, d) in enumerate(zip(numerators, denominators, strict=True))},
    }


def motion2(sads: list[float]) -> list[float]:
    """Of all frames from the differences of each frame to the one before, the first being 0."""
    return [0.0, *(min(pair) for pair in pairwise(sads[1:])), *sads[1:][-1:]]
