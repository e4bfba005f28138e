from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import ciede
from tests.unit.kernels import naive_ciede as naive
from tests.unit.kernels.planes import CONTENTS, plane_of

PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1, 2), (50, 0, 0), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]
"""From the supplement of Sharma, Wu and Dalal (2005), all weights one."""


@pytest.mark.parametrize(("one", "two", "expected"), PUBLISHED)
def test_twin_is_as_published(one: Any, two: Any, expected: float) -> None:
    assert float(naive.difference(one, two, (1, 1, 1))) == pytest.approx(expected, abs=5e-5)


def kernels(one: Any, two: Any) -> float:
    """Of one pair of colours."""
    values = [np.array([value], np.float32) for value in (*one, *two)]
    return float(ciede._differences(*values, np.uintp(1)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("one", "two", "_"), PUBLISHED)
def test_difference_is_that_of_the_twin_on_published_colours(one: Any, two: Any, _: float) -> None:
    """Hues that are almost opposite, as two of these, cost single precision some places."""
    assert kernels(one, two) == pytest.approx(float(naive.difference(one, two)), abs=5e-4)


COLOURS = st.tuples(st.floats(0, 100), st.floats(-128, 128), st.floats(-128, 128))


@settings(max_examples=300, deadline=None)
@given(COLOURS, COLOURS)
def test_difference_is_that_of_the_twin(one: Any, two: Any) -> None:
    one, two = (tuple(float(np.float32(value)) for value in colour) for colour in (one, two))
    opposite = math.hypot(one[1], one[2]) + math.hypot(two[1], two[2]) - math.hypot(one[1] - two[1], one[2] - two[2])
    if opposite < 1e-3:
        return  # between opposite hues the definition has a step
    assert kernels(one, two) == pytest.approx(float(naive.difference(one, two)), rel=2e-5, abs=2e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from([(1, 1), (2, 1), (2, 2)]),
    st.lists(st.sampled_from(CONTENTS), min_size=6, max_size=6),
)
def test_mean_is_that_of_the_twin(height: int, width: int, depth: int, shrunk: tuple[int, int], contents: list[str]) -> None:
    chroma = -(-height // shrunk[1]), -(-width // shrunk[0])
    shapes = [(height, width), chroma, chroma] * 2
    planes = [
        plane_of(content, *shape, depth, seed) for seed, (content, shape) in enumerate(zip(contents, shapes, strict=True))
    ]
    found = ciede.mean_difference(planes[:3], planes[3:], depth)
    assert found == pytest.approx(naive.mean_difference(planes[:3], planes[3:], depth), rel=1e-5, abs=1e-6)
    assert ciede.mean_difference(planes[:3], planes[:3], depth) == 0


@pytest.mark.parametrize("width", [ciede.TILE - 1, ciede.TILE, ciede.TILE + 1])
def test_tiles_meet_without_a_seam(width: int) -> None:
    planes = [plane_of("photo", 3, width, 8, seed) for seed in range(6)]
    twin = naive.mean_difference(planes[:3], planes[3:], 8)
    assert ciede.mean_difference(planes[:3], planes[3:], 8) == pytest.approx(twin, rel=1e-5)
