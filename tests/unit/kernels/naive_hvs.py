"""A slow twin of the PSNR-HVS kernel: one block after the other, with libvmaf's order and rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

f32 = np.float32


def lifted(x: list[int]) -> list[int]:
    """Daala's 8-point integer cosine transform."""

    def half(value: int) -> int:
        return (value + (value < 0)) >> 1

    def part(value: int, factor: int, shift: int) -> int:
        return (value * factor + (1 << (shift - 1))) >> shift

    odd0 = x[0] - x[7]
    u = half(odd0)
    even0 = x[0] - u
    even3 = x[1] + x[6]
    v = half(even3)
    odd2 = x[6] - v
    odd1 = x[2] - x[5]
    even2 = x[2] - half(odd1)
    even1 = x[3] + x[4]
    w = half(even1)
    odd3 = w - x[4]
    even0 += w
    even1 = even0 - even1
    even2 = v - even2
    even3 = even2 - even3
    even0 -= part(even3, 13573, 15)
    even3 += part(even0, 11585, 14)
    even0 -= part(even3, 13573, 15)
    even1 -= part(even2, 21895, 15)
    even2 += part(even1, 15137, 14)
    even1 -= part(even2, 21895, 15)
    odd1 += part(odd2, 19195, 15)
    odd2 += part(odd1, 11585, 14)
    odd1 -= part(odd2, 7489, 13)
    odd3 = half(odd2) - odd3
    odd2 -= odd3
    odd1 = u - odd1
    odd0 -= odd1
    odd3 += part(odd0, 3227, 15)
    odd0 -= part(odd3, 6393, 15)
    odd3 += part(odd0, 3227, 15)
    odd2 += part(odd1, 2485, 13)
    odd1 -= part(odd2, 18205, 15)
    odd2 += part(odd1, 2485, 13)
    return [even0, odd0, even2, odd1, even3, odd2, even1, odd3]


def transform(block: NDArray[Any]) -> NDArray[np.int64]:
    columns = np.array([lifted([int(v) for v in column]) for column in block.T]).T
    return np.array([lifted([int(v) for v in row]) for row in columns])


def variance(part: NDArray[Any]) -> np.float32:
    mean = f32(part.sum()) / f32(part.size)
    total = f32(0)
    for value in part.ravel():
        total = f32(total + f32((f32(value) - mean) ** 2))
    return f32(total * f32(f32(1 / (part.size - 1)) * f32(part.size)))


def mask(block: NDArray[Any], coefficients: NDArray[np.int64], weights: NDArray[np.float32]) -> np.float32:
    energy = f32(0)
    for value, weight in zip(coefficients.ravel()[1:], weights.ravel()[1:], strict=True):
        energy = f32(energy + f32(f32(value * value) * weight))
    whole = variance(block)
    quarters = (block[:4, :4], block[4:, :4], block[:4, 4:], block[4:, 4:])
    parts = f32(0)
    for quarter in quarters:
        parts = f32(parts + variance(quarter))
    ratio = f32(parts / whole) if whole > 0 else f32(0)
    return f32(np.sqrt(f32(energy * ratio)) / f32(32))


def visible_error(distorted: NDArray[Any], reference: NDArray[Any], visibility: NDArray[np.float32], depth: int) -> float:
    weights = ((visibility.astype(np.float64) * 0.3885746225901003) ** 2).astype(f32)
    total, blocks = f32(0), 0
    for top in range(0, reference.shape[0] - 7, 7):
        for left in range(0, reference.shape[1] - 7, 7):
            both = [plane[top : top + 8, left : left + 8].astype(np.int64) for plane in (distorted, reference)]
            freq = [transform(block) for block in both]
            masked = max(mask(block, of, weights) for block, of in zip(both, freq, strict=True))
            error = np.abs(freq[1] - freq[0]).astype(f32)
            hidden = f32(masked) / weights.reshape(8, 8)
            hidden[0, 0] = 0
            for value in ((np.maximum(error - hidden, f32(0)) * visibility.reshape(8, 8)) ** 2).ravel():
                total = f32(total + value)
            blocks += 1
    return float(total) / (64 * blocks) / ((1 << depth) - 1) ** 2
