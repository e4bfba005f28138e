from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels.adm import adm, adm_bands, summed
from monitor.kernels.adm_plan import SMALLEST_BAND
from monitor.kernels.adm_separation import (
    EXACT,
    separate,
    separate_by_parts,
    separate_first,
    separate_first_closely,
)
from monitor.kernels.compiler import kernel
from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import BLENDED, View
from tests.unit.kernels import naive_vmaf
from tests.unit.kernels.planes import plane_of, planes

LIMITS = st.sampled_from([1.0, 1.2, 7.0, 100.0])
VIEWS = [
    View(additive=True),
    View(1.0),
    *(View(1.0, sensitivity, 0.02, additive=True) for sensitivity in BLENDED.values()),
    View(),
    View(1.0, additive=True),
]


@settings(max_examples=20, deadline=None)
@given(planes(count=2, smallest=33, largest=70), LIMITS)
def test_adm2_and_aim_are_libvmafs_arithmetic(drawn: tuple[int, list[Any]], limit: float) -> None:
    depth, (distorted, reference) = drawn
    (found,), expected = (
        adm(distorted, reference, depth, [View(limit, additive=True)]),
        naive_vmaf.adm(distorted, reference, depth, limit),
    )
    assert (found.adm2, found.aim) == (expected["integer_adm2"], expected["integer_aim"])


@settings(max_examples=20, deadline=None)
@given(planes(count=2, smallest=33, largest=130))
def test_views_do_not_meet(drawn: tuple[int, list[Any]]) -> None:
    depth, (distorted, reference) = drawn
    together = adm(distorted, reference, depth, VIEWS)
    assert together == [adm(distorted, reference, depth, [view])[0] for view in VIEWS]
    assert [found.adm2 for found in together[-2:]] == [found.adm2 for found in together[:2]]
    assert {level.additive for found in (together[1], together[-2]) for level in found.levels} == {0.0}


@settings(max_examples=10, deadline=None)
@given(st.integers(33, 700), st.integers(33, 60), st.integers(2, 5), st.integers(0, 2**32))
def test_adm_is_the_same_in_bands(height: int, width: int, bands: int, seed: int) -> None:
    reference, distorted = (plane_of("noise", height, width, 10, seed + k) for k in range(2))
    parts = adm_bands([distorted], reference, 10, VIEWS[:2], bands, Rooms())
    assert len(parts) == max(1, min(bands, height // SMALLEST_BAND))
    expected = adm(distorted, reference, 10, VIEWS[:2])
    for _ in range(2):
        assert summed([part() for part in reversed(parts)]) == [expected]


@settings(max_examples=10, deadline=None)
@given(planes(count=4, smallest=33, largest=300), st.integers(1, 2), st.integers(1, len(VIEWS)))
def test_adm_of_pictures_beside_one_reference_is_that_of_each(drawn: tuple[int, list[Any]], bands: int, views: int) -> None:
    depth, (reference, *distorted) = drawn
    rooms, seen = Rooms(), VIEWS[:views]
    alone = [adm(each, reference, depth, seen) for each in distorted]
    for count in (3, 1, 2, 3):
        parts = adm_bands(distorted[:count], reference, depth, seen, bands, rooms)
        assert summed([part() for part in parts]) == alone[:count]


def test_a_view_from_afar_shows_less() -> None:
    reference, distorted = plane_of("photo", 120, 150, 8, 1), plane_of("photo", 120, 150, 8, 2)
    views = [View(100.0, BLENDED[1080, distance], 0.02, additive=True) for distance in (3.0, 5.0)]
    near, far = adm(distorted, reference, 8, views)
    assert far.aim < near.aim
    assert far.adm3() > near.adm3()


def test_what_adm3_is_made_of() -> None:
    reference, distorted = plane_of("photo", 64, 64, 8, 1), plane_of("photo", 64, 64, 8, 2)
    (found,) = adm(distorted, reference, 8, [View(additive=True)])
    assert found.adm3() == (found.adm2 + 1 - found.aim) / 2
    assert found.adm3(1.0) == found.adm2
    assert found.adm3(0.0, 0.5) == max(1 - found.aim, 0.5)


@pytest.mark.parametrize("limit", [1.0, 1.2, 100.0])
@pytest.mark.parametrize("depth", [8, 10, 16])
def test_coefficients_as_large_as_they_get(depth: int, limit: float) -> None:
    sign = np.array([-1, -1, 1, -1])  # that of the high-pass taps
    peak = (1 << depth) - 1
    shape = np.outer(np.tile(sign, 20), np.tile(sign, 25)) > 0
    reference = (shape * peak).astype(np.uint8 if depth == 8 else np.uint16)
    assert max(abs(band).max() for band in naive_vmaf.bands(reference, depth)[0].values()) >= 1 << EXACT
    for distorted in (plane_of("photo", 80, 100, depth, 1), reference // 3 * 2, peak - reference):
        (found,), expected = (
            adm(distorted, reference, depth, [View(limit, additive=True)]),
            naive_vmaf.adm(distorted, reference, depth, limit),
        )
        assert (found.adm2, found.aim) == (expected["integer_adm2"], expected["integer_aim"])


def test_working_room_may_have_been_used_before() -> None:
    rooms = Rooms()
    for depth, views in ((8, VIEWS), (10, VIEWS[:1]), (8, VIEWS[:1])):
        for kind in ("noise", "peak", "photo", "black"):
            distorted, reference = plane_of(kind, 90, 111, depth, 1), plane_of("photo", 90, 111, depth, 2)
            for _ in range(2):
                assert adm(distorted, reference, depth, views, rooms) == adm(distorted, reference, depth, views)


@kernel()
def _separated(room: Any, count: int, limit: float, way: int) -> int:
    whole, most = int(limit), min((1 << 31) // int(limit) + 1, (1 << 31) - 1)
    if way == 0:
        separate_by_parts(room, 0, count, 0, 3, 6, 9, limit)
    if way == 1:
        separate(room, 0, count, 0, 3, 6, 9, whole, most)
    if way == 2:
        return separate_first(room, 0, count, 0, 0, 3, 6, 9, whole)  # type: ignore[no-any-return]
    if way == 3:
        return separate_first_closely(room, 0, count, 0, 0, 3, 6, 9)  # type: ignore[no-any-return]
    return 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 31), LIMITS, st.integers(1, 70), st.integers(0, 2**32))
def test_separation_of_any_coefficients(bits: int, limit: float, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    room = np.zeros((12, 80), np.int32)
    largest = 2.1e9 * 2.0 ** (bits - 31)  # as large as coefficients get
    o = rng.uniform(-1, 1, (3, count)) * largest * rng.choice([0.0, 1e-4, 1.0, 1.0], (1, count))
    t = np.clip(o * rng.choice([-1.0, 0.5, 1.0, 1.3, 50.0], (1, count)) + rng.normal(0, 3, (3, count)), -2.1e9, 2.1e9)
    room[:3, :count], room[3:6, :count] = o, t
    o, t = (dict(zip("hvd", room[first : first + 3, :count].astype(np.int64), strict=True)) for first in (0, 3))
    kept = np.array(naive_vmaf.restored(o, t, limit))
    small = np.abs(room).max() < 1 << 15
    for way in (0, 1, 2, 3)[: 1 if limit != int(limit) else 2 if not small else 3 if limit > 1 else 4]:
        room[6:] = 0
        again = _separated(room, count, limit, way)
        assert (again > 0) == (way >= 2 and np.abs(room[:3]).max() >= 1 << EXACT)
        if not again:
            np.testing.assert_array_equal(room[6:9, :count], kept)
            np.testing.assert_array_equal(room[9:, :count], room[3:6, :count] - kept)
