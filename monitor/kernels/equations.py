"""Eigenvalues and linear equations of small symmetric matrices in single precision, rounded as libvmaf rounds them.

Where a matrix is nearly singular, what single precision makes of it decides: libvmaf's verdict and its solution are noise
then, and only the same operations in the same order give the same noise. So this is no place for a better algorithm.

Source of the methods: Golub and Van Loan, Matrix Computations, 4th ed., 5.2 (Householder's QR) and 8.3 (tridiagonal form,
implicit QR steps with Wilkinson's shift); of order, tolerances and limits libvmaf's feature/speed.c, which takes the
second from GSL's ``symmtd`` and ``symm``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel

TINY = 1e-6
"""Below this an eigenvalue or a pivot counts as 0, and relative to its neighbours on the diagonal a number beside it."""

MOST_STEPS = 500
"""After so many QR steps what is on the diagonal is taken for the eigenvalues."""

NONE, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)

Matrix = NDArray[np.float32]


@kernel()
def _make_tridiagonal(matrix: Matrix, room: Matrix) -> None:
    """Reflect a symmetric matrix into one with only a diagonal and its neighbour; the rest keeps what was there."""
    v, x, size = room[0], room[1], np.uint64(room.shape[1])
    zero, half = np.float32(0), np.float32(0.5)
    for column in range(size - TWO):
        first, here = column + ONE, matrix[column]
        squares = zero
        for i in range(first + ONE, size):
            squares += here[i] * here[i]
        if squares == zero:
            continue
        alpha, rest = here[first], np.sqrt(squares)
        beta = np.sqrt(alpha * alpha + rest * rest)
        if alpha >= zero:
            beta = -beta
        tau, scale = (beta - alpha) / beta, alpha - beta
        for i in range(first, size):
            v[i] = here[i] / scale
        here[first] = beta
        v[first] = np.float32(1)
        product = zero
        for i in range(first, size):
            row, total = matrix[i], zero
            for j in range(first, size):
                total += tau * row[j] * v[j]
            x[i] = total
            product += total * v[i]
        share = -half * tau * product
        for i in range(first, size):
            x[i] += share * v[i]
        for i in range(first, size):
            row, of_x, of_v = matrix[i], x[i], v[i]
            for j in range(first, size):
                row[j] -= of_x * v[j] + of_v * x[j]


@kernel()
def _make_diagonal(diagonal: Matrix, beside: Matrix) -> None:
    """QR steps over the last rows that are not diagonal yet, until all are."""
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    start, last, steps = NONE, np.uint64(diagonal.size) - ONE, 0
    while True:
        for i in range(start, last):
            if np.float64(abs(beside[i])) < TINY * np.float64(abs(diagonal[i]) + abs(diagonal[i + ONE])):
                beside[i] = zero
        while last > NONE and beside[last - ONE] == zero:
            last -= ONE
        if last == NONE or steps == MOST_STEPS:
            return
        start = last - ONE
        while start > NONE and beside[start - ONE] != zero:
            start -= ONE
        steps += 1

        x, z = diagonal[last], beside[last - ONE]
        apart = (diagonal[last - ONE] - x) * half
        far = np.sqrt(apart * apart + z * z)
        if apart > zero:
            shift = x - z * (z / (apart + far))
        elif apart == zero:
            shift = x - abs(z)
        else:
            shift = x + z * (z / (far - apart))
        x, z = diagonal[start], beside[start]
        if TINY * np.float64(abs(shift)) <= np.float64(abs(x) + abs(z)):
            x -= shift
        for k in range(start, last):
            c, s = one, zero
            if abs(z) > abs(x):
                t = -x / z
                s = np.float32(1.0 / np.sqrt(np.float64(one + t * t)))
                c = s * t
            elif z != zero:
                t = -z / x
                c = np.float32(1.0 / np.sqrt(np.float64(one + t * t)))
                s = c * t
            if k > start:
                beside[k - ONE] = c * x - s * z
            here, link, there = diagonal[k], beside[k], diagonal[k + ONE]
            left, right = s * here + c * link, s * link + c * there
            x = c * left - s * right
            diagonal[k], beside[k] = c * (c * here - s * link) + s * (s * there - c * link), x
            diagonal[k + ONE] = s * left + c * right
            if k + ONE < last:
                z = -s * beside[k + ONE]
                beside[k + ONE] *= c


def eigenvalues(matrix: Matrix) -> Matrix:
    """Eigenvalues of a symmetric matrix of at least 2x2, in no order; small ones may come out below 0."""
    reflected, room = matrix.copy(), np.empty((2, len(matrix)), np.float32)
    _make_tridiagonal(reflected, room)
    found, beside = reflected.diagonal().copy(), reflected.diagonal(1).copy()
    _make_diagonal(found, beside)
    return found


@kernel()
def _reflect(work: Matrix, old: Matrix, v: Matrix) -> None:
    """Reflect the square on the left column by column until it is triangular, and what is on its right along with it.

    A column's length is added to its first number whatever the sign that the number has by then: libvmaf looks at the
    sign that it had at first, and on a covariance's diagonal that is no minus.
    """
    size, width = np.uint64(work.shape[0]), np.uint64(work.shape[1])
    for k in range(size - ONE):
        squares = np.float32(0)
        for i in range(k, size):
            v[i] = work[i, k]
            squares += v[i] * v[i]
        v[k] += np.sqrt(squares)
        squares = np.float32(0)
        for i in range(k, size):
            squares += v[i] * v[i]
        length = np.sqrt(squares)
        for i in range(k, size):
            v[i] /= length
            row, was = work[i], old[i]
            for j in range(k, width):
                was[j] = row[j]
                row[j] = np.float32(0)
        for i in range(k, size):
            row, twice = work[i], np.float32(-2) * v[i]
            for m in range(k, size):
                was, share = old[m], twice * v[m]
                if m == i:
                    share += np.float32(1)
                for j in range(k, width):
                    row[j] += share * was[j]


@kernel()
def _substitute(turn: Matrix, joined: Matrix, out: Matrix) -> bool:
    """Turn a matrix and the right side of its equations, both in one, and solve them from the last row up."""
    size, width = np.uint64(joined.shape[0]), np.uint64(joined.shape[1])
    for solved in range(size):
        i = size - ONE - np.uint64(solved)
        row = out[i]
        for k in range(size):
            share, of = turn[i, k], joined[k]
            for j in range(width):
                row[j] += share * of[j]
        pivot = row[i]
        if not np.float64(abs(pivot)) >= TINY:  # nor where a column vanished, and its pivot is no number
            return False
        for k in range(i + ONE, size):
            share, of = row[k], out[k]
            for j in range(size, width):
                row[j] -= of[j] * share
        for j in range(size, width):
            row[j] /= pivot
    return True


def solution(matrix: Matrix, right: Matrix) -> Matrix | None:
    """The solution of linear equations by Householder's QR decomposition, or ``None`` where they are singular.

    Args:
        matrix: ``(n, n)``, symmetric; no number on its diagonal is below 0.
        right: The right sides, ``(n, m)``.
    """
    size = len(matrix)
    work = np.concatenate([matrix, np.eye(size, dtype=np.float32)], axis=1)
    _reflect(work, np.empty_like(work), np.empty(size, np.float32))
    joined = np.concatenate([matrix, right], axis=1)
    solved = np.zeros_like(joined)
    if not _substitute(np.ascontiguousarray(work[:, size:]), joined, solved):
        return None
    return solved[:, size:]
