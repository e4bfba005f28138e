"""Blur: the variance of the Laplacian."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference
from monitor.scorers import _formats
from monitor.scorers._registry import register
from monitor.types import Frame, Plane, Score, VideoFormat

SHARPEST = (4 * 256.0) ** 2
"""Above the variance that any 8-bit picture can have."""

SPEC = MetricSpec(
    name="blur",
    title="Sharpness",
    summary=(
        "Variance of OpenCV's 3x3 Laplacian of luma, in squared 8-bit code values; low is soft. It depends on the "
        "content, so compare it with the stream's own past, not with a fixed number."
    ),
    source="Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000 (LAPV); cv2.Laplacian(ksize=1)",
    reference=Reference.NONE,
    min_size=3,
    features=(
        Feature(
            name="blur",
            title="Sharpness (variance of Laplacian)",
            unit="",
            minimum=0.0,
            maximum=SHARPEST,
            worst=0.0,
            best=SHARPEST,
            zero="no edge at all: a flat picture",
            no_data="no frame was scored",
            display=(0.0, 2000.0),
        ),
    ),
)


def blur(luma: Plane, bit_depth: int) -> float:
    """Variance of the Laplacian of ``luma`` in squared 8-bit code values; borders are reflected."""
    import cv2

    from monitor.kernels.moments import variance

    filtered = cv2.Laplacian(luma, cv2.CV_16S if bit_depth == 8 else cv2.CV_32F)
    return variance(filtered) / 4.0 ** (bit_depth - 8)


@register
@dataclass(slots=True)
class Blur:
    """Sharpness, frame by frame."""

    spec: ClassVar[MetricSpec] = SPEC
    _bit_depth: int = field(default=8, init=False)

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        self._bit_depth = video_format.bit_depth
        blur(_formats.blank(SPEC, video_format), self._bit_depth)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            yield Score("blur", blur(frame.luma, self._bit_depth), frame.index, frame.pts)

    def reset(self) -> None:
        """Frames are scored one by one: there is nothing to forget."""

    def close(self) -> None:
        """Nothing is held."""
