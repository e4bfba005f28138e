"""Motion of the reference around a pair, as VMAF v0 takes it from libvmaf's integer extractor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
class Ahead:
    """Hands out the motion of reference frames before the turn of their pairs comes.

    Args:
        features: What measures.
        distance: How far apart the frames are that are compared.
    """

    features: VmafFeatures
    distance: int
    _frames: list[Frame] = field(default_factory=list)
    """The latest, without a gap between them."""

    def tasks(self, reference: Frame) -> list[Callable[[], object]]:
        """The motion of the next frame, for any thread; none where it is not known yet what it will be compared with."""
        frames = self._frames
        if frames and frames[-1].luma is not reference.luma and not are_neighbours(frames[-1], reference):
            frames.clear()
        frames.append(reference)
        del frames[: -1 - self.distance]
        if len(frames) <= self.distance or frames[0].luma is reference.luma:
            return []
        return self.features.motion_tasks(frames[0], reference)

    def reset(self) -> None:
        """Forget earlier frames."""
        self._frames.clear()


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
    _ahead: Ahead = field(init=False)

    def __post_init__(self) -> None:
        self._ahead = Ahead(self.features, 1)

    @property
    def before(self) -> int:
        """How many frames before one have a part in its motion."""
        return 1

    def tasks(self, pair: FramePair) -> list[Callable[[], object]]:
        """What can be measured before the turn of a pair comes; pairs are shown in order."""
        return self._ahead.tasks(pair.reference)

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
        self._ahead.reset()

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
