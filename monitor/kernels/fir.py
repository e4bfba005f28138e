"""Weighted sums of 16-bit samples taken two at a time: the one instruction that integer filters are fast with.

A lane is an int32 that holds two neighbouring int16 samples, the first in its lower half; a tap pair is packed the same
way. ``lane * tap pair`` is the sum of the two products: ``vpmaddwd`` on x86-64, which multiplies sixteen 16-bit samples and
adds them to eight 32-bit sums at once. Neither Numba nor LLVM forms it from scalar loops, so this module writes LLVM's own
vectors. Other processors get the same arithmetic through LLVM's generic code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels.instructions import BLOCK, I16, I32, Number, Room, each
from monitor.kernels.vectors import splat

LANES = 16
"""Lanes that are computed together: rows are allocated in multiples of it, and what lies past the end may be anything."""

ORDER = (0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
"""How 16 lanes lie in the ring: as AVX2 makes them of two rows, and turns two vectors of sums into one of half the size."""

Places = NDArray[np.int64]
Taps = NDArray[np.int32]


def tap_pairs(taps: Sequence[int], first: int = 0) -> Taps:
    """Taps packed by twos.

    Args:
        taps: Taps that fit int16.
        first: 1 to let the filter begin at the second sample of the first lane.
    """
    padded = np.zeros((len(taps) + first + 1) // 2 * 2, np.int16)
    padded[first : first + len(taps)] = taps
    return padded.view(np.int32)


def mirrored(places: Places, size: int) -> Places:
    """Places inside 0..size-1, mirrored at the edges without repeating the edge sample, as often as it takes."""
    period = max(2 * size - 2, 1)
    inside = np.abs(places) % period
    return np.minimum(inside, period - inside) if size > 1 else inside


def pair_sums(source: NDArray[np.int16], places: Places, taps: Taps, count: int, start: int) -> NDArray[np.int64]:
    """What ``Sums`` are, as plain numbers.

    Args:
        source: Samples, two for each lane.
        places: Where the lanes for each pair of taps begin.
        taps: Pairs of taps.
        count: Lanes to sum up, which are as many sums.
        start: What is added to each.
    """
    total = np.full(count, start, np.int64)
    for place, pair in zip(places.tolist(), taps.view(np.int16).reshape(-1, 2).astype(np.int64), strict=True):
        total += source[2 * place : 2 * (place + count)].reshape(-1, 2).astype(np.int64) @ pair
    return total


def supports(feature: str) -> bool:
    """Whether this processor has instructions that LLVM knows by this name."""
    return bool(llvm.get_host_cpu_features().get(feature))


def vector_lanes() -> int:
    """Lanes in a register of this processor."""
    return 16 if supports("avx512bw") else 8


class Sums:
    """Weighted sums of ``BLOCK`` lanes with each of some sets of taps, in registers."""

    def __init__(self, builder: ir.IRBuilder, taps: Sequence[Room], places: Room) -> None:
        self.builder, self.taps, self.places = builder, taps, places
        self.size = vector_lanes()
        self.kind = ir.VectorType(I32, self.size)
        parts = range(BLOCK // self.size)
        zeros = ir.Constant(self.kind, [0] * self.size)
        self.totals = [
            [cgutils.alloca_once_value(builder, zeros) for _ in parts]  # type: ignore[no-untyped-call]
            for _ in taps
        ]

    def spread(self, number: Number) -> ir.Value:
        """A number's lowest 32 bits, once for each lane."""
        return splat(self.builder, number.as_int(I32), self.size)

    def change(self, change: Callable[[ir.Value], ir.Value]) -> None:
        """Make something else of each vector of sums."""
        for total in (total for row in self.totals for total in row):
            self.builder.store(change(self.builder.load(total)), total)

    def begin(self, start: Number) -> None:
        """Set all sums to a number."""
        begin = self.spread(start)
        self.change(lambda _: begin)

    def add(self, source: Room, at: Number, pairs: Number) -> None:
        """Add lanes times pairs of taps.

        Args:
            source: Lanes.
            at: Which of them is the first sum's, counted from the places.
            pairs: How many pairs of taps.
        """
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
        self, low: Room, high: Room, at: Number, pairs: tuple[Number, Number], begin: tuple[Number, Number]
    ) -> None:
        """The upper 16 bits of sums of lower parts, plus sums of upper parts; of both first the lower ones' arguments."""
        self.begin(begin[0])
        self.add(low, at, pairs[0])
        start = self.spread(begin[1])
        self.change(lambda total: self.builder.add(self.upper_bits(total), start))
        self.add(high, at, pairs[1])

    def upper_bits(self, total: ir.Value) -> ir.Value:
        """The upper 16 bits of sums."""
        return self.builder.lshr(total, ir.Constant(self.kind, [16] * self.size))

    def lower_bits(self, total: ir.Value) -> ir.Value:
        """The lower 16 bits of sums."""
        return self.builder.and_(total, ir.Constant(self.kind, [0xFFFF] * self.size))

    def stored(self, out: Sequence[Room], at: Number) -> None:
        """Write the sums of each set of taps to a row."""
        for room, row in zip(out, self.totals, strict=True):
            for n, total in enumerate(row):
                room.store_vector(at + self.size * n, self.builder.load(total))

    def stored_in_16_bits(
        self, out: Sequence[Room], at: Number, part: Callable[[ir.Value], ir.Value], order: Sequence[int], flip: int = 0
    ) -> None:
        """Write a part of 16 bits of the sums of each set of taps to a row.

        Args:
            out: A row for each set of taps.
            at: Where in it.
            part: Gives the bits of sums.
            order: Which of 16 sums comes first, which next.
            flip: Bits of the part that are turned over.
        """
        flipped = ir.Constant(ir.VectorType(I16, 16), [flip] * 16)
        for room, row in zip(out, self.totals, strict=True):
            parts = [part(self.builder.load(total)) for total in row]
            for n in range(0, BLOCK, 16):
                some = parts[n // self.size : (n + 16) // self.size]
                room.store_vector(at + n, self.builder.xor(_narrowed(self.builder, some, order), flipped))


def _narrowed(builder: ir.IRBuilder, numbers: Sequence[ir.Value], order: Sequence[int]) -> ir.Value:
    """16 numbers that fit 16 bits, as such."""
    half = ir.VectorType(I16, 16)
    if len(numbers) == 2 and supports("avx2"):
        kind = ir.FunctionType(half, [numbers[0].type] * 2)
        pack = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.packusdw")  # type: ignore[no-untyped-call]
        made, order = builder.call(pack, numbers), [ORDER.index(place) for place in order]
    else:
        made = numbers[0] if len(numbers) == 1 else builder.shuffle_vector(*numbers, _mask(range(16)))
        made = builder.trunc(made, half)
    return builder.shuffle_vector(made, made, _mask(order))


def _mask(places: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(places)), list(places))


def pairwise_products(builder: ir.IRBuilder, samples: ir.Value, taps: ir.Value) -> ir.Value:
    """Products of int16, added by twos: of vectors of 16 numbers, or 32 with a result of 16."""
    lanes = samples.type.count // 2
    undefined = ir.Constant(samples.type, ir.Undefined)
    if supports("avx512bw") and lanes == 16:
        return builder.call(_declared(builder, "llvm.x86.avx512.pmaddw.d.512", 16), [samples, taps])
    if supports("avx2"):
        multiply = _declared(builder, "llvm.x86.avx2.pmadd.wd", 8)
        if lanes == 8:
            return builder.call(multiply, [samples, taps])
        halves = []
        for part in (range(lanes), range(lanes, 2 * lanes)):
            chosen = [builder.shuffle_vector(value, undefined, _mask(part)) for value in (samples, taps)]
            halves.append(builder.call(multiply, chosen))
        return builder.shuffle_vector(*halves, _mask(range(lanes)))
    wide = ir.VectorType(I32, 2 * lanes)
    products = builder.mul(builder.sext(samples, wide), builder.sext(taps, wide))
    even, odd = (
        builder.shuffle_vector(products, ir.Constant(wide, ir.Undefined), _mask(range(start, 2 * lanes, 2)))
        for start in (0, 1)
    )
    return builder.add(even, odd)


def row_pairs(builder: ir.IRBuilder, upper: ir.Value, lower: ir.Value) -> ir.Value:
    """``LANES`` samples of each of two rows as lanes of int16, those of 16 bits less 32768."""
    parts, kind = [], ir.VectorType(I16, LANES)
    for start in (0, LANES // 2):
        order = [place + row * LANES for place in range(start, start + LANES // 2) for row in range(2)]
        part = builder.shuffle_vector(upper, lower, _mask(order))
        parts.append(
            builder.zext(part, kind) if part.type != kind else builder.xor(part, ir.Constant(kind, [1 << 15] * LANES))
        )
    return builder.shuffle_vector(*parts, _mask(range(2 * LANES)))


def _declared(builder: ir.IRBuilder, name: str, lanes: int) -> ir.Function:
    samples = ir.VectorType(I16, 2 * lanes)
    kind = ir.FunctionType(ir.VectorType(I32, lanes), [samples, samples])
    return cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
