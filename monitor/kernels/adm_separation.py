"""What of a distorted picture's wavelet coefficients is the reference's, and what was added, for ADM.

Source: libvmaf feature/integer_adm.c. libvmaf takes a distorted coefficient's share of the reference's, ``k = t / o`` from
0 to 1 in whole 32768ths, and restores ``k * o``. Where ``o`` is below 16384, that is ``t`` itself, from 0 to ``o``: with
``o = 32768 * x``, it is off by less than ``x**2 + x / 2``, which is rounded away while it is below 1/2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from monitor.kernels.rows import (
    Block,
    bits_of,
    cut,
    double,
    float32_of,
    float64_of,
    from_bits,
    half,
    int64_of,
    larger,
    loop,
    shifted,
    single,
    size_of,
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


def _separate_first(inside: Any, oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any, limit: Any) -> Any:
    aligned = _aligned(float32_of(oh * th + ov * tv), float32_of(oh * oh + ov * ov), float32_of(th * th + tv * tv))
    kept, sizes = [], []
    for o, t in ((oh, th), (ov, tv), (od, td)):
        sign = o >> 31
        size, towards = _negated(o, sign), _negated(t, sign)
        bound = where(aligned, size * limit, size)
        kept.append(_negated(larger(smaller(towards, bound), 0), sign))
        sizes.append(size)
    large = inside(sizes[0] | sizes[1] | sizes[2]) >> EXACT
    return [*kept, th - kept[0], tv - kept[1], td - kept[2]], sizes_of(large)


def _restored(o: Any, t: Any, aligned: Any, limit: Any) -> Any:
    """The restored part of one coefficient."""
    sign = o >> 31
    size, towards = _negated(o, sign), _negated(t, sign)
    # float32 of numbers with a bit below their upper eight set to 0 do not round up to the next power of two.
    digits = larger((bits_of(float32_of(size & ~(size >> 8))) >> 23) - (127 + EXACT), 0)
    divisor = larger((size + half(digits)) >> digits, 1 << EXACT)
    quotient = truncated(2.0**30 / float32_of(divisor))
    quotient = where(quotient * divisor > 1 << 30, quotient - 1, quotient)  # where float32 rounded up
    unit = from_bits((127 - 15 - digits) << 23)
    share = float64_of(towards) * double(float32_of(quotient) * unit) + 0.5
    share = truncated(smaller(larger(share, 0.0), 32768.5))
    # With the sign taken off, what is half is rounded up where it was positive, and down where it was negative.
    product = cut(shifted(size_of(share) * size_of(size) + int64_of(sign + (1 << 14)), 15))
    plain = where(size < 1 << EXACT, larger(smaller(towards, size), 0), product)
    followed = truncated(smaller(float64_of(plain) * limit, float64_of(towards)))
    return _negated(where(aligned, larger(followed, 0), plain), sign)


def _separate(oh: Any, ov: Any, od: Any, th: Any, tv: Any, td: Any, limit: Any) -> Any:
    a, b, c, d = float64_of(oh), float64_of(ov), float64_of(th), float64_of(tv)
    aligned = _aligned(single(a * c + b * d), single(a * a + b * b), single(c * c + d * d))
    kept = [_restored(o, t, aligned, limit) for o, t in ((oh, th), (ov, tv), (od, td))]
    return [*kept, th - kept[0], tv - kept[1], td - kept[2]]


PICTURES, PARTS = (Block(rows=3), Block(rows=3)), (Block(rows=3), Block(rows=3))

separate = loop(_separate, PICTURES, PARTS, [F64])
"""Split distorted coefficients (bands h, v and d) into what is left of the reference's and what was added. The number is how
much contrast may have been enhanced, 1 or more: where the direction of (h, v) is the reference's within a degree, restored
coefficients follow the distorted ones that far."""

separate_first = loop(_separate_first, PICTURES, PARTS, [I32], sums=True)
"""The same for coefficients of 16 bits and a whole number, with a sum that is above 0 where any coefficient of the reference
has more than ``EXACT`` bits: ``separate`` then has to do the row again."""
