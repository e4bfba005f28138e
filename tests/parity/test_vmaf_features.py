"""VIF, ADM and motion against a scalar build of libvmaf that prints 17 digits: equal, not near."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.kernels import adm, motion, vif
from monitor.kernels.settings import View
from tests.parity import agreements
from tests.parity.clips import NAMES, clip

EVERY_CLIP = pytest.mark.parametrize("name", NAMES)
LIMITS = {100.0: "", 1.0: "_egl_1"}
"""Gain limits of the plain and of the NEG models, and what libvmaf's logs add to the names."""


@EVERY_CLIP
def test_vif(shared: Path, name: str) -> None:
    of = clip(shared, name)
    for distorted, reference, scores in zip(of.distorted, of.reference, of.scores, strict=True):
        measured = vif.vif(distorted[0], reference[0], of.bit_depth, tuple(LIMITS))
        for scales, suffix in zip(measured, LIMITS.values(), strict=True):
            for scale, sums in enumerate(scales):
                feature = f"integer_vif_scale{scale}{suffix}"
                agreements.VIF.check(sums.ratio, scores[feature], feature)


@EVERY_CLIP
def test_adm(shared: Path, name: str) -> None:
    of = clip(shared, name)
    for distorted, reference, scores in zip(of.distorted, of.reference, of.scores, strict=True):
        measured = adm.adm(distorted[0], reference[0], of.bit_depth, [View(limit) for limit in LIMITS])
        for result, suffix in zip(measured, LIMITS.values(), strict=True):
            agreements.ADM.check(result.adm2, scores[f"integer_adm2{suffix}"], f"integer_adm2{suffix}")
            for level, sums in enumerate(result.levels):
                feature = f"integer_adm_scale{level}{suffix}"
                agreements.ADM.check(sums.ratio, scores[feature], feature)


@EVERY_CLIP
def test_motion(shared: Path, name: str) -> None:
    of = clip(shared, name)
    planes = [planes[0] for planes in of.reference]
    steps = [motion.motion(planes[i - 1], planes[i], of.bit_depth) for i in range(1, len(planes))]
    agreements.MOTION.check([0.0, *steps], [scores["VMAF_integer_feature_motion_sad_score"] for scores in of.scores])
