"""Feature similarity of luma."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._memory import PlaneMemory
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import SHARED, register
from monitor.types import Plane, VideoFormat

SPEC = MetricSpec(
    name="fsim",
    title="FSIM",
    summary=(
        "Feature similarity of luma: phase congruency and gradients compared where features are, after reduction by a whole "
        "factor to about 256 rows, as piq has it; without the chroma of FSIMc."
    ),
    source="Zhang, Zhang, Mou and Zhang, IEEE TIP 20(8), 2011; piq's fsim",
    reference=Reference.FULL,
    min_size=16,
    default=False,
    features=(
        Feature(
            name="fsim",
            title="FSIM",
            unit="ratio",
            minimum=0.0,
            maximum=1.0,
            worst=0.0,
            best=1.0,
            zero="no feature of either picture is in the other",
            no_data="no reference frame was paired",
            display=(0.8, 1.0),
            min_drop=0.01,
        ),
    ),
)


@register
@dataclass(slots=True)
class Fsim(PairScorer):
    """FSIM of luma. What it takes of the reference serves all distorted frames beside it."""

    spec: ClassVar[MetricSpec] = SPEC
    planes: PlaneMemory = field(default_factory=PlaneMemory, metadata=SHARED, repr=False)

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.fsim import Features, detector, features, fsim

        depth, phases = video_format.bit_depth, detector(video_format.height, video_format.width)

        def found(luma: Plane) -> Features:
            return self.planes.once(("fsim", depth), (luma,), lambda: features(luma, depth, phases))

        return lambda pair: (fsim(found(pair.distorted.luma), found(pair.reference.luma)),)
