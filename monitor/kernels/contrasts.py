"""How visible the difference of each sample of a flat area is from others around it, and the largest of these contrasts.

A run of equal samples reads its counts, and those of the values beside its own, in vectors.

Source: libvmaf feature/cambi.c, which goes by samples.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.flat_areas import Rows
from monitor.kernels.instructions import I32, Number, Room, each, written_by
from monitor.kernels.rows import Lanes, float32_of, larger, where
from monitor.kernels.run_counts import LANES, Places, Run, Starts
from monitor.kernels.vectors import F32, F64, splat

LEAST = 0x3F000000
"""0.5 as single precision's bits: the contrast of one sample beside one other. Larger numbers have larger bits."""

BUCKET, BUCKETS = 12, (20 << 23) >> 12
"""Contrasts are ranked by their bits but the last ``BUCKET``; all are below ``2**20 * 0.5``."""

Floats = NDArray[np.float32]


def _more_visible(weight: Any, own: Any, above: Any, below: Any, best: Any, among: Any) -> tuple[Any, Any]:
    """The larger of two contrasts, as the product of a weight and a number, and the sum that this is to be divided by."""
    other = float32_of(larger(above, below))
    both, weighted = other + own, other * weight
    is_better = weighted * among > best * both
    return where(is_better, weighted, best), where(is_better, both, among)


def _contrast(own: Any, best: Any, among: Any) -> Any:
    return own * best * (1 / among)


def _emit_append_contrasts(
    builder: ir.IRBuilder,
    contrasts: Room,
    found: Room,
    counts: Room,
    starts: Room,
    bins: Room,
    rows: Room,
    row: Number,
    pad: Number,
    weights: Room,
    smallest_steps: Room,
) -> None:
    kind = ir.VectorType(F32, LANES)
    best, among = (cgutils.alloca_once(builder, kind) for _ in range(2))  # type: ignore[no-untyped-call]
    steps = weights.sizes[0]

    def load(room: Room, place: Number) -> Lanes:
        return Lanes(builder, room.load_vector(place, LANES))

    with each(builder, rows.number(row + 1), start=rows.number(row)) as index:
        run = Run(builder, starts, bins, index)
        with builder.if_then(run.bin.at_least(0)):
            smallest = smallest_steps.number(run.bin)
            with builder.if_then((steps - smallest).at_least(1)), each(builder, run.end, LANES, run.start) as at:
                column, end = at + pad, found.number(0)
                own = float32_of(load(counts.row(run.bin), column))
                for place, number in ((best, 0), (among, 1)):
                    builder.store(splat(builder, ir.Constant(F32, number), LANES), place)
                with each(builder, steps, start=smallest) as step:
                    weight = Lanes(builder, splat(builder, weights.load(step), LANES))
                    others = [load(counts.row(value), column) for value in (run.bin + step, run.bin - step)]
                    before = [Lanes(builder, builder.load(place)) for place in (best, among)]
                    for place, numbers in zip((best, among), _more_visible(weight, own, *others, *before), strict=True):
                        builder.store(numbers.value, place)
                made = _contrast(own, *(Lanes(builder, builder.load(place)) for place in (best, among)))
                contrasts.store_vector(end, made.value)
                left = run.end - at
                builder.store((end + (at * 0 + LANES).where(left.at_least(LANES), left)).value, found.place(0))


@written_by(_emit_append_contrasts, apart=True)
def append_contrasts(
    contrasts: Floats,
    found: Places,
    counts: Rows,
    starts: Starts,
    bins: Rows,
    rows: Places,
    row: int,
    pad: int,
    weights: Floats,
    smallest_steps: Places,
) -> None:
    """Append the contrast of every sample of a row whose value allows any.

    Args:
        contrasts: What is found, with room for ``LANES`` more.
        found: How many there are.
        counts: As counted by ``count``, in the rows of the squares.
        starts: As written by ``find_runs``.
        bins: Likewise.
        rows: Likewise.
        row: Which row.
        pad: Columns of a square on each side of its middle.
        weights: Of a contrast of 0, 1, 2 ... steps.
        smallest_steps: Of each bin the smallest contrast that is seen.
    """
    for run in range(rows[row], rows[row + 1]):
        if bins[run] < 0 or smallest_steps[bins[run]] >= weights.size:
            continue
        columns = counts[:, int(starts[run]) + pad : int(starts[run + 1]) + pad]
        own = columns[bins[run]].astype(np.float32)
        best, among = np.zeros_like(own), np.ones_like(own)
        for step in range(smallest_steps[bins[run]], weights.size):
            others = columns[bins[run] + step], columns[bins[run] - step]
            best, among = _more_visible(weights[step], own, *others, best, among)
        contrasts[found[0] : found[0] + own.size] = _contrast(own, best, among)
        found[0] += own.size


def _emit_add_up(builder: ir.IRBuilder, contrasts: Room, found: Room, sums: Room) -> None:
    contrasts.store_vector(found.number(0), ir.Constant(ir.VectorType(F32, LANES), [0.0] * LANES))
    zeros, none = (ir.Constant(ir.VectorType(kind, LANES), [0.0] * LANES) for kind in (F64, F32))
    totals = [cgutils.alloca_once_value(builder, zeros) for _ in range(2)]  # type: ignore[no-untyped-call]
    with each(builder, found.number(0), LANES) as at:
        numbers = contrasts.load_vector(at, LANES)
        is_any = builder.uitofp(builder.fcmp_ordered(">", numbers, none), zeros.type)
        for total, added in zip(totals, (builder.fpext(numbers, zeros.type), is_any), strict=True):
            builder.store(builder.fadd(builder.load(total), added), total)
    for place, total in enumerate(totals):
        parts = [builder.extract_element(builder.load(total), ir.Constant(I32, lane)) for lane in range(LANES)]
        builder.store(reduce(builder.fadd, parts), sums.place(place))


@written_by(_emit_add_up, apart=True)
def add_up(contrasts: Floats, found: Places, sums: NDArray[np.float64]) -> None:
    """The sum of contrasts, which is exact in any order, and how many are not 0.

    Args:
        contrasts: See ``append_contrasts``; fewer than 2**28, so that in double precision nothing is rounded.
        found: How many there are.
        sums: Where both go.
    """
    seen = contrasts[: found[0]]
    sums[:] = seen.sum(dtype=np.float64), np.count_nonzero(seen)


@kernel()
def _split(
    contrasts: Floats, bits: NDArray[np.int32], wanted: int, buckets: NDArray[np.int32], around: Floats
) -> tuple[float, int, int]:
    """Sum and number of contrasts surely among the ``wanted`` largest; how many that may be were put into ``around``."""
    for number in bits:
        if number:
            buckets[(number - LEAST) >> BUCKET] += 1
    bucket = buckets.size
    above = 0
    while above < wanted and bucket > 0:
        bucket -= 1
        above += buckets[bucket]
    total, surely, maybe = 0.0, 0, 0
    for i in range(bits.size):
        rank = (bits[i] - LEAST) >> BUCKET
        if rank > bucket:
            total += contrasts[i]
            surely += 1
        elif rank == bucket:
            around[maybe] = contrasts[i]
            maybe += 1
    return total, surely, maybe


def sum_of_largest(contrasts: Floats, wanted: int) -> float:
    """Sum of the ``wanted`` largest contrasts, each 0 or at least 0.5."""
    around = np.empty_like(contrasts)
    total, surely, maybe = _split(contrasts, contrasts.view(np.int32), wanted, np.zeros(BUCKETS, np.int32), around)
    return total + float(np.sort(around[:maybe])[max(maybe - (wanted - surely), 0) :].sum(dtype=np.float64))
