"""Rows of a Daubechies-2 wavelet in libvmaf's fixed point, for ADM.

Output i of a pass is made of inputs 2i - 1 to 2i + 2. Taps are whole 32768ths; the low-pass ones sum to 46342, the high-pass
ones to 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.fir import LANES, pairwise_products, row_pairs
from monitor.kernels.instructions import I8, I16, I32, I64, Number, Room, each, written_by
from monitor.kernels.vectors import WIDTH, splat

LOW = (15826, 27411, 7345, -4240)
"""Low-pass taps; the high-pass is their mirror image with signs in turn."""
HIGH = (LOW[3], -LOW[2], LOW[1], -LOW[0])
LOW_SUM = sum(LOW)

MARGIN = 8
"""Places before the first number of a room's row."""

HIGH_LINE = 2
"""How many of a room's rows the low-passed row takes: it is as wide as the picture, twice as wide as its bands."""


def edge(index: int, size: int) -> int:
    """Index inside 0..size-1, mirrored without repeating the edge at the start and with repeating it at the end."""
    index = abs(index)
    return min(index if index < size else 2 * size - 1 - index, size - 1)


def _edge(index: Number, size: Number) -> Number:
    """``edge``."""
    builder, last = index.builder, size - 1
    index = index.where(index.at_least(0), Number(builder, builder.neg(index.value)))
    index = (size + last - index).where(index.at_least(size), index)
    return last.where(index.at_least(size), index)


def _half(bits: Number) -> Number:
    """What is added before a shift, to round; nothing where there is none."""
    return (1 << bits) >> 1


def _pair_sums(builder: ir.IRBuilder, pairs: Sequence[ir.Value], added: Sequence[Number]) -> list[ir.Value]:
    """Low-passed and high-passed sums of two vectors of pairs."""
    sums = []
    for taps, number in zip((LOW, HIGH), added, strict=True):
        total = splat(builder, number.as_int(I32), LANES)
        for samples, both in zip(pairs, (taps[:2], taps[2:]), strict=True):
            factors = ir.Constant(samples.type, list(both) * LANES)
            total = builder.add(total, pairwise_products(builder, samples, factors))
        sums.append(total)
    return sums


def _sums(builder: ir.IRBuilder, four: Sequence[ir.Value], shift: Number) -> list[ir.Value]:
    """Low-passed and high-passed sums of four vectors: of int64, which are rounded to int32, or of int32, as they are."""
    sums = []
    for taps in (LOW, HIGH):
        products = [
            builder.mul(numbers, ir.Constant(numbers.type, [tap] * WIDTH)) for numbers, tap in zip(four, taps, strict=True)
        ]
        total = reduce(builder.add, products)
        if total.type.element == I64:
            total = builder.add(total, splat(builder, _half(shift).value, WIDTH))
            total = builder.lshr(total, splat(builder, shift.value, WIDTH))  # bits from above the number's are cut off
            total = builder.trunc(total, ir.VectorType(I32, WIDTH))
        sums.append(total)
    return sums


def _emit_down(
    builder: ir.IRBuilder,
    reference: Room,
    distorted: Room,
    picture: Number,
    room: Room,
    line: Number,
    row: Number,
    begin: Number,
    count: Number,
    depth: Number,
    shift: Number,
) -> None:
    height, size = reference.sizes
    start = builder.select(picture.at_least(1), distorted.row(picture - 1).start, reference.start)
    source = Room(builder, start, reference.sizes)
    seen = [source.row(_edge((row << 1) + k, height)) for k in range(-1, 3)]
    lines = [room.row(line + rows) for rows in (0, HIGH_LINE)]

    def coefficients(element: ir.IntType) -> None:
        with each(builder, begin + count, WIDTH, begin) as at:
            four = [numbers.of_kind(I32).load_vector(at + MARGIN, WIDTH) for numbers in seen]
            if element == I64:
                four = [builder.sext(numbers, ir.VectorType(I64, WIDTH)) for numbers in four]
            for into, sums in zip(lines, _sums(builder, four, shift), strict=True):
                into.store_vector(at + 1, sums)

    def samples(element: ir.IntType) -> None:
        last = (size >> (element.width // 16)) - LANES
        of_low = (1 << (depth - 1)) * -LOW_SUM
        if element == I16:  # see ``row_pairs``
            of_low = of_low + (LOW_SUM << 15)
        added = [_half(shift) + of_low, _half(shift)]
        bits = splat(builder, shift.as_int(I32), LANES)
        with each(builder, begin + count, LANES, begin) as at:
            place = last.where(at.at_least(last), at)  # what lies behind the last row is not ours to read
            loaded = [numbers.of_kind(element).load_vector(place, LANES) for numbers in seen]
            both = [row_pairs(builder, *loaded[k : k + 2]) for k in (0, 2)]
            for into, sums in zip(lines, _pair_sums(builder, both, added), strict=True):
                rounded = builder.trunc(builder.lshr(sums, bits), ir.VectorType(I16, LANES))
                into.of_kind(I16).store_vector(place + 1, rounded)

    with builder.if_else(depth.at_least(1)) as (of_samples, otherwise):
        with of_samples, builder.if_else(depth.at_least(9)) as (of_words, of_bytes):
            with of_words:
                samples(I16)
            with of_bytes:
                samples(I8)
        with otherwise, builder.if_else(shift.at_least(1)) as (wide, narrow):
            with wide:
                coefficients(I64)
            with narrow:  # sums fit 32 bits
                coefficients(I32)


@written_by(_emit_down)
def down(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    picture: int,
    room: NDArray[np.int32],
    line: int,
    row: int,
    begin: int,
    count: int,
    depth: int,
    shift: int,
) -> None:
    """Vertical pass of one row.

    Args:
        reference: Bytes of the reference's rows: samples, or a room's rows, which begin ``MARGIN`` numbers before the first.
        distorted: Likewise, of each distorted picture.
        picture: Which to pass: 0 is the reference, 1 the first distorted one.
        room: Where the passed rows go, low and high.
        line: The row of the former in it, the latter is ``HIGH_LINE`` rows further. Number 0 comes to place 1.
        row: Which output row.
        begin: The first column.
        count: Columns, up to the width. Of samples (16 at least), whole vectors are written, but none beyond the width.
        depth: Bits of samples, which become int16, less mid-grey; 0 where they are coefficients, which become int32.
        shift: Of the sums.
    """
    kind: type[Any] = np.int16 if depth else np.int32
    rows = (distorted[picture - 1] if picture else reference).view(
        (np.uint16 if depth > 8 else np.uint8) if depth else np.int32
    )
    first, added = (begin, -(LOW_SUM << (depth - 1))) if depth else (MARGIN + begin, 0)
    seen = [rows[edge(2 * row + k, len(rows))][first : first + count].astype(np.int64) for k in range(-1, 3)]
    for number, sums in enumerate(_filtered(seen, shift, added)):
        _line(room, line + number * HIGH_LINE, kind)[1 + begin :][:count] = sums.astype(kind)


def _line(room: NDArray[np.int32], row: int, kind: type[Any]) -> NDArray[Any]:
    """A passed row, which takes up to ``HIGH_LINE`` rows of the room."""
    return room[row : row + HIGH_LINE].reshape(-1).view(kind)


def _filtered(rows: Sequence[Any], shift: int, added: int = 0) -> list[Any]:
    """Low-passed and high-passed sums of four arrays of int64; ``added`` goes to the former."""
    rounding = (1 << shift) >> 1
    low, high = (sum(tap * row for tap, row in zip(taps, rows, strict=True)) + rounding for taps in (LOW, HIGH))
    return [(low + added) >> shift, high >> shift]


def _emit_across(
    builder: ir.IRBuilder,
    room: Room,
    line: Number,
    low: Number,
    bands: Number,
    width: Number,
    begin: Number,
    count: Number,
    depth: Number,
    shift: Number,
) -> None:
    lines = [room.row(line + rows) for rows in (0, HIGH_LINE)]
    outs = [[room.row(row) for row in rows] for rows in ((low, bands + 1), (bands, bands + 2))]

    def extend(element: ir.IntType) -> None:
        for of_line in lines:
            numbers = of_line.of_kind(element)
            for place in (width * 0 - 1, width, width + 1):
                builder.store(numbers.load(_edge(place, width) + 1), numbers.place(place + 1))

    def coefficients() -> None:
        wide = ir.VectorType(I64, WIDTH)
        bits = ir.Constant(wide, [32] * WIDTH)
        with each(builder, begin + count, WIDTH, begin) as at:
            for numbers, both in zip(lines, outs, strict=True):
                four = []
                for k in (0, 2):
                    pairs = builder.bitcast(numbers.load_vector((at << 1) + k, 2 * WIDTH), wide)
                    four += [builder.ashr(builder.shl(pairs, bits), bits), builder.ashr(pairs, bits)]
                for out, sums in zip(both, _sums(builder, four, shift), strict=True):
                    out.store_vector(at + MARGIN, sums)

    def samples() -> None:
        bits = splat(builder, shift.as_int(I32), LANES)
        with each(builder, begin + count, LANES, begin) as at:
            for numbers, both in zip(lines, outs, strict=True):
                pairs = [numbers.of_kind(I16).load_vector((at << 1) + k, 2 * LANES) for k in (0, 2)]
                for out, sums in zip(both, _pair_sums(builder, pairs, [_half(shift)] * 2), strict=True):
                    out.store_vector(at + MARGIN, builder.ashr(sums, bits))

    with builder.if_else(depth.at_least(1)) as (of_samples, otherwise):
        with of_samples:
            extend(I16)
            samples()
        with otherwise:
            extend(I32)
            coefficients()


@written_by(_emit_across)
def across(
    room: NDArray[np.int32],
    line: int,
    low: int,
    bands: int,
    width: int,
    begin: int,
    count: int,
    depth: int,
    shift: int,
) -> None:
    """Horizontal pass over the rows of ``down``.

    Args:
        room: Where they are, and where the bands go.
        line: As for ``down``.
        low: The row of the approximation.
        bands: That of the band h; v and d are in the rows below.
        width: Of the passed rows.
        begin: The first column of the bands.
        count: Columns; whole vectors are written.
        depth: As for ``down``.
        shift: Of the sums.
    """
    for number, outs in enumerate(((low, bands + 1), (bands, bands + 2))):
        numbers = _line(room, line + number * HIGH_LINE, np.int16 if depth else np.int32)
        for place in (-1, width, width + 1):
            numbers[1 + place] = numbers[1 + edge(place, width)]
        seen = [numbers[2 * begin + k :][: 2 * count : 2].astype(np.int64) for k in range(4)]
        for out, sums in zip(outs, _filtered(seen, shift), strict=True):
            room[out, MARGIN + begin :][:count] = sums.astype(np.int32)
