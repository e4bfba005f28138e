"""SpEED of chroma, as libvmaf measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from monitor.kernels.settings import SpeedSettings
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._formats import chroma_inside, refusal
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import VmafFeatures
from monitor.types import FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.kernels.speed_chroma import Chroma


def _feature(suffix: str, title: str) -> Feature:
    return Feature(
        name=f"speed_chroma_{suffix}",
        title=f"SpEED {title}",
        unit="",
        minimum=0.0,
        maximum=1000.0,
        worst=1000.0,
        best=0.0,
        zero="the local entropies are equal, or a plane is flat",
        no_data="no reference frame was paired, or the format has no chroma",
        display=(0.0, 50.0),
    )


SPEC = MetricSpec(
    name="speed_chroma",
    title="SpEED chroma",
    summary=(
        "How much the local entropies of Cb and Cr differ from the reference's, at a sixteenth of their size, and the mean "
        "of both; an ingredient of VMAF v1. Smaller frames have too few samples: libvmaf gives them 0."
    ),
    source="Bampis, Gupta, Soundararajan and Bovik, SpEED-QA, IEEE SPL 24(9), 2017; libvmaf feature/speed.c",
    reference=Reference.FULL,
    needs_chroma=True,
    min_size=320,
    default=False,
    features=(_feature("u", "Cb"), _feature("v", "Cr"), _feature("uv", "chroma")),
)


@register
@dataclass(slots=True)
class SpeedChroma(PairScorer):
    """SpEED of each pair's chroma; the options are libvmaf's."""

    spec: ClassVar[MetricSpec] = SPEC
    settings: SpeedSettings = field(default=SpeedSettings())
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)

    def __post_init__(self) -> None:
        self.features.plan("speed", self.settings)

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.speed_chroma import is_too_small

        settings, size = self.settings, chroma_inside(video_format)
        if is_too_small(*size, settings):
            raise refusal(SPEC, f"needs larger frames at speed_prescale {settings.speed_prescale:g}", video_format)

        def measured(pair: FramePair) -> Chroma:
            found: Chroma = self.features.value("speed", settings, pair)
            return found

        return measured

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self.features.tasks(item, [("speed", self.settings)])
