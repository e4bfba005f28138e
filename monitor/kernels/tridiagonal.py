"""Steps towards the eigenvalues of a symmetric matrix that has nothing but a diagonal and its neighbour.

See ``monitor.kernels.equations``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from monitor.kernels.householder import Matrix, load, store
from monitor.kernels.instructions import Number, Room, each, written_by
from monitor.kernels.rows import double, equal, root, single, where
from monitor.kernels.vectors import F32

TINY = 1e-6
"""Relative to its neighbours on the diagonal a number beside it counts as 0 below this."""


def _emit_take_diagonals(builder: ir.IRBuilder, matrix: Room, diagonal: Room, beside: Room) -> None:
    size = matrix.sizes[0]
    with each(builder, size) as row:
        store(load(matrix.row(row), row), diagonal, row)
    with each(builder, size - 1) as row:
        store(load(matrix.row(row), row + 1), beside, row)


@written_by(_emit_take_diagonals, apart=True)
def take_diagonals(matrix: Matrix, diagonal: Matrix, beside: Matrix) -> None:
    """Copy the diagonal, and what is on its right."""
    diagonal[:], beside[:-1] = matrix.diagonal(), matrix.diagonal(1)


def _without_tiny(beside: Any, here: Any, there: Any) -> Any:
    is_tiny = double(abs(beside)) < double(abs(here) + abs(there)) * TINY
    return where(is_tiny, 0, beside)


def _emit_drop_tiny(builder: ir.IRBuilder, diagonal: Room, beside: Room, start: Number, last: Number) -> None:
    with each(builder, last, start=start) as at:
        store(_without_tiny(load(beside, at), load(diagonal, at), load(diagonal, at + 1)), beside, at)


@written_by(_emit_drop_tiny, apart=True)
def drop_tiny(diagonal: Matrix, beside: Matrix, start: int, last: int) -> None:
    """Set what counts as 0 beside a part of the diagonal to 0."""
    beside[start:last] = _without_tiny(beside[start:last], diagonal[start:last], diagonal[start + 1 : last + 1])


def _shifted(before: Any, link: Any, end: Any, first: Any, beside: Any) -> Any:
    """The first number less Wilkinson's shift, where that is not too large."""
    apart = (before - end) * 0.5
    far = root(apart * apart + link * link)
    outside = where(apart > 0, apart + far, far - apart)
    step = link * (link / outside)
    shift = where(equal(apart, 0), end - abs(link), where(apart > 0, end - step, end + step))
    fits = double(abs(first) + abs(beside)) >= double(abs(shift)) * TINY
    return where(fits, first - shift, first)


def _rotation(x: Any, z: Any) -> tuple[Any, Any]:
    """Cosine and sine of the rotation that makes ``z`` 0."""
    swap, idle = abs(z) > abs(x), equal(z, 0)
    ratio = -where(swap, x, z) / where(swap, z, x)
    longer = single(1 / root(double(ratio * ratio + 1)))
    shorter = longer * ratio
    return where(idle, 1, where(swap, shorter, longer)), where(idle, 0, where(swap, longer, shorter))


def _turned(c: Any, s: Any, here: Any, link: Any, there: Any) -> tuple[Any, Any, Any]:
    """Both numbers on the diagonal after a rotation, and the one beside them."""
    left, right = s * here + c * link, s * link + c * there
    return c * (c * here - s * link) + s * (s * there - c * link), s * left + c * right, c * left - s * right


def _emit_make_step(builder: ir.IRBuilder, diagonal: Room, beside: Room, start: Number, last: Number) -> None:
    kept = [Room(builder, cgutils.alloca_once(builder, F32), ()) for _ in range(2)]  # type: ignore[no-untyped-call]
    read = (diagonal, last - 1), (beside, last - 1), (diagonal, last), (diagonal, start), (beside, start)
    loaded = [load(room, place) for room, place in read]
    store(_shifted(*loaded), kept[0], 0)
    store(loaded[-1], kept[1], 0)
    with each(builder, last, start=start) as at:
        x, z = (load(room, 0) for room in kept)
        c, s = _rotation(x, z)
        with builder.if_then((at - start).at_least(1)):
            store(c * x - s * z, beside, at - 1)
        made = _turned(c, s, load(diagonal, at), load(beside, at), load(diagonal, at + 1))
        for number, room, place in zip(made, (diagonal, diagonal, beside), (at, at + 1, at), strict=True):
            store(number, room, place)
        store(made[-1], kept[0], 0)
        with builder.if_then((last - at).at_least(2)):
            following = load(beside, at + 1)
            store(-s * following, kept[1], 0)
            store(following * c, beside, at + 1)


@written_by(_emit_make_step, apart=True)
def make_step(diagonal: Matrix, beside: Matrix, start: int, last: int) -> None:
    """One implicit QR step over a part of the diagonal that has no 0 beside it."""
    with np.errstate(all="ignore"):
        z = beside[start]
        x = _shifted(diagonal[last - 1], beside[last - 1], diagonal[last], diagonal[start], z)
        for at in range(start, last):
            c, s = _rotation(x, z)
            if at > start:
                beside[at - 1] = c * x - s * z
            diagonal[at], diagonal[at + 1], x = _turned(c, s, diagonal[at], beside[at], diagonal[at + 1])
            beside[at] = x
            if at + 1 < last:
                z = -s * beside[at + 1]
                beside[at + 1] *= c
