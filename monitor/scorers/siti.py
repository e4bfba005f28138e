"""Spatial and temporal information (SI, TI) of ITU-T P.910."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats
from monitor.scorers._luma import LumaFeatures, luma_statistics
from monitor.scorers._registry import SHARED, register
from monitor.types import Frame, Plane, Score, VideoFormat

SPEC = MetricSpec(
    name="siti",
    title="SI and TI",
    summary=(
        "Spatial information: standard deviation of the Sobel gradient of luma without the outermost samples. Temporal "
        "information: standard deviation of the difference to the frame before. In 8-bit code values as coded, whatever "
        "the range."
    ),
    source="ITU-T P.910 (04/2008), per frame, not the maximum over time; FFmpeg vf_siti, which scales limited range to full",
    reference=Reference.NONE,
    spacing=Spacing.CONSECUTIVE,
    min_size=3,
    features=(
        Feature(
            name="si",
            title="Spatial information",
            unit="code value",
            minimum=0.0,
            maximum=1449.0,
            worst=0.0,
            best=0.0,
            zero="the gradient is the same everywhere, as in a flat picture",
            no_data="no frame was scored",
            display=(0.0, 150.0),
        ),
        Feature(
            name="ti",
            title="Temporal information",
            unit="code value",
            minimum=0.0,
            maximum=256.0,
            worst=0.0,
            best=0.0,
            zero="the frame repeats the one before, or differs by one level everywhere",
            no_data="no two neighbouring frames were scored",
            display=(0.0, 80.0),
        ),
    ),
)


def spatial_information(luma: Plane) -> float:
    """Standard deviation of the Sobel magnitude of ``luma``, at least 3x3, in its code values."""
    from monitor.kernels.edges import sobel_moments

    return math.sqrt(sobel_moments(luma)[1])


def temporal_information(luma: Plane, previous: Plane, mean_difference: float) -> float:
    """Standard deviation of ``luma - previous`` in their code values.

    Args:
        luma: A frame's luma.
        previous: The luma of the frame before, of the same shape and type.
        mean_difference: Mean of ``luma - previous``.
    """
    from monitor.kernels.error import squared_error

    return math.sqrt(max(squared_error(luma, previous) / luma.size - mean_difference**2, 0.0))


def are_neighbours(previous: Frame, frame: Frame) -> bool:
    """Whether no frame of the stream lies between two.

    Durations tell: ``frame`` begins less than half a frame after ``previous`` ends. Where the stream gives none, indices do.
    """
    gap = frame.pts - previous.pts
    if previous.duration > 0:
        return 0 < gap <= previous.duration * 3 / 2
    return gap > 0 and frame.index == previous.index + 1


@register
@dataclass(slots=True)
class Siti:
    """SI of each frame; TI of each frame whose predecessor was scored."""

    spec: ClassVar[MetricSpec] = SPEC
    luma: LumaFeatures = field(default_factory=LumaFeatures, metadata=SHARED, repr=False)
    _previous: Frame | None = field(default=None, init=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        self._previous = None
        blank = _formats.blank(SPEC, video_format)
        luma_statistics(blank, video_format)
        spatial_information(blank)
        temporal_information(blank, blank, 0.0)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            code = _formats.code_value(frame.format)
            yield Score("si", spatial_information(frame.luma) / code, frame.index, frame.pts)
            previous, self._previous = self._previous, frame
            if previous is not None and are_neighbours(previous, frame):
                mean_difference = (self.luma.of(frame).mean - self.luma.of(previous).mean) * code
                ti = temporal_information(frame.luma, previous.luma, mean_difference) / code
                yield Score("ti", ti, frame.index, frame.pts)

    def reset(self) -> None:
        self._previous = None

    def close(self) -> None:
        self._previous = None
