"""CAMBI against libvmaf: its published scores with 17 digits, and the binary run here with every option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from monitor import scorers
from monitor.errors import UnsupportedFormat
from monitor.types import FramePair
from tests.parity import agreements, filters
from tests.parity.clips import NAMES, clip

OPTIONS: dict[str, dict[str, object]] = {
    "cambi": {},
    "cambi_hrs_1080_cmxv_17_vlt_0.06": {
        "cambi_high_res_speedup": 1080,
        "cambi_max_val": 17.0,
        "cambi_vis_lum_threshold": 0.06,
    },
}
"""Of the feature by itself and of the VMAF v1 models, by what libvmaf calls it."""


def ours(pairs: list[FramePair], options: dict[str, object]) -> list[float]:
    scorer = scorers.create("cambi", options)
    scorer.prepare(pairs[0].format)
    return [score.value for score in scorer.score([pair.distorted for pair in pairs])]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("feature", OPTIONS)
def test_published_scores(shared: Path, feature: str, name: str) -> None:
    of = clip(shared, name)
    pairs = filters.pairs_of(of)
    if feature not in of.scores[0]:
        with pytest.raises(UnsupportedFormat, match="longer side"):
            ours(pairs, OPTIONS[feature])
        return
    agreements.CAMBI.check(ours(pairs, OPTIONS[feature]), [scores[feature] for scores in of.scores], feature)


def banded(pairs: list[FramePair], kind: str, seed: int) -> list[FramePair]:
    """The pairs with a distorted luma that has false contours."""
    form = pairs[0].format
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : form.height, 0 : form.width]
    made: list[list[Any]] = []
    for pair in pairs:
        picture = rng.integers(16, 140) * 4 + (x + rng.integers(1, 4) * y) / rng.integers(4, 60)
        if kind == "grainy":
            picture = picture + rng.normal(0, 0.3, picture.shape)
        elif kind == "patches":
            across, down = form.width // 17 + 1, form.height // 23 + 1
            patches = rng.integers(0, 6, (down, across)).repeat(23, 0).repeat(17, 1)
            picture = picture[0, 0] + patches[: form.height, : form.width]
        elif kind == "speckled":
            picture = picture + (rng.random(picture.shape) < 0.02) * rng.integers(-6, 7, picture.shape)
        samples = np.clip(np.rint(picture * (1 << form.bit_depth) / 1024), 0, form.peak)
        luma = samples.astype(pair.distorted.luma.dtype)
        luma.flags.writeable = False
        made.append([luma, *pair.distorted.planes[1:]])
    return filters.paired(made, [pair.reference.planes for pair in pairs], form)


def spelled(options: dict[str, object]) -> str:
    return "cambi" + "".join(f"\\\\:{name}={value}" for name, value in options.items())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.tuples(st.integers(216, 400), st.integers(150, 300)),
    pixel_format=st.sampled_from(["yuv420p", "yuv420p10le", "yuv444p12le"]),
    content=st.sampled_from(["bands", "grainy", "patches", "speckled", "noise", "gradient", "flat", "black", "texture"]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "enc_bitdepth": st.sampled_from([8, 10]),
            "window_size": st.sampled_from([15, 40, 127]),
            "topk": st.sampled_from([0.01, 0.3, 1.0]),
            "tvi_threshold": st.sampled_from([0.005, 0.03]),
            "cambi_vis_lum_threshold": st.sampled_from([0.06, 3.0]),
            "max_log_contrast": st.integers(0, 5),
            "cambi_eotf": st.just("pq"),
            "cambi_max_val": st.sampled_from([1.5, 17.0]),
            "enc": st.sampled_from([(216, 150), (200, 218)]),
        },
    ),
    seed=st.integers(0, 1000),
)
def test_made_pictures(
    tmp_path: Path, size: tuple[int, int], pixel_format: str, content: str, options: dict[str, object], seed: int
) -> None:
    # libvmaf crashes where no contrast is left to look at
    assume(not {"cambi_eotf": "pq", "cambi_vis_lum_threshold": 3.0, "max_log_contrast": 0}.items() <= options.items())
    options = dict(options)
    encoded: Any = options.pop("enc", None)
    if encoded:
        options |= {"enc_width": encoded[0], "enc_height": encoded[1]}
    form = filters.video_format(*size, pixel_format)
    known = content if content in ("noise", "gradient", "flat", "black", "texture") else "flat"
    pairs = filters.made(known, form, seed, 0.0 if seed % 2 else 1.0)
    if known != content:
        pairs = banded(pairs, content, seed)
    theirs = [next(iter(found.values())) for found in filters.libvmaf(pairs, tmp_path, spelled(options))]
    agreements.CAMBI_BINARY.check(ours(pairs, options), theirs)
