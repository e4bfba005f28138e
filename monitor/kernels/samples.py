"""Rows of samples of any depth, scaled to 16 bits."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from monitor.kernels.instructions import I16, Number, Room, each
from monitor.kernels.vectors import splat

SAMPLES = 16
"""Samples that are loaded together."""

BYTE = 8
"""Bits of samples that are kept in a byte; others take two."""


def emit_load_row(
    builder: ir.IRBuilder,
    out: Room,
    picture: Room,
    width: Number,
    depth: Number,
    made: Callable[[ir.Value], ir.Value] = lambda samples: samples,
) -> None:
    """Write the loading of a row, in vectors and one sample at a time at its end, beyond which there may be no memory.

    Args:
        builder: Where to write it.
        out: Where the samples go, as 16 bits.
        picture: The row's bytes.
        width: Samples in it.
        depth: Their bits.
        made: What becomes of them after they were scaled: of a vector, and of a number.
    """
    kind, whole = ir.VectorType(I16, SAMPLES), width & -SAMPLES

    def load(source: Room, scale: ir.Value) -> None:
        with each(builder, whole, SAMPLES) as at:
            samples = source.load_vector(at, SAMPLES)
            samples = samples if samples.type == kind else builder.zext(samples, kind)
            out.store_vector(at, made(builder.mul(samples, splat(builder, scale, SAMPLES))))
        with each(builder, width, start=whole) as at:
            sample = source.load(at)
            sample = sample if sample.type == I16 else builder.zext(sample, I16)
            builder.store(made(builder.mul(sample, scale)), out.place(at))

    with builder.if_else(depth.at_least(BYTE + 1)) as (words, single):
        with words:
            load(picture.of_kind(I16), (1 << (16 - depth)).as_int(I16))
        with single:
            load(picture, ir.Constant(I16, 1 << (16 - BYTE)))
