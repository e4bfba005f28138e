"""What ADM's loop over the rows of a level has to know: fixed point, what counts, and where things are in its room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.wavelet import HIGH_LINE, MARGIN

LEVELS = 4

LINE = 0
"""The room's row where those of the wavelet's vertical pass begin."""
BANDS = 2 * HIGH_LINE
"""Bands h, v and d of the reference."""
OTHER = BANDS + 3
"""The same of one distorted picture after the other."""
THRESHOLD = OTHER + 3
OWN = THRESHOLD + 1
"""Where those rows begin that each distorted picture has of its own: its parts, then its neighbours and centres."""
PARTS = 6
"""Rows for each limit and for even rows and odd ones: what is left of the bands, then what was added to them."""
RING = 3
"""Bits of a row's number that say which of the neighbours' rows is its own."""
NEIGHBOURS, CENTRES = RING + 1, 2
"""Rows for each look: what the last rows, three of them or more, add to their neighbours' threshold; what even rows and odd
ones add to their own."""

SMALLEST_BAND = 128
"""Rows that a part of a picture has at least: those that two parts both make would cost too much, and some of each level's
have to count."""

WIDEST = 16
"""Numbers that are written beyond the end of a row at most."""

Range = tuple[int, int]
"""From, and up to."""


class Arithmetic(NamedTuple):
    """Fixed point of one level. Triples are of the bands h, v and d."""

    down: int
    """Shift after the vertical wavelet pass, at levels 1 to 3."""
    across: int
    """Shift after the horizontal one."""
    threshold_shift: tuple[int, int, int]
    """From the scale of thresholds to that of signals, at level 0."""
    square_shift: tuple[int, int, int]
    row_shift: tuple[int, int, int]
    """Subtracted from log2 of the width: the rounding of each cube."""
    scale: tuple[int, int, int]
    """Binary digits of the sum of cubes, but for its rounding."""
    reference_shift: int
    """Of squares in the denominator."""
    reference_scale: int


def _first(bit_depth: int) -> Arithmetic:
    return Arithmetic(
        down=bit_depth,
        across=16,
        threshold_shift=(10, 10, 12),
        square_shift=(29, 29, 30),
        row_shift=(4, 4, 3),
        scale=(52, 52, 57),
        reference_shift=0,
        reference_scale=18,
    )


def _finer(level: int) -> Arithmetic:
    return Arithmetic(
        down=(0, 16, 16)[level - 1],
        across=(15, 16, 15)[level - 1],
        threshold_shift=(0, 0, 0),
        square_shift=(30, 30, 30),
        row_shift=(0, 0, 0),
        scale=((45, 39, 36)[level - 1],) * 3,
        reference_shift=(31, 30, 31)[level - 1],
        reference_scale=(32, 27, 23)[level - 1],
    )


class Plan(NamedTuple):
    """Of one level."""

    depth: int
    """Bits of the samples; 0 at levels 1 to 3."""
    down: int
    """Shift after the wavelet's vertical pass."""
    across: int
    source_width: int
    source_begin: int
    """First column that the vertical pass is made of."""
    source_count: int
    height: int
    """Of the bands."""
    width: int
    second: int
    """Their second row, or the first where there is none."""
    first: int
    """First row that is made."""
    last: int
    """First row that is not made any more."""
    begin: int
    """First column that is made."""
    columns: int
    """How many are made."""
    top: int
    """First row that counts."""
    bottom: int
    left: int
    right: int
    neighbours: int
    """Which of a distorted picture's own rows is the first of its neighbours and centres."""
    own: int
    """How many these are."""
    approximation: int
    """The room's row where that of the reference begins, the next level's input; those of the distorted pictures follow."""
    rows: int
    """Shift of the sums of a row."""
    reference_square: int
    """Shift of the squares of the reference."""
    reference_cubes: int
    reference_rows: int


class Stage(NamedTuple):
    """One level: its plan and what is made of its sums."""

    plan: Plan
    room: tuple[int, int]
    """Rows and columns of the room that the level needs."""
    shifts: NDArray[np.int64]
    """Of thresholds, squares and cubes, each for the bands h, v and d: (3, 3)."""
    area: int
    """How many places count."""
    smallest: float
    """What bands have to add up to at least, to be more than 0."""
    units: tuple[float, ...]
    """Of the sums of cubes of h, v and d."""
    reference_unit: float
    """Of those of the reference."""


def _counted(size: int) -> Range:
    """All but a tenth at each end."""
    margin = max(int(0.1 * size - 0.5), 0)
    return margin, size - margin


def _made(sizes: Sequence[int], counted: Sequence[Range]) -> list[Range]:
    """What of each level's bands is made: what counts and its neighbours, and what the levels below are made of."""
    made: list[Range] = []
    for size, (begin, end) in zip(reversed(sizes), reversed(counted), strict=True):
        first, last = begin - 1, end + 1
        if made:
            first, last = min(first, 2 * made[0][0] - 1), max(last, 2 * made[0][1] + 1)
        made.insert(0, (max(first, 0), min(last, size)))
    return made


def _log2(value: float) -> int:
    return math.ceil(math.log2(value))


def _parted(counted: Sequence[Range], height: int, band: int, bands: int) -> list[Range]:
    """What counts of each level, as far as it belongs to a band of rows: bands begin at the same place at every level."""
    unit = 1 << LEVELS
    begin, end = (part * (height // unit) // bands * unit for part in (band, band + 1))
    parts = []
    for level, (top, bottom) in enumerate(counted, 1):
        first, last = begin >> level if band else top, end >> level if band < bands - 1 else bottom
        parts.append((max(top, first), min(bottom, last)))
    return parts


def stages(
    height: int, width: int, bit_depth: int, distorted: int, limits: int, looks: int, band: int = 0, bands: int = 1
) -> list[Stage]:
    """The levels of a band of pictures of a size, finest first.

    Args:
        height: Of the pictures.
        width: Likewise.
        bit_depth: Of their samples.
        distorted: How many there are beside the reference.
        limits: How many gain limits there are.
        looks: How many sums over the wavelet's bands are wanted.
        band: Which band of rows.
        bands: How many there are, each of ``SMALLEST_BAND`` rows at least.
    """
    sizes = [(height, width)]
    for _ in range(LEVELS):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    rows, columns = zip(*sizes, strict=True)
    row_windows, column_windows = ([_counted(size) for size in of[1:]] for of in (rows, columns))
    part_windows = _parted(row_windows, height, band, bands)
    made_rows, made_columns = _made(rows[1:], part_windows), _made(columns[1:], column_windows)
    made = []
    for level in range(LEVELS):
        arithmetic = _first(bit_depth) if level == 0 else _finer(level)
        height, width = sizes[level + 1]
        (top, bottom), (left, right) = row_windows[level], column_windows[level]
        (first, last), (begin, end) = made_rows[level], made_columns[level]
        begin -= begin % MARGIN  # rows of vectors then begin at multiples of their size
        source_width = columns[level]
        source_begin, source_end = max(2 * begin - 1, 0), min(2 * end + 1, source_width)
        area = (bottom - top) * (right - left)
        of_rows, of_reference_rows = _log2(height), _log2(bottom - top) if level else max(0, _log2(area) - 20)
        of_cubes = [math.ceil(math.log2(width) - less) for less in arithmetic.row_shift]
        of_reference_cubes = _log2(right - left) if level else 0
        neighbours = 2 * PARTS * limits
        own = neighbours + (NEIGHBOURS + CENTRES) * looks
        approximation = OWN + own * distorted
        plan = Plan(
            depth=bit_depth if level == 0 else 0,
            down=arithmetic.down,
            across=arithmetic.across,
            source_width=source_width,
            source_begin=source_begin,
            source_count=source_end - source_begin,
            height=height,
            width=width,
            second=min(1, height - 1),
            first=first,
            last=last,
            begin=begin,
            columns=end - begin,
            top=part_windows[level][0],
            bottom=part_windows[level][1],
            left=left,
            right=right,
            neighbours=neighbours,
            own=own,
            approximation=approximation,
            rows=of_rows,
            reference_square=arithmetic.reference_shift,
            reference_cubes=of_reference_cubes,
            reference_rows=of_reference_rows,
        )
        made.append(
            Stage(
                plan,
                (approximation + (1 + distorted) * height, -(-(width + 2 * MARGIN + WIDEST) // 16) * 16),
                np.array([arithmetic.threshold_shift, arithmetic.square_shift, of_cubes], np.int64),
                area,
                1e-10 * (width * height) / (1920 * 1080),
                tuple(2.0 ** -(scale - cubes - of_rows) for scale, cubes in zip(arithmetic.scale, of_cubes, strict=True)),
                2.0 ** -(arithmetic.reference_scale - of_reference_cubes - of_reference_rows),
            )
        )
    return made
