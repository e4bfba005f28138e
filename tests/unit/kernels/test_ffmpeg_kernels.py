from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels.boxes import box_ssim
from monitor.kernels.xpsnr import weighted_errors
from tests.unit.kernels import naive_ffmpeg as naive
from tests.unit.kernels.planes import CONTENTS, plane_of, planes


@settings(max_examples=80, deadline=None)
@given(planes(count=2, smallest=8))
def test_box_ssim_is_that_of_the_twin(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    found = box_ssim(distorted, reference, depth)
    assert found == pytest.approx(naive.box_ssim(distorted, reference, depth), abs=1e-9)
    assert -1 <= found <= 1
    assert box_ssim(reference, reference, depth) == 1


@settings(max_examples=80, deadline=None)
@given(
    st.integers(4, 150),
    st.integers(4, 150),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from([(1, 1), (2, 1), (2, 2)]),
    st.lists(st.sampled_from(CONTENTS), min_size=8, max_size=8),
    st.booleans(),
)
def test_weighted_errors_are_those_of_the_twin(
    height: int, width: int, depth: int, shrunk: tuple[int, int], contents: list[str], fast: bool
) -> None:
    chroma = -(-height // shrunk[1]), -(-width // shrunk[0])
    shapes = [(height, width), chroma, chroma] * 2 + [(height, width)] * 2
    made = [
        plane_of(content, *shape, depth, seed) for seed, (content, shape) in enumerate(zip(contents, shapes, strict=True))
    ]
    arguments = made[:3], made[3:6], made[6], made[7] if fast else None, depth
    assert weighted_errors(*arguments) == pytest.approx(naive.weighted_errors(*arguments), rel=1e-9)
    assert weighted_errors(made[:3], made[:3], made[6], None, depth) == [0, 0, 0]


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("height", "width", "depth"), [(1080, 1920, 8), (1154, 2050, 8), (1440, 2048, 10), (482, 644, 12)])
def test_large_pictures_are_weighed_as_by_the_twin(height: int, width: int, depth: int, fast: bool) -> None:
    """Above 2048x1152 activity is coarse; above 640x480 weights are not limited by their neighbours."""
    made = [plane_of("photo", height, width, depth, seed) for seed in range(4)]
    arguments = made[:1], made[1:2], made[2], made[3] if fast else None, depth
    assert weighted_errors(*arguments) == pytest.approx(naive.weighted_errors(*arguments), rel=1e-9)
