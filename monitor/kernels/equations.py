"""Eigenvalues and linear equations of small symmetric matrices in single precision, rounded as libvmaf rounds them.

Where a matrix is nearly singular, what single precision makes of it decides: libvmaf's verdict and its solution are noise
then, and only the same operations in the same order give the same noise. So this is no place for a better algorithm.

Source of the methods: Golub and Van Loan, Matrix Computations, 4th ed., 5.2 (Householder's QR) and 8.3 (tridiagonal form,
implicit QR steps with Wilkinson's shift); of order, tolerances and limits libvmaf's feature/speed.c, which takes the
second from GSL's ``symmtd`` and ``symm``.
"""

from __future__ import annotations

import numpy as np

from monitor.kernels import householder, tridiagonal
from monitor.kernels.compiler import kernel
from monitor.kernels.householder import Matrix, pitch

TINY = tridiagonal.TINY
"""Below this an eigenvalue or a pivot counts as 0."""

MOST_STEPS = 500
"""After so many QR steps what is on the diagonal is taken for the eigenvalues."""


@kernel()
def _find_eigenvalues(matrix: Matrix, room: Matrix, diagonal: Matrix, beside: Matrix) -> None:
    size = matrix.shape[0]
    for column in range(size - 2):
        householder.reflect_both_sides(matrix, room, column)
    tridiagonal.take_diagonals(matrix, diagonal, beside)
    start, last, steps = 0, size - 1, 0
    while True:
        tridiagonal.drop_tiny(diagonal, beside, start, last)
        while last > 0 and beside[last - 1] == 0:
            last -= 1
        if last == 0 or steps == MOST_STEPS:
            return
        start = last - 1
        while start > 0 and beside[start - 1] != 0:
            start -= 1
        steps += 1
        tridiagonal.make_step(diagonal, beside, start, last)


def eigenvalues(matrix: Matrix) -> Matrix:
    """Eigenvalues of a symmetric matrix of at least 2x2, in no order; small ones may come out below 0."""
    size = len(matrix)
    diagonal, beside = np.empty((2, size), np.float32)
    _find_eigenvalues(matrix.copy(), np.empty((2, size), np.float32), diagonal, beside)
    return diagonal


@kernel()
def _solve(work: Matrix, old: Matrix, room: Matrix, joined: Matrix, out: Matrix) -> bool:
    size = work.shape[0]
    for column in range(size - 1):
        householder.reflect(work, old, room, column)
    for row in range(size - 1, -1, -1):
        householder.turn(out, row, work, joined)
        if not abs(out[row, row]) >= TINY:  # nor where a column vanished, and its pivot is no number
            return False
        householder.substitute(out, row)
    return True


def solution(matrix: Matrix, right: Matrix) -> Matrix | None:
    """The solution of linear equations by Householder's QR decomposition, or ``None`` where they are singular.

    Args:
        matrix: ``(n, n)``, symmetric; no number on its diagonal is below 0.
        right: The right sides, ``(n, m)``.
    """
    size, width = len(matrix), len(matrix) + right.shape[1]
    work, joined = np.zeros((size, pitch(2 * size)), np.float32), np.zeros((size, pitch(width)), np.float32)
    work[:, :size] = joined[:, :size] = matrix
    work[range(size), range(size, 2 * size)] = 1
    joined[:, size:width] = right
    solved = np.zeros_like(joined)
    if not _solve(work, np.empty_like(work), np.empty((2, size), np.float32), joined, solved):
        return None
    return solved[:, size:width]
