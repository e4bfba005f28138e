"""Steps of motion over rows: differences of two pictures into lanes, filtered down, filtered across and added up.

Lanes are pairs of int16, see ``monitor.kernels.fir``. What does not fit int16 is filtered in two parts, the upper one and
the lower 8 bits: since the sum of the upper parts is whole after the shift, rounding the sum of the lower ones is rounding
both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels import vif
from monitor.kernels.fir import LANES, pairwise_products, row_pairs
from monitor.kernels.instructions import I8, I16, I32, I64, Number, Room, each, sum_of, written_by
from monitor.kernels.vectors import splat

TAPS = vif.TAPS[2]
"""They sum to 65536."""
REACH = len(TAPS) // 2
PAIRS = REACH + 1

DEEPEST = 15
"""Most bits of samples whose differences fit int16."""

STEP = LANES // 2
"""Lanes that are filtered across together."""

Bytes = NDArray[np.uint8]
Lanes = NDArray[np.int32]
Lines = NDArray[np.int16]


def _vector(builder: ir.IRBuilder, number: int, count: int = LANES) -> ir.Value:
    return splat(builder, ir.Constant(I32, number), count)


def _emit_load(
    builder: ir.IRBuilder,
    ring: Room,
    place: Number,
    earlier: Room,
    current: Room,
    upper: Number,
    lower: Number,
    depth: Number,
) -> None:
    high, low = ring.row(0, place), ring.row(1, place)
    size = earlier.sizes[1]
    rows = [picture.row(row) for picture in (earlier, current) for row in (upper, lower)]
    kind = ir.VectorType(I32, LANES)

    def samples(element: ir.IntType) -> None:
        width = size >> (element.width // 16)
        last = width - LANES
        with each(builder, width, LANES) as index:
            at = last.where(index.at_least(last), index)  # what lies behind the last row is not ours to read
            before, after = (
                row_pairs(builder, *(row.of_kind(element).load_vector(at, LANES) for row in both))
                for both in (rows[:2], rows[2:])
            )
            high.store_vector(at, builder.bitcast(builder.sub(before, after), kind))

    def deep() -> None:
        with each(builder, size >> 1, LANES) as index:
            last = (size >> 1) - LANES
            at = last.where(index.at_least(last), index)
            a, b, c, d = (builder.zext(row.of_kind(I16).load_vector(at, LANES), kind) for row in rows)
            both = builder.sub(a, c), builder.sub(b, d)
            mask, byte, bits = (_vector(builder, number) for number in (0xFFFF, 0xFF, 8))
            for out, (one, other) in (
                (high, [builder.and_(builder.ashr(part, bits), mask) for part in both]),
                (low, [builder.and_(part, byte) for part in both]),
            ):
                out.store_vector(at, builder.or_(one, builder.shl(other, _vector(builder, 16))))

    with builder.if_else(depth.at_least(9)) as (of_words, of_bytes):
        with of_words, builder.if_else(depth.at_least(DEEPEST + 1)) as (in_two_parts, whole):
            with in_two_parts:
                deep()
            with whole:
                samples(I16)
        with of_bytes:
            samples(I8)


@written_by(_emit_load)
def load(ring: Lanes, place: int, earlier: Bytes, current: Bytes, upper: int, lower: int, depth: int) -> None:
    """Differences of two rows as lanes: whole, or the upper parts of deep ones and their lower 8 bits apart.

    Args:
        ring: Both parts of ``PAIRS`` pairs of rows, (2, pairs, lanes).
        place: Which pair to write.
        earlier: Bytes of the picture that came before, ``LANES`` samples wide at least.
        current: Those of the picture to take from it.
        upper: Which row comes first.
        lower: Which comes second.
        depth: Bits of the samples.
    """
    kind = np.uint16 if depth > 8 else np.uint8
    upper_row, lower_row = (
        earlier[row].view(kind).astype(np.int32) - current[row].view(kind).astype(np.int32) for row in (upper, lower)
    )
    if depth > DEEPEST:
        ring[1, place, : upper_row.size] = (upper_row & 255) | ((lower_row & 255) << 16)
        upper_row, lower_row = upper_row >> 8, lower_row >> 8
    ring[0, place, : upper_row.size] = (upper_row & 0xFFFF) | (lower_row << 16)


def _pair_sums(builder: ir.IRBuilder, lanes: Sequence[ir.Value], first: int, start: ir.Value) -> ir.Value:
    """Sums of taps times lanes, where the first tap is for the first or the second sample of the first lane."""
    taps = [0] * first + [*TAPS] + [0] * (1 - first)
    total = start
    for k, lane in enumerate(lanes):
        samples = builder.bitcast(lane, ir.VectorType(I16, 2 * lane.type.count))
        factors = ir.Constant(samples.type, taps[2 * k : 2 * k + 2] * lane.type.count)
        total = builder.add(total, pairwise_products(builder, samples, factors))
    return total


def _emit_filter_down(
    builder: ir.IRBuilder, lines: Room, ring: Room, edges: Room, pair: Number, width: Number, depth: Number
) -> None:
    places = [Number(builder, builder.urem((pair + k).value, ir.Constant(I64, PAIRS))) for k in range(PAIRS)]
    half = splat(builder, ((1 << depth) >> 1).as_int(I32), LANES)
    eight = _vector(builder, 8)

    def filtered(*, deep: bool) -> None:
        bits = splat(builder, (depth - 8 * deep).as_int(I32), LANES)
        with each(builder, width, LANES) as at:
            high, low = ([ring.row(part, place).load_vector(at, LANES) for place in places] for part in range(2))
            for row in range(2):
                if deep:
                    below = builder.ashr(_pair_sums(builder, low, row, half), eight)
                    total = _pair_sums(builder, high, row, below)
                else:
                    total = _pair_sums(builder, high, row, half)
                value = builder.ashr(total, bits)
                parts = builder.ashr(value, eight), builder.and_(value, _vector(builder, 255))
                for part, numbers in enumerate(parts):
                    cut = builder.trunc(numbers, ir.VectorType(I16, LANES))
                    lines.row(2 * row + part).store_vector(at + REACH, cut)

    with builder.if_else(depth.at_least(DEEPEST + 1)) as (in_two_parts, whole):
        with in_two_parts:
            filtered(deep=True)
        with whole:
            filtered(deep=False)
    with each(builder, lines.sizes[0]) as row, each(builder, edges.sizes[1]) as k:
        line = lines.row(row)
        builder.store(line.load(edges.row(1).number(k)), line.place(edges.row(0).number(k)))


@written_by(_emit_filter_down)
def filter_down(lines: Lines, ring: Lanes, edges: NDArray[np.int64], pair: int, width: int, depth: int) -> None:
    """Two rows of filtered differences, of 17 bits, in two parts.

    Args:
        lines: Upper part and lower 8 bits of the one, then of the other, from place ``REACH`` on.
        ring: See ``load``.
        edges: Places before and after a row, and the places inside it that are mirrored there.
        pair: Place of the first pair that is seen, modulo ``PAIRS``.
        width: Of the rows.
        depth: Bits of the samples.
    """
    parts = [
        np.concatenate(
            [ring[part, (pair + k) % PAIRS, :width].view(np.int16).reshape(-1, 2).T for k in range(PAIRS)]
        ).astype(int)
        for part in range(2)
    ]
    half = (1 << depth) >> 1
    for row in range(2):
        high, low = (sum(tap * part[row + k] for k, tap in enumerate(TAPS)) for part in parts)
        value = (high + ((low + half) >> 8)) >> (depth - 8) if depth > DEEPEST else (high + half) >> depth
        lines[2 * row, REACH : REACH + width] = value >> 8
        lines[2 * row + 1, REACH : REACH + width] = value & 255
    lines[:, edges[0]] = lines[:, edges[1]]


def _emit_added_across(builder: ir.IRBuilder, lines: Room, row: Number, width: Number) -> ir.Value:
    kind, wide = ir.VectorType(I32, STEP), ir.VectorType(I64, STEP)
    zeros = ir.Constant(kind, [0] * STEP)
    total = cgutils.alloca_once_value(builder, zeros)  # type: ignore[no-untyped-call]
    parts = [lines.row((row << 1) + part).of_kind(I32) for part in range(2)]
    counts = (width + 1) >> 1, width >> 1
    order = ir.Constant(kind, list(range(STEP)))
    eight = _vector(builder, 8, STEP)
    with each(builder, counts[0], STEP) as at:
        high, low = ([part.load_vector(at + k, STEP) for k in range(PAIRS)] for part in parts)
        for first, count in enumerate(counts):
            below = builder.ashr(_pair_sums(builder, low, first, _vector(builder, 1 << 15, STEP)), eight)
            value = builder.ashr(_pair_sums(builder, high, first, below), eight)
            size = builder.select(builder.icmp_signed("<", value, zeros), builder.neg(value), value)
            left = splat(builder, (count - at).as_int(I32), STEP)
            counted = builder.select(builder.icmp_signed("<", order, left), size, zeros)
            builder.store(builder.add(builder.load(total), counted), total)
    return sum_of(builder, builder.sext(builder.load(total), wide))


@written_by(_emit_added_across, types.int64)
def added_across(lines: Lines, row: int, width: int) -> int:
    """Sum of the sizes of a row's differences, filtered across.

    Args:
        lines: See ``filter_down``.
        row: The first or the second.
        width: Samples of it, fewer than 2**18: a register's parts of the sum then fit 32 bits.
    """
    high, low = (lines[2 * row + part, : width + 2 * REACH].astype(np.int64) for part in range(2))
    filtered = sum(tap * (256 * high + low)[k : k + width] for k, tap in enumerate(TAPS))
    return int(np.abs((filtered + (1 << 15)) >> 16).sum())
