"""Reflections of matrices by Householder, and what is left to solve after them, in single precision.

Sums are taken number by number, in order. See ``monitor.kernels.equations``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numpy.typing import NDArray

from monitor.kernels.instructions import Number, Room, each, written_by
from monitor.kernels.rows import Lanes, equal, root, where
from monitor.kernels.vectors import F32, splat

LANES = 32
"""Numbers of a row that are computed together."""

Matrix = NDArray[np.float32]


def pitch(width: int) -> int:
    """Numbers that a row of a matrix with a right side takes: vectors may begin anywhere in it."""
    return -(-width // LANES) * LANES + LANES


def load(room: Room, place: Number | int) -> Lanes:
    """One number."""
    return Lanes(room.builder, room.load(place))


def store(number: Lanes, room: Room, place: Number | int) -> None:
    """Put it there."""
    room.builder.store(number.value, room.place(place))


def _variable(builder: ir.IRBuilder, kind: ir.Type) -> Room:
    return Room(builder, cgutils.alloca_once(builder, kind), ())  # type: ignore[no-untyped-call]


def _sum(builder: ir.IRBuilder, start: Number, stop: Number, term: Callable[[Number], Lanes]) -> Lanes:
    """Write the sum of float32, one after the other."""
    total = _variable(builder, F32)
    store(Lanes(builder, ir.Constant(F32, 0)), total, 0)
    with each(builder, stop, start=start) as at:
        store(load(total, 0) + term(at), total, 0)
    return load(total, 0)


def _summed(terms: Matrix) -> np.float32:
    """The same in NumPy."""
    total: np.float32 = np.add.accumulate(np.append(np.float32(0), terms), dtype=np.float32)[-1]
    return total


def _emit_reflect_both_sides(builder: ir.IRBuilder, matrix: Room, room: Room, column: Number) -> None:
    v, x, here = room.row(0), room.row(1), matrix.row(column)
    first, size = column + 1, matrix.sizes[0]
    squares = _sum(builder, first + 1, size, lambda i: load(here, i) * load(here, i))
    with builder.if_then(builder.not_(equal(squares, 0).value)):
        alpha, rest = load(here, first), root(squares)
        length = root(alpha * alpha + rest * rest)
        beta = where(alpha >= 0, -length, length)
        tau, scale = (beta - alpha) / beta, alpha - beta
        with each(builder, size, start=first) as i:
            store(load(here, i) / scale, v, i)
        store(beta, here, first)
        store(beta.all_of(1), v, first)
        with each(builder, size, start=first) as i:
            row = matrix.row(i)
            store(_sum(builder, first, size, lambda j, row=row: tau * load(row, j) * load(v, j)), x, i)  # type: ignore[misc]
        share = tau * -0.5 * _sum(builder, first, size, lambda i: load(x, i) * load(v, i))
        with each(builder, size, start=first) as i:
            store(load(x, i) + share * load(v, i), x, i)
        with each(builder, size, start=first) as i:
            row, of_x, of_v = matrix.row(i), load(x, i), load(v, i)
            with each(builder, size, start=first) as j:
                store(load(row, j) - (of_x * load(v, j) + of_v * load(x, j)), row, j)


@written_by(_emit_reflect_both_sides, apart=True)
def reflect_both_sides(matrix: Matrix, room: Matrix, column: int) -> None:
    """Reflect a symmetric matrix so that a column, and the row, have nothing beyond the diagonal's neighbour.

    Args:
        matrix: Those before are done. What would be 0 keeps what was there.
        room: Two rows.
        column: Which one.
    """
    first, (v, x), here = column + 1, room, matrix[column]
    squares = _summed(here[first + 1 :] ** 2)
    if squares == 0:
        return
    alpha, rest = here[first], np.sqrt(squares)
    length = np.sqrt(alpha * alpha + rest * rest)
    beta = -length if alpha >= 0 else length
    tau, scale = (beta - alpha) / beta, alpha - beta
    v[first:] = here[first:] / scale
    here[first], v[first] = beta, 1
    for i in range(first, len(matrix)):
        x[i] = _summed(tau * matrix[i, first:] * v[first:])
    x[first:] += np.float32(-0.5) * tau * _summed(x[first:] * v[first:]) * v[first:]
    matrix[first:, first:] -= np.outer(x[first:], v[first:]) + np.outer(v[first:], x[first:])


def _emit_combination(
    builder: ir.IRBuilder, out: Room, shares: Room, rows: Room, columns: tuple[Number, Number], which: tuple[Number, Number]
) -> None:
    """Write the sum of shares of some rows in some columns, from 0 on in order."""
    total = _variable(builder, ir.VectorType(F32, LANES))
    with each(builder, columns[1], LANES, columns[0]) as at:
        store(Lanes(builder, splat(builder, ir.Constant(F32, 0), LANES)), total, 0)
        with each(builder, which[1], start=which[0]) as k:
            share = Lanes(builder, splat(builder, shares.load(k), LANES))
            store(load(total, 0) + share * Lanes(builder, rows.row(k).load_vector(at, LANES)), total, 0)
        out.store_vector(at, total.load(0))


def _emit_reflect(builder: ir.IRBuilder, work: Room, old: Room, room: Room, column: Number) -> None:
    size, v, shares = work.sizes[0], room.row(0), room.row(1)
    columns, which = (column & -LANES, size << 1), (column, size)
    with each(builder, size, start=column) as i:
        store(load(work.row(i), column), v, i)
    store(load(v, column) + root(_sum(builder, column, size, lambda i: load(v, i) * load(v, i))), v, column)
    length = root(_sum(builder, column, size, lambda i: load(v, i) * load(v, i)))
    with each(builder, size, start=column) as i:
        store(load(v, i) / length, v, i)
        with each(builder, columns[1], LANES, columns[0]) as at:
            old.row(i).store_vector(at, work.row(i).load_vector(at, LANES))
    with each(builder, size, start=column) as i:
        twice = load(v, i) * -2.0
        with each(builder, size, start=column) as k:
            store(twice * load(v, k), shares, k)
        store(load(shares, i) + 1, shares, i)
        _emit_combination(builder, work.row(i), shares, old, columns, which)


@written_by(_emit_reflect, apart=True)
def reflect(work: Matrix, old: Matrix, room: Matrix, column: int) -> None:
    """Reflect the square on the left so that a column ends at the diagonal, and what is on its right along with it.

    A column's length is added to its first number whatever the sign that the number has by then: libvmaf looks at the
    sign that it had at first, and on a covariance's diagonal that is no minus.

    Args:
        work: ``(n, 2n)`` and room; columns before are done, and what was below their diagonals is of no use.
        old: Room of that shape.
        room: Two rows.
        column: Which one.
    """
    size = len(work)
    v, rows, inside = room[0, column:], slice(column, size), slice(column, 2 * size)
    with np.errstate(all="ignore"):
        v[:] = work[rows, column]
        v[0] += np.sqrt(_summed(v * v))
        v /= np.sqrt(_summed(v * v))
        old[rows, inside] = work[rows, inside]
        work[rows, inside] = 0
        for k in range(column, size):
            shares = np.float32(-2) * v * v[k - column]
            shares[k - column] += np.float32(1)
            work[rows, inside] += np.outer(shares, old[k, inside])


def _emit_turn(builder: ir.IRBuilder, out: Room, row: Number, work: Room, joined: Room) -> None:
    size, width = joined.sizes
    zero = size - size
    _emit_combination(builder, out.row(row), work.row(row).after(size), joined, (zero, width), (zero, size))


@written_by(_emit_turn, apart=True)
def turn(out: Matrix, row: int, work: Matrix, joined: Matrix) -> None:
    """One row of a matrix with a right side, as all reflections together turn it.

    Args:
        out: Where it goes; 0 so far.
        row: Which one.
        work: As left by ``reflect``, with the reflections in its right half.
        joined: The matrix with its right side.
    """
    size = len(joined)
    with np.errstate(all="ignore"):
        for k in range(size):
            out[row] += work[row, size + k] * joined[k]


def _emit_substitute(builder: ir.IRBuilder, out: Room, row: Number) -> None:
    size, width = out.sizes
    here, total = out.row(row), _variable(builder, ir.VectorType(F32, LANES))
    with each(builder, width - (LANES - 1), LANES, size) as at:
        store(Lanes(builder, here.load_vector(at, LANES)), total, 0)
        with each(builder, size, start=row + 1) as k:
            share = Lanes(builder, splat(builder, here.load(k), LANES))
            store(load(total, 0) - Lanes(builder, out.row(k).load_vector(at, LANES)) * share, total, 0)
        pivot = Lanes(builder, splat(builder, here.load(row), LANES))
        here.store_vector(at, (load(total, 0) / pivot).value)


@written_by(_emit_substitute, apart=True)
def substitute(out: Matrix, row: int) -> None:
    """Solve one row for its right side.

    Args:
        out: Turned from this row on, solved after it.
        row: Which one.
    """
    size, here = len(out), out[row]
    for k in range(row + 1, size):
        here[size:] -= out[k, size:] * here[k]
    here[size:] /= here[row]
