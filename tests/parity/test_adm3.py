"""AIM and ADM3 against libvmaf, with every option of the VMAF v1 models: equal to a scalar build where that is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from monitor import scorers
from monitor.kernels.adm import adm
from monitor.kernels.settings import BLENDED, View
from tests.parity import agreements, filters
from tests.parity.clips import NAMES, clip, known
from tests.unit.kernels import naive_vmaf

DEFAULTS = {"": 100.0, "_egl_1": 1.0}
"""Gain limits by what libvmaf adds to the names."""

V1 = "_csf_2_dlmw_0.7_egl_1_min_0.5_nw_0.02"
VIEWS = {
    V1: (1080, 3.0),
    f"{V1}_nvd_5": (1080, 5.0),
    f"{V1}_rdh_2160": (2160, 3.0),
    f"{V1}_nvd_1.5_rdh_2160": (2160, 1.5),
}
"""Display height and distance by what libvmaf adds to the names."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", DEFAULTS)
def test_default_sensitivity(shared: Path, name: str, suffix: str) -> None:
    of = clip(shared, name)
    for distorted, reference, scores in zip(of.distorted, of.reference, of.scores, strict=True):
        (found,) = adm(distorted[0], reference[0], of.bit_depth, [View(DEFAULTS[suffix], additive=True)])
        for feature, value in (("adm2", found.adm2), ("aim", found.aim), ("adm3", found.adm3())):
            agreements.ADM3.check(value, scores[f"integer_{feature}{suffix}"], f"{feature}{suffix}")


@pytest.mark.parametrize("name", NAMES)
def test_the_views_of_vmaf_v1(shared: Path, name: str) -> None:
    of, printed = clip(shared, name), known(shared)[name]["frames"]
    views = [View(1.0, BLENDED[place], 0.02, additive=True) for place in VIEWS.values()]
    seen = set()
    for distorted, reference, exact, rounded in zip(of.distorted, of.reference, of.scores, printed, strict=True):
        for suffix, found in zip(VIEWS, adm(distorted[0], reference[0], of.bit_depth, views), strict=True):
            for feature, value in (("adm2", found.adm2), ("aim", found.aim), ("adm3", found.adm3(0.7, 0.5))):
                key = f"integer_{feature}{suffix}"
                if key in exact:
                    agreements.ADM3.check(value, exact[key], key)
                    seen.add(suffix)
                elif key in rounded:
                    agreements.ADM3_KEPT.check(value, rounded[key], key)
                    seen.add(suffix)
    assert seen or name == "t160"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(33, 300), st.integers(33, 300)),
    pixel_format=st.sampled_from(["yuv420p", "yuv420p10le", "yuv444p12le"]),
    content=st.sampled_from(["noise", "gradient", "flat", "black", "texture"]),
    amount=st.sampled_from([0.0, 1.0, 5.0, 40.0]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "adm_enhn_gain_limit": st.just(1.0),
            "adm_dlm_weight": st.sampled_from([0.3, 0.7]),
            "adm_min_val": st.just(0.5),
            "adm_noise_weight": st.sampled_from([0.02, 0.5]),
            "place": st.sampled_from(list(BLENDED)),
        },
    ),
    seed=st.integers(0, 1000),
)
def test_made_pictures(
    tmp_path: Path,
    size: tuple[int, int],
    pixel_format: str,
    content: str,
    amount: float,
    options: dict[str, object],
    seed: int,
) -> None:
    assume(size[0] % 32 not in (1, 2) or pixel_format == "yuv420p")  # see test_vmaf.py: libvmaf's AVX2 wavelet differs there
    assume((content, amount) != ("noise", 40.0))  # tested below
    options = dict(options)
    place: Any = options.pop("place", None)
    if place:
        options |= {"adm_csf_mode": 2, "adm_ref_display_height": place[0], "adm_norm_view_dist": place[1]}
    pairs = filters.made(content, filters.video_format(*size, pixel_format), seed, amount)
    spelled = "adm" + "".join(f"\\\\:{name}={value}" for name, value in options.items())
    scorer = scorers.create("adm3", options)
    scorer.prepare(pairs[0].format)
    found = {(score.feature, score.index): score.value for score in scorer.score(pairs)}
    for index, theirs in enumerate(filters.libvmaf(pairs, tmp_path, spelled)):
        for feature in ("integer_adm3", "integer_aim"):
            expected = next(value for key, value in theirs.items() if f"{key}_".startswith(f"{feature}_"))
            agreements.ADM3_BINARY.check(found[feature, index], expected, feature)


@pytest.mark.parametrize("size", [(85, 60), (124, 60), (81, 47)])
def test_noise_under_noise(tmp_path: Path, size: tuple[int, int]) -> None:
    """What was restored is libvmaf's; of what was added, its AVX2 code finds more or less in one such frame of twenty."""
    pairs = filters.made("noise", filters.video_format(*size, "yuv420p"), 0, 40.0)
    for pair, theirs in zip(pairs, filters.libvmaf(pairs, tmp_path, "adm"), strict=True):
        (found,) = adm(pair.distorted.luma, pair.reference.luma, 8, [View(additive=True)])
        twin = naive_vmaf.adm(pair.distorted.luma, pair.reference.luma, 8)
        assert (found.adm2, found.aim) == (twin["integer_adm2"], twin["integer_aim"])
        agreements.ADM3_BINARY.check(found.adm2, theirs["integer_adm2"], "integer_adm2")
        agreements.AIM_OF_NOISE.check(found.aim, theirs["integer_aim"], "integer_aim")
