"""VIF at four scales, as libvmaf's integer extractor defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats, _vmaf
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import NO_LIMIT, VmafFeatures
from monitor.types import FramePair, Score, VideoFormat

SPEC = MetricSpec(
    name="vif",
    title="VIF",
    summary=(
        "Visual information fidelity of luma at four scales: how much of the information that the reference carries through "
        "a noisy channel (the eye) the distorted picture still carries; libvmaf's integer arithmetic, bit for bit."
    ),
    source="Sheikh and Bovik, IEEE TIP 15(2), 2006; libvmaf feature/integer_vif.c",
    reference=Reference.FULL,
    min_size=16,
    default=False,
    features=tuple(
        Feature(
            name=f"integer_vif_scale{scale}",
            title=f"VIF scale {scale}",
            unit="ratio",
            minimum=-0.01,
            maximum=float("inf"),
            worst=0.0,
            best=1.0,
            zero="no information of the reference is left; enhanced contrast may give more than 1",
            no_data="no reference frame was paired",
            display=(0.0, 1.0),
        )
        for scale in range(4)
    ),
)


@register
@dataclass(slots=True)
class Vif:
    """VIF of each pair."""

    spec: ClassVar[MetricSpec] = SPEC
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)

    def __post_init__(self) -> None:
        self.features.plan("vif", NO_LIMIT)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        black = _vmaf.black_frame(video_format)
        self.features.value("vif", NO_LIMIT, FramePair(black, black))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self.features.tasks(item, [("vif", NO_LIMIT)])

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            for feature, value in zip(SPEC.features, self.features.value("vif", NO_LIMIT, pair), strict=True):
                yield Score(feature.name, value, pair.index, pair.pts)

    def reset(self) -> None:
        """Pairs are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
