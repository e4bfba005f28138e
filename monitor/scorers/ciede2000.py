"""Colour difference by CIEDE2000 as libvmaf defines it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import CEILING, Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import FramePair, VideoFormat

LOWEST = -10.0
"""Below what any mean colour difference gives."""

SPEC = MetricSpec(
    name="ciede2000",
    title="CIEDE2000",
    summary=(
        "Colour difference: 45 - 20 log10 of the mean CIEDE2000 over all samples, kL = 0.65, kC = 1, kH = 4, codes taken as "
        "limited range BT.709 and chroma repeated, as libvmaf has it. Equal pictures score 120; libvmaf calls that infinite."
    ),
    source="Sharma, Wu and Dalal, Color Research and Application 30(1), 2005; libvmaf ciede.c",
    reference=Reference.FULL,
    needs_chroma=True,
    min_size=2,
    default=False,
    features=(
        Feature(
            name="ciede2000",
            title="CIEDE2000",
            unit="dB",
            minimum=LOWEST,
            maximum=CEILING,
            worst=LOWEST,
            best=CEILING,
            zero="colours are off by 178 just noticeable differences on average",
            no_data="no reference frame was paired, or the format has no chroma",
            display=(20.0, 60.0),
            min_drop=2.0,
        ),
    ),
)


@register
@dataclass(slots=True)
class Ciede2000(PairScorer):
    """libvmaf's CIEDE2000 score."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.ciede import mean_difference

        def measure(pair: FramePair) -> tuple[float]:
            difference = mean_difference(pair.distorted.planes, pair.reference.planes, video_format.bit_depth)
            return (min(45.0 - 20.0 * math.log10(difference), CEILING) if difference > 0 else CEILING,)

        return measure
