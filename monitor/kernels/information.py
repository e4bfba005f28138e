"""What VIF counts of a row: the information that the reference has, and what of it survives, in libvmaf's logarithms.

Source: libvmaf feature/integer_vif.c, ``vif_statistic``; Sheikh and Bovik, IEEE TIP 15(2), 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from monitor.kernels.vectors import WIDTH, Array, Numbers, Vector, add_rows, matrix_rows, offset, splat

N = TypeVar("N", bound=Numbers)

NOISE = 131_072
"""Variance of the visual noise, 2, in units of 1/65536 of an 8-bit level squared."""

QUANTITIES = 8
"""Of a pixel: sums of the reference x and the distorted picture y; upper parts of sums of xx, yy and xy, and lower ones."""

DOUBLES = WIDTH // 2
"""Numbers taken together as float64: such vectors are then as large as those of others."""

FLAT, OTHERS = 2, 3
"""Which total counts flat pixels, and how many come before those of logarithms."""

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
    fourth = square * square
    # Evaluated by pairs: a row of dependent products would keep the processor waiting.
    pairs = [t.times_plus(t.all_of(LOG_CURVE[k + 1]), LOG_CURVE[k]) for k in range(0, 8, 2)]
    lower, upper = pairs[1].times_plus(square, pairs[0]), pairs[3].times_plus(square, pairs[2])
    curve = fourth.times_plus(t.all_of(LOG_CURVE[8]), upper).times_plus(fourth, lower)
    return (bits.upper(8) + curve.as_int()).upper(4)


def moments(sums: Sequence[N]) -> tuple[list[N], list[N]]:
    """Variances of the reference and of the distorted picture, their covariance, and what is counted of these.

    Returns:
        The variances; the covariance, or 0 where the reference is flat or the distorted picture has nothing of its signal;
        the reference's variance, or 0 where it is flat, with the noise's added. Then the distorted variance where the
        reference is flat, its lower and upper 16 bits, and -1 where it is not.
    """
    x, y = sums[:2]
    xx = sums[2] + sums[5].upper(16) - x.upper_product(x)
    yy = (sums[3] + sums[6].upper(16) - y.upper_product(y)).larger(0)
    xy = sums[4] + sums[7].upper(16) - x.upper_product(y)
    seen = xx.at_least(NOISE)
    outside = yy & ~seen
    shared = xy & seen & xy.at_least(1) & yy.at_least(1)
    return [xx, yy, shared, (xx & seen) + NOISE], [outside & 0xFFFF, outside.upper(16), seen]


def variances(parts: Sequence[N], limits: Sequence[N | float]) -> list[N]:
    """The distorted picture as the reference times a gain, which is signal, and a rest, which is noise.

    Returns:
        Variances with the visual noise's added: of the rest, and of rest and signal for each gain limit.
    """
    variance, distorted, covariance = (part.as_float64() for part in parts)
    gain = covariance / (variance + 65536e-10)
    rest = (distorted - gain * covariance).as_int().larger(0) + NOISE
    kept = [gain.smaller(limit) for limit in limits]
    return [rest, *((each * each * variance).as_int() + rest for each in kept)]


def add_information(
    sums: NDArray[np.uint32],
    count: int,
    limits: tuple[float, ...],
    scratch: NDArray[np.int32],  # noqa: ARG001  # NumPy has its own
    totals: NDArray[np.int64],
) -> None:
    """Add to the totals what a row's first ``count`` pixels have.

    Args:
        sums: ``QUANTITIES`` rows of pixels, with room for multiples of ``WIDTH``.
        count: Pixels, a multiple of ``WIDTH``. Those of zeros count as flat and add nothing else.
        limits: Gain limits.
        scratch: Five rows as long as the sums' and one for each limit.
        totals: Lower and upper 16 bits of the distorted variance where the reference is flat, flat pixels, then logarithms:
            of the denominator's variance, of the rest's, of rest and signal for each limit.
    """
    (*parts, of_reference), others = moments([Array(row[:count].view(np.int32)) for row in sums])
    made = of_reference, *variances(parts, limits)
    for place, part in enumerate((*others, *map(logarithm, made))):
        totals[place] += part.values.sum(dtype=np.int64)
    totals[FLAT] += count
    totals[OTHERS] -= count * NO_INFORMATION


@intrinsic
def _add_information(_context: Any, sums: Any, count: Any, limits: Any, scratch: Any, totals: Any) -> Any:
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        # Step by step: a processor looks some hundred instructions ahead, and what is waited for long has to fit in there.
        sources, made = (matrix_rows(context, builder, signature.args[k], values[k], rows) for k, rows in places)
        count, parts = values[1], made[-3:]
        start = context.make_array(signature.args[4])(context, builder, values[4]).data
        into = [offset(builder, start, place) for place in range(OTHERS + len(made) - 3)]
        bounds = [Vector(builder, splat(builder, builder.extract_value(values[2], n), DOUBLES)) for n in range(len(limits))]
        add_rows(builder, count, moments, sources, [*parts, made[0]], into[:OTHERS])
        add_rows(builder, count, lambda row: (variances(row, bounds), []), parts, made[1:-3], [], DOUBLES)
        for variance, total in zip(made[:-3], into[OTHERS:], strict=True):
            add_rows(builder, count, lambda row: ([], [logarithm(row[0])]), [variance], [], [total])
        return context.get_dummy_value()

    places = (0, QUANTITIES), (3, 5 + len(limits))
    return types.void(sums, count, limits, scratch, totals), emit


# Numba matches an overload's arguments by name, though their types are of no interest here.


@overload(add_information)
def _compile_add_information(sums: Any, count: Any, limits: Any, scratch: Any, totals: Any) -> Any:  # noqa: ARG001
    def compiled(sums: Any, count: Any, limits: Any, scratch: Any, totals: Any) -> None:
        _add_information(sums, np.int64(count), limits, scratch, totals)  # type: ignore[call-arg]  # the context is Numba's
        totals[FLAT] += count
        totals[OTHERS] -= count * NO_INFORMATION

    return compiled
