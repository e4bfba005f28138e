from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import hvs
from tests.unit.kernels import naive_hvs as naive
from tests.unit.kernels.planes import CONTENTS, plane_of


def test_transform_is_daalas() -> None:
    line = tuple(np.int32(value) for value in range(10, 90, 10))
    assert [int(value) for value in hvs._transform(line)] == [127, -64, 0, -7, 0, -2, 0, 0]  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(8, 40),
    st.integers(8, 40),
    st.sampled_from([8, 10, 12]),
    st.tuples(st.sampled_from(CONTENTS), st.sampled_from(CONTENTS)),
    st.integers(0, 2),
)
def test_errors_are_those_of_the_twin(
    height: int, width: int, depth: int, contents: tuple[str, str], component: int
) -> None:
    distorted, reference = (plane_of(content, height, width, depth, seed) for seed, content in enumerate(contents))
    found = hvs.visible_error(distorted, reference, component, depth)
    twin = naive.visible_error(distorted, reference, hvs.VISIBILITY[component], depth)
    assert found == pytest.approx(twin, rel=1e-6)
    assert hvs.visible_error(reference, reference, component, depth) == 0


@pytest.mark.parametrize("blocks", [hvs.LANES - 1, hvs.LANES, hvs.LANES + 1])
@pytest.mark.parametrize("beyond", [0, 6])
def test_a_row_of_any_length_is_scored(blocks: int, beyond: int) -> None:
    width = (blocks - 1) * hvs.STRIDE + hvs.SIDE + beyond
    distorted, reference = plane_of("photo", 15, width, 8, 1), plane_of("photo", 15, width, 8, 2)
    twin = naive.visible_error(distorted, reference, hvs.VISIBILITY[0], 8)
    assert hvs.visible_error(distorted, reference, 0, 8) == pytest.approx(twin, rel=1e-6)


def test_part_of_a_plane_is_scored_as_if_it_were_all() -> None:
    whole: tuple[Any, Any] = plane_of("photo", 31, 33, 8, 1), plane_of("photo", 31, 33, 8, 2)
    views = [plane[:30, :32] for plane in whole]
    copies = [plane[:30, :32].copy() for plane in whole]
    assert hvs.visible_error(views[0], views[1], 1, 8) == hvs.visible_error(copies[0], copies[1], 1, 8)
