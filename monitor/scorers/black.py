"""Black picture: how much of the luma is black."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats
from monitor.scorers._luma import LumaFeatures, luma_statistics
from monitor.scorers._registry import SHARED, register
from monitor.types import Frame, Score, VideoFormat

SPEC = MetricSpec(
    name="black",
    title="Black picture",
    summary=(
        "Share of luma samples that are black: at most a tenth of the way from nominal black to nominal white, which is "
        "code value 38 at 8 bits in limited range, 26 in full range, and these scaled to deeper samples."
    ),
    source="FFmpeg vf_blackdetect with its default pix_th=0.10; usual alarm at pic_th=0.98",
    reference=Reference.NONE,
    features=(
        Feature(
            name="black_ratio",
            title="Black",
            unit="ratio",
            minimum=0.0,
            maximum=1.0,
            worst=1.0,
            best=0.0,
            zero="no sample is black",
            no_data="no frame was scored",
            display=(0.0, 1.0),
            pool="p50",  # black for most of a segment counts, wherever in it the black began
            warning=0.95,
            critical=0.98,
        ),
    ),
)


@register
@dataclass(slots=True)
class Black:
    """Share of black luma, frame by frame."""

    spec: ClassVar[MetricSpec] = SPEC
    luma: LumaFeatures = field(default_factory=LumaFeatures, metadata=SHARED, repr=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        luma_statistics(_formats.blank(SPEC, video_format), video_format)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            yield Score("black_ratio", self.luma.of(frame).black_ratio, frame.index, frame.pts)

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
