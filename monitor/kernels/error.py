"""Squared error between two planes, exact."""

from __future__ import annotations

import numpy as np

from monitor.kernels.compiler import kernel
from monitor.types import Plane

WIDEST = 33_025
"""Widest row of 8-bit samples whose squared differences fit a signed 32-bit sum: 33025 * 255**2 < 2**31."""


@kernel()
def _squared_error_8bit(distorted: Plane, reference: Plane) -> np.int64:
    total = np.int64(0)
    for y in range(distorted.shape[0]):
        dist, ref = distorted[y], reference[y]
        in_row = np.int32(0)
        for x in range(dist.size):
            difference = np.int32(np.int32(dist[x]) - np.int32(ref[x]))
            in_row = np.int32(in_row + difference * difference)
        total += in_row
    return total


@kernel()
def _squared_error(distorted: Plane, reference: Plane) -> np.int64:
    total = np.int64(0)
    for y in range(distorted.shape[0]):
        dist, ref = distorted[y], reference[y]
        for x in range(dist.size):
            difference = np.int64(np.int32(np.int32(dist[x]) - np.int32(ref[x])))
            total += difference * difference
    return total


def squared_error(distorted: Plane, reference: Plane) -> int:
    """Sum of ``(distorted - reference)**2`` over two planes of equal shape and type, exact in integers."""
    narrow = distorted.dtype == np.uint8 and distorted.shape[1] <= WIDEST
    return int(_squared_error_8bit(distorted, reference) if narrow else _squared_error(distorted, reference))
