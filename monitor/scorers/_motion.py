"""Motion of the reference around a pair, as VMAF v0 takes it from libvmaf's integer extractor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from monitor.scorers._vmaf import VmafFeatures
from monitor.scorers.siti import are_neighbours
from monitor.types import Frame, FramePair


class Moment(NamedTuple):
    """A pair whose motion is known."""

    pair: FramePair
    motion: float
    """Difference of its reference frame to the one before; 0 for the first pair of all."""
    motion2: float
    """The smaller of that and the next frame's; the former alone where none follows."""


@dataclass(slots=True)
class Neighbourhood:
    """Follows pairs in time and tells the motion of each when the next one has come: libvmaf's ``motion2``.

    A pair before or after a gap (frames without a reference, or that nobody gave) has a neighbour that nobody saw, and gets
    none.
    """

    features: VmafFeatures
    _previous: Frame | None = None
    """Reference frame of the previous pair, or shown before the first."""
    _owed: FramePair | None = None
    """The previous pair, until it is told; only one whose motion is known."""
    _motion: float = 0.0
    """Of the pair that is owed."""

    @property
    def before(self) -> int:
        """How many frames before one have a part in its motion."""
        return 1

    def next(self, pair: FramePair) -> Iterator[Moment]:
        """Take the next pair and tell the one before it."""
        first = self._previous is None
        motion = 0.0 if first else self._to(pair.reference)
        told = self._told(motion)
        self._previous, self._owed, self._motion = pair.reference, None if motion is None else pair, motion or 0.0
        yield from told

    def last(self, following: Frame | None = None) -> Iterator[Moment]:
        """Tell the previous pair, before a reference frame that has no pair or as the last one.

        The next pair's motion is measured against it all the same.
        """
        told = self._told(self._motion if following is None else self._to(following))
        self._owed = None
        yield from told

    def lead_in(self, frames: Sequence[Frame]) -> None:
        """Forget earlier pairs; the next one comes after these reference frames."""
        self._previous, self._owed = frames[-1], None

    def reset(self) -> None:
        """Forget earlier pairs."""
        self._previous = self._owed = None

    def _told(self, following: float | None) -> list[Moment]:
        """What is owed, now that the motion after it is known."""
        if self._owed is None or following is None:
            return []
        return [Moment(self._owed, self._motion, min(self._motion, following))]

    def _to(self, current: Frame) -> float | None:
        return None if self._previous is None else self._between(self._previous, current)

    def _between(self, earlier: Frame, current: Frame) -> float | None:
        if earlier.luma is current.luma:
            return 0.0
        return self.features.motion(earlier, current) if are_neighbours(earlier, current) else None
