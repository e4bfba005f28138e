"""Gradient magnitude similarity deviation of luma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

SPEC = MetricSpec(
    name="gmsd",
    title="GMSD",
    summary=(
        "Gradient magnitude similarity deviation of luma at half size: how unevenly gradients were changed over the "
        "picture, T = 170, as the authors' code and piq have it."
    ),
    source="Xue, Zhang, Mou and Bovik, IEEE TIP 23(2), 2014",
    reference=Reference.FULL,
    min_size=4,
    default=False,
    features=(
        Feature(
            name="gmsd",
            title="GMSD",
            unit="ratio",
            minimum=0.0,
            maximum=0.5,
            worst=0.5,
            best=0.0,
            zero="gradients are the same, or changed by the same share everywhere",
            no_data="no reference frame was paired",
            display=(0.0, 0.3),
            min_drop=0.02,
        ),
    ),
)


@register
@dataclass(slots=True)
class Gmsd(PairScorer):
    """GMSD of luma."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.gmsd import gmsd

        return lambda pair: (gmsd(pair.distorted.luma, pair.reference.luma, video_format.bit_depth),)
