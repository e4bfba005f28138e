"""A picture made ready for CAMBI: at ten bits, without dither, its flat areas marked, and smaller and smaller.

Source: libvmaf feature/cambi.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

FILTER = 7
"""Side of the square that must be flat enough."""


@kernel()
def ten_bits(source: Plane, up: int, half: int, down: int, out: NDArray[np.uint16]) -> None:
    """Shift samples up, or down with ``half`` added first."""
    for y in range(out.shape[0]):
        line, to = source[y], out[y]
        for x in range(np.uint64(to.size)):
            to[x] = np.uint16(((np.uint32(line[x]) << np.uint32(up)) + np.uint32(half)) >> np.uint32(down))


@kernel()
def without_dither(source: Plane, up: int, out: NDArray[np.uint16]) -> None:
    """Mean of each sample and its neighbours on the right and below, after shifting them ``up`` to ten bits."""
    height, width = out.shape
    shift = np.uint16(up)
    for y in range(height):
        to = out[y]
        line, below, line_right, below_right = (
            source[y, : width - 1],
            source[min(y + 1, height - 1), : width - 1],
            source[y, 1:],
            source[min(y + 1, height - 1), 1:],
        )
        for x in range(np.uint64(width - 1)):
            total = np.uint16(np.uint16(line[x]) + np.uint16(line_right[x]))
            total = np.uint16(total + np.uint16(np.uint16(below[x]) + np.uint16(below_right[x])))
            to[x] = np.uint16(np.uint16(total << shift) >> np.uint16(2))
        last = np.uint32(source[y, width - 1]) + np.uint32(source[min(y + 1, height - 1), width - 1])
        to[width - 1] = np.uint16(np.uint32(last << np.uint32(up)) >> np.uint32(1))


@kernel()
def find_flat(
    picture: Plane, threshold: int, ring: NDArray[np.uint8], columns: NDArray[np.uint8], flat: NDArray[np.uint8]
) -> None:
    """Mark samples with more than ``threshold`` of the 7x7 around them equal to their neighbours right and below."""
    height, width = picture.shape
    ring[:] = 0
    columns[:] = 0
    reach = FILTER // 2
    for y in range(height + reach):
        entering = ring[y % FILTER]
        inner = columns[reach : reach + width]
        if y < height:
            line, below = picture[y], picture[min(y + 1, height - 1)]
            for x in range(np.uint64(width - 1)):
                equal = np.uint8((line[x] == line[x + np.uint64(1)]) & (line[x] == below[x]))
                inner[x] = np.uint8(inner[x] + equal - entering[x])
                entering[x] = equal
            last = width - 1
            equal = np.uint8(line[last] == below[last])
            inner[last] = np.uint8(inner[last] + equal - entering[last])
            entering[last] = equal
        else:
            for x in range(np.uint64(width)):
                inner[x] = np.uint8(inner[x] - entering[x])
        if y >= reach:
            _sum_across(columns, np.uint8(threshold), flat[y - reach])


@kernel(inner=True)
def _sum_across(columns: NDArray[np.uint8], threshold: np.uint8, flat: NDArray[np.uint8]) -> None:
    c0, c1, c2, c3, c4, c5, c6 = (columns[0:], columns[1:], columns[2:], columns[3:], columns[4:], columns[5:], columns[6:])
    for x in range(np.uint64(flat.size)):
        flat[x] = np.uint8(np.uint8(c0[x] + c1[x] + c2[x] + c3[x] + c4[x] + c5[x] + c6[x]) > threshold)


@kernel(inner=True)
def _mode(a: np.uint16, b: np.uint16, c: np.uint16) -> np.uint16:
    """The value that occurs twice, else the smallest."""
    least = min(min(a, b), c)
    return a if (a == b) | (a == c) else (b if b == c else least)


@kernel()
def take_modes(picture: Plane, step: int, lines: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    """Take every ``step``-th sample of every ``step``-th row, then the mode of three across and of three down.

    The first and the last row stay as they are.
    """
    height, width = out.shape
    stride = np.uint64(step)
    for y in range(height):
        source, taken, across = picture[y * step], out[y], lines[y % 3]
        if step == 1:
            for x in range(np.uint64(width)):
                taken[x] = source[x]
        else:
            for x in range(np.uint64(width)):
                taken[x] = source[stride * x]
        across[0], across[width - 1] = taken[0], taken[width - 1]
        if width > 2:
            left, middle, right, inner = taken[: width - 2], taken[1 : width - 1], taken[2:], across[1 : width - 1]
            for x in range(np.uint64(width - 2)):
                inner[x] = _mode(left[x], middle[x], right[x])
        if y >= 2:
            above, level, below, row = lines[(y - 2) % 3], lines[(y - 1) % 3], across, out[y - 1]
            for x in range(np.uint64(width)):
                row[x] = _mode(above[x], level[x], below[x])
