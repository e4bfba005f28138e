"""Pixel-domain visual information fidelity of luma."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import register
from monitor.types import VideoFormat

SPEC = MetricSpec(
    name="vifp",
    title="VIFp",
    summary=(
        "Pixel-domain visual information fidelity of luma over four scales, noise variance 2, as the authors' code and piq "
        "have it. Not libvmaf's VIF, which is metric vif: other windows, borders and scales."
    ),
    source="Sheikh and Bovik, IEEE TIP 15(2), 2006; the authors' vifp_mscale.m",
    reference=Reference.FULL,
    min_size=41,
    default=False,
    features=(
        Feature(
            name="vifp",
            title="VIFp",
            unit="ratio",
            minimum=0.0,
            maximum=math.inf,
            worst=0.0,
            best=1.0,
            zero="nothing of the reference can be told from the distorted picture",
            no_data="no reference frame was paired",
            display=(0.0, 1.0),
            min_drop=0.05,
        ),
    ),
)


@register
@dataclass(slots=True)
class Vifp(PairScorer):
    """VIFp of luma."""

    spec: ClassVar[MetricSpec] = SPEC

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.vifp import vifp

        return lambda pair: (vifp(pair.distorted.luma, pair.reference.luma, video_format.bit_depth),)
