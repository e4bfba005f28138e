"""Steps of VIF over rows: pairs of them into lanes, filtered down, filtered across, and the next scale's picture.

Lanes are pairs of int16, see ``monitor.kernels.fir``. Samples of any depth are scaled to 16 bits, which changes no rounding.
Values of 16 bits are kept less 32768, so that they are int16: a filter whose taps sum to 65536 then gives its sum less
2**31, modulo 2**32. Products of samples have 32 bits and are filtered in two parts; since the sum of the upper parts is
whole after the shift, rounding the sum of the lower ones alone gives exactly what rounding the whole sum would.

Any number of distorted pictures are measured beside one reference x, which is picture 0. Quantities of lanes and lines, in
this order: samples of the picture y; upper parts of yy and, but for the reference, xy; lower parts of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.fir import ORDER, Places, Sums, Taps, pair_sums
from monitor.kernels.instructions import BLOCK, I16, I32, I64, Number, Room, each, written_by
from monitor.kernels.samples import BYTE, SAMPLES, emit_load_row

QUANTITIES = 3
"""y, yy and xy; the reference has two."""
PARTS = 5
"""The same with products in two parts."""

OFFSET = -(1 << 31)
"""What is added to a sum of taps times values less 32768, to make it the sum of taps times values; modulo 2**32."""
HALF = 0x8000
"""What is taken off values of 16 bits, and what is added to sums to round them."""
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]
Lanes = NDArray[np.uint32]


def _interleaved(builder: ir.IRBuilder, upper: ir.Value, lower: ir.Value) -> list[ir.Value]:
    """Samples of two rows by turns, as two vectors."""
    size, kind = SAMPLES // 2, ir.VectorType(I32, SAMPLES)
    orders = ([place for k in part for place in (k, k + SAMPLES)] for part in (ORDER[:size], ORDER[size:]))
    return [builder.shuffle_vector(upper, lower, ir.Constant(kind, order)) for order in orders]


def _emit_load(
    builder: ir.IRBuilder,
    lanes: Room,
    at: Number,
    samples: Sequence[Room],
    width: Number,
    depth: Number,
) -> None:
    """Lanes of two rows of a picture, whose samples come last, and of its products; first come those of the reference."""
    kind, wider, size = ir.VectorType(I16, SAMPLES), ir.VectorType(I32, SAMPLES), SAMPLES // 2
    half = ir.Constant(kind, [HALF] * SAMPLES)

    def store(part: int, index: Number, numbers: Sequence[ir.Value]) -> None:
        for number, vector in enumerate(numbers):
            flipped = builder.bitcast(builder.xor(vector, half), ir.VectorType(I32, size))
            lanes.row(part).store_vector(at + index + size * number, flipped)

    def upper_half(one: ir.Value, other: ir.Value) -> ir.Value:
        product = builder.mul(builder.zext(one, wider), builder.zext(other, wider))
        return builder.trunc(builder.lshr(product, ir.Constant(wider, [16] * SAMPLES)), kind)

    def load(index: Number, lower_halves: bool) -> None:
        rows = [row.load_vector(index, SAMPLES) for row in samples]
        pictures = [_interleaved(builder, *rows[n : n + 2]) for n in range(0, len(rows), 2)]
        own = pictures[-1]
        store(0, index, own)
        for part, other in enumerate(reversed(pictures), 1):
            store(part, index, [upper_half(*both) for both in zip(own, other, strict=True)])
            if lower_halves:
                store(part + 2, index, [builder.mul(*both) for both in zip(own, other, strict=True)])

    with builder.if_else(depth.at_least(BYTE + 1)) as (two_parts, one_part):
        with two_parts, each(builder, width, SAMPLES) as index:
            load(index, lower_halves=True)
        with one_part, each(builder, width, SAMPLES) as index:
            load(index, lower_halves=False)


def _emit_load_reference(
    builder: ir.IRBuilder,
    ring: Room,
    at: Number,
    samples: Room,
    reference: Room,
    upper: Number,
    lower: Number,
    width: Number,
    depth: Number,
) -> None:
    rows = [samples.row(n) for n in range(2)]
    for row, place in zip(rows, (upper, lower), strict=True):
        emit_load_row(builder, row, reference.row(place), width, depth)
    _emit_load(builder, ring.row(0), at, rows, width, depth)


def _emit_load_distorted(
    builder: ir.IRBuilder,
    ring: Room,
    at: Number,
    samples: Room,
    distorted: Room,
    number: Number,
    upper: Number,
    lower: Number,
    width: Number,
    depth: Number,
) -> None:
    rows = [samples.row(n) for n in range(4)]
    for row, place in zip(rows[2:], (upper, lower), strict=True):
        emit_load_row(builder, row, distorted.row(number, place), width, depth)
    _emit_load(builder, ring.row(number + 1), at, rows, width, depth)


def _load(lanes: Lanes, at: int, samples: Words, plane: Bytes, width: int, depth: int) -> None:
    kind = np.uint16 if depth > BYTE else np.uint8
    rows = np.ascontiguousarray(plane).view(kind)[:, :width].astype(np.uint32) << np.uint32(16 - depth)
    samples[-2:, :width] = rows

    def packed(pair: Lanes) -> Lanes:
        made: Lanes = (pair[0] | pair[1] << np.uint32(16)) ^ np.uint32(0x8000_8000)
        return made

    inside = slice(at, at + width)
    lanes[0, inside] = packed(rows)
    for part in range(1, 1 + len(samples) // 2):
        product = rows * (rows if part == 1 else samples[:2, :width].astype(np.uint32))
        lanes[part, inside] = packed(product >> np.uint32(16))
        if depth > BYTE:
            lanes[part + 2, inside] = packed(product & np.uint32(0xFFFF))


@written_by(_emit_load_reference, apart=True)
def load_reference(
    ring: Lanes, at: int, samples: Words, reference: Bytes, upper: int, lower: int, width: int, depth: int
) -> None:
    """Two rows of the reference as lanes.

    Args:
        ring: Lanes to write to, for each picture a row for each part of a quantity. Of samples of 8 bits, products have no
            lower parts, and none are written.
        at: Where in each.
        samples: Room for four rows: two of the reference, then two of a distorted picture.
        reference: Samples as bytes: two each from 9 bits on.
        upper: Row that fills the lower half of lanes.
        lower: Row that fills the upper half.
        width: Samples in a row.
        depth: Their bits.
    """
    _load(ring[0], at, samples[:2], reference[[upper, lower]], width, depth)


@written_by(_emit_load_distorted, apart=True)
def load_distorted(
    ring: Lanes, at: int, samples: Words, distorted: Bytes, number: int, upper: int, lower: int, width: int, depth: int
) -> None:
    """Two rows of a distorted picture as lanes, after those of the reference.

    Args:
        ring: As for ``load_reference``, like all but these:
        at: As there.
        samples: As there.
        distorted: The samples of all distorted pictures.
        number: Which of them.
        upper: As there.
        lower: As there.
        width: As there.
        depth: As there.
    """
    _load(ring[number + 1], at, samples, distorted[number, [upper, lower]], width, depth)


def _in_two_parts(low: NDArray[np.int64], high: NDArray[np.int64]) -> Lanes:
    total: Lanes = (low.astype(np.uint32) >> np.uint32(16)) + high.astype(np.uint32)
    return total


def _emit_mirror(builder: ir.IRBuilder, lines: Sequence[Room], edges: Room) -> None:
    with each(builder, edges.sizes[1]) as k:
        into, inside = (edges.row(row).number(k) for row in range(2))
        for line in lines:
            builder.store(builder.load(line.place(inside)), line.place(into))


def _emit_filter_down(
    builder: ir.IRBuilder,
    lines: Room,
    ring: Room,
    places: Room,
    taps: Room,
    edges: Room,
    picture: Number,
    phase: Number,
    width: Number,
    reach: Number,
    depth: Number,
) -> None:
    sums = Sums(builder, [taps.row(0), taps.row(1)], places.row(phase))
    pairs, lanes = places.sizes[1], ring.row(picture).of_kind(I32)
    half, zero, two = (Number(builder, ir.Constant(I64, number)) for number in (HALF, 0, 2))
    with each(builder, (two + 1).where(picture.at_least(1), 2)) as quantity:
        of_square = quantity.at_least(1)
        split = builder.and_(of_square, depth.at_least(BYTE + 1))
        begin, counts = ((half + OFFSET).where(split), zero.where(of_square, HALF)), (pairs.where(split), pairs)
        # Of means, which have no lower part, one is written where the lower part of the square is written after them.
        low = quantity + two.where(of_square, 3)
        high_rows, low_rows = ([lines.row(picture, n, part) for n in range(2)] for part in (quantity, low))
        with each(builder, width, BLOCK) as at:
            sums.in_two_parts(lanes.row(quantity + 2), lanes.row(quantity), at, counts, begin)
            sums.stored_in_16_bits(high_rows, reach + at, sums.upper_bits, ORDER)
            sums.stored_in_16_bits(low_rows, reach + at, sums.lower_bits, ORDER, HALF)
    _emit_mirror(builder, [lines.row(picture, n, part) for n in range(2) for part in range(PARTS)], edges)


@written_by(_emit_filter_down, apart=True)
def filter_down(
    lines: Words,
    ring: Lanes,
    places: Places,
    taps: Taps,
    edges: Places,
    picture: int,
    phase: int,
    width: int,
    reach: int,
    depth: int,
) -> None:
    """Two rows of a picture's filtered quantities, with their edges mirrored.

    Args:
        lines: For each picture the parts of the first row's quantities, then those of the second; sample 0 is at place
            ``reach``.
        ring: As written by ``load_reference`` and ``load_distorted``.
        places: Where the lanes for each pair of taps begin, by ``phase``.
        taps: Pairs of taps for the first row and for the second.
        edges: Places of lines that are filled in, and what with.
        picture: Which picture: 0 is the reference.
        phase: Which of ``places``.
        width: Samples in a row.
        reach: Of the filter, to each side.
        depth: As for ``load_reference``.
    """
    inside = slice(reach, reach + width)
    signed = ring[picture].view(np.int16)
    for row, out in enumerate(lines[picture]):
        for quantity in range(3 if picture else 2):
            high = pair_sums(signed[quantity], places[phase], taps[row], width, 0 if quantity else HALF)
            low = np.zeros(width, np.int64)
            if quantity and depth > BYTE:
                low = pair_sums(signed[quantity + 2], places[phase], taps[row], width, OFFSET + HALF)
            total = _in_two_parts(low, high)
            out[quantity, inside] = total >> np.uint32(16)
            if quantity:
                out[quantity + 2, inside] = total.astype(np.uint16) ^ np.uint16(HALF)
        out[:, edges[0]] = out[:, edges[1]]


def _emit_filter_across(
    builder: ir.IRBuilder,
    out: Room,
    lines: Room,
    places: Room,
    taps: Room,
    picture: Number,
    row: Number,
    first: Number,
    count: Number,
) -> None:
    sums = Sums(builder, [taps.row(0), taps.row(1)], places)
    pairs, begin, three = places.sizes[0], *(Number(builder, ir.Constant(I64, number)) for number in (OFFSET, 3))
    distorted = picture.at_least(1)
    slot = Number(builder, builder.zext(distorted, I64))
    with each(builder, three.where(distorted, 2)) as quantity:
        of_square = quantity.at_least(1)
        high, low = (lines.row(picture, row, part).of_kind(I32) for part in (quantity, quantity + 2))
        outs = [out.row(slot, quantity, n).of_kind(I32) for n in range(2)]
        starts, counts = ((begin + HALF).where(of_square), begin), (pairs.where(of_square), pairs)
        with each(builder, count, BLOCK) as at:
            sums.in_two_parts(low, high, first + at, counts, starts)
            sums.stored(outs, at)


@written_by(_emit_filter_across, apart=True)
def filter_across(
    out: Lanes, lines: Words, places: Places, taps: Taps, picture: int, row: int, first: int, count: int
) -> None:
    """Filtered quantities of some pixels of a picture's row.

    Args:
        out: Of the reference, then of a distorted picture: for each quantity the even pixels and the odd ones.
        lines: As written by ``filter_down``.
        places: Lanes from the one of the first sample that the filter sees to those that belong to the pairs of taps.
        taps: Pairs of taps for even pixels and for odd ones.
        picture: Which picture: 0 is the reference.
        row: Which of both rows.
        first: First pair of an even and an odd pixel.
        count: How many such pairs.
    """
    signed = lines.view(np.int16)[picture, row, :, 2 * first :]
    for odd in range(2):
        for quantity in range(3 if picture else 2):
            high, low = pair_sums(signed[quantity], places, taps[odd], count, OFFSET), np.zeros(count, np.int64)
            if quantity:
                low = pair_sums(signed[quantity + 2], places, taps[odd], count, OFFSET + HALF)
            out[min(picture, 1), quantity, odd, :count] = _in_two_parts(low, high)


def _emit_halve(
    builder: ir.IRBuilder,
    out: Room,
    lines: Room,
    ring: Room,
    down: Room,
    across: Room,
    taps: Room,
    edges: Room,
    picture: Number,
    phase: Number,
    row: Number,
    width: Number,
    reach: Number,
) -> None:
    half, line = Number(builder, ir.Constant(I64, HALF)), lines.row(picture, 0, 0)
    sums = Sums(builder, [taps], down.row(phase))
    with each(builder, width, BLOCK) as at:
        sums.begin(half)
        sums.add(ring.row(picture, 0).of_kind(I32), at, down.sizes[1])
        sums.stored_in_16_bits([line], reach + at, sums.upper_bits, ORDER)
    _emit_mirror(builder, [line], edges)
    sums = Sums(builder, [taps], across)
    with each(builder, width >> 1, BLOCK) as at:
        sums.begin(half + OFFSET)
        sums.add(line.of_kind(I32), at, across.sizes[0])
        sums.stored_in_16_bits([out.row(picture, row)], at, sums.upper_bits, range(16))


@written_by(_emit_halve, apart=True)
def halve(
    out: Words,
    lines: Words,
    ring: Lanes,
    down: Places,
    across: Places,
    taps: Taps,
    edges: Places,
    picture: int,
    phase: int,
    row: int,
    width: int,
    reach: int,
) -> None:
    """A row of a picture at the next scale, of half the width.

    Args:
        out: All pictures.
        lines: Room for lines as ``filter_down`` writes them.
        ring: As for ``filter_down``.
        down: As ``places`` of ``filter_down``.
        across: As ``places`` of ``filter_across``.
        taps: Pairs of taps for even rows and columns.
        edges: As for ``filter_down``.
        picture: Which picture.
        phase: Which of ``down``.
        row: Which row of ``out``.
        width: Samples in a row of this scale.
        reach: As for ``filter_down``.
    """
    line = lines[picture, 0, 0]
    total = pair_sums(ring[picture, 0].view(np.int16), down[phase], taps, width, HALF).astype(np.uint32)
    line[reach : reach + width] = total >> np.uint32(16)
    line[edges[0]] = line[edges[1]]
    total = pair_sums(line.view(np.int16), across, taps, width // 2, OFFSET + HALF).astype(np.uint32)
    out[picture, row, : width // 2] = total >> np.uint32(16)
