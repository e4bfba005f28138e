"""How much a picture differs from the one before, blurred: libvmaf's integer motion, bit for bit.

Source: libvmaf feature/integer_motion.c (3.2: the difference is filtered, not the pictures).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES, mirrored
from monitor.kernels.instructions import aligned, as_bytes
from monitor.kernels.motion_rows import PAIRS, REACH, Bytes, Lanes, Lines, added_across, filter_down, load
from monitor.kernels.rooms import Rooms
from monitor.types import Plane


class _Room(NamedTuple):
    """Tables and room for pictures of a size."""

    ring: Lanes
    lines: Lines
    rows: NDArray[np.int64]
    """Which rows make each pair, from the first that the filter sees above the picture on: upper ones, lower ones."""
    edges: NDArray[np.int64]

    @classmethod
    def of(cls, height: int, width: int) -> _Room:
        """Of pictures as large."""
        lanes = (width // LANES + 1) * LANES
        first = np.arange((height + 1) // 2 + REACH) * 2 - REACH
        outside = np.concatenate([np.arange(-REACH, 0), np.arange(width, width + REACH)])
        return cls(
            aligned((2, PAIRS, lanes), np.int32),
            aligned((4, lanes + 4 * LANES), np.int16),
            mirrored(np.stack([first, first + 1]), height),
            np.stack([outside, mirrored(outside, width)]) + REACH,
        )


@kernel()
def _sad(
    earlier: Bytes,
    current: Bytes,
    ring: Lanes,
    lines: Lines,
    rows: NDArray[np.int64],
    edges: NDArray[np.int64],
    width: int,
    bit_depth: int,
) -> int:
    height, total = current.shape[0], 0
    for place in range(rows.shape[1]):
        load(ring, place % PAIRS, earlier, current, rows[0, place], rows[1, place], bit_depth)
        pair = place - REACH
        if pair >= 0:
            filter_down(lines, ring, edges, pair, width, bit_depth)
            for row in range(min(2, height - 2 * pair)):
                total += added_across(lines, row, width)
    return total


def motion(earlier: Plane, current: Plane, bit_depth: int, rooms: Rooms | None = None) -> float:
    """Mean absolute difference of two blurred luma planes of one shape and type, in 8-bit levels, 0-255.

    Args:
        earlier: Samples of ``bit_depth`` bits.
        current: The picture shown next.
        bit_depth: 8 to 16.
        rooms: Where to borrow working room; without, new room is made.
    """
    (height, width), kind = current.shape, ("motion", *current.shape)
    narrow = ((0, 0), (0, max(LANES - width, 0)))
    pictures = [as_bytes(plane if width >= LANES else np.pad(plane, narrow)) for plane in (earlier, current)]
    with (rooms or Rooms()).borrowed(kind, lambda: _Room.of(height, width)) as room:
        return _sad(pictures[0], pictures[1], *room, width, bit_depth) / 256 / current.size
