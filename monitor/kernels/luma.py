"""Levels of a luma plane: sums over blocks, sum of squares, counts of dark and clipped samples; all exact."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

Code = np.uint8 | np.uint16

BLOCK = 16
"""Side of a block in samples: a macroblock. Blocks start at the top left; the last of a row or column may be smaller."""

COUNTED_ROWS = 255
"""Rows whose hits an 8-bit counter per column can hold."""


class Levels(NamedTuple):
    """What ``levels`` counts in one plane, in samples and in its own code values."""

    block_sums: NDArray[np.int64]
    """Sum over each block, ``(ceil(height / 16), ceil(width / 16))``."""
    squares: int
    """Sum of squares."""
    dark: int
    """Samples at or below the dark level."""
    clipped: int
    """Samples at or below black, or at or above white."""


@kernel()
def _sums(luma: Plane, run: int, columns: NDArray[np.uint32], block_sums: NDArray[np.int64]) -> np.int64:
    height, width = luma.shape
    squares = np.int64(0)
    for top in range(0, height, BLOCK):
        columns[:] = 0
        for y in range(top, min(top + BLOCK, height)):
            row = luma[y]
            for start in range(0, width, run):
                part, sums = row[start : start + run], columns[start : start + run]
                in_run = np.uint32(0)
                for x in range(part.size):
                    sums[x] += part[x]
                    in_run = np.uint32(in_run + np.uint32(part[x]) * np.uint32(part[x]))
                squares += np.int64(in_run)
        blocks = block_sums[top // BLOCK]
        for block in range(blocks.size):
            total = np.uint32(0)
            for x in range(block * BLOCK, min((block + 1) * BLOCK, width)):
                total = np.uint32(total + columns[x])
            blocks[block] = np.int64(total)
    return squares


@kernel()
def _counts(luma: Plane, dark: Code, black: Code, white: Code, columns: NDArray[np.uint8]) -> tuple[np.int64, np.int64]:
    height, width = luma.shape
    dark_count, clipped_count = np.int64(0), np.int64(0)
    dark_columns, clipped_columns = columns[0], columns[1]
    for top in range(0, height, COUNTED_ROWS):
        columns[:] = 0
        for y in range(top, min(top + COUNTED_ROWS, height)):
            row = luma[y]
            for x in range(width):
                dark_columns[x] += np.uint8(row[x] <= dark)
                clipped_columns[x] += np.uint8((row[x] <= black) | (row[x] >= white))
        for x in range(width):
            dark_count += np.int64(dark_columns[x])
            clipped_count += np.int64(clipped_columns[x])
    return dark_count, clipped_count


def levels(luma: Plane, *, peak: int, dark: int, black: int, white: int) -> Levels:
    """Count a luma plane in two passes that stay in the first-level cache.

    Args:
        luma: The plane; samples up to ``peak``.
        peak: Largest code value: how many squares a 32-bit sum can take follows from it.
        dark: Samples up to this code value are dark.
        black: Samples up to this code value are clipped.
        white: Samples from this code value on are clipped.
    """
    height, width = luma.shape
    block_sums = np.empty((-(-height // BLOCK), -(-width // BLOCK)), np.int64)
    squares = _sums(luma, (2**32 - 1) // peak**2, np.empty(width, np.uint32), block_sums)
    code = luma.dtype.type
    dark_count, clipped_count = _counts(luma, code(dark), code(black), code(white), np.empty((2, width), np.uint8))
    return Levels(block_sums, int(squares), int(dark_count), int(clipped_count))
