"""Rows of a Daubechies-2 wavelet in libvmaf's fixed point, for ADM.

Output i of a pass is made of inputs 2i - 1 to 2i + 2. Taps are whole 32768ths; the low-pass ones sum to 46342, the high-pass
ones to 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import BELOW_32, kernel
from monitor.kernels.fir import pair_sums, tap_pairs, two_pair_sums
from monitor.types import Plane

LOW = (15826, 27411, 7345, -4240)
"""Low-pass taps; the high-pass is their mirror image with signs in turn."""
HIGH = (LOW[3], -LOW[2], LOW[1], -LOW[0])
LOW_SUM = sum(LOW)

LOW_PAIRS = tap_pairs(LOW)
HIGH_PAIRS = tap_pairs(HIGH)

ROUND = 0x8000

T0, T1, T2, T3 = (np.int32(tap) for tap in LOW)


@kernel()
def edge(index: int, size: int) -> int:
    """Index inside 0..size-1, mirrored without repeating the edge at the start and with repeating it at the end."""
    index = abs(index)
    return min(index if index < size else 2 * size - 1 - index, size - 1)


@kernel()
def samples_down(
    picture: Plane,
    row: int,
    depth: int,
    ring: NDArray[np.uint32],
    raw: NDArray[np.int32],
    low: NDArray[np.int16],
    high: NDArray[np.int16],
    details: bool,
) -> None:
    """Vertical pass of output row ``row`` over samples, less mid-grey; rows are asked for from 0 on, one after the other.

    Args:
        picture: Samples of ``depth`` bits.
        row: Which output row.
        depth: 8 to 16.
        ring: Two pairs of rows as lanes, (2 * lanes of a row,); kept between calls.
        raw: Room for two rows of sums, (2, lanes of a row).
        low: Low-passed row, (width,).
        high: High-passed row, (width,); left alone where no details are wanted.
        details: Whether they are.
    """
    height, width = picture.shape
    lanes = raw.shape[1]
    for pair in range(row + 1 if row else 0, row + 2):
        lane_row = ring[pair % 2 * lanes :]
        upper, lower = picture[edge(2 * pair - 1, height)], picture[edge(2 * pair, height)]
        for i in range(np.uint64(width)):
            lane_row[i] = (np.uint32(upper[i]) | (np.uint32(lower[i]) << np.uint32(16))) ^ np.uint32(0x8000_8000)
    offsets = np.array([row % 2 * lanes, (row + 1) % 2 * lanes])
    shift = np.uint32(depth)  # of unsigned numbers: what it leaves above int16 is dropped
    of_low = np.int32(LOW_SUM * 32768 - (LOW_SUM << (depth - 1)))
    if details:
        two_pair_sums(raw[0], raw[1], ring.view(np.int32), offsets, LOW_PAIRS, HIGH_PAIRS, width, 1 << (depth - 1))
        sums = raw[1]
        for i in range(np.uint64(width)):
            high[i] = np.int16(np.uint32(sums[i]) >> (shift & BELOW_32))
    else:
        pair_sums(raw[0], ring.view(np.int32), offsets, LOW_PAIRS, width, 1 << (depth - 1))
    sums = raw[0]
    for i in range(np.uint64(width)):
        low[i] = np.int16(np.uint32(sums[i] + of_low) >> (shift & BELOW_32))


@kernel()
def samples_across(
    line: NDArray[np.int16], raw: NDArray[np.int32], low: NDArray[np.int32], high: NDArray[np.int32], details: bool
) -> None:
    """Horizontal pass over a row of ``samples_down``: sample 0 is at place 1, one is left of it, two are at its end."""
    offsets = np.array([0, 1])
    width = low.size
    if details:
        two_pair_sums(raw[0], raw[1], line.view(np.int32), offsets, LOW_PAIRS, HIGH_PAIRS, width, ROUND)
        sums = raw[1]
        for i in range(np.uint64(width)):
            high[i] = sums[i] >> np.int32(16)
    else:
        pair_sums(raw[0], line.view(np.int32), offsets, LOW_PAIRS, width, ROUND)
    sums = raw[0]
    for i in range(np.uint64(width)):
        low[i] = sums[i] >> np.int32(16)


@kernel()
def down(picture: NDArray[np.int32], row: int, shift: int, low: NDArray[np.int32], high: NDArray[np.int32]) -> None:
    """Vertical pass of output row ``row`` over coefficients."""
    height = picture.shape[0]
    p0, p1 = picture[edge(2 * row - 1, height)], picture[edge(2 * row, height)]
    p2, p3 = picture[edge(2 * row + 1, height)], picture[edge(2 * row + 2, height)]
    half, bits = np.int64((1 << shift) >> 1), np.uint64(shift)
    for i in range(np.uint64(p0.size)):
        a, b, c, d = np.int64(p0[i]), np.int64(p1[i]), np.int64(p2[i]), np.int64(p3[i])
        low[i] = np.int32(np.uint64(T0 * a + T1 * b + T2 * c + T3 * d + half) >> bits)
        high[i] = np.int32(np.uint64(T3 * a - T2 * b + T1 * c - T0 * d + half) >> bits)


@kernel()
def across(line: NDArray[np.int32], shift: int, low: NDArray[np.int32], high: NDArray[np.int32]) -> None:
    """Horizontal pass over a row of ``down``, placed as for ``samples_across``."""
    half, bits = np.int64((1 << shift) >> 1), np.uint64(shift)
    for i in range(np.uint64(low.size)):
        at = np.uint64(2) * i
        a, b = np.int64(line[at]), np.int64(line[at + np.uint64(1)])
        c, d = np.int64(line[at + np.uint64(2)]), np.int64(line[at + np.uint64(3)])
        low[i] = np.int32(np.uint64(T0 * a + T1 * b + T2 * c + T3 * d + half) >> bits)
        high[i] = np.int32(np.uint64(T3 * a - T2 * b + T1 * c - T0 * d + half) >> bits)


@kernel()
def extend(line: NDArray[np.int32], width: int) -> None:
    """Fill in what a row lacks at its ends: sample -1 at place 0, and samples ``width`` and ``width + 1``."""
    line[0] = line[1 + edge(-1, width)]
    line[1 + width] = line[1 + edge(width, width)]
    line[2 + width] = line[1 + edge(width + 1, width)]
