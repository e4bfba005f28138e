"""VMAF's kernels against their twins in plain NumPy integers: equal in every bit."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import adm, motion, vif
from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import View
from tests.unit.kernels import naive_vmaf
from tests.unit.kernels.planes import CONTENTS, plane_of, planes

LIMITS = st.sampled_from([1.0, 100.0])


def distorted_from(reference: Any, depth: int, seed: int) -> Any:
    """The picture itself, spoilt: noise, a changed contrast, or coarse steps."""
    rng = np.random.default_rng(seed)
    peak = (1 << depth) - 1
    values = reference.astype(np.float64)
    spoilt = (
        values + rng.normal(0, peak / 40, values.shape),
        (values - peak / 2) * 1.3 + peak / 2,
        np.round(values / (peak / 15)) * (peak / 15),
    )[seed % 3]
    return np.clip(np.rint(spoilt), 0, peak).astype(reference.dtype)


@settings(max_examples=25, deadline=None)
@given(planes(count=2, smallest=8, largest=48), LIMITS)
def test_vif_is_libvmafs_arithmetic(drawn: tuple[int, list[Any]], limit: float) -> None:
    depth, (distorted, reference) = drawn
    measured = [scale.ratio for scale in vif.vif(distorted, reference, depth, [limit])[0]]
    assert measured == naive_vmaf.vif(distorted, reference, depth, limit)


@settings(max_examples=15, deadline=None)
@given(planes(count=1, smallest=8, largest=48), LIMITS, st.integers(0, 5))
def test_vif_of_spoilt_pictures(drawn: tuple[int, list[Any]], limit: float, seed: int) -> None:
    depth, (reference,) = drawn
    distorted = distorted_from(reference, depth, seed)
    measured = [scale.ratio for scale in vif.vif(distorted, reference, depth, [limit])[0]]
    assert measured == naive_vmaf.vif(distorted, reference, depth, limit)


@settings(max_examples=10, deadline=None)
@given(st.integers(16, 400), st.integers(16, 40), st.integers(2, 6), st.integers(0, 2**32))
def test_vif_is_the_same_in_bands(height: int, width: int, bands: int, seed: int) -> None:
    reference, distorted = (plane_of("noise", height, width, 10, seed + k) for k in range(2))
    parts = vif.vif_bands([distorted], reference, 10, (100.0, 1.0), bands)
    assert len(parts) == max(1, min(bands, height // vif.SMALLEST_BAND))
    assert vif.summed([part() for part in reversed(parts)]) == [vif.vif(distorted, reference, 10, (100.0, 1.0))]


@settings(max_examples=10, deadline=None)
@given(planes(count=4, smallest=16, largest=150), st.integers(1, 2))
def test_vif_of_pictures_beside_one_reference_is_that_of_each(drawn: tuple[int, list[Any]], bands: int) -> None:
    depth, (reference, *distorted) = drawn
    rooms = Rooms()
    for count in (3, 1, 2, 3):
        parts = vif.vif_bands(distorted[:count], reference, depth, (100.0, 1.0), bands, rooms)
        together = vif.summed([part() for part in parts])
        assert together == [vif.vif(each, reference, depth, (100.0, 1.0)) for each in distorted[:count]]


@settings(max_examples=15, deadline=None)
@given(planes(count=2, smallest=33, largest=70), LIMITS)
def test_adm_is_libvmafs_arithmetic(drawn: tuple[int, list[Any]], limit: float) -> None:
    depth, (distorted, reference) = drawn
    (measured,), expected = (
        adm.adm(distorted, reference, depth, [View(limit)]),
        naive_vmaf.adm(distorted, reference, depth, limit),
    )
    assert measured.adm2 == expected["integer_adm2"]
    assert [level.ratio for level in measured.levels] == [expected[f"integer_adm_scale{level}"] for level in range(4)]


@settings(max_examples=15, deadline=None)
@given(planes(count=1, smallest=33, largest=70), LIMITS, st.integers(0, 5))
def test_adm_of_spoilt_pictures(drawn: tuple[int, list[Any]], limit: float, seed: int) -> None:
    depth, (reference,) = drawn
    distorted = distorted_from(reference, depth, seed)
    (measured,), expected = (
        adm.adm(distorted, reference, depth, [View(limit)]),
        naive_vmaf.adm(distorted, reference, depth, limit),
    )
    assert measured.adm2 == expected["integer_adm2"]
    assert [level.ratio for level in measured.levels] == [expected[f"integer_adm_scale{level}"] for level in range(4)]


@settings(max_examples=40, deadline=None)
@given(planes(count=2, smallest=1, largest=70))
def test_motion_is_libvmafs_arithmetic(drawn: tuple[int, list[Any]]) -> None:
    depth, (earlier, current) = drawn
    assert motion.motion(earlier, current, depth) == naive_vmaf.motion_sad(earlier, current, depth)


@pytest.mark.parametrize("depth", [8, 10, 12, 16])
def test_the_greatest_motion_does_not_overflow(depth: int) -> None:
    white, black = plane_of("peak", 40, 50, depth, 0), plane_of("black", 40, 50, depth, 0)
    assert motion.motion(black, white, depth) == naive_vmaf.motion_sad(black, white, depth)
    assert motion.motion(black, white, depth) == pytest.approx(255, abs=1)


def test_room_of_motion_may_have_been_used_before() -> None:
    rooms = Rooms()
    for depth in (8, 16, 10, 8):
        pictures = [plane_of(kind, 41, 67, depth, 1) for kind in ("noise", "black", "photo", "peak")]
        for earlier, current in pairwise(pictures):
            assert motion.motion(earlier, current, depth, rooms) == naive_vmaf.motion_sad(earlier, current, depth)


@pytest.mark.parametrize("depth", [8, 10])
def test_a_part_of_a_picture_is_a_picture(depth: int) -> None:
    whole = [plane_of(kind, 90, 120, depth, 1) for kind in ("noise", "photo")]
    parts = [plane[7:77, 11:91] for plane in whole]
    copies = [part.copy() for part in parts]
    for measure in (vif.vif, adm.adm, motion.motion):
        assert measure(*parts, depth) == measure(*copies, depth)  # type: ignore[operator]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("content", CONTENTS)
def test_black_and_white_extremes(content: str, depth: int) -> None:
    one, other = plane_of(content, 64, 65, depth, 3), plane_of("checkerboard", 64, 65, depth, 0)
    for distorted, reference in ((one, other), (other, one)):
        scales = [scale.ratio for scale in vif.vif(distorted, reference, depth)[0]]
        assert scales == naive_vmaf.vif(distorted, reference, depth)
        assert adm.adm(distorted, reference, depth)[0].adm2 == naive_vmaf.adm(distorted, reference, depth)["integer_adm2"]


def test_without_the_compiler_the_numbers_are_the_same() -> None:
    program = (
        "from monitor.kernels import adm, motion, vif\n"
        "from tests.unit.kernels.planes import plane_of\n"
        "d, r = (plane_of(kind, 36, 34, 10, 1) for kind in ('noise', 'photo'))\n"
        "print([s.ratio for s in vif.vif(d, r, 10)[0]], adm.adm(d, r, 10), motion.motion(d, r, 10))"
    )
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    outputs = []
    for jit in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env=inherited | {"NUMBA_DISABLE_JIT": jit},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert "Adm" in outputs[0]
