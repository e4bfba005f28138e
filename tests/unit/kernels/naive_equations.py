"""A slow and obvious twin of the eigenvalues and equations in single precision: the same roundings in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32


def summed(terms: Any) -> Any:
    """One after the other, each sum rounded."""
    total = F(0)
    for term in terms:
        total = total + term
    return total


def product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(summed(np.outer(left[:, k], right[k]) for k in range(len(right))))


def length(*values: Any) -> Any:
    return np.sqrt(summed(value * value for value in values))


def tridiagonal(matrix: NDArray[Any]) -> tuple[list[Any], list[Any]]:
    matrix, size = matrix.copy(), len(matrix)
    for column in range(size - 2):
        below = slice(column + 1, size)
        vector = matrix[below, column].copy()
        alpha, others = vector[0], length(*vector[1:])
        if others == 0:
            continue
        beta = length(alpha, others) * F(-1 if alpha >= 0 else 1)
        vector /= alpha - beta
        vector[0] = 1
        tau, block = (beta - alpha) / beta, matrix[below, below]
        x = np.array([summed((tau * a) * v for a, v in zip(row, vector, strict=True)) for row in block])
        x += F(-0.5) * tau * summed(x * vector) * vector
        matrix[below, below] = block - (np.outer(x, vector) + np.outer(vector, x))
        matrix[column + 1, column] = beta
    return list(matrix.diagonal()), list(matrix.diagonal(-1))


def chopped(d: list[Any], e: list[Any], among: range) -> None:
    for i in among:
        if float(abs(e[i])) < 1e-6 * float(abs(d[i]) + abs(d[i + 1])):
            e[i] = F(0)


def rotation(x: Any, z: Any) -> tuple[Any, Any]:
    if z == 0:
        return F(1), F(0)
    t = -x / z if abs(z) > abs(x) else -z / x
    long = F(1 / np.sqrt(float(F(1) + t * t)))
    return (long * t, long) if abs(z) > abs(x) else (long, long * t)


def shift(a: Any, b: Any, e: Any) -> Any:
    half = (a - b) / F(2)
    if half > 0:
        return b - e * (e / (half + length(half, e)))
    return b - abs(e) if half == 0 else b + e * (e / (length(half, e) - half))


def step(d: list[Any], e: list[Any], first: int, last: int) -> None:
    mu = shift(d[last - 1], d[last], e[last - 1])
    if 1e-6 * float(abs(mu)) > float(abs(d[first]) + abs(e[first])):
        mu = F(0)
    x, z = d[first] - mu, e[first]
    for k in range(first, last):
        c, s = rotation(x, z)
        if k > first:
            e[k - 1] = c * x - s * z
        p, q, r = d[k], e[k], d[k + 1]
        d[k] = c * (c * p - s * q) + s * (s * r - c * q)
        e[k] = x = c * (s * p + c * q) - s * (s * q + c * r)
        d[k + 1] = s * (s * p + c * q) + c * (s * q + c * r)
        if k + 1 < last:
            z, e[k + 1] = -s * e[k + 1], c * e[k + 1]


def eigenvalues(matrix: NDArray[Any]) -> NDArray[Any]:
    d, e = tridiagonal(matrix)
    last, steps = len(d) - 1, 0
    chopped(d, e, range(last))
    while last > 0 and steps < 500:
        if e[last - 1] == 0:
            last -= 1
            continue
        first = last - 1
        while first > 0 and e[first - 1] != 0:
            first -= 1
        step(d, e, first, last)
        chopped(d, e, range(first, last))
        steps += 1
    return np.array(d)


def solution(matrix: NDArray[Any], right: NDArray[Any]) -> NDArray[Any] | None:
    size = len(matrix)
    rest, q = matrix.copy(), np.eye(size, dtype=F)
    for k in range(size - 1):
        rest[:k], rest[:, :k] = 0, 0
        rest[range(k), range(k)] = 1
        v = rest[:, k].copy()
        v[:k] = 0
        v[k] += length(*v)
        v /= length(*v)
        mirror = np.outer(F(-2) * v, v) + np.eye(size, dtype=F)
        rest, q = product(mirror, rest), product(mirror, q)
    triangle, turned = product(q, matrix), product(q, right)
    found = np.zeros_like(right)
    for i in reversed(range(size)):
        if float(abs(triangle[i, i])) < 1e-6:
            return None
        for k in range(i + 1, size):
            turned[i] -= found[k] * triangle[i, k]
        found[i] = turned[i] / triangle[i, i]
    return found
