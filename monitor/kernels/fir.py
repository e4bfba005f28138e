"""Weighted sums of 16-bit samples taken two at a time: the one instruction that integer filters are fast with.

A lane is an int32 that holds two neighbouring int16 samples, the first in its lower half; a tap pair is packed the same
way. ``lane * tap pair`` is the sum of the two products: ``vpmaddwd`` on x86-64, which multiplies sixteen 16-bit samples and
adds them to eight 32-bit sums at once. Neither Numba nor LLVM forms it from scalar loops, so this module writes the loop in
LLVM's own vectors. Other processors get the same arithmetic through LLVM's generic code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

LANES = 16
"""Lanes that are computed together: rows are allocated in multiples of it, and what lies past the end may be anything."""

Lanes = NDArray[np.int32] | NDArray[np.uint32]
Pairs = tuple[np.int32, ...]

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)


def tap_pairs(taps: Sequence[int], first: int = 0) -> Pairs:
    """Taps packed by twos.

    Args:
        taps: Taps that fit int16.
        first: 1 to let the filter begin at the second sample of the first lane.
    """
    padded = np.zeros((len(taps) + first + 1) // 2 * 2, np.int16)
    padded[first : first + len(taps)] = taps
    return tuple(np.frombuffer(padded.tobytes(), "<i4").astype(np.int32))


def row_lanes(samples: int) -> int:
    """Lanes to allocate for a row of ``samples`` results or of sample pairs."""
    return -(-samples // LANES) * LANES


def pair_sums(out: Lanes, source: Lanes, offsets: NDArray[np.int64], taps: Pairs, count: int, start: int) -> None:
    """``out[i] = start + sum over k of source[offsets[k] + i] * taps[k]``, modulo 2**32, for ``count`` lanes.

    Lanes up to the next multiple of ``LANES`` are written too.
    """
    size = -(-count // LANES) * LANES
    total = np.full(size, start, np.int64)
    for offset, tap in zip(offsets[: len(taps)], taps, strict=True):
        samples = source[offset : offset + size].view(np.int16).astype(np.int64).reshape(-1, 2)
        total += samples @ np.array([tap], np.int32).view(np.int16).astype(np.int64)
    out[:size] = total.astype(np.int32)


def two_pair_sums(
    out: Lanes,
    other: Lanes,
    source: Lanes,
    offsets: NDArray[np.int64],
    taps: Pairs,
    other_taps: Pairs,
    count: int,
    start: int,
) -> None:
    """``pair_sums`` with two sets of taps over the same lanes, which are read once."""
    pair_sums(out, source, offsets, taps, count, start)
    pair_sums(other, source, offsets, other_taps, count, start)


def _vector(element: ir.IntType, count: int) -> ir.VectorType:
    return ir.VectorType(element, count)


def _mask(indices: Sequence[int]) -> ir.Constant:
    return ir.Constant(_vector(I32, len(indices)), list(indices))


def _undefined(kind: ir.Type) -> ir.Constant:
    return ir.Constant(kind, ir.Undefined)


def _splat(builder: ir.IRBuilder, lane: ir.Value) -> ir.Value:
    lanes = _undefined(_vector(I32, LANES))
    one = builder.insert_element(lanes, lane, ir.Constant(I32, 0))
    return builder.shuffle_vector(one, lanes, _mask([0] * LANES))


def pairwise_products(builder: ir.IRBuilder, samples: ir.Value, taps: ir.Value) -> ir.Value:
    """Products of int16, added by twos: of vectors of 16 numbers, or 32 with a result of 16."""
    lanes, features = samples.type.count // 2, llvm.get_host_cpu_features()
    undefined = _undefined(samples.type)
    if features.get("avx512bw") and lanes == 16:
        return builder.call(_declared(builder, "llvm.x86.avx512.pmaddw.d.512", 16), [samples, taps])
    if features.get("avx2"):
        multiply = _declared(builder, "llvm.x86.avx2.pmadd.wd", 8)
        if lanes == 8:
            return builder.call(multiply, [samples, taps])
        halves = []
        for part in (range(lanes), range(lanes, 2 * lanes)):
            chosen = [builder.shuffle_vector(value, undefined, _mask(part)) for value in (samples, taps)]
            halves.append(builder.call(multiply, chosen))
        return builder.shuffle_vector(*halves, _mask(range(lanes)))
    wide = _vector(I32, 2 * lanes)
    products = builder.mul(builder.sext(samples, wide), builder.sext(taps, wide))
    even, odd = (builder.shuffle_vector(products, _undefined(wide), _mask(range(start, 2 * lanes, 2))) for start in (0, 1))
    return builder.add(even, odd)


def row_pairs(builder: ir.IRBuilder, upper: ir.Value, lower: ir.Value) -> ir.Value:
    """``LANES`` samples of each of two rows as lanes of int16, those of 16 bits less 32768."""
    parts, kind = [], _vector(I16, LANES)
    for start in (0, LANES // 2):
        order = [place + row * LANES for place in range(start, start + LANES // 2) for row in range(2)]
        part = builder.shuffle_vector(upper, lower, _mask(order))
        parts.append(
            builder.zext(part, kind) if part.type != kind else builder.xor(part, ir.Constant(kind, [1 << 15] * LANES))
        )
    return builder.shuffle_vector(*parts, _mask(range(2 * LANES)))


def _declared(builder: ir.IRBuilder, name: str, lanes: int) -> ir.Function:
    samples = _vector(I16, 2 * lanes)
    kind = ir.FunctionType(_vector(I32, lanes), [samples, samples])
    return cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]


def _emit(
    context: Any, builder: ir.IRBuilder, kinds: Sequence[Any], values: Sequence[ir.Value], sets: Sequence[tuple[int, int]]
) -> ir.Value:
    """The loop. The arguments end with source, offsets, count and start; ``sets`` are the places of (out, taps) in them."""

    def lanes_of(place: int, element: ir.IntType) -> ir.Value:
        data = context.make_array(kinds[place])(context, builder, values[place]).data
        return builder.bitcast(data, element.as_pointer())

    size = len(kinds)
    source, offsets = lanes_of(size - 4, I32), lanes_of(size - 3, I64)
    outs = [lanes_of(out, I32) for out, _ in sets]
    count_of_pairs = len(kinds[sets[0][1]])
    pairs = _vector(I16, 2 * LANES)
    taps = [
        [builder.bitcast(_splat(builder, builder.extract_value(values[place], k)), pairs) for k in range(count_of_pairs)]
        for _, place in sets
    ]
    starts = [
        builder.gep(source, [builder.load(builder.gep(offsets, [ir.Constant(I64, k)]))]) for k in range(count_of_pairs)
    ]
    begin = _splat(builder, values[-1])
    steps = builder.udiv(builder.add(values[-2], ir.Constant(I64, LANES - 1)), ir.Constant(I64, LANES))
    with cgutils.for_range(builder, steps, intp=I64) as loop:
        at = builder.mul(loop.index, ir.Constant(I64, LANES))
        totals = [begin] * len(sets)
        for k, start in enumerate(starts):
            place = builder.bitcast(builder.gep(start, [at]), pairs.as_pointer())
            samples = builder.load(place, align=4)
            products = [pairwise_products(builder, samples, chosen[k]) for chosen in taps]
            totals = [builder.add(*both) for both in zip(totals, products, strict=True)]
        for out, total in zip(outs, totals, strict=True):
            builder.store(total, builder.bitcast(builder.gep(out, [at]), _vector(I32, LANES).as_pointer()), align=4)
    return context.get_dummy_value()


@intrinsic
def _pair_sums(_context: Any, out: Any, taps: Any, source: Any, offsets: Any, count: Any, start: Any) -> Any:
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        return _emit(context, builder, signature.args, values, [(0, 1)])

    return types.void(out, taps, source, offsets, count, start), emit


@intrinsic
def _two_pair_sums(
    _context: Any, out: Any, taps: Any, other: Any, other_taps: Any, source: Any, offsets: Any, count: Any, start: Any
) -> Any:
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        return _emit(context, builder, signature.args, values, [(0, 1), (2, 3)])

    return types.void(out, taps, other, other_taps, source, offsets, count, start), emit


# Numba matches an overload's arguments by name, though their types are of no interest here.


@overload(pair_sums)
def _compile_pair_sums(out: Any, source: Any, offsets: Any, taps: Any, count: Any, start: Any) -> Any:  # noqa: ARG001
    def compiled(out: Any, source: Any, offsets: Any, taps: Any, count: Any, start: Any) -> None:
        _pair_sums(  # type: ignore[call-arg]  # the context is Numba's
            out, taps, source, offsets, np.int64(count), np.int32(start)
        )

    return compiled


@overload(two_pair_sums)
def _compile_two_pair_sums(
    out: Any,  # noqa: ARG001
    other: Any,  # noqa: ARG001
    source: Any,  # noqa: ARG001
    offsets: Any,  # noqa: ARG001
    taps: Any,  # noqa: ARG001
    other_taps: Any,  # noqa: ARG001
    count: Any,  # noqa: ARG001
    start: Any,  # noqa: ARG001
) -> Any:
    def compiled(
        out: Any, other: Any, source: Any, offsets: Any, taps: Any, other_taps: Any, count: Any, start: Any
    ) -> None:
        _two_pair_sums(  # type: ignore[call-arg]
            out, taps, other, other_taps, source, offsets, np.int64(count), np.int32(start)
        )

    return compiled
