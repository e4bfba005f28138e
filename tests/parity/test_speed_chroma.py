"""SpEED-chroma against libvmaf: its published scores, and the binary run here on other pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor import scorers
from monitor.errors import UnsupportedFormat
from monitor.types import FramePair
from tests.parity import agreements, filters, patterns
from tests.parity.clips import NAMES, clip, known

V1: dict[str, object] = {
    "speed_nn_floor": 0.1,
    "speed_sigma_nn": 0.19,
    "speed_weight_var_mode": 5,
    "speed_max_val": 45.0,
}
OPTIONS: dict[str, dict[str, object]] = {
    "": {},
    "_mxv_45_nnf_0.1_snn_0.19_wvm_5": V1,
    "_mxv_45_nnf_0.1_ps_0.6_psm_bilinear_snn_0.19_wvm_5": V1 | {"speed_prescale": 0.6, "speed_prescale_method": "bilinear"},
    "_mxv_45_nnf_0.1_ps_0.5_psm_bilinear_snn_0.19_wvm_5": V1 | {"speed_prescale": 0.5, "speed_prescale_method": "bilinear"},
}
"""Of the feature by itself and of the VMAF v1 models, by what libvmaf adds to its name."""

PARTS = ("speed_chroma_u", "speed_chroma_v", "speed_chroma_uv")


def ours(pairs: list[FramePair], options: dict[str, object]) -> list[dict[str, float]]:
    scorer = scorers.create("speed_chroma", options)
    scorer.prepare(pairs[0].format)
    found: list[dict[str, float]] = [{} for _ in pairs]
    for score in scorer.score(pairs):
        found[score.index][score.feature] = score.value
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", OPTIONS)
def test_published_scores(shared: Path, suffix: str, name: str) -> None:
    of, printed = clip(shared, name), known(shared)[name]["frames"]
    pairs = filters.pairs_of(of)
    try:
        found = ours(pairs, OPTIONS[suffix])
    except UnsupportedFormat:
        assert all(scores.get(f"{part}{suffix}", 0) == 0 for scores in (*printed, *of.scores) for part in PARTS)
        return
    for scores, rounded, exact in zip(found, printed, of.scores, strict=True):
        assert list(scores) == list(PARTS)
        for part in PARTS:
            feature = f"{part}{suffix}"
            if feature in exact:
                agreements.SPEED_CHROMA.check(scores[part], exact[feature], feature)
                assert (scores[part] == 0) == (exact[feature] == 0), "VMAF v1 asks whether it is exactly 0"
            agreements.SPEED_CHROMA_KEPT.check(scores[part], rounded[feature], feature)


def spelled(options: dict[str, object]) -> str:
    return "speed_chroma" + "".join(f"\\\\:{name}={value}" for name, value in options.items())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(320, 700), st.integers(320, 500)),
    pixel_format=st.sampled_from(["yuv420p", "yuv444p", "yuv420p10le", "yuv444p12le"]),
    content=st.sampled_from(["textured", "textured", "textured", "noise", "gradient", "flat", "black"]),
    noise=st.sampled_from([0.0, 3.0, 30.0]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "speed_sigma_nn": st.sampled_from([0.19, 0.5]),
            "speed_nn_floor": st.sampled_from([0.1, 0.5]),
            "speed_weight_var_mode": st.integers(1, 6),
            "speed_max_val": st.sampled_from([5.0, 45.0]),
        },
    ),
    seed=st.integers(0, 1000),
)
def test_made_pictures(
    tmp_path: Path,
    size: tuple[int, int],
    pixel_format: str,
    content: str,
    noise: float,
    options: dict[str, object],
    seed: int,
) -> None:
    form = filters.video_format(*size, pixel_format)
    pairs = filters.made("flat" if content == "textured" else content, form, seed, noise)
    if content == "textured":
        pairs = filters.textured(pairs, seed, noise)
    for found, theirs in zip(ours(pairs, options), filters.libvmaf(pairs, tmp_path, spelled(options)), strict=True):
        for part in PARTS:
            expected = next(value for key, value in theirs.items() if f"{key}_".startswith(f"{part}_"))
            agreements.SPEED_CHROMA_BINARY.check(found[part], expected, part)


@pytest.mark.parametrize(
    ("size", "pixel_format"),
    [((640, 360), "yuv420p"), ((1280, 720), "yuv420p10le"), ((852, 480), "yuv422p"), ((402, 330), "yuv444p")],
)
@pytest.mark.parametrize("pattern", patterns.NAMES)
def test_patterns(pattern: str, size: tuple[int, int], pixel_format: str, tmp_path: Path) -> None:
    """Chroma whose covariance is singular or nearly so: the same verdict, and the same noise where there is a score."""
    pairs = patterns.pairs(pattern, size, pixel_format)
    for found, theirs in zip(ours(pairs, V1), filters.libvmaf(pairs, tmp_path, spelled(V1)), strict=True):
        for part in PARTS:
            expected = next(value for key, value in theirs.items() if f"{key}_".startswith(f"{part}_"))
            agreements.SPEED_CHROMA_PATTERNS.check(found[part], expected, part)


@pytest.mark.parametrize("flat", [("reference",), ("distorted",), ("distorted", "reference")])
def test_a_flat_plane(flat: tuple[str, ...], tmp_path: Path) -> None:
    """It has no score, and the mean is the other plane's, whichever picture it is flat in."""
    pairs = filters.textured(filters.made("flat", filters.video_format(640, 360, "yuv420p"), 3, 0.0), 11, 9.0)
    changed = []
    for pair in pairs:
        sides = {"distorted": pair.distorted, "reference": pair.reference}
        for name in flat:
            cb = np.full_like(sides[name].planes[1], 90)
            cb.flags.writeable = False
            sides[name] = replace(sides[name], planes=(sides[name].planes[0], cb, sides[name].planes[2]))
        changed.append(FramePair(**sides))
    for found, theirs in zip(ours(changed, V1), filters.libvmaf(changed, tmp_path, spelled(V1)), strict=True):
        u, v, uv = (value for key, value in theirs.items() if key.startswith("speed_chroma"))
        assert u == 0 < v == uv
        agreements.SPEED_CHROMA_PATTERNS.check(list(found.values()), [u, v, uv])
