"""SpEED of chroma, as libvmaf measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from monitor.errors import ConfigError
from monitor.kernels.settings import SpeedSettings
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers._formats import chroma_inside, refusal
from monitor.scorers._pairs import Measure, PairScorer
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import VmafFeatures
from monitor.types import FramePair, VideoFormat

if TYPE_CHECKING:
    from monitor.kernels.speed_chroma import Chroma

RANGES: dict[str, tuple[float, float]] = {
    "speed_prescale": (0.1, 4),
    "speed_sigma_nn": (0.1, 2),
    "speed_nn_floor": (0, 1),
    "speed_weight_var_mode": (0, 6),
    "speed_max_val": (0, 1000),
}
METHODS = ("nearest", "bilinear")


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
    speed_prescale: float = 1.0
    speed_prescale_method: str = "nearest"
    speed_sigma_nn: float = 0.29
    speed_nn_floor: float = 0.0
    speed_weight_var_mode: int = 0
    speed_max_val: float = 1000.0
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigError(
                    f"metric 'speed_chroma': option {name!r} must be {least} to {most}, not {getattr(self, name)}"
                )
        if self.speed_prescale_method not in METHODS:
            raise ConfigError(
                f"metric 'speed_chroma': option 'speed_prescale_method' must be one of {', '.join(METHODS)}, "
                f"not {self.speed_prescale_method!r}"
            )

        self.features.plan("speed", self.settings)

    @property
    def settings(self) -> SpeedSettings:
        """The options as the kernel takes them."""
        return SpeedSettings(**{name: getattr(self, name) for name in SpeedSettings._fields})

    def measure(self, video_format: VideoFormat) -> Measure:
        from monitor.kernels.speed_chroma import is_too_small

        settings, size = self.settings, chroma_inside(video_format)
        if is_too_small(*size, settings):
            raise refusal(SPEC, f"needs larger frames at speed_prescale {self.speed_prescale:g}", video_format)

        def measured(pair: FramePair) -> Chroma:
            found: Chroma = self.features.value("speed", settings, pair)
            return found

        return measured

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self.features.tasks(item, [("speed", self.settings)])
