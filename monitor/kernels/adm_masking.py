"""Contrast sensitivity and masking of wavelet coefficients, and the cubes of what is seen, for ADM.

Source: libvmaf feature/integer_adm.c. ``_first`` loops are for the finest level, whose numbers are in another scale.
"""

from __future__ import annotations

from typing import Any

from monitor.kernels.rows import Block, cut, half, int64_of, larger, loop, shifted, sizes_of, smaller, upper_product
from monitor.kernels.vectors import I32, I64

BANDS = Block(rows=3)
AROUND = Block(columns=3)


def _weigh_first(h: Any, v: Any, d: Any, of_h: Any, of_v: Any, of_d: Any) -> Any:
    weighted = abs((h * of_h + 16384) >> 15), abs((v * of_v + 16384) >> 15), abs((d * of_d + 65535) >> 17)
    less, more = (
        sum((((each * share + 2048) >> 12) for each in weighted[1:]), (weighted[0] * share + 2048) >> 12)
        for share in (4369, 8738)
    )
    return [less, more - less]


def _weighted(factor: Any, coefficient: Any) -> Any:
    """A coefficient times its contrast sensitivity, at levels 1 to 3; its size fits 31 bits."""
    return abs(cut(shifted(int64_of(coefficient) * int64_of(factor) + (1 << 27), 28)))


def _weigh(h: Any, v: Any, d: Any, of_h: Any, of_v: Any, of_d: Any) -> Any:
    a, b, c = _weighted(of_h, h), _weighted(of_v, v), _weighted(of_d, d)
    # A thirtieth and a fifteenth; in every build of libvmaf the rounding constant overflows, which makes each one less.
    less, more = (
        upper_product(a, share) + upper_product(b, share) + upper_product(c, share) - 3 for share in (143165577, 286331153)
    )
    return [less, more - less]


def _threshold(*around: Any) -> Any:
    (first, *others) = around
    return [sum(others, first)]


def _cubes(size: Any, square: Any, unit: Any, cube: Any) -> list[Any]:
    """Cubes of numbers of 31 bits, rounded twice; the squares are first cut to 32 bits."""
    return [
        shifted((shifted(part * part + unit, square) & 0xFFFF_FFFF) * part + half(cube), cube) for part in sizes_of(size)
    ]


def _masked_first(
    inside: Any, signal: Any, threshold: Any, weight: Any, square: Any, cube: Any, places: Any, highest: Any
) -> Any:
    hidden = smaller(threshold, highest) << places
    return [], _cubes(inside(larger(abs(signal * weight) - hidden, 0)), square, half(square), cube)


def _masked(inside: Any, signal: Any, threshold: Any, weight: Any, square: Any, cube: Any) -> Any:
    return [], _cubes(inside(larger(_weighted(weight, signal) - threshold, 0)), square, half(square), cube)


def _reference_first(inside: Any, signal: Any) -> Any:
    size = inside(abs(signal))
    return [], [square * part for square, part in zip(sizes_of(size * size), sizes_of(size), strict=True)]


def _reference(inside: Any, signal: Any, square: Any, cube: Any) -> Any:
    return [], _cubes(inside(abs(signal)), square, half(square) << 1, cube)


weigh_first = loop(_weigh_first, [BANDS], [Block(), Block()], [I32, I32, I32])
"""``weigh`` at level 0, where 32 bits hold everything."""

weigh = loop(_weigh, [BANDS], [Block(), Block()], [I32, I32, I32])
"""What each place of a masker (bands h, v and d) adds to the threshold of its neighbours, and to its own beside that. The
numbers are the bands' sensitivity."""

threshold = loop(_threshold, [AROUND, AROUND, AROUND, Block()], [Block()])
"""Add up what the neighbours of each place of a row add, above, beside and below it, and its own share."""

add_masked_first = loop(_masked_first, [Block(), Block()], (), [I32, I64, I64, I32, I32], sums=True)
"""``add_masked`` at level 0. Further numbers: a shift of the threshold, and the largest that fits 32 bits when it is
shifted; larger ones are above every signal, as that is."""

add_masked = loop(_masked, [Block(), Block()], (), [I32, I64, I64], sums=True)
"""Sum of the cubes of what one band's row shows above its threshold. The numbers are its sensitivity, and shifts of squares
and of cubes."""

add_reference_first = loop(_reference_first, [Block()], (), (), sums=True)
"""Sum of the cubes of one band's row of the reference at level 0."""

add_reference = loop(_reference, [Block()], (), [I64, I64], sums=True)
"""The same at levels 1 to 3. The numbers are shifts of squares, for which libvmaf adds a whole instead of a half, and of
cubes."""
