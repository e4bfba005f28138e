from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.kernels import adm
from monitor.kernels.adm3 import BLENDED, View, adm3
from tests.unit.kernels import naive_vmaf
from tests.unit.kernels.planes import plane_of, planes

LIMITS = st.sampled_from([1.0, 100.0])
VIEWS = [View(), *(View(sensitivity, 0.02) for sensitivity in BLENDED.values())]


@settings(max_examples=20, deadline=None)
@given(planes(count=2, smallest=33, largest=70), LIMITS)
def test_adm2_and_aim_are_libvmafs_arithmetic(drawn: tuple[int, list[Any]], limit: float) -> None:
    depth, (distorted, reference) = drawn
    (found,), expected = (
        adm3(distorted, reference, depth, gain_limit=limit),
        naive_vmaf.adm(distorted, reference, depth, limit),
    )
    assert (found.adm2, found.aim) == (expected["integer_adm2"], expected["integer_aim"])


@settings(max_examples=20, deadline=None)
@given(planes(count=2, smallest=33, largest=130), LIMITS)
def test_views_do_not_meet(drawn: tuple[int, list[Any]], limit: float) -> None:
    depth, (distorted, reference) = drawn
    together = adm3(distorted, reference, depth, VIEWS, limit)
    assert together == [adm3(distorted, reference, depth, [view], limit)[0] for view in VIEWS]
    assert together[0].adm2 == adm.adm(distorted, reference, depth, [limit])[0].adm2


def test_a_view_from_afar_shows_less() -> None:
    reference, distorted = plane_of("photo", 120, 150, 8, 1), plane_of("photo", 120, 150, 8, 2)
    near, far = adm3(distorted, reference, 8, [View(BLENDED[1080, height], 0.02) for height in (3.0, 5.0)])
    assert far.aim < near.aim
    assert far.adm3() > near.adm3()


def test_what_adm3_is_made_of() -> None:
    reference, distorted = plane_of("photo", 64, 64, 8, 1), plane_of("photo", 64, 64, 8, 2)
    (found,) = adm3(distorted, reference, 8)
    assert found.adm3() == (found.adm2 + 1 - found.aim) / 2
    assert found.adm3(1.0) == found.adm2
    assert found.adm3(0.0, 0.5) == max(1 - found.aim, 0.5)
