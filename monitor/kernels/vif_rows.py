"""Steps of VIF over rows: pairs of them into lanes, filtered down, filtered across, and the next scale's picture.

Lanes are pairs of int16, see ``monitor.kernels.fir``. Values of 16 bits are kept less 32768, so that they are int16: a
filter whose taps sum to 65536 then gives its sum less 2**31, modulo 2**32. Products of samples have up to 32 bits and are
filtered in two parts; since the sum of the upper parts is whole after the shift, rounding the sum of the lower ones alone
gives exactly what rounding the whole sum would.

Parts of quantities, of lanes and of lines, in this order: samples of the reference x and of the distorted picture y; upper
parts of xx, yy and xy; lower parts of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels.fir import pairwise_products
from monitor.kernels.instructions import BLOCK, I16, I32, I64, Number, Room, each, written_by
from monitor.kernels.vectors import splat

QUANTITIES = 5
"""x, y, xx, yy and xy."""
PARTS = 8
"""The same with products in two parts."""

OFFSET = -(1 << 31)
"""What is added to a sum of taps times values less 32768, to make it the sum of taps times values; modulo 2**32."""
HALF = 0x8000

SAMPLES = 16
"""Samples that are loaded together."""

Words = NDArray[np.uint16]
Lanes = NDArray[np.uint32]
Places = NDArray[np.int64]
Taps = NDArray[np.int32]


def _interleaved(builder: ir.IRBuilder, upper: ir.Value, lower: ir.Value) -> list[ir.Value]:
    """Samples of two rows by turns, as two vectors."""
    orders = (
        [place for k in range(first, first + SAMPLES // 2) for place in (k, k + SAMPLES)] for first in (0, SAMPLES // 2)
    )
    kind = ir.VectorType(I32, SAMPLES)
    return [builder.shuffle_vector(upper, lower, ir.Constant(kind, order)) for order in orders]


def _emit_load_row(builder: ir.IRBuilder, out: Room, picture: Room, width: Number, wide: ir.Value) -> None:
    with builder.if_else(wide) as (copied, widened):
        with copied:
            cgutils.raw_memcpy(builder, out.start, picture.start, width.value, 2)  # type: ignore[no-untyped-call]
        with widened:
            whole = width & -SAMPLES
            with each(builder, whole, SAMPLES) as at:
                bytes_ = picture.load_vector(at, SAMPLES)
                out.store_vector(at, builder.zext(bytes_, ir.VectorType(I16, SAMPLES)))
            with each(builder, width, start=whole) as at:
                builder.store(builder.zext(picture.load(at), I16), out.place(at))


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
    square_shift: Number,
) -> None:
    wide = depth.at_least(9)
    for number, picture in enumerate((reference, distorted)):
        for half, row in enumerate((upper, lower)):
            _emit_load_row(builder, samples.row(2 * number + half), picture.row(row), width, wide)
    kind = ir.VectorType(I16, SAMPLES)
    size = SAMPLES // 2

    def constant(number: int) -> ir.Value:
        return ir.Constant(kind, [number] * SAMPLES)

    def spread(number: Number) -> ir.Value:
        return splat(builder, number.as_int(I16), SAMPLES)

    half = constant(HALF)
    flip = spread(Number(builder, ir.Constant(I64, HALF)).where(depth.at_least(16)))
    mask, by = spread((1 << square_shift) - 1), spread(square_shift >> 1)
    rest = builder.sub(constant(SAMPLES // 2), by)
    wider = ir.VectorType(I32, SAMPLES)

    def store(quantity: int, index: Number, numbers: Sequence[ir.Value]) -> None:
        for number, vector in enumerate(numbers):
            ring.row(quantity).store_vector(at + index + size * number, builder.bitcast(vector, ir.VectorType(I32, size)))

    def load(index: Number) -> list[list[ir.Value]]:
        rows = [samples.row(row).load_vector(index, SAMPLES) for row in range(4)]
        both = [_interleaved(builder, *rows[:2]), _interleaved(builder, *rows[2:])]
        for quantity, picture in enumerate(both):
            store(quantity, index, [builder.xor(vector, flip) for vector in picture])
        x, y = both
        return [[x, x], [y, y], [x, y]]

    def upper_half(one: ir.Value, other: ir.Value) -> ir.Value:
        product = builder.mul(builder.zext(one, wider), builder.zext(other, wider))
        return builder.trunc(builder.lshr(product, ir.Constant(wider, [16] * SAMPLES)), kind)

    with builder.if_else(square_shift.at_least(1)) as (two_parts, one_part):
        with two_parts, each(builder, width, SAMPLES) as index:
            for quantity, factors in enumerate(load(index), 2):
                highs, lows = [], []
                for one, other in zip(*factors, strict=True):
                    high, low = upper_half(one, other), builder.mul(one, other)
                    # By half of what it is to be shifted, twice: LLVM leaves open what a shift by all 16 bits gives.
                    high = builder.shl(builder.shl(high, rest), rest)
                    highs.append(builder.xor(builder.or_(high, builder.lshr(builder.lshr(low, by), by)), half))
                    lows.append(builder.xor(builder.and_(low, mask), half))
                store(quantity, index, highs)
                store(quantity + 3, index, lows)
        with one_part, each(builder, width, SAMPLES) as index:
            for quantity, factors in enumerate(load(index), 2):
                products = [builder.mul(one, other) for one, other in zip(*factors, strict=True)]
                store(quantity, index, [builder.xor(product, half) for product in products])


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
    square_shift: int,
) -> None:
    """Two rows of both pictures as lanes.

    Args:
        ring: Lanes to write to, a row for each part of a quantity; lower parts only where squares are shifted.
        at: Where in each.
        samples: Room for four rows.
        reference: Samples as bytes: two each from 9 bits on.
        distorted: As the reference.
        upper: Row that fills the lower half of lanes.
        lower: Row that fills the upper half.
        width: Samples in a row.
        depth: Their bits. Of 16 bits, they are kept less 32768.
        square_shift: Bits of products that go to their lower part: an even number to 16.
    """
    kind = np.uint16 if depth > 8 else np.uint8
    x, y = (
        np.ascontiguousarray(picture[[upper, lower]]).view(kind)[:, :width].astype(np.uint32)
        for picture in (reference, distorted)
    )
    inside = slice(at, at + width)
    samples[:, :width] = np.concatenate([x, y])

    def packed(pair: Lanes, flip: int) -> Lanes:
        lanes: Lanes = (pair[0] | pair[1] << np.uint32(16)) ^ np.uint32(flip * 0x1_0001)
        return lanes

    for quantity, picture in enumerate((x, y)):
        ring[quantity, inside] = packed(picture, HALF if depth == 16 else 0)
    for quantity, product in enumerate((x * x, y * y, x * y), 2):
        ring[quantity, inside] = packed(product >> np.uint32(square_shift), HALF)
        if square_shift:
            ring[quantity + 3, inside] = packed(product & np.uint32((1 << square_shift) - 1), HALF)


def _vector_lanes() -> int:
    return 16 if llvm.get_host_cpu_features().get("avx512bw") else 8


class _Sums:
    """Weighted sums of ``BLOCK`` lanes with each of some sets of taps, in registers."""

    def __init__(self, builder: ir.IRBuilder, taps: Sequence[Room], places: Room) -> None:
        self.builder, self.taps, self.places = builder, taps, places
        self.size = _vector_lanes()
        self.kind = ir.VectorType(I32, self.size)
        parts = range(BLOCK // self.size)
        zeros = ir.Constant(self.kind, [0] * self.size)
        self.totals = [
            [cgutils.alloca_once_value(builder, zeros) for _ in parts]  # type: ignore[no-untyped-call]
            for _ in taps
        ]

    def spread(self, number: Number) -> ir.Value:
        return splat(self.builder, number.as_int(I32), self.size)

    def change(self, change: Callable[[ir.Value], ir.Value]) -> None:
        for total in (total for row in self.totals for total in row):
            self.builder.store(change(self.builder.load(total)), total)

    def begin(self, start: Number) -> None:
        begin = self.spread(start)
        self.change(lambda _: begin)

    def add(self, source: Room, at: Number, pairs: Number) -> None:
        """Add lanes times pairs of taps."""
        build, samples = self.builder, ir.VectorType(I16, 2 * self.size)
        with each(build, pairs) as k:
            start = at + self.places.number(k)
            lanes = [
                build.bitcast(source.load_vector(start + self.size * n, self.size), samples)
                for n in range(BLOCK // self.size)
            ]
            for taps, row in zip(self.taps, self.totals, strict=True):
                pair = build.bitcast(splat(build, taps.load(k), self.size), samples)
                for lane, total in zip(lanes, row, strict=True):
                    build.store(build.add(build.load(total), pairwise_products(build, lane, pair)), total)

    def in_two_parts(
        self, low: Room, high: Room, at: Number, pairs: tuple[Number, Number], begin: tuple[Number, Number], shift: Number
    ) -> None:
        """Sums of lower parts, shifted right as if unsigned, plus sums of upper parts."""
        self.begin(begin[0])
        self.add(low, at, pairs[0])
        bits, start = self.spread(shift), self.spread(begin[1])
        self.change(lambda total: self.builder.add(self.builder.lshr(total, bits), start))
        self.add(high, at, pairs[1])

    def stored(self, out: Sequence[Room], at: Number) -> None:
        """Write the sums of each set of taps to a row."""
        for room, row in zip(out, self.totals, strict=True):
            for n, total in enumerate(row):
                room.store_vector(at + self.size * n, self.builder.load(total))

    def stored_in_16_bits(self, out: Sequence[Room], at: Number, change: Callable[[ir.Value], ir.Value]) -> None:
        """Write the lowest 16 bits of what is made of the sums of each set of taps to a row."""
        build, size = self.builder, self.size
        order = ir.Constant(ir.VectorType(I32, 2 * size), list(range(2 * size)))
        for room, row in zip(out, self.totals, strict=True):
            for n in range(0, len(row), 2):
                both = build.shuffle_vector(*(change(build.load(total)) for total in row[n : n + 2]), order)
                room.store_vector(at + size * n, build.trunc(both, ir.VectorType(I16, 2 * size)))


def _weighted(source: NDArray[np.int16], places: Places, taps: Taps, count: int, start: int) -> NDArray[np.int64]:
    """Sums of ``count`` lanes times pairs of taps, for pairs of samples."""
    total = np.full(count, start, np.int64)
    for place, pair in zip(places.tolist(), taps.view(np.int16).reshape(-1, 2).astype(np.int64), strict=True):
        total += source[2 * place : 2 * (place + count)].reshape(-1, 2).astype(np.int64) @ pair
    return total


def _in_two_parts(low: NDArray[np.int64], high: NDArray[np.int64], shift: int) -> Lanes:
    total: Lanes = ((low & 0xFFFF_FFFF) >> shift).astype(np.uint32) + high.astype(np.uint32)
    return total


def _emit_mirror(builder: ir.IRBuilder, lines: Room, edges: Room, rows: int) -> None:
    with each(builder, Number(builder, ir.Constant(I64, rows))) as row:
        line = lines.row(row)
        with each(builder, edges.sizes[1]) as k:
            inside = builder.load(line.place(edges.row(1).number(k)))
            builder.store(inside, line.place(edges.row(0).number(k)))


def _of_mean(depth: Number) -> tuple[Number, Number]:
    """What sums of samples begin with, for rounding, and the shift after them."""
    flipped = Number(depth.builder, ir.Constant(I64, OFFSET)).where(depth.at_least(16))
    return ((1 << depth) >> 1) + flipped, depth


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
    square_shift: Number,
) -> None:
    sums = _Sums(builder, [taps.row(0), taps.row(1)], places.row(phase))
    pairs, lanes = places.sizes[1], ring.of_kind(I32)
    with each(builder, Number(builder, ir.Constant(I64, QUANTITIES))) as quantity:
        of_square = quantity.at_least(2)
        split = builder.and_(of_square, square_shift.at_least(1))
        mean_start, mean_shift = _of_mean(depth)
        zero = Number(builder, ir.Constant(I64, 0))
        begin = (((1 << square_shift) >> 1) + OFFSET).where(split), zero.where(of_square, mean_start)
        bits = sums.spread(Number(builder, ir.Constant(I64, 16)).where(of_square, mean_shift))
        flip = sums.spread(zero.where(of_square, HALF))
        half = sums.spread(Number(builder, ir.Constant(I64, HALF)))
        # Of means, which have no lower part, one is written where lower parts of products are written after them.
        low = quantity + Number(builder, ir.Constant(I64, 3)).where(of_square, 5)
        high_rows, low_rows = ([lines.row(row + PARTS * n) for n in range(2)] for row in (quantity, low))
        with each(builder, width, BLOCK) as at:
            counts = pairs.where(split), pairs
            sums.in_two_parts(lanes.row(quantity + 3), lanes.row(quantity), at, counts, begin, square_shift)
            sums.stored_in_16_bits(high_rows, reach + at, lambda total: builder.xor(builder.lshr(total, bits), flip))
            sums.stored_in_16_bits(low_rows, reach + at, lambda total: builder.xor(total, half))
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
    square_shift: int,
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
        square_shift: As for ``load_pair``.
    """
    inside = slice(reach, reach + width)
    signed = ring.view(np.int16)
    rounding = (OFFSET if depth == 16 else 0) + (1 << depth >> 1)
    for row in range(2):
        out = lines[PARTS * row : PARTS * (row + 1), inside]
        for quantity in range(2):
            total = _weighted(signed[quantity], places[phase], taps[row], width, rounding)
            out[quantity] = (total.astype(np.uint32) >> np.uint32(depth)).astype(np.uint16) ^ np.uint16(HALF)
        for quantity in range(2, QUANTITIES):
            high = _weighted(signed[quantity], places[phase], taps[row], width, 0)
            low = np.zeros(width, np.int64)
            if square_shift:
                start = OFFSET + (1 << square_shift >> 1)
                low = _weighted(signed[quantity + 3], places[phase], taps[row], width, start)
            square = _in_two_parts(low, high, square_shift)
            out[quantity] = square >> np.uint32(16)
            out[quantity + 3] = square.astype(np.uint16) ^ np.uint16(HALF)
    lines[:, edges[0]] = lines[:, edges[1]]


def _emit_filter_across(
    builder: ir.IRBuilder, out: Room, lines: Room, places: Room, taps: Room, row: Number, first: Number, count: Number
) -> None:
    sums = _Sums(builder, [taps.row(0), taps.row(1)], places)
    pairs, begin = places.sizes[0], Number(builder, ir.Constant(I64, OFFSET))
    with each(builder, Number(builder, ir.Constant(I64, QUANTITIES))) as quantity:
        of_square = quantity.at_least(2)
        high, low = (lines.row(row * PARTS + part).of_kind(I32) for part in (quantity, quantity + 3))
        outs = [out.row(quantity, n).of_kind(I32) for n in range(2)]
        shift = Number(builder, ir.Constant(I64, 16))
        with each(builder, count, BLOCK) as at:
            starts = (begin + HALF).where(of_square), begin
            sums.in_two_parts(low, high, first + at, (pairs.where(of_square), pairs), starts, shift)
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
            sums = _weighted(signed[quantity], places, taps[odd], count, OFFSET).astype(np.uint32)
            if quantity >= 2:
                low = _weighted(signed[quantity + 3], places, taps[odd], count, OFFSET + HALF)
                sums = _in_two_parts(low, sums.astype(np.int64), 16)
            out[quantity, odd, :count] = sums


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
    depth: Number,
) -> None:
    start, shift = _of_mean(depth)
    bits, half = (
        splat(builder, number.as_int(I32), _vector_lanes()) for number in (shift, Number(builder, ir.Constant(I64, HALF)))
    )
    sixteen = splat(builder, ir.Constant(I32, 16), _vector_lanes())
    with each(builder, Number(builder, ir.Constant(I64, 2))) as picture:
        sums = _Sums(builder, [taps], down.row(phase))
        with each(builder, width, BLOCK) as at:
            sums.begin(start)
            sums.add(ring.row(picture).of_kind(I32), at, down.sizes[1])
            rows = [lines.row(picture)]
            sums.stored_in_16_bits(rows, reach + at, lambda total: builder.xor(builder.lshr(total, bits), half))
    _emit_mirror(builder, lines, edges, 2)
    with each(builder, Number(builder, ir.Constant(I64, 2))) as picture:
        sums = _Sums(builder, [taps], across)
        with each(builder, width >> 1, BLOCK) as at:
            sums.begin(Number(builder, ir.Constant(I64, OFFSET + HALF)))
            sums.add(lines.row(picture).of_kind(I32), at, across.sizes[0])
            sums.stored_in_16_bits([out.row(picture, row)], at, lambda total: builder.lshr(total, sixteen))


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
    depth: int,
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
        depth: As for ``load_pair``.
    """
    rounding = (OFFSET if depth == 16 else 0) + (1 << depth >> 1)
    for picture in range(2):
        total = _weighted(ring.view(np.int16)[picture], down[phase], taps, width, rounding).astype(np.uint32)
        line = lines[picture]
        line[reach : reach + width] = (total >> np.uint32(depth)).astype(np.uint16) ^ np.uint16(HALF)
        line[edges[0]] = line[edges[1]]
        total = _weighted(line.view(np.int16), across, taps, width // 2, OFFSET + HALF).astype(np.uint32)
        out[picture, row, : width // 2] = total >> np.uint32(16)
