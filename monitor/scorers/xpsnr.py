"""XPSNR of each plane as FFmpeg's filter defines it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats
from monitor.scorers._pairs import CEILING, black_frame, decibels
from monitor.scorers._registry import register
from monitor.scorers.siti import are_neighbours
from monitor.types import Frame, FramePair, Plane, Score, VideoFormat

LOWEST = -30.0
"""Below what planes of opposite extremes score, in dB."""

SHARES = (4 / 6, 1 / 6, 1 / 6)
"""What luma, Cb and Cr add to the combined error."""

FAST = Fraction(1, 32)
"""Seconds: frames that last longer are compared with the one before, others with two."""


def _feature(name: str, title: str, min_drop: float | None = None) -> Feature:
    return Feature(
        name=name,
        title=title,
        unit="dB",
        minimum=LOWEST,
        maximum=CEILING,
        worst=LOWEST,
        best=CEILING,
        zero="as visible as noise of the full range",
        no_data="no reference frame was paired, those before were not, or the format has no such plane",
        display=(20.0, 60.0),
        min_drop=min_drop,
    )


SPEC = MetricSpec(
    name="xpsnr",
    title="XPSNR",
    summary=(
        "PSNR whose errors weigh less where the reference is busy in space or in time, per plane as FFmpeg's xpsnr filter "
        "has it and combined, (4 Y + Cb + Cr) / 6 of the errors. Planes without an error score 120 dB, where FFmpeg says "
        "infinite; a first frame is compared with black, as there."
    ),
    source="Helmrich et al., XPSNR: a low-complexity extension of PSNR, ICASSP 2020; FFmpeg vf_xpsnr",
    reference=Reference.FULL,
    spacing=Spacing.CONSECUTIVE,
    min_size=4,
    default=False,
    features=(
        _feature("xpsnr_y", "XPSNR Y"),
        _feature("xpsnr_cb", "XPSNR Cb"),
        _feature("xpsnr_cr", "XPSNR Cr"),
        _feature("xpsnr", "XPSNR", min_drop=2.0),
    ),
)


@register
@dataclass(slots=True)
class Xpsnr:
    """XPSNR of each pair whose predecessors were scored, and of the first."""

    spec: ClassVar[MetricSpec] = SPEC
    before: ClassVar[int] = 2
    _black: Plane | None = field(default=None, init=False, repr=False)
    _last: Frame | None = field(default=None, init=False, repr=False)
    _before: tuple[Plane | None, Plane | None] = field(default=(None, None), init=False, repr=False)

    def prepare(self, video_format: VideoFormat) -> None:
        from monitor.kernels.xpsnr import weighted_errors

        _formats.check(SPEC, video_format)
        black = black_frame(video_format)
        self._black = black.luma
        self.reset()
        weighted_errors(black.planes, black.planes, black.luma, None, video_format.bit_depth)

    def score(self, batch: Sequence[FramePair]) -> Iterator[Score]:
        for pair in batch:
            self._check_gap(pair.reference)
            errors = self._errors(pair)
            self._remember(pair.reference)
            if len(errors) == len(SHARES):
                errors.append(sum(share * error for share, error in zip(SHARES, errors, strict=True)))
            for feature, error in zip(SPEC.features, errors, strict=False):
                yield Score(feature.name, decibels(error), pair.index, pair.pts)

    def lead_in(self, frames: Sequence[Frame]) -> None:
        self.reset()
        for frame in frames:
            self._check_gap(frame)
            self._remember(frame)

    def _check_gap(self, current: Frame) -> None:
        if self._last is not None and not are_neighbours(self._last, current):
            self._before = (None, None)

    def _remember(self, reference: Frame) -> None:
        self._last, self._before = reference, (reference.luma, self._before[0])

    def _errors(self, pair: FramePair) -> list[float]:
        """Of each plane; none where a frame before is missing."""
        from monitor.kernels.xpsnr import weighted_errors

        before, earlier = self._before
        fast = 0 < pair.reference.duration <= FAST
        if before is None or (fast and earlier is None):
            return []
        return weighted_errors(
            pair.distorted.planes, pair.reference.planes, before, earlier if fast else None, pair.format.bit_depth
        )

    def reset(self) -> None:
        self._last, self._before = None, (self._black, self._black)

    def close(self) -> None:
        self.reset()
