"""Eigenvalues and equations in single precision: the twin's to the last bit, and near those of double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.kernels import equations
from tests.unit.kernels import naive_equations as naive


def covariance(size: int, seed: int, spread: float) -> NDArray[np.float32]:
    """Of random draws; eigenvalues fall to 10 to the power of minus ``spread`` of the largest."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = (turn * 10.0 ** -np.linspace(0, spread, size)) @ turn.T * 50
    return np.asarray((matrix + matrix.T) / 2, np.float32)


MATRICES = st.builds(covariance, st.integers(2, 26), st.integers(0, 999), st.sampled_from([0.5, 3.0, 6.0, 9.0]))


@settings(max_examples=40, deadline=None)
@given(MATRICES)
def test_eigenvalues_are_those_of_the_twin(matrix: Any) -> None:
    before = matrix.copy()
    found = equations.eigenvalues(matrix)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, naive.eigenvalues(matrix))
    np.testing.assert_array_equal(matrix, before)
    np.testing.assert_allclose(np.sort(found), np.linalg.eigvalsh(matrix.astype(np.float64)), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(MATRICES, st.integers(1, 40))
def test_solutions_are_those_of_the_twin(matrix: Any, count: int) -> None:
    right = np.random.default_rng(count).normal(size=(len(matrix), count)).astype(np.float32)
    given_matrix, given_right = matrix.copy(), right.copy()
    found, expected = equations.solution(matrix, right), naive.solution(matrix, right)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(matrix, given_matrix)
    np.testing.assert_array_equal(right, given_right)


def test_a_solution_solves_what_is_far_from_singular() -> None:
    matrix = covariance(25, 3, 0.5)
    right = np.random.default_rng(3).normal(size=(25, 9)).astype(np.float32)
    found = equations.solution(matrix, right)
    assert found is not None
    np.testing.assert_allclose(found, np.linalg.solve(matrix.astype(np.float64), right), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 1, 24])
def test_singular_equations_have_no_solution(rank: int) -> None:
    parts = np.zeros((25, 25), np.float32)
    parts[range(rank), range(rank)] = 4
    assert sorted(equations.eigenvalues(parts)) == [0.0] * (25 - rank) + [4.0] * rank
    assert equations.solution(parts, np.ones((25, 2), np.float32)) is None


def test_eigenvalues_that_are_negative_stay_so() -> None:
    matrix = np.array([[1, 2, 0], [2, 1, 0], [0, 0, -5]], np.float32)
    np.testing.assert_allclose(np.sort(equations.eigenvalues(matrix)), [-5, -1, 3], rtol=1e-6)
