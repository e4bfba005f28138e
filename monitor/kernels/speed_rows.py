"""Steps of SpEED: planes made small row by row, and how the samples of blocks vary together.

See ``monitor.kernels.speed_chroma``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from monitor.kernels.householder import Matrix
from monitor.kernels.instructions import I8, I16, Number, Room, each, written_by
from monitor.kernels.rows import Lanes, double, float32_of
from monitor.kernels.vectors import F32, F64, I32, splat

BLOCK = 5
"""Side of a block."""

VARIABLES = BLOCK * BLOCK

STEP = 16
"""By how much a plane is made smaller."""

TAPS = 9
REACH = TAPS // 2
"""Samples of the filter before that on each side of its centre."""

LANES = 32
"""Samples that are filtered together; no row is shorter."""

WIDTH = 8
"""Samples of details that are read together: a few more than there are."""

CHUNK = 128
"""Samples of all variables that the nearest cache holds."""

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]


def _mirrored(index: Number, size: Number) -> Number:
    index = index.where(index.at_least(0), 0 - index)
    return index.where((size - 1 - index).at_least(0), (size << 1) - 2 - index)


def _emit_filter_down(
    builder: ir.IRBuilder,
    line: Room,
    source: Room,
    row: Number,
    height: Number,
    width: Number,
    depth: Number,
    scale: Room,
    taps: Room,
) -> None:
    total = cgutils.alloca_once(builder, ir.VectorType(F32, LANES))  # type: ignore[no-untyped-call]
    unit, middle = (Lanes(builder, splat(builder, scale.load(k), LANES)) for k in range(2))
    last = width - LANES

    def filtered(kind: ir.Type) -> None:
        with each(builder, width, LANES) as index:
            at = last.where(index.at_least(last), index)  # what lies behind the last row is not ours to read
            builder.store(splat(builder, ir.Constant(F32, 0), LANES), total)
            with each(builder, height * 0 + TAPS) as k:
                seen = source.row(_mirrored(row * STEP + k - REACH, height)).of_kind(kind).load_vector(at, LANES)
                samples = Lanes(builder, seen)
                if kind != F32:
                    samples = float32_of(samples.converted("zext", I32))
                tap = Lanes(builder, splat(builder, taps.load(k), LANES))
                builder.store((Lanes(builder, builder.load(total)) + (samples * unit - middle) * tap).value, total)
            line.store_vector(at + REACH, builder.load(total))

    with builder.if_else(depth.at_least(1)) as (of_samples, of_floats):
        with of_samples, builder.if_else(depth.at_least(9)) as (of_words, of_bytes):
            with of_words:
                filtered(I16)
            with of_bytes:
                filtered(I8)
        with of_floats:
            filtered(F32)
    for place in range(REACH):
        builder.store(line.load(2 * REACH - place), line.place(place))


@written_by(_emit_filter_down, apart=True)
def filter_down(
    line: Matrix, source: Bytes, row: int, height: int, width: int, depth: int, scale: Matrix, taps: Matrix
) -> None:
    """One row of a plane that was made smaller, at its old width.

    Args:
        line: Where it goes, from ``REACH`` on; those before are mirrored.
        source: The plane's bytes.
        row: Which row of the smaller plane.
        height: Rows of the plane that are looked at.
        width: Columns.
        depth: Bits of the samples, which have two bytes each from 9 on; 0 where they are float32.
        scale: What samples are multiplied by, and what is then taken off.
        taps: The filter.
    """
    kind: type[Any] = (np.uint16 if depth > 8 else np.uint8) if depth else np.float32
    picture, total = source.view(kind), np.zeros(width, np.float32)
    for k in range(TAPS):
        index = abs(row * STEP + k - REACH)
        seen = picture[index if index < height else 2 * height - 2 - index, :width].astype(np.float32)
        total += taps[k] * (seen * scale[0] - scale[1])
    line[REACH : REACH + width] = total
    line[:REACH] = line[2 * REACH : REACH : -1]


def _emit_filter_across(builder: ir.IRBuilder, out: Room, row: Number, line: Room, taps: Room) -> None:
    with each(builder, out.sizes[1]) as at:
        total = Lanes(builder, ir.Constant(F32, 0))
        for k in range(TAPS):
            total += Lanes(builder, taps.load(k)) * Lanes(builder, line.load((at * STEP) + k))
        builder.store(total.value, out.row(row).place(at))


@written_by(_emit_filter_across, apart=True)
def filter_across(out: Matrix, row: int, line: Matrix, taps: Matrix) -> None:
    """Every sixteenth sample of a line, filtered.

    Args:
        out: The smaller plane.
        row: Which row of it.
        line: As written by ``filter_down``.
        taps: The filter.
    """
    out[row] = 0
    for k in range(TAPS):
        out[row] += taps[k] * line[k : k + out.shape[1] * STEP : STEP]


def windows(details: Matrix) -> Matrix:
    """The samples of each variable, one for each place where a block may lie, ``(VARIABLES, places)``."""
    shape = [size - BLOCK + 1 for size in details.shape]
    return np.array(sliding_window_view(details, shape)).reshape(VARIABLES, -1)


def _emit_centre(builder: ir.IRBuilder, centred: Room, details: Room, means: Room) -> None:
    height, width = (size - (BLOCK - 1) for size in details.sizes)
    kind = ir.VectorType(F32, WIDTH)
    totals = [cgutils.alloca_once_value(builder, ir.Constant(kind, [0.0] * WIDTH)) for _ in range(BLOCK)]  # type: ignore[no-untyped-call]
    with each(builder, height) as y, each(builder, width) as x:
        for row, total in enumerate(totals):
            seen = details.row(y + row).load_vector(x, WIDTH)  # those further right are of no variable
            builder.store(builder.fadd(builder.load(total), seen), total)
    count = Lanes(builder, splat(builder, builder.sitofp((height * width).value, F32), WIDTH))
    for row, total in enumerate(totals):
        means.store_vector(row * WIDTH, double(Lanes(builder, builder.load(total)) / count).value)
    side = height * 0 + BLOCK
    with each(builder, side) as down, each(builder, side) as right:
        mean = Lanes(builder, splat(builder, means.load(down * WIDTH + right), WIDTH))
        out = centred.row(down * BLOCK + right)
        with each(builder, height) as y, each(builder, width, WIDTH) as x:
            seen = double(Lanes(builder, details.row(y + down).load_vector(right + x, WIDTH)))
            out.store_vector(y * width + x, (seen - mean).value)
        out.store_vector(height * width, ir.Constant(ir.VectorType(F64, WIDTH), [0.0] * WIDTH))


@written_by(_emit_centre, apart=True)
def centre(centred: Doubles, details: Matrix, means: Doubles) -> None:
    """Take their mean off the samples of each variable; its sum is taken in single precision, sample by sample.

    Args:
        centred: Where they go, ``(VARIABLES, places)`` and room for ``2 * WIDTH`` more.
        details: What they are read from; ``WIDTH`` numbers behind it may be read.
        means: Room for ``WIDTH`` numbers for each of a block's rows.
    """
    seen = windows(details)
    means = (np.add.accumulate(seen, axis=1)[:, -1] / np.float32(seen.shape[1])).astype(np.float64)
    centred[:, : seen.shape[1]] = seen.astype(np.float64) - means[:, None]
    centred[:, seen.shape[1] :] = 0


def _emit_covary(builder: ir.IRBuilder, covariance: Room, centred: Room, sums: Room, count: Number) -> None:
    kind = ir.VectorType(F64, WIDTH)
    accumulated = [cgutils.alloca_once(builder, kind) for _ in range(BLOCK)]  # type: ignore[no-untyped-call]
    reduce_kind = ir.FunctionType(F64, [F64, kind])
    reduced = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, reduce_kind, f"llvm.vector.reduce.fadd.v{WIDTH}f64"
    )
    zero, groups, variables = ir.Constant(F64, 0), count * 0 + BLOCK, count * 0 + VARIABLES
    with each(builder, count, CHUNK) as begin:
        left = count - begin
        end = begin + (count * 0 + CHUNK).where(left.at_least(CHUNK), left)
        with each(builder, groups) as group, each(builder, variables, start=group * BLOCK) as one:
            for total in accumulated:
                builder.store(ir.Constant(kind, [0.0] * WIDTH), total)
            with each(builder, end, WIDTH, begin) as at:
                factor = centred.row(one).load_vector(at, WIDTH)
                for column, total in enumerate(accumulated):
                    seen = centred.row(group * BLOCK + column).load_vector(at, WIDTH)
                    product = builder.fmul(factor, seen, flags=["contract"])
                    builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
            for column, total in enumerate(accumulated):
                into = sums.row(one).place(group * BLOCK + column)
                of_chunk = builder.call(reduced, [zero, builder.load(total)], fastmath=["reassoc"])
                builder.store(builder.fadd(builder.load(into), of_chunk), into)
    divisor = builder.sitofp(count.value, F64)
    with each(builder, variables) as one, each(builder, one + 1) as other:
        mean = builder.fptrunc(builder.fdiv(sums.row(one).load(other), divisor), F32)
        for place in (covariance.row(one).place(other), covariance.row(other).place(one)):
            builder.store(mean, place)


@written_by(_emit_covary, apart=True)
def covary(covariance: Matrix, centred: Doubles, sums: Doubles, count: int) -> None:
    """Covariances of the variables; the order of sums in double precision is left open.

    Args:
        covariance: Where they go, ``(VARIABLES, VARIABLES)``.
        centred: As written by ``centre``.
        sums: Zeros of that shape.
        count: Samples of a variable.
    """
    np.matmul(centred, centred.T, out=sums)
    covariance[:] = sums / count
