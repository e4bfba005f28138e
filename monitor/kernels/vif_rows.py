"""Steps of VIF over rows: pairs of them into lanes, filtered down, filtered across, and the next scale's picture.

Lanes are pairs of int16, see ``monitor.kernels.fir``. Samples of any depth are scaled to 16 bits, which changes no rounding.
Values of 16 bits are kept less 32768, so that they are int16: a filter whose taps sum to 65536 then gives its sum less
2**31, modulo 2**32. Products of samples have 32 bits and are filtered in two parts; since the sum of the upper parts is
whole after the shift, rounding the sum of the lower ones alone gives exactly what rounding the whole sum would.

Parts of quantities, of lanes and of lines, in this order: samples of the reference x and of the distorted picture y; upper
parts of xx, yy and xy; lower parts of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.fir import ORDER, Places, Sums, Taps, pair_sums
from monitor.kernels.instructions import BLOCK, I16, I32, I64, Number, Room, each, written_by
from monitor.kernels.vectors import splat

QUANTITIES = 5
"""x, y, xx, yy and xy."""
PARTS = 8
"""The same with products in two parts."""

OFFSET = -(1 << 31)
"""What is added to a sum of taps times values less 32768, to make it the sum of taps times values; modulo 2**32."""
HALF = 0x8000
"""What is taken off values of 16 bits, and what is added to sums to round them."""
BYTE = 8
"""Bits of samples whose products have upper parts only, scaled as they are."""

SAMPLES = 16
"""Samples that are loaded together."""

Words = NDArray[np.uint16]
Lanes = NDArray[np.uint32]


def _interleaved(builder: ir.IRBuilder, upper: ir.Value, lower: ir.Value) -> list[ir.Value]:
    """Samples of two rows by turns, as two vectors."""
    size, kind = SAMPLES // 2, ir.VectorType(I32, SAMPLES)
    orders = ([place for k in part for place in (k, k + SAMPLES)] for part in (ORDER[:size], ORDER[size:]))
    return [builder.shuffle_vector(upper, lower, ir.Constant(kind, order)) for order in orders]


def _emit_load_row(builder: ir.IRBuilder, out: Room, picture: Room, width: Number, depth: Number) -> None:
    kind, whole = ir.VectorType(I16, SAMPLES), width & -SAMPLES

    def load(source: Room, scale: ir.Value) -> None:
        # One sample at a time at the end, beyond which there may be no memory.
        with each(builder, whole, SAMPLES) as at:
            samples = source.load_vector(at, SAMPLES)
            samples = samples if samples.type == kind else builder.zext(samples, kind)
            out.store_vector(at, builder.mul(samples, splat(builder, scale, SAMPLES)))
        with each(builder, width, start=whole) as at:
            sample = source.load(at)
            sample = sample if sample.type == I16 else builder.zext(sample, I16)
            builder.store(builder.mul(sample, scale), out.place(at))

    with builder.if_else(depth.at_least(BYTE + 1)) as (words, single):
        with words:
            load(picture.of_kind(I16), (1 << (16 - depth)).as_int(I16))
        with single:
            load(picture, ir.Constant(I16, 1 << BYTE))


def _emit_load_pair(
    builder: ir.IRBuilder,
    ring: Room,
    at: Number,
    samples: Room,
    reference: Room,
    distorted: Room,
    upper: Number,
    lower: Number,
    width: Number,
    depth: Number,
) -> None:
    for number, picture in enumerate((reference, distorted)):
        for half, row in enumerate((upper, lower)):
            _emit_load_row(builder, samples.row(2 * number + half), picture.row(row), width, depth)
    kind, wider, size = ir.VectorType(I16, SAMPLES), ir.VectorType(I32, SAMPLES), SAMPLES // 2
    half = ir.Constant(kind, [HALF] * SAMPLES)

    def store(quantity: int, index: Number, numbers: Sequence[ir.Value]) -> None:
        for number, vector in enumerate(numbers):
            flipped = builder.bitcast(builder.xor(vector, half), ir.VectorType(I32, size))
            ring.row(quantity).store_vector(at + index + size * number, flipped)

    def upper_half(one: ir.Value, other: ir.Value) -> ir.Value:
        product = builder.mul(builder.zext(one, wider), builder.zext(other, wider))
        return builder.trunc(builder.lshr(product, ir.Constant(wider, [16] * SAMPLES)), kind)

    def load(index: Number, lower_halves: bool) -> None:
        rows = [samples.row(row).load_vector(index, SAMPLES) for row in range(4)]
        x, y = _interleaved(builder, *rows[:2]), _interleaved(builder, *rows[2:])
        store(0, index, x)
        store(1, index, y)
        for quantity, factors in enumerate(((x, x), (y, y), (x, y)), 2):
            store(quantity, index, [upper_half(*both) for both in zip(*factors, strict=True)])
            if lower_halves:
                store(quantity + 3, index, [builder.mul(*both) for both in zip(*factors, strict=True)])

    with builder.if_else(depth.at_least(BYTE + 1)) as (two_parts, one_part):
        with two_parts, each(builder, width, SAMPLES) as index:
            load(index, lower_halves=True)
        with one_part, each(builder, width, SAMPLES) as index:
            load(index, lower_halves=False)


@written_by(_emit_load_pair)
def load_pair(
    ring: Lanes,
    at: int,
    samples: Words,
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    upper: int,
    lower: int,
    width: int,
    depth: int,
) -> None:
    """Two rows of both pictures as lanes.

    Args:
        ring: Lanes to write to, a row for each part of a quantity. Of samples of 8 bits, products have no lower parts, and
            none are written.
        at: Where in each.
        samples: Room for four rows.
        reference: Samples as bytes: two each from 9 bits on.
        distorted: As the reference.
        upper: Row that fills the lower half of lanes.
        lower: Row that fills the upper half.
        width: Samples in a row.
        depth: Their bits.
    """
    kind = np.uint16 if depth > BYTE else np.uint8
    x, y = (
        np.ascontiguousarray(picture[[upper, lower]]).view(kind)[:, :width].astype(np.uint32) << np.uint32(16 - depth)
        for picture in (reference, distorted)
    )
    inside = slice(at, at + width)
    samples[:, :width] = np.concatenate([x, y])

    def packed(pair: Lanes) -> Lanes:
        lanes: Lanes = (pair[0] | pair[1] << np.uint32(16)) ^ np.uint32(0x8000_8000)
        return lanes

    for quantity, picture in enumerate((x, y)):
        ring[quantity, inside] = packed(picture)
    for quantity, product in enumerate((x * x, y * y, x * y), 2):
        ring[quantity, inside] = packed(product >> np.uint32(16))
        if depth > BYTE:
            ring[quantity + 3, inside] = packed(product & np.uint32(0xFFFF))


def _in_two_parts(low: NDArray[np.int64], high: NDArray[np.int64]) -> Lanes:
    total: Lanes = (low.astype(np.uint32) >> np.uint32(16)) + high.astype(np.uint32)
    return total


def _emit_mirror(builder: ir.IRBuilder, lines: Room, edges: Room, rows: int) -> None:
    with each(builder, Number(builder, ir.Constant(I64, rows))) as row:
        line = lines.row(row)
        with each(builder, edges.sizes[1]) as k:
            inside = builder.load(line.place(edges.row(1).number(k)))
            builder.store(inside, line.place(edges.row(0).number(k)))


def _emit_filter_down(
    builder: ir.IRBuilder,
    lines: Room,
    ring: Room,
    places: Room,
    taps: Room,
    edges: Room,
    phase: Number,
    width: Number,
    reach: Number,
    depth: Number,
) -> None:
    sums = Sums(builder, [taps.row(0), taps.row(1)], places.row(phase))
    pairs, lanes = places.sizes[1], ring.of_kind(I32)
    with each(builder, Number(builder, ir.Constant(I64, QUANTITIES))) as quantity:
        of_square = quantity.at_least(2)
        split = builder.and_(of_square, depth.at_least(BYTE + 1))
        half, zero = (Number(builder, ir.Constant(I64, number)) for number in (HALF, 0))
        begin, counts = ((half + OFFSET).where(split), zero.where(of_square, HALF)), (pairs.where(split), pairs)
        # Of means, which have no lower part, one is written where lower parts of products are written after them.
        low = quantity + Number(builder, ir.Constant(I64, 3)).where(of_square, 5)
        high_rows, low_rows = ([lines.row(row + PARTS * n) for n in range(2)] for row in (quantity, low))
        with each(builder, width, BLOCK) as at:
            sums.in_two_parts(lanes.row(quantity + 3), lanes.row(quantity), at, counts, begin)
            sums.stored_in_16_bits(high_rows, reach + at, sums.upper_bits, ORDER)
            sums.stored_in_16_bits(low_rows, reach + at, sums.lower_bits, ORDER, HALF)
    _emit_mirror(builder, lines, edges, 2 * PARTS)


@written_by(_emit_filter_down)
def filter_down(
    lines: Words,
    ring: Lanes,
    places: Places,
    taps: Taps,
    edges: Places,
    phase: int,
    width: int,
    reach: int,
    depth: int,
) -> None:
    """Two rows of filtered quantities, with their edges mirrored.

    Args:
        lines: The parts of the first row's quantities, then those of the second; sample 0 is at place ``reach``.
        ring: As written by ``load_pair``.
        places: Where the lanes for each pair of taps begin, by ``phase``.
        taps: Pairs of taps for the first row and for the second.
        edges: Places of lines that are filled in, and what with.
        phase: Which of ``places``.
        width: Samples in a row.
        reach: Of the filter, to each side.
        depth: As for ``load_pair``.
    """
    inside = slice(reach, reach + width)
    signed = ring.view(np.int16)
    for row in range(2):
        out = lines[PARTS * row : PARTS * (row + 1), inside]
        for quantity in range(QUANTITIES):
            of_square = quantity >= 2
            high = pair_sums(signed[quantity], places[phase], taps[row], width, 0 if of_square else HALF)
            low = np.zeros(width, np.int64)
            if of_square and depth > BYTE:
                low = pair_sums(signed[quantity + 3], places[phase], taps[row], width, OFFSET + HALF)
            total = _in_two_parts(low, high)
            out[quantity] = total >> np.uint32(16)
            if of_square:
                out[quantity + 3] = total.astype(np.uint16) ^ np.uint16(HALF)
    lines[:, edges[0]] = lines[:, edges[1]]


def _emit_filter_across(
    builder: ir.IRBuilder, out: Room, lines: Room, places: Room, taps: Room, row: Number, first: Number, count: Number
) -> None:
    sums = Sums(builder, [taps.row(0), taps.row(1)], places)
    pairs, begin = places.sizes[0], Number(builder, ir.Constant(I64, OFFSET))
    with each(builder, Number(builder, ir.Constant(I64, QUANTITIES))) as quantity:
        of_square = quantity.at_least(2)
        high, low = (lines.row(row * PARTS + part).of_kind(I32) for part in (quantity, quantity + 3))
        outs = [out.row(quantity, n).of_kind(I32) for n in range(2)]
        starts, counts = ((begin + HALF).where(of_square), begin), (pairs.where(of_square), pairs)
        with each(builder, count, BLOCK) as at:
            sums.in_two_parts(low, high, first + at, counts, starts)
            sums.stored(outs, at)


@written_by(_emit_filter_across)
def filter_across(out: Lanes, lines: Words, places: Places, taps: Taps, row: int, first: int, count: int) -> None:
    """Filtered quantities of some pixels of a row.

    Args:
        out: For each quantity the even pixels and the odd ones.
        lines: As written by ``filter_down``.
        places: Lanes from the one of the first sample that the filter sees to those that belong to the pairs of taps.
        taps: Pairs of taps for even pixels and for odd ones.
        row: Which of both rows.
        first: First pair of an even and an odd pixel.
        count: How many such pairs.
    """
    signed = lines.view(np.int16)[PARTS * row : PARTS * (row + 1), 2 * first :]
    for odd in range(2):
        for quantity in range(QUANTITIES):
            high, low = pair_sums(signed[quantity], places, taps[odd], count, OFFSET), np.zeros(count, np.int64)
            if quantity >= 2:
                low = pair_sums(signed[quantity + 3], places, taps[odd], count, OFFSET + HALF)
            out[quantity, odd, :count] = _in_two_parts(low, high)


def _emit_halve(
    builder: ir.IRBuilder,
    out: Room,
    lines: Room,
    ring: Room,
    down: Room,
    across: Room,
    taps: Room,
    edges: Room,
    phase: Number,
    row: Number,
    width: Number,
    reach: Number,
) -> None:
    half = Number(builder, ir.Constant(I64, HALF))
    with each(builder, Number(builder, ir.Constant(I64, 2))) as picture:
        sums = Sums(builder, [taps], down.row(phase))
        with each(builder, width, BLOCK) as at:
            sums.begin(half)
            sums.add(ring.row(picture).of_kind(I32), at, down.sizes[1])
            rows = [lines.row(picture)]
            sums.stored_in_16_bits(rows, reach + at, sums.upper_bits, ORDER)
    _emit_mirror(builder, lines, edges, 2)
    with each(builder, Number(builder, ir.Constant(I64, 2))) as picture:
        sums = Sums(builder, [taps], across)
        with each(builder, width >> 1, BLOCK) as at:
            sums.begin(half + OFFSET)
            sums.add(lines.row(picture).of_kind(I32), at, across.sizes[0])
            sums.stored_in_16_bits([out.row(picture, row)], at, sums.upper_bits, range(16))


@written_by(_emit_halve)
def halve(
    out: Words,
    lines: Words,
    ring: Lanes,
    down: Places,
    across: Places,
    taps: Taps,
    edges: Places,
    phase: int,
    row: int,
    width: int,
    reach: int,
) -> None:
    """A row of both pictures at the next scale, of half the width.

    Args:
        out: Both pictures.
        lines: Room for lines as ``filter_down`` writes them.
        ring: As for ``filter_down``.
        down: As ``places`` of ``filter_down``.
        across: As ``places`` of ``filter_across``.
        taps: Pairs of taps for even rows and columns.
        edges: As for ``filter_down``.
        phase: Which of ``down``.
        row: Which row of ``out``.
        width: Samples in a row of this scale.
        reach: As for ``filter_down``.
    """
    for picture in range(2):
        total = pair_sums(ring.view(np.int16)[picture], down[phase], taps, width, HALF).astype(np.uint32)
        line = lines[picture]
        line[reach : reach + width] = total >> np.uint32(16)
        line[edges[0]] = line[edges[1]]
        total = pair_sums(line.view(np.int16), across, taps, width // 2, OFFSET + HALF).astype(np.uint32)
        out[picture, row, : width // 2] = total >> np.uint32(16)
