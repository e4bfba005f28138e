"""Motion of the reference, as libvmaf's integer extractor defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats, _vmaf
from monitor.scorers._motion import Moment, Neighbourhood
from monitor.scorers._registry import SHARED, register
from monitor.scorers._vmaf import VmafFeatures
from monitor.types import Frame, FramePair, Score, VideoFormat


def _feature(name: str, title: str) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="code value",
        minimum=0.0,
        maximum=256.0,
        worst=0.0,
        best=0.0,
        zero="the reference stands still, or it is the first frame",
        no_data="no neighbouring frames were scored",
        display=(0.0, 20.0),
    )


SPEC = MetricSpec(
    name="motion",
    title="Motion",
    summary=(
        "Mean absolute difference of the blurred reference to the frame before, and (motion2) the smaller of it and the "
        "next frame's, so that a cut is no motion; libvmaf's integer arithmetic, bit for bit."
    ),
    source="libvmaf feature/integer_motion.c",
    reference=Reference.FULL,
    spacing=Spacing.CONSECUTIVE,
    min_size=3,
    default=False,
    features=(_feature("integer_motion", "Motion"), _feature("integer_motion2", "Motion 2")),
)


@register
@dataclass(slots=True)
class Motion:
    """Motion of each pair whose neighbours were seen; each waits for the next."""

    spec: ClassVar[MetricSpec] = SPEC
    before: ClassVar[int] = 1
    features: VmafFeatures = field(default_factory=VmafFeatures, metadata=SHARED, repr=False)
    _neighbourhood: Neighbourhood = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._neighbourhood = Neighbourhood(self.features)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        self._neighbourhood.reset()
        self.features.motion(_vmaf.black_frame(video_format), _vmaf.black_frame(video_format))

    def tasks(self, item: FramePair) -> Sequence[Callable[[], object]]:
        return self._neighbourhood.tasks(item)

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            yield from _scores(self._neighbourhood.next(pair))

    def flush(self, following: Frame | None = None) -> Iterator[Score]:
        yield from _scores(self._neighbourhood.last(following))

    def lead_in(self, frames: Sequence[Frame]) -> None:
        self._neighbourhood.lead_in(frames)

    def reset(self) -> None:
        self._neighbourhood.reset()

    def close(self) -> None:
        self._neighbourhood.reset()


def _scores(moments: Iterator[Moment]) -> Iterator[Score]:
    for pair, motion, motion2 in moments:
        yield Score("integer_motion", motion, pair.index, pair.pts)
        yield Score("integer_motion2", motion2, pair.index, pair.pts)
