"""Exposure: how bright the picture is, how much contrast it has, how much of it is clipped."""

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
    name="exposure",
    title="Exposure",
    summary=(
        "Mean and population variance of luma in 8-bit code values as coded, whatever depth and range, and the share of "
        "samples at or beyond nominal black and white."
    ),
    source="ITU-R BT.601 and BT.709 nominal levels: 16-235 in limited range, 0-255 in full range, scaled to the depth",
    reference=Reference.NONE,
    features=(
        Feature(
            name="luma_mean",
            title="Mean luma",
            unit="code value",
            minimum=0.0,
            maximum=256.0,
            worst=0.0,
            best=0.0,
            zero="every sample is 0",
            no_data="no frame was scored",
            display=(0.0, 255.0),
        ),
        Feature(
            name="luma_variance",
            title="Luma variance",
            unit="",
            minimum=0.0,
            maximum=128.0**2,
            worst=0.0,
            best=0.0,
            zero="one flat colour",
            no_data="no frame was scored",
            display=(0.0, 8000.0),
        ),
        Feature(
            name="clipped_ratio",
            title="Clipped luma",
            unit="ratio",
            minimum=0.0,
            maximum=1.0,
            worst=1.0,
            best=0.0,
            zero="no sample is at or below black, none at or above white",
            no_data="no frame was scored",
            display=(0.0, 1.0),
        ),
    ),
)


@register
@dataclass(slots=True)
class Exposure:
    """Levels of luma, frame by frame."""

    spec: ClassVar[MetricSpec] = SPEC
    luma: LumaFeatures = field(default_factory=LumaFeatures, metadata=SHARED, repr=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        luma_statistics(_formats.blank(SPEC, video_format), video_format)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            luma = self.luma.of(frame)
            yield Score("luma_mean", luma.mean, frame.index, frame.pts)
            yield Score("luma_variance", luma.variance, frame.index, frame.pts)
            yield Score("clipped_ratio", luma.clipped_ratio, frame.index, frame.pts)

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
