"""Frozen picture: nothing in it has moved for a while, as told after lossy coding and at any sampling.

A source that freezes sends the same picture again and again, but an encoder does not: each group of pictures begins with
a key frame that jumps, then gets better by little steps. Mean differences over the whole picture can't tell that from a
small object that moves; the largest difference between the means of 16x16 blocks can, because a moving edge changes its
block by tens of code values and coding hardly changes a block's mean. What remains are the jumps at key frames, so one
jump is let pass where the frames around it are still. Slow fades and pans are told from a freeze by how far they come.

What can't be told: a still image that is shown on purpose looks frozen, and so does, where only key frames are scored, a
camera that looks at nothing, for its noise is then no larger than what coding does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError
from monitor.protocols import Feature, MetricSpec, Reference, Spacing
from monitor.scorers import _formats
from monitor.scorers._luma import LumaFeatures, luma_statistics
from monitor.scorers._registry import SHARED, register
from monitor.types import Frame, Score, VideoFormat

PULSE = 8.0
"""Largest jump of a block's mean at a key frame of a frozen picture, and so the farthest that one may come, in 8-bit code
values; 7.2 was the largest found at 300 kbit/s and more."""

BETWEEN_PULSES = Fraction(2, 5)
"""Shortest time from one key frame's jump to the next, in seconds; frames farther apart may have one between them."""

STEADY = 3
"""Still frames that must lie between two jumps: in a picture that moves slowly they come close together."""

APART = 4.5
"""Largest difference of a block's mean between frames of a frozen picture with a key frame between them: 4.1 was the largest
found at 300 kbit/s for 720p."""

SPEC = MetricSpec(
    name="freeze",
    title="Frozen picture",
    summary=(
        "Largest absolute difference of the means of 16x16 luma blocks to the frame scored before, and whether the "
        "picture has not moved for a second: differences stay below 2, but for single jumps at key frames, and the "
        "picture never comes farther than 8 from where it stood, in 8-bit code values."
    ),
    source="vqmon; measured on x264 at 150 kbit/s to 5 Mbit/s, where FFmpeg vf_freezedetect misses a freeze of 12 s",
    reference=Reference.NONE,
    spacing=Spacing.ANY,
    min_size=16,
    features=(
        Feature(
            name="freeze_diff",
            title="Largest block change",
            unit="code value",
            minimum=0.0,
            maximum=256.0,
            worst=0.0,
            best=0.0,
            zero="no block has changed since the frame scored before",
            no_data="no two frames were scored",
            display=(0.0, 50.0),
        ),
        Feature(
            name="frozen",
            title="Frozen",
            unit="ratio",
            minimum=0.0,
            maximum=1.0,
            worst=1.0,
            best=0.0,
            zero="the picture moves",
            no_data="no two frames were scored",
            display=(0.0, 1.0),
            warning=0.9,
            critical=0.99,
        ),
    ),
)


@dataclass(slots=True)
class _Stillness:
    """A time in which the picture did not move."""

    since: Fraction
    origin: NDArray[np.float64]
    """Block means where it began."""
    pulse: Fraction
    """Time of the latest jump that was let pass."""
    steady: int = 0
    """Still frames since then."""


@register
@dataclass(slots=True)
class Freeze:
    """Changes between scored frames, and whether they mean a freeze.

    Args:
        still: Block changes below this, in 8-bit code values, are no motion. Lower it where a noisy camera looks at nothing.
        hold_seconds: How long nothing must have moved until frames count as frozen: cartoons repeat pictures for less.
    """

    spec: ClassVar[MetricSpec] = SPEC
    still: float = 2.0
    hold_seconds: float = 1.0
    luma: LumaFeatures = field(default_factory=LumaFeatures, metadata=SHARED, repr=False)
    _previous: tuple[Fraction, NDArray[np.float64]] | None = field(default=None, init=False, repr=False)
    _stillness: _Stillness | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.still < PULSE:
            raise ConfigError(f"metric 'freeze': option 'still' must lie between 0 and {PULSE:g}, not {self.still:g}")
        if self.hold_seconds < 0:
            raise ConfigError(f"metric 'freeze': option 'hold_seconds' must be 0 or more, not {self.hold_seconds:g}")

    def prepare(self, video_format: VideoFormat) -> None:
        _formats.check(SPEC, video_format)
        self.reset()
        luma_statistics(_formats.blank(SPEC, video_format), video_format)

    def score(self, batch: Sequence[Frame]) -> Iterator[Score]:
        for frame in batch:
            blocks = self.luma.of(frame).block_means
            previous, self._previous = self._previous, (frame.pts, blocks)
            if previous is None or self._stillness is None:
                self._stillness = _Stillness(frame.pts, blocks, frame.pts)
                continue
            change = _change(blocks, previous[1])
            if not self._goes_on(self._stillness, frame.pts, blocks, change, frame.pts - previous[0]):
                self._stillness = _Stillness(frame.pts, blocks, frame.pts)
            frozen = frame.pts - self._stillness.since >= self.hold_seconds and frame.pts > self._stillness.since
            yield Score("freeze_diff", change, frame.index, frame.pts)
            yield Score("frozen", float(frozen), frame.index, frame.pts)

    def reset(self) -> None:
        self._previous = self._stillness = None

    def close(self) -> None:
        self.reset()

    def _goes_on(
        self, stillness: _Stillness, pts: Fraction, blocks: NDArray[np.float64], change: float, gap: Fraction
    ) -> bool:
        """Whether the picture still hasn't moved."""
        if _change(blocks, stillness.origin) >= PULSE:
            return False
        if gap >= BETWEEN_PULSES:
            return change < max(APART, self.still)
        if change < self.still:
            stillness.steady += 1
            return True
        isolated = stillness.steady >= STEADY and pts - stillness.pulse >= BETWEEN_PULSES
        stillness.pulse, stillness.steady = pts, 0
        return isolated


def _change(blocks: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    return float(np.abs(blocks - others).max())
