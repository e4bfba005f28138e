"""SSIM of luma as libvmaf's ``float_ssim`` defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

SPEC = MetricSpec(
    name="float_ssim",
    title="SSIM (libvmaf)",
    summary=(
        "Structural similarity of luma as libvmaf's float_ssim has it: 11x11 Gaussian windows on pictures made smaller by a "
        "whole factor, the shorter side divided by 256 and rounded (4 at 1080p)."
    ),
    source="Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004; libvmaf feature/float_ssim.c",
    reference=Reference.FULL,
    min_size=11,
    default=False,
    features=(
        Feature(
            name="float_ssim",
            title="SSIM (libvmaf)",
            unit="ratio",
            minimum=-1.0,
            maximum=1.0,
            worst=-1.0,
            best=1.0,
            zero="nothing of the structure is left",
            no_data="no reference frame was paired",
            display=(0.5, 1.0),
            min_drop=0.03,
        ),
    ),
)


@register
@dataclass(slots=True)
class FloatSsim(PairScorer):
    """libvmaf's SSIM of luma."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.structure import float_ssim

        return lambda pair: (float_ssim(pair.distorted.luma, pair.reference.luma, video_format.bit_depth),)
