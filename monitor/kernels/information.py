"""What VIF counts of a row: the information that the reference has, and what of it survives, in libvmaf's logarithms.

Source: libvmaf feature/integer_vif.c, ``vif_statistic``; Sheikh and Bovik, IEEE TIP 15(2), 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.instructions import I32, I64, Number, Room, each, written_by
from monitor.kernels.vectors import WIDTH, Array, Numbers, Vector, add_rows, splat

N = TypeVar("N", bound=Numbers)

NOISE = 131_072
"""Variance of the visual noise, 2, in units of 1/65536 of an 8-bit level squared."""

DOUBLES = WIDTH // 2
"""Numbers taken together as float64: such vectors are then as large as those of others."""

FLAT, OF_REFERENCE = 0, 1
"""Totals of the reference: flat pixels, and logarithms of its variances."""
OUTSIDE, OTHERS = 0, 2
"""Totals of a distorted picture: lower and upper 16 bits of its variance where the reference is flat; and how many come
before those of logarithms."""

ROWS = 6
"""Rows that are put by on the way from sums to logarithms: the reference's variance, of even pixels and of odd ones, and
those that are named next. One for each gain limit follows."""
VISIBLE, YY, XY, REST = range(2, ROWS)
"""What the reference's logarithms are of; the distorted picture's variance; its covariance with the reference; the rest."""

LOG_CURVE = (
    2792.0632829527117,
    -1251.8143991975422,
    -10505.203993024902,
    4668.678276673864,
    -2338.131457063921,
    1241.3685044420868,
    -661.4982439243664,
    449.84607138758645,
    -327.3056949674933,
)
"""``32768 * (log2(1.5 + t) - (1.5 + t)) + 32776`` for t in -0.5..0.5, nearly, as a polynomial in t.

libvmaf looks logarithms up in a table of ``2048 * log2(i)``, rounded to float32 and then to whole numbers. For each of the
table's 32768 places, this curve in float32 leads to the same number, whether products are rounded before they are added or
not (a test goes through them all).
"""
LOG_OF_ONE = 127 * 2048
"""What ``logarithm`` is too large by: the bias of float32's exponent."""
NO_INFORMATION = LOG_OF_ONE + 17 * 2048
"""The logarithm of the noise alone."""


def logarithm(value: N) -> N:
    """``2048 * log2`` of the upper 16 bits of larger numbers, rounded as libvmaf's table has it, plus ``LOG_OF_ONE``."""
    bits = (value & ~(value >> 24)).as_float32().bits()  # float32 has 24 bits; the 25th would round them up
    t = ((bits & 0x7FFF00) | 0x3F800000).from_bits() - 1.5
    square = t * t
    # Even and odd powers apart: a row of dependent products would keep the processor waiting.
    even, odd = t.all_of(LOG_CURVE[8]), t.all_of(LOG_CURVE[7])
    for k in (6, 4, 2, 0):
        even = even.times_plus(square, LOG_CURVE[k])
    for k in (5, 3, 1):
        odd = odd.times_plus(square, LOG_CURVE[k])
    curve = odd.times_plus(t, even)
    return (bits.upper(8) + curve.as_int()).upper(4)


def of_reference(sums: Sequence[N]) -> tuple[list[N], list[N]]:
    """The variance; the same, or 0 where that is flat, with the noise's added. Then -1 where it is not flat."""
    x, xx = sums
    variance = xx - x.upper_product(x)
    seen = variance.at_least(NOISE)
    return [variance, (variance & seen) + NOISE], [seen]


def of_distorted(sums: Sequence[N]) -> tuple[list[N], list[N]]:
    """Variance of the distorted picture, its covariance with the reference, and what is counted of the former.

    Args:
        sums: Means of the reference and its variance; means of the distorted picture, of its squares and of the products.

    Returns:
        The variance; the covariance, or 0 where the reference is flat or the distorted picture has nothing of its signal.
        Then the variance where the reference is flat, its lower and upper 16 bits.
    """
    x, variance, y, yy, xy = sums
    seen = variance.at_least(NOISE)
    yy = (yy - y.upper_product(y)).larger(0)
    xy = xy - x.upper_product(y)
    outside = yy & ~seen
    return [yy, xy & seen & xy.at_least(1) & yy.at_least(1)], [outside & 0xFFFF, outside.upper(16)]


def variances(parts: Sequence[N], limit: N | float) -> tuple[N, N]:
    """The distorted picture as the reference times a gain, which is signal, and a rest, which is noise.

    Returns:
        Variances with the visual noise's added: of the rest, and of rest and signal, where the gain counts up to a limit.
    """
    variance, distorted, covariance = (part.as_float64() for part in parts)
    gain = covariance / (variance + 65536e-10)
    rest = (distorted - gain * covariance).as_int().larger(0) + NOISE
    kept = gain.smaller(limit)
    return rest, (kept * kept * variance).as_int() + rest


def _padded(builder: ir.IRBuilder, rows: Sequence[Room], count: Number) -> Number:
    """Fill rows with zeros up to the next multiple of ``WIDTH``, which is given."""
    padded = count.up_to(WIDTH)
    with each(builder, padded, start=count) as at:
        for row in rows:
            builder.store(ir.Constant(I32, 0), row.place(at))
    return padded


def _add_logarithms(builder: ir.IRBuilder, row: Room, padded: Number, totals: Room, place: Number, less: Number) -> None:
    add_rows(builder, padded, lambda values: ([], [logarithm(values[0])]), [row], [], [totals.place(place)])
    builder.store((totals.number(place) - less * NO_INFORMATION).value, totals.place(place))


def _emit_reference(builder: ir.IRBuilder, sums: Room, odd: Number, count: Number, scratch: Room, totals: Room) -> None:
    sources = [sums.row(0, quantity, odd).of_kind(I32) for quantity in range(2)]
    padded, scratch, totals = _padded(builder, sources, count), scratch.of_kind(I32), totals.row(0)
    outs = [scratch.row(odd), scratch.row(VISIBLE)]
    add_rows(builder, padded, of_reference, sources, outs, [totals.place(FLAT)])
    builder.store((totals.number(FLAT) + count).value, totals.place(FLAT))
    _add_logarithms(builder, outs[1], padded, totals, Number(builder, ir.Constant(I64, OF_REFERENCE)), padded)


@written_by(_emit_reference, apart=True)
def add_reference(
    sums: NDArray[np.uint32], odd: int, count: int, scratch: NDArray[np.int32], totals: NDArray[np.int64]
) -> None:
    """Add to the totals what some pixels of a row of the reference have.

    Args:
        sums: Of the reference, then of a distorted picture: means of it, of its squares and of its products with the
            reference; each of even pixels and of odd ones, with room for a multiple of ``WIDTH``. What lies there after the
            pixels is overwritten.
        odd: 0 for the even pixels, 1 for the odd ones.
        count: Pixels.
        scratch: ``ROWS`` rows as long as the sums', and one for each limit. What is written here ``add_distorted`` reads.
        totals: Those of each picture; of the reference see ``FLAT`` and ``OF_REFERENCE``.
    """
    (variance, visible), (seen,) = of_reference([Array(row.view(np.int32)) for row in sums[0, :2, odd, :count]])
    scratch[odd, :count] = variance.values
    totals[0, FLAT] += count + seen.values.sum(dtype=np.int64)
    totals[0, OF_REFERENCE] += logarithm(visible).values.sum(dtype=np.int64) - count * NO_INFORMATION


def _emit_distorted(
    builder: ir.IRBuilder,
    sums: Room,
    picture: Number,
    odd: Number,
    count: Number,
    limits: Room,
    scratch: Room,
    totals: Room,
) -> None:
    # Step by step: a processor looks some hundred instructions ahead, and what is waited for long has to fit in there.
    scratch, totals = scratch.of_kind(I32), totals.row(picture)
    own = [sums.row(1, quantity, odd).of_kind(I32) for quantity in range(3)]
    padded, variance, rest = _padded(builder, own, count), scratch.row(odd), scratch.row(REST)
    parts = [scratch.row(YY), scratch.row(XY)]
    sources = [sums.row(0, 0, odd).of_kind(I32), variance, *own]
    add_rows(builder, padded, of_distorted, sources, parts, [totals.place(OUTSIDE), totals.place(OUTSIDE + 1)])
    with each(builder, limits.sizes[0]) as n:
        limit, signal = Vector(builder, splat(builder, limits.load(n), DOUBLES)), scratch.row(n + ROWS)
        with each(builder, padded, DOUBLES) as at:
            read = [Vector(builder, row.load_vector(at, DOUBLES)) for row in (variance, *parts)]
            noise, kept = variances(read, limit)
            rest.store_vector(at, noise.value)
            signal.store_vector(at, kept.value)
    with each(builder, limits.sizes[0] + 1) as n:
        _add_logarithms(builder, scratch.row(n + REST), padded, totals, n + OTHERS, padded - count)


@written_by(_emit_distorted, apart=True)
def add_distorted(
    sums: NDArray[np.uint32],
    picture: int,
    odd: int,
    count: int,
    limits: NDArray[np.float64],
    scratch: NDArray[np.int32],
    totals: NDArray[np.int64],
) -> None:
    """Add to the totals what some pixels of a row of a distorted picture have, after ``add_reference``.

    Args:
        sums: As there.
        picture: Which distorted picture, from 1 on.
        odd: As there.
        count: As there.
        limits: Gain limits.
        scratch: As there.
        totals: As there; of the picture see ``OUTSIDE`` and ``OTHERS``: logarithms of the rest, and of rest and signal for
            each limit.
    """
    x, own = sums[0, 0, odd, :count], sums[1, :, odd, :count]
    variance, *rows = (Array(row) for row in (scratch[odd, :count], x.view(np.int32), *own.view(np.int32)))
    parts, outside = of_distorted([rows[0], variance, *rows[1:]])
    both = [variances([variance, *parts], float(limit)) for limit in limits]
    made = both[0][0], *(kept for _, kept in both)
    for place, part in enumerate((*outside, *map(logarithm, made))):
        totals[picture, place] += part.values.sum(dtype=np.int64)
