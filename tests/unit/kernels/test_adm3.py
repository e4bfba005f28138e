from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels.adm import adm
from monitor.kernels.settings import BLENDED, View
from tests.unit.kernels import naive_vmaf
from tests.unit.kernels.planes import plane_of, planes

LIMITS = st.sampled_from([1.0, 100.0])
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
