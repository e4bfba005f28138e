from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from monitor.kernels import error
from tests.unit.kernels import naive
from tests.unit.kernels.planes import plane_of, planes


@settings(max_examples=60, deadline=None)
@given(planes(count=2))
def test_squared_error_is_exact(drawn: tuple[int, list[Any]]) -> None:
    _, (distorted, reference) = drawn
    assert error.squared_error(distorted, reference) == naive.squared_error(distorted, reference)


@pytest.mark.parametrize("width", [error.WIDEST - 1, error.WIDEST, error.WIDEST + 1, 70_000])
def test_the_worst_rows_do_not_overflow(width: int) -> None:
    white, black = plane_of("peak", 2, width, 8, 0), plane_of("black", 2, width, 8, 0)
    assert error.squared_error(white, black) == 2 * width * 255**2


def test_the_worst_16_bit_plane_does_not_overflow() -> None:
    white, black = plane_of("peak", 300, 4000, 16, 0), plane_of("black", 300, 4000, 16, 0)
    assert error.squared_error(white, black) == 300 * 4000 * 65535**2


def test_planes_may_be_writable() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert error.squared_error(plane, plane[::-1].copy()) == naive.squared_error(plane, plane[::-1])
