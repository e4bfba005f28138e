"""MS-SSIM of luma as libvmaf defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

SPEC = MetricSpec(
    name="float_ms_ssim",
    title="MS-SSIM",
    summary=(
        "Multi-scale structural similarity of luma over five scales, each half the size of the one before, as libvmaf has "
        "it: the means of contrast and structure at each scale, raised to published powers and multiplied."
    ),
    source="Wang, Simoncelli and Bovik, Asilomar 2003; libvmaf feature/float_ms_ssim.c",
    reference=Reference.FULL,
    min_size=176,
    default=False,
    features=(
        Feature(
            name="float_ms_ssim",
            title="MS-SSIM",
            unit="ratio",
            minimum=0.0,
            maximum=1.0,
            worst=0.0,
            best=1.0,
            zero="the structure of a scale is lost or inverted",
            no_data="no reference frame was paired",
            display=(0.5, 1.0),
            min_drop=0.03,
        ),
    ),
)


@register
@dataclass(slots=True)
class FloatMsSsim(PairScorer):
    """libvmaf's MS-SSIM of luma."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.structure import ms_ssim

        return lambda pair: (ms_ssim(pair.distorted.luma, pair.reference.luma, video_format.bit_depth),)
