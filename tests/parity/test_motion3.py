"""Motion 3 against libvmaf, with the options of the VMAF v1 models and others, at clips of any length."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import scorers
from monitor.protocols import Delayed
from monitor.types import FramePair
from tests.parity import agreements, filters
from tests.parity.clips import NAMES, clip, known

HFR: dict[str, object] = {"motion_five_frame_window": True, "motion_moving_average": True}
OPTIONS: dict[str, dict[str, object]] = {
    "integer_motion3": {},
    "integer_motion3_mmxv_18": {"motion_max_val": 18.0},
    "integer_motion3_mffw_mma": HFR,
    "integer_motion3_mffw_mmxv_18_mma": HFR | {"motion_max_val": 18.0},
}
"""Of the feature by itself and of the VMAF v1 models, by what libvmaf calls it."""


def ours(pairs: list[FramePair], options: dict[str, object]) -> list[float]:
    scorer = scorers.create("motion3", options)
    scorer.prepare(pairs[0].format)
    assert isinstance(scorer, Delayed)
    found = [*scorer.score(pairs), *scorer.flush()]
    assert [score.index for score in found] == list(range(len(pairs)))
    return [score.value for score in found]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("feature", OPTIONS)
def test_published_scores(shared: Path, feature: str, name: str) -> None:
    of, printed = clip(shared, name), known(shared)[name]["frames"]
    found = ours(filters.pairs_of(of), OPTIONS[feature])
    if feature in of.scores[0]:
        agreements.MOTION3.check(found, [scores[feature] for scores in of.scores], feature)
    elif feature in printed[0]:
        agreements.MOTION3_KEPT.check(found, [scores[feature] for scores in printed], feature)
    else:
        pytest.skip("libvmaf's model can't score this clip")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 9),
    pixel_format=st.sampled_from(["yuv420p", "yuv420p10le"]),
    content=st.sampled_from(["noise", "gradient", "flat", "black", "texture", "texture"]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "motion_five_frame_window": st.booleans(),
            "motion_moving_average": st.booleans(),
            "motion_max_val": st.sampled_from([3.0, 18.0]),
            "motion_fps_weight": st.sampled_from([0.5, 2.0]),
            "blend": st.sampled_from([(0.5, 2.0), (0.2, 10.0)]),
        },
    ),
    seed=st.integers(0, 1000),
)
def test_made_pictures(
    tmp_path: Path, count: int, pixel_format: str, content: str, options: dict[str, object], seed: int
) -> None:
    options = dict(options)
    if blend := options.pop("blend", None):
        options["motion_blend_factor"], options["motion_blend_offset"] = blend  # type: ignore[misc]
    pairs = filters.made(content, filters.video_format(96, 64, pixel_format), seed, 0.0, count)
    spelled = "motion" + "".join(f"\\\\:{name}={str(value).lower()}" for name, value in options.items())
    theirs = [
        next(value for key, value in scores.items() if key.startswith("integer_motion3"))
        for scores in filters.libvmaf(pairs, tmp_path, spelled)
    ]
    agreements.MOTION3_BINARY.check(ours(pairs, options), theirs)
