"""Rows of a picture made ready for CAMBI: at ten bits, without dither, and its flat areas marked.

A row takes ``pitch`` numbers: loops step over whole vectors, and look one sample further.

Source: libvmaf feature/cambi.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.instructions import I8, I16, Number, Room, each, written_by
from monitor.kernels.rows import Lanes, byte_of, equal
from monitor.kernels.samples import BYTE, emit_load_row
from monitor.kernels.vectors import splat

FILTER = 7
"""Side of the square that must be flat enough."""
REACH = FILTER // 2

LANES = 32
"""Samples that are computed together."""

TO_TEN = 6
"""Bits that samples of 16 bits have more than ten."""

Rows = NDArray[np.int16]
Bytes = NDArray[np.uint8]


def pitch(width: int) -> int:
    """Numbers that a row takes; every second one of up to this many may be taken in whole vectors."""
    return -(-width // (2 * LANES)) * 2 * LANES + LANES


def over(
    builder: ir.IRBuilder, width: Number, body: Callable[..., Any], sources: Sequence[Room], outs: Sequence[Room]
) -> None:
    """Write a loop over rows: ``body`` takes numbers of each source and gives some for each of ``outs``."""
    with each(builder, width, LANES) as at:
        made = body(*[Lanes(builder, source.load_vector(at, LANES)) for source in sources])
        for out, numbers in zip(outs, made, strict=True):
            out.store_vector(at, numbers.value)


def copy_last(builder: ir.IRBuilder, row: Room, width: Number) -> None:
    """Write the repetition of a row's last sample behind it."""
    builder.store(row.load(width - 1), row.place(width))


def _emit_load(
    builder: ir.IRBuilder, lines: Room, line: Number, source: Room, row: Number, width: Number, depth: Number
) -> None:
    def at_ten_bits(samples: ir.Value) -> ir.Value:
        def constant(number: int) -> ir.Value:
            is_one = isinstance(samples.type, ir.IntType)
            return ir.Constant(I16, number) if is_one else splat(builder, ir.Constant(I16, number), samples.type.count)

        # Half is added after the shift: before, the sum might not fit 16 bits.
        half = builder.and_(builder.lshr(samples, constant(TO_TEN - 1)), constant(1))
        return builder.add(builder.lshr(samples, constant(TO_TEN)), half)

    emit_load_row(builder, lines.row(line), source.row(row), width, depth, at_ten_bits)
    copy_last(builder, lines.row(line), width)


@written_by(_emit_load, apart=True)
def load(lines: Rows, line: int, source: Bytes, row: int, width: int, depth: int) -> None:
    """A row's samples at ten bits, rounded, and the last one twice.

    Args:
        lines: Where they go.
        line: To which row.
        source: The picture's bytes; samples have two each from 9 bits on.
        row: Which row of it.
        width: Samples in a row.
        depth: Their bits.
    """
    samples = source.view(np.uint16 if depth > BYTE else np.uint8)[row, :width].astype(np.int32) << (16 - depth)
    lines[line, :width] = (samples + (1 << (TO_TEN - 1))) >> TO_TEN
    lines[line, width] = lines[line, width - 1]


def _mean(*four: Any) -> tuple[Any]:
    return (reduce(add, four) >> 2,)


def _emit_smooth(
    builder: ir.IRBuilder,
    picture: Room,
    row: Number,
    lines: Room,
    upper: Number,
    lower: Number,
    right: Number,
    width: Number,
) -> None:
    sources = [lines.row(line).after(shift) for line in (upper, lower) for shift in (0, right)]
    over(builder, width, _mean, sources, [picture.row(row)])
    copy_last(builder, picture.row(row), width)


@written_by(_emit_smooth, apart=True)
def smooth(picture: Rows, row: int, lines: Rows, upper: int, lower: int, right: int, width: int) -> None:
    """Means of each sample and its neighbours on the right and below, and the last one twice.

    Args:
        picture: Where they go.
        row: To which row.
        lines: As written by ``load``.
        upper: Which of them is the row.
        lower: Which is the one below; the row itself where there is none.
        right: 1; or 0 where a sample stands for its neighbour: if a row does, too, nothing is changed.
        width: Samples in a row.
    """
    sources = [lines[line, shift : shift + width] for line in (upper, lower) for shift in (0, right)]
    picture[row, :width] = _mean(*sources)[0]
    picture[row, width] = picture[row, width - 1]


def _moved(inside: Any, sample: Any, right: Any, under: Any, total: Any, leaving: Any) -> tuple[Any, Any]:
    entering = byte_of(equal(sample, right) & equal(sample, under)) & inside
    return total + entering - leaving, entering


def _emit_count_equal(
    builder: ir.IRBuilder,
    columns: Room,
    ring: Room,
    slot: Number,
    picture: Room,
    row: Number,
    below: Number,
    inside: Number,
    width: Number,
) -> None:
    here, sums, leaving = picture.row(row), columns.after(REACH), ring.row(slot)
    body = partial(_moved, Lanes(builder, splat(builder, inside.as_int(I8), LANES)))
    over(builder, width, body, [here, here.after(1), picture.row(below), sums, leaving], [sums, leaving])
    for place in range(REACH):
        builder.store(ir.Constant(I8, 0), sums.place(width + place))


@written_by(_emit_count_equal, apart=True)
def count_equal(
    columns: Bytes, ring: Bytes, slot: int, picture: Rows, row: int, below: int, inside: int, width: int
) -> None:
    """Count in each column the samples of ``FILTER`` rows that are equal to their neighbours right and below.

    Args:
        columns: The counts, with ``REACH`` zeros on each side.
        ring: What was counted of each row.
        slot: Which of these leaves, and is replaced.
        picture: As written by ``smooth``.
        row: Which row enters.
        below: Which is the one below; the row itself where there is none.
        inside: 1; 0 for a row below the picture, of which nothing is counted.
        width: Samples in a row.
    """
    here, sums = picture[row], columns[REACH : REACH + width]
    sources = here[:width], here[1 : width + 1], picture[below, :width], sums, ring[slot, :width]
    sums[:], ring[slot, :width] = _moved(np.uint8(inside), *sources)


def _more(threshold: Any, *counts: Any) -> tuple[Any]:
    return (byte_of(reduce(add, counts) > threshold),)


def _emit_mark(builder: ir.IRBuilder, marks: Room, row: Number, columns: Room, threshold: Number, width: Number) -> None:
    body = partial(_more, Lanes(builder, splat(builder, threshold.as_int(I8), LANES)))
    over(builder, width, body, [columns.after(place) for place in range(FILTER)], [marks.row(row)])


@written_by(_emit_mark, apart=True)
def mark(marks: Bytes, row: int, columns: Bytes, threshold: int, width: int) -> None:
    """Mark with 1 samples in the squares around which more than a number were counted.

    Args:
        marks: Where they go; 0 elsewhere.
        row: To which row.
        columns: As counted by ``count_equal``, in the rows of the squares.
        threshold: The number.
        width: Samples in a row.
    """
    counts = [columns[place : place + width] for place in range(FILTER)]
    marks[row, :width] = _more(threshold, *counts)[0]
