"""Rows of smaller and smaller pictures, as CAMBI wants them: every second sample, filtered by the mode of three.

Rows are those of ``monitor.kernels.flat_areas``.

Source: libvmaf feature/cambi.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from monitor.kernels.flat_areas import LANES, Bytes, Rows, copy_last, over
from monitor.kernels.instructions import Number, Room, each, written_by
from monitor.kernels.rows import equal, smaller, where

TAKEN = 3
"""Which line holds a row's samples, from ``LANES`` on; the lines before hold modes across, of three rows by turns."""


def _mode(one: Any, other: Any, third: Any) -> Any:
    """The value that occurs twice, else the smallest."""
    least = smaller(smaller(one, other), third)
    return where(equal(one, other) | equal(one, third), one, where(equal(other, third), other, least))


def _emit_every_second(builder: ir.IRBuilder, out: Room, row: Room, count: Number) -> None:
    kind = row.start.type.pointee
    with each(builder, count, LANES) as at:
        pairs = builder.bitcast(row.load_vector(at << 1, 2 * LANES), ir.VectorType(ir.IntType(2 * kind.width), LANES))
        out.store_vector(at, builder.trunc(pairs, ir.VectorType(kind, LANES)))


def _emit_take(builder: ir.IRBuilder, lines: Room, picture: Room, row: Number, step: Number, width: Number) -> None:
    taken, samples = lines.row(TAKEN).after(LANES), picture.row(row)
    with builder.if_else(step.at_least(2)) as (every_second, every):
        with every_second:
            _emit_every_second(builder, taken, samples, width)
        with every:
            over(builder, width, lambda numbers: (numbers,), [samples], [taken])
    builder.store(taken.load(0), taken.place(-1))
    copy_last(builder, taken, width)


@written_by(_emit_take, apart=True)
def take(lines: Rows, picture: Rows, row: int, step: int, width: int) -> None:
    """Take all of a row's samples, or every second one, into the line ``TAKEN``; the first and the last one twice.

    Args:
        lines: See there.
        picture: What to take them from.
        row: Which row of it.
        step: 1 or 2.
        width: How many are taken.
    """
    taken = picture[row, : step * width : step]
    lines[TAKEN, LANES - 1 : LANES + width + 1] = np.pad(taken, 1, mode="edge")


def _emit_across(builder: ir.IRBuilder, lines: Room, line: Number, out: Room, row: Number, width: Number) -> None:
    taken = lines.row(TAKEN).after(LANES)
    sources, outs = [taken.after(place) for place in (-1, 0, 1)], [lines.row(line), out.row(row)]
    over(builder, width, lambda *three: (_mode(*three), three[1]), sources, outs)


@written_by(_emit_across, apart=True)
def across(lines: Rows, line: int, out: Rows, row: int, width: int) -> None:
    """Modes of each sample that was taken and its neighbours.

    Args:
        lines: As written by ``take``.
        line: Where modes go.
        out: A picture, where the samples themselves go, which the first and the last row keep.
        row: To which row of it.
        width: How many.
    """
    left, middle, right = (lines[TAKEN, place : place + width] for place in range(LANES - 1, LANES + 2))
    lines[line, :width], out[row, :width] = _mode(left, middle, right), middle


def _emit_down(builder: ir.IRBuilder, out: Room, row: Number, lines: Room, width: Number) -> None:
    over(builder, width, lambda *three: (_mode(*three),), [lines.row(line) for line in range(TAKEN)], [out.row(row)])


@written_by(_emit_down, apart=True)
def down(out: Rows, row: int, lines: Rows, width: int) -> None:
    """Modes of each column of three lines.

    Args:
        out: Where they go.
        row: To which row.
        lines: As written by ``across``, in any order.
        width: Samples in a row.
    """
    out[row, :width] = _mode(*lines[:TAKEN, :width])


def _emit_halve(builder: ir.IRBuilder, marks: Room, row: Number, width: Number) -> None:
    _emit_every_second(builder, marks.row(row), marks.row(row << 1), width)


@written_by(_emit_halve, apart=True)
def halve(marks: Bytes, row: int, width: int) -> None:
    """Move every second mark of every second row to where the smaller picture's are.

    Args:
        marks: Rows above ``row`` are moved already.
        row: Where they go.
        width: How many.
    """
    marks[row, :width] = marks[2 * row, : 2 * width : 2]
