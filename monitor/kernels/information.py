"""What VIF counts of a row: the information that the reference has, and what of it survives, in libvmaf's logarithms.

Source: libvmaf feature/integer_vif.c, ``vif_statistic``; Sheikh and Bovik, IEEE TIP 15(2), 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from monitor.kernels.instructions import Number, Room, each, written_by
from monitor.kernels.vectors import I32, WIDTH, Array, Numbers, Vector, add_rows, splat

N = TypeVar("N", bound=Numbers)

NOISE = 131_072
"""Variance of the visual noise, 2, in units of 1/65536 of an 8-bit level squared."""

QUANTITIES = 5
"""Of a pixel: means of the reference x and the distorted picture y, and of xx, yy and xy."""

DOUBLES = WIDTH // 2
"""Numbers taken together as float64: such vectors are then as large as those of others."""

FLAT, OTHERS = 2, 3
"""Which total counts flat pixels, and how many come before those of logarithms."""

ROWS = 5
"""Rows that are put by on the way from sums to logarithms, for any number of gain limits."""

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


def moments(sums: Sequence[N]) -> tuple[list[N], list[N]]:
    """Variances of the reference and of the distorted picture, their covariance, and what is counted of these.

    Returns:
        The variances; the covariance, or 0 where the reference is flat or the distorted picture has nothing of its signal;
        the reference's variance, or 0 where it is flat, with the noise's added. Then the distorted variance where the
        reference is flat, its lower and upper 16 bits, and -1 where it is not.
    """
    x, y = sums[:2]
    xx = sums[2] - x.upper_product(x)
    yy = (sums[3] - y.upper_product(y)).larger(0)
    xy = sums[4] - x.upper_product(y)
    seen = xx.at_least(NOISE)
    outside = yy & ~seen
    shared = xy & seen & xy.at_least(1) & yy.at_least(1)
    return [xx, yy, shared, (xx & seen) + NOISE], [outside & 0xFFFF, outside.upper(16), seen]


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


def _emit(
    builder: ir.IRBuilder,
    sums: Room,
    odd: Number,
    count: Number,
    limits: Room,
    scratch: Room,
    totals: Room,
) -> None:
    # Step by step: a processor looks some hundred instructions ahead, and what is waited for long has to fit in there.
    padded, scratch = count.up_to(WIDTH), scratch.of_kind(I32)
    sources = [sums.row(quantity, odd).of_kind(I32) for quantity in range(QUANTITIES)]
    for source in sources:
        with each(builder, padded, start=count) as at:
            builder.store(ir.Constant(I32, 0), source.place(at))
    rows, into = [scratch.row(k) for k in range(ROWS)], [totals.place(k) for k in range(OTHERS)]
    add_rows(builder, padded, moments, sources, rows[:4], into)
    with each(builder, limits.sizes[0]) as n:
        limit, signal = Vector(builder, splat(builder, limits.load(n), DOUBLES)), scratch.row(n + ROWS)
        with each(builder, padded, DOUBLES) as at:
            noise, kept = variances([Vector(builder, row.load_vector(at, DOUBLES)) for row in rows[:3]], limit)
            rows[4].store_vector(at, noise.value)
            signal.store_vector(at, kept.value)
    with each(builder, limits.sizes[0] + 2) as n:
        place = n + OTHERS
        add_rows(builder, padded, lambda row: ([], [logarithm(row[0])]), [scratch.row(n + 3)], [], [totals.place(place)])
        of_padding = (padded - count) * NO_INFORMATION
        builder.store((totals.number(place) - of_padding).value, totals.place(place))
    for index, number in ((FLAT, count), (OTHERS, count * -NO_INFORMATION)):
        builder.store((totals.number(index) + number).value, totals.place(index))


@written_by(_emit)
def add_information(
    sums: NDArray[np.uint32],
    odd: int,
    count: int,
    limits: NDArray[np.float64],
    scratch: NDArray[np.int32],  # noqa: ARG001  # NumPy has its own
    totals: NDArray[np.int64],
) -> None:
    """Add to the totals what some pixels of a row have.

    Args:
        sums: ``QUANTITIES`` of even pixels and of odd ones, each with room for a multiple of ``WIDTH``; what lies there
            after the pixels is overwritten.
        odd: 0 for the even pixels, 1 for the odd ones.
        count: Pixels.
        limits: Gain limits.
        scratch: ``ROWS`` rows as long as the sums', and one for each limit.
        totals: Lower and upper 16 bits of the distorted variance where the reference is flat, flat pixels, then logarithms:
            of the denominator's variance, of the rest's, of rest and signal for each limit.
    """
    (*parts, of_reference), others = moments([Array(row[odd, :count].view(np.int32)) for row in sums])
    both = [variances(parts, float(limit)) for limit in limits]
    made = of_reference, both[0][0], *(kept for _, kept in both)
    for place, part in enumerate((*others, *map(logarithm, made))):
        totals[place] += part.values.sum(dtype=np.int64)
    totals[FLAT] += count
    totals[OTHERS] -= count * NO_INFORMATION
