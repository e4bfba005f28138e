"""What of a distorted picture's wavelet coefficients is the reference's, and what was added, for ADM.

Source: libvmaf feature/integer_adm.c. libvmaf takes a distorted coefficient's share of the reference's, ``k = t / o`` from
0 to 1 in whole 32768ths, and restores ``k * o``. Where ``o`` is below 16384, that is ``t`` itself, from 0 to ``o``: with
``o = 32768 * x``, it is off by less than ``x**2 + x / 2``, which is rounded away while it is below 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from monitor.kernels.rows import (
    Block,
    bits_of,
    double,
    float32_of,
    float64_of,
    half,
    joined,
    larger,
    loop,
    nearer,
    shifted,
    single,
    sizes_of,
    smaller,
    truncated,
    where,
)
from monitor.kernels.vectors import F64, I32

ALIGNED = float(np.float32(math.cos(math.pi / 180) ** 2))
"""Squared cosine of the one degree within which a change of contrast counts as no change of direction."""

EXACT = 14
"""Bits of coefficients that shares lose nothing of."""


def _aligned(dot: Any, of_o: Any, of_t: Any) -> Any:
    """Whether two directions are the same within a degree, from float32 of a scalar product and of squares."""
    dot, of_o, of_t = double(dot), double(of_o), double(of_t)
    return (dot >= 0) & (dot * dot >= of_o * ALIGNED * of_t)


def _negated(numbers: Any, sign: Any) -> Any:
    """Negated where the sign is -1 instead of 0."""
    return (numbers ^ sign) - sign


def _split(
    restored: Callable[[Any, Any, Any], Any], oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any
) -> tuple[list[Any], Any]:
    """What is left and what was added, and the sizes of what the reference has put together.

    ``restored`` takes a coefficient's size in the reference, how far the distorted one goes in its direction, and its sign.
    """
    kept, sizes = [], []
    for o, t in ((oh, th), (ov, tv), (od, td)):
        sign = o >> 31
        sizes.append(_negated(o, sign))
        kept.append(_negated(restored(sizes[-1], _negated(t, sign), sign), sign))
    return [*kept, th - kept[0], tv - kept[1], td - kept[2]], sizes[0] | sizes[1] | sizes[2]


def _separate_first(inside: Any, oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any, limit: Any) -> Any:
    aligned = _aligned(float32_of(oh * th + ov * tv), float32_of(oh * oh + ov * ov), float32_of(th * th + tv * tv))

    def restored(size: Any, towards: Any, _: Any) -> Any:
        return larger(smaller(towards, where(aligned, size * limit, size)), 0)

    made, sizes = _split(restored, oh, ov, od, th, tv, td)
    return made, sizes_of(inside(sizes) >> EXACT)


def _separate_first_closely(inside: Any, *coefficients: Any) -> Any:
    made, sizes = _split(lambda size, towards, _: larger(smaller(towards, size), 0), *coefficients)
    return made, sizes_of(inside(sizes) >> EXACT)


def _share(size: Any, towards: Any, sign: Any) -> Any:
    """A coefficient's share of the reference's, times that."""
    # float32 of numbers with a bit below their upper eight set to 0 do not round up to the next power of two.
    digits = larger((bits_of(float32_of(size & ~(size >> 8))) >> 23) - (127 + EXACT), 0)
    divisor = larger((size + half(digits)) >> digits, 1 << EXACT)
    quotient = truncated(2.0**30 / float32_of(divisor))
    quotient = where(quotient * divisor > 1 << 30, quotient - 1, quotient)  # where float32 rounded up
    # An eighth more than all is all, and fits 32 bits.
    reached = nearer(larger(towards, 0), size + (size >> 3))
    shares = [
        (shifted(part * of_quotient, of_digits + EXACT) + 1) >> 1
        for part, of_quotient, of_digits in zip(sizes_of(reached), sizes_of(quotient), sizes_of(digits), strict=True)
    ]
    # With the sign taken off, what is half is rounded up where it was positive, and down where it was negative.
    rounding = sizes_of(sign + (1 << 14))
    products = [share * of_size + more for share, of_size, more in zip(shares, sizes_of(size), rounding, strict=True)]
    product = nearer(joined([shifted(part, 15) for part in products]), size)
    return where(size < 1 << EXACT, larger(smaller(towards, size), 0), product)


def _aligned_widely(oh: Any, ov: Any, th: Any, tv: Any) -> Any:
    a, b, c, d = float64_of(oh), float64_of(ov), float64_of(th), float64_of(tv)
    return _aligned(single(a * c + b * d), single(a * a + b * b), single(c * c + d * d))


def _separate(oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any, limit: Any, most: Any) -> Any:
    aligned = _aligned_widely(oh, ov, th, tv)

    def restored(size: Any, towards: Any, sign: Any) -> Any:
        plain = _share(size, towards, sign)
        return where(aligned, nearer(nearer(plain, most) * limit, towards), plain)

    return _split(restored, oh, ov, od, th, tv, td)[0]


def _separate_by_parts(oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any, limit: Any) -> Any:
    aligned = _aligned_widely(oh, ov, th, tv)

    def restored(size: Any, towards: Any, sign: Any) -> Any:
        plain = _share(size, towards, sign)
        followed = truncated(smaller(float64_of(plain) * limit, float64_of(towards)))
        return where(aligned, larger(followed, 0), plain)

    return _split(restored, oh, ov, od, th, tv, td)[0]


PICTURES, PARTS = (Block(rows=3), Block(rows=3)), (Block(rows=3), Block(rows=3))

separate = loop(_separate, PICTURES, PARTS, [I32, I32])
"""Split distorted coefficients (bands h, v and d) into what is left of the reference's and what was added. The first number
is how much contrast may have been enhanced, a whole one from 1 on: where the direction of (h, v) is the reference's within a
degree, restored coefficients follow the distorted ones that far. The second is what times the first is just above int32, or
the largest int32."""

separate_by_parts = loop(_separate_by_parts, PICTURES, PARTS, [F64])
"""The same where the first number is not whole; there is no second."""

separate_first = loop(_separate_first, PICTURES, PARTS, [I32], sums=True)
"""The same for coefficients of 16 bits, with a sum that is above 0 where any coefficient of the reference has more than
``EXACT`` bits: ``separate`` then has to do the row again."""

separate_first_closely = loop(_separate_first_closely, PICTURES, PARTS, (), sums=True)
"""``separate_first`` where the number is 1: all that is restored is then within the reference's, whatever the direction."""
