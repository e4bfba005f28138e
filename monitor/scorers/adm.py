"""ADM over four levels, as libvmaf's integer extractor defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.kernels.settings import View
from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats, _vmaf
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import MIN_SIDE, VmafFeatures
from monitor.types import FramePair, Score, VideoFormat


def _feature(name: str, title: str) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="ratio",
        minimum=0.0,
        maximum=float("inf"),
        worst=0.0,
        best=1.0,
        zero="no visible detail of the reference is left; enhanced contrast may give more than 1",
        no_data="no reference frame was paired",
        display=(0.0, 1.0),
    )


SPEC = MetricSpec(
    name="adm",
    title="ADM",
    summary=(
        "Detail that survives: the distorted picture's wavelet coefficients as far as they are the reference's, weighted by "
        "contrast sensitivity and masked by what was added; libvmaf's integer arithmetic, bit for bit."
    ),
    source="Li, Zhang, Ma and Ngan, IEEE TMM 13(5), 2011; libvmaf feature/integer_adm.c",
    reference=Reference.FULL,
    min_size=MIN_SIDE,
    default=False,
    features=(
        _feature("integer_adm2", "ADM"),
        *(_feature(f"integer_adm_scale{scale}", f"ADM scale {scale}") for scale in range(4)),
    ),
)


VIEW = View()


@register
@dataclass(slots=True)
class Adm:
    """ADM of each pair."""

    spec: ClassVar[MetricSpec] = SPEC
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)

    def __post_init__(self) -> None:
        self.features.plan("adm", VIEW)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        black = _vmaf.black_frame(video_format)
        self.features.value("adm", VIEW, FramePair(black, black))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self.features.tasks(item, [("adm", VIEW)])

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            measured = self.features.value("adm", VIEW, pair)
            values = measured.adm2, *(level.ratio for level in measured.levels)
            for feature, value in zip(SPEC.features, values, strict=True):
                yield Score(feature.name, value, pair.index, pair.pts)

    def reset(self) -> None:
        """Pairs are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
