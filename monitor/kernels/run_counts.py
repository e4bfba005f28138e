"""How many samples of each value are in the square around each sample of a flat area: the heart of CAMBI.

Counting goes by runs of equal samples: one that enters or leaves the rows of the squares adds a trapezoid to the counts of
its value.

Source: libvmaf feature/cambi.c, which goes by samples.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels import flat_areas
from monitor.kernels.flat_areas import Bytes, Rows, over
from monitor.kernels.instructions import I16, I32, I64, Number, Room, each, written_by
from monitor.kernels.modes import TAKEN
from monitor.kernels.rows import Lanes, where, word_of
from monitor.kernels.vectors import splat

LANES = 16
"""Samples whose counts are computed together; what lies past the end of a run is overwritten or adds nothing."""

BINS = TAKEN + 1
"""Which line holds a row's bins, from ``flat_areas.LANES`` on."""

LINES = BINS + 1

LONGEST = 64
"""Samples of the longest run that is counted at once."""

NONE = -1
"""In place of a value: not in a flat area, or too far from all values whose contrast is visible."""

Starts = NDArray[np.uint16]
Places = NDArray[np.int64]


def _bins(lowest: Any, values: Any, sample: Any, mark: Any) -> tuple[Any]:
    value = (sample - lowest) | (word_of(mark) - 1)  # all bits set where there is no mark
    return (where((value >= 0) & (value < values), value, NONE),)


def _emit_find_runs(
    builder: ir.IRBuilder,
    lines: Room,
    picture: Room,
    marks: Room,
    row: Number,
    lowest: Number,
    values: Number,
    starts: Room,
    bins: Room,
    rows: Room,
    width: Number,
) -> None:
    line, size = lines.row(BINS).after(flat_areas.LANES), flat_areas.LANES
    lowest_value, count = (Lanes(builder, splat(builder, number.as_int(I16), size)) for number in (lowest, values))
    over(builder, width, partial(_bins, lowest_value, count), [picture.row(row), marks.row(row)], [line])
    builder.store(ir.Constant(I16, NONE - 1), line.place(-1))
    at_end, bits = (cgutils.alloca_once(builder, kind) for kind in (I64, I32))  # type: ignore[no-untyped-call]
    builder.store(rows.load(row), at_end)

    def append(start: Number, number: ir.Value) -> None:
        end = Number(builder, builder.load(at_end))
        builder.store(start.as_int(I16), starts.place(end))
        builder.store(number, bins.place(end))
        builder.store((end + 1).value, at_end)

    with each(builder, width, size) as at:
        changes = builder.icmp_signed("!=", *(line.after(place).load_vector(at, size) for place in (0, -1)))
        beyond = at + size - width
        inside = builder.lshr(ir.Constant(I32, -1), beyond.where(beyond.at_least(0)).as_int(I32))
        builder.store(builder.and_(builder.bitcast(changes, I32), inside), bits)
        with each(builder, Number(builder, builder.zext(builder.ctpop(builder.load(bits)), I64))):
            left = builder.load(bits)
            start = at + Number(builder, builder.zext(builder.cttz(left, ir.Constant(ir.IntType(1), 1)), I64))
            append(start, line.load(start))
            builder.store(builder.and_(left, builder.sub(left, ir.Constant(I32, 1))), bits)
    append(width, ir.Constant(I16, NONE))
    builder.store(builder.load(at_end), rows.place(row + 1))


@written_by(_emit_find_runs, apart=True)
def find_runs(
    lines: Rows,
    picture: Rows,
    marks: Bytes,
    row: int,
    lowest: int,
    values: int,
    starts: Starts,
    bins: Rows,
    rows: Places,
    width: int,
) -> None:
    """Part a row into runs of equal bins: the value less ``lowest``, or ``NONE``. It ends with an empty run.

    Args:
        lines: Room, of which the line ``BINS`` is used.
        picture: Samples of ten bits.
        marks: 1 where they lie in a flat area, else 0.
        row: Which row.
        lowest: The lowest value that counts.
        values: How many there are.
        starts: Where each run begins, of all rows up to this one.
        bins: The bin of each.
        rows: Where the runs of each row begin, up to this one's; that of the next one is written.
        width: Samples in a row.
    """
    of_row = lines[BINS, flat_areas.LANES : flat_areas.LANES + width]
    of_row[:] = _bins(lowest, values, picture[row, :width], marks[row, :width])[0]
    begins = np.flatnonzero(np.diff(of_row, prepend=NONE - 1))
    inside = slice(int(rows[row]), int(rows[row]) + begins.size + 1)
    starts[inside], bins[inside] = [*begins, width], [*of_row[begins], NONE]
    rows[row + 1] = inside.stop


class Run:
    """A run as LLVM's instructions read it."""

    def __init__(self, builder: ir.IRBuilder, starts: Room, bins: Room, run: Number) -> None:
        self.bin = Number(builder, builder.sext(bins.load(run), I64))
        self.start, self.end = (Number(builder, builder.zext(starts.load(run + k), I64)) for k in range(2))


def _emit_count(
    builder: ir.IRBuilder,
    counts: Room,
    starts: Room,
    bins: Room,
    rows: Room,
    row: Number,
    shapes: Room,
    leaving: Number,
    reach: Number,
) -> None:
    with each(builder, rows.number(row + 1), start=rows.number(row)) as index:
        run = Run(builder, starts, bins, index)
        with builder.if_then(run.bin.at_least(0)), each(builder, run.end, LONGEST, run.start) as at:
            left = run.end - at
            length = (at * 0 + LONGEST).where(left.at_least(LONGEST), left)
            columns, shape = counts.row(run.bin).after(at), shapes.row(leaving, length - 1)
            with each(builder, length + reach, LANES) as place:
                total = builder.add(columns.load_vector(place, LANES), shape.load_vector(place, LANES))
                columns.store_vector(place, total)


@written_by(_emit_count, apart=True)
def count(counts: Rows, starts: Starts, bins: Rows, rows: Places, row: int, shapes: Rows, leaving: int, reach: int) -> None:
    """Add a row's runs to the counts of all columns whose square they lie in, or take them away.

    Args:
        counts: Of each value, and column.
        starts: As written by ``find_runs``.
        bins: Likewise.
        rows: Likewise.
        row: Which row.
        shapes: See the function of that name.
        leaving: Whether the row leaves.
        reach: Of a square, from its first column to its last.
    """
    for run in range(rows[row], rows[row + 1]):
        for at in range(int(starts[run]), int(starts[run + 1]) if bins[run] >= 0 else 0, LONGEST):
            length = min(int(starts[run + 1]) - at, LONGEST)
            counts[bins[run], at : at + length + reach] += shapes[leaving, length - 1, : length + reach]


def shapes(pad: int) -> Rows:
    """What a run of 1, 2 ... ``LONGEST`` samples adds to the counts of the columns around, from ``pad`` before it on.

    First that of one that enters, then that of one that leaves.
    """
    offsets, lengths = np.arange(LONGEST + 2 * pad + LANES), np.arange(1, LONGEST + 1)[:, None]
    inside = np.minimum(offsets, lengths - 1) - np.maximum(offsets - 2 * pad, 0) + 1
    added: Rows = np.maximum(inside, 0).astype(np.int16)
    return np.stack([added, -added])
