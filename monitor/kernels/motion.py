"""How much a picture differs from the one before, blurred: libvmaf's integer motion, bit for bit.

Source: libvmaf feature/integer_motion.c (3.2: the difference is filtered, not the pictures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES, tap_pairs, two_pair_sums
from monitor.kernels.vif import TAPS, fill_edges, mirrored
from monitor.types import Plane

REACH = 2
PAIRS = REACH + 1
EVEN, ODD = tap_pairs(TAPS[2]), tap_pairs(TAPS[2], 1)

DEEPEST = 15
"""Most bits of samples whose differences fit int16; deeper ones are filtered in two parts."""


@kernel()
def _load_differences(
    lanes: NDArray[np.uint32],
    low: NDArray[np.uint32],
    earlier_upper: Plane,
    current_upper: Plane,
    earlier_lower: Plane,
    current_lower: Plane,
    deep: bool,
) -> None:
    """Two rows of differences as lanes: whole, or their upper parts and their lower 8 bits apart."""
    for i in range(np.uint64(earlier_upper.size)):
        upper = np.int32(np.int32(earlier_upper[i]) - np.int32(current_upper[i]))
        lower = np.int32(np.int32(earlier_lower[i]) - np.int32(current_lower[i]))
        if deep:
            low[i] = np.uint32((upper & np.int32(255)) | ((lower & np.int32(255)) << np.int32(16)))
            upper, lower = np.int32(upper >> 8), np.int32(lower >> 8)
        lanes[i] = np.uint32(np.uint16(np.int16(upper))) | (np.uint32(np.uint16(np.int16(lower))) << np.uint32(16))


@kernel()
def _store(
    upper: NDArray[np.int16],
    lower: NDArray[np.int16],
    sums: NDArray[np.int32],
    low: NDArray[np.int32],
    bit_depth: int,
    deep: bool,
) -> None:
    """Scale a filtered row, which then has 17 bits, and split it into its upper part and its lower 8 bits."""
    shift = np.int32(bit_depth - 8 if deep else bit_depth)
    for i in range(np.uint64(upper.size)):
        total = np.int32(sums[i] + (low[i] >> np.int32(8))) if deep else sums[i]
        value = np.int32(total >> shift)
        upper[i] = np.int16(value >> np.int32(8))
        lower[i] = np.int16(value & np.int32(255))


@kernel()
def _magnitudes(upper: NDArray[np.int32], lower: NDArray[np.int32], width: int) -> np.int64:
    """Sum of the sizes of a row that was filtered across in two parts."""
    total = np.int64(0)
    for i in range(np.uint64(width)):
        value = np.int32(upper[i] + (lower[i] >> np.int32(8)))
        total += np.int64(np.int32(abs(np.int32(value >> np.int32(8)))))
    return total


@kernel()
def _sad(earlier: Plane, current: Plane, bit_depth: int, deep: bool) -> np.int64:
    height, width = current.shape
    lanes = (width + LANES - 1) // LANES * LANES
    ring, sums = np.zeros((2, PAIRS * lanes), np.uint32), np.zeros((2, 2, lanes), np.int32)
    lines, across = np.zeros((2, lanes // 2 + PAIRS + LANES), np.int32), np.empty((2, 2, lanes), np.int32)
    offsets, across_offsets = np.empty(PAIRS, np.int64), np.arange(PAIRS)
    evens, odds = (width + 1) // 2, width // 2
    high, low = lines[0].view(np.int16), lines[1].view(np.int16)
    parts, half = 2 if deep else 1, 1 << (bit_depth - 1)
    total = np.int64(0)
    loaded = 0
    for pair in range((height + 1) // 2):
        while loaded <= pair + REACH:
            start = loaded % PAIRS * lanes
            upper, lower = mirrored(2 * loaded - REACH, height), mirrored(2 * loaded - REACH + 1, height)
            _load_differences(
                ring[0, start:], ring[1, start:], earlier[upper], current[upper], earlier[lower], current[lower], deep
            )
            loaded += 1
        for k in range(PAIRS):
            offsets[k] = (pair + k) % PAIRS * lanes
        for part in range(parts):
            start = half if part == parts - 1 else 0
            two_pair_sums(sums[part, 0], sums[part, 1], ring[part].view(np.int32), offsets, EVEN, ODD, width, start)
        for row in range(min(2, height - 2 * pair)):
            _store(high[REACH : REACH + width], low[REACH : REACH + width], sums[0, row], sums[1, row], bit_depth, deep)
            fill_edges(high, REACH, width)
            fill_edges(low, REACH, width)
            for part in range(2):
                two_pair_sums(across[part, 0], across[part, 1], lines[part], across_offsets, EVEN, ODD, evens, 0x8000 * part)
            total += _magnitudes(across[0, 0], across[1, 0], evens) + _magnitudes(across[0, 1], across[1, 1], odds)
    return total


def motion(earlier: Plane, current: Plane, bit_depth: int) -> float:
    """Mean absolute difference of two blurred luma planes of one shape and type, in 8-bit levels, 0-255.

    Args:
        earlier: Samples of ``bit_depth`` bits.
        current: The picture shown next.
        bit_depth: 8 to 16.
    """
    return float(int(_sad(earlier, current, bit_depth, bit_depth > DEEPEST)) / 256 / current.size)
