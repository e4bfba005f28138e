"""How much a picture differs from the one before, blurred: libvmaf's integer motion, bit for bit.

Source: libvmaf feature/integer_motion.c (3.2: the difference is filtered, not the pictures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.vif import TAPS, mirrored
from monitor.types import Plane

EDGE, SIDE, MIDDLE = (np.int32(tap) for tap in TAPS[2][:3])
REACH = 2


@kernel()
def _down(
    earlier: Plane,
    current: Plane,
    rows: NDArray[np.int64],
    bit_depth: int,
    upper: NDArray[np.int32],
    lower: NDArray[np.int32],
) -> None:
    """Filter the difference of five rows down and split the result into ``256 * upper + lower``."""
    shift, half = np.int32(bit_depth - 8), np.int32(1 << (bit_depth - 1))
    p0, p1, p2, p3, p4 = earlier[rows[0]], earlier[rows[1]], earlier[rows[2]], earlier[rows[3]], earlier[rows[4]]
    c0, c1, c2, c3, c4 = current[rows[0]], current[rows[1]], current[rows[2]], current[rows[3]], current[rows[4]]
    for i in range(np.uint64(p0.size)):
        d0, d4 = np.int32(p0[i]) - np.int32(c0[i]), np.int32(p4[i]) - np.int32(c4[i])
        d1, d3 = np.int32(p1[i]) - np.int32(c1[i]), np.int32(p3[i]) - np.int32(c3[i])
        d2 = np.int32(p2[i]) - np.int32(c2[i])
        coarse = np.int32(
            EDGE * np.int32((d0 >> 8) + (d4 >> 8)) + SIDE * np.int32((d1 >> 8) + (d3 >> 8)) + MIDDLE * np.int32(d2 >> 8)
        )
        fine = np.int32(
            EDGE * np.int32((d0 & 255) + (d4 & 255)) + SIDE * np.int32((d1 & 255) + (d3 & 255)) + MIDDLE * np.int32(d2 & 255)
        )
        value = np.int32(np.int32(coarse + (np.int32(fine + half) >> 8)) >> shift)
        upper[i] = value >> 8
        lower[i] = value & 255


@kernel()
def _across(upper: NDArray[np.int32], lower: NDArray[np.int32], width: int) -> np.int64:
    """Filter a row across and add up its magnitudes, which stay below 65536 each."""
    total = np.int64(0)
    for i in range(np.uint64(width)):
        a, b, c, d, e = i, i + np.uint64(1), i + np.uint64(2), i + np.uint64(3), i + np.uint64(4)
        coarse = np.int32(EDGE * np.int32(upper[a] + upper[e]) + SIDE * np.int32(upper[b] + upper[d]) + MIDDLE * upper[c])
        fine = np.int32(EDGE * np.int32(lower[a] + lower[e]) + SIDE * np.int32(lower[b] + lower[d]) + MIDDLE * lower[c])
        total += np.int64(abs(np.int32(np.int32(coarse + (np.int32(fine + np.int32(32768)) >> 8)) >> 8)))
    return total


@kernel()
def _sad(earlier: Plane, current: Plane, bit_depth: int) -> np.int64:
    height, width = current.shape
    upper, lower = np.empty(width + 2 * REACH, np.int32), np.empty(width + 2 * REACH, np.int32)
    rows = np.empty(2 * REACH + 1, np.int64)
    total = np.int64(0)
    for row in range(height):
        for k in range(rows.size):
            rows[k] = mirrored(row - REACH + k, height)
        _down(earlier, current, rows, bit_depth, upper[REACH : REACH + width], lower[REACH : REACH + width])
        for line in (upper, lower):
            for i in range(REACH):
                line[i] = line[REACH + mirrored(i - REACH, width)]
                line[REACH + width + i] = line[REACH + mirrored(width + i, width)]
        total += _across(upper, lower, width)
    return total


def motion(earlier: Plane, current: Plane, bit_depth: int) -> float:
    """Mean absolute difference of two blurred luma planes of one shape and type, in 8-bit levels, 0-255.

    Args:
        earlier: Samples of ``bit_depth`` bits.
        current: The picture shown next.
        bit_depth: 8 to 16.
    """
    return float(int(_sad(earlier, current, bit_depth)) / 256 / current.size)
