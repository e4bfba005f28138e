"""What a comparison notes of a file besides its scores: when its frames are shown, and its black bars."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from monitor.alignment.bars import BarFinder, Bars

if TYPE_CHECKING:
    from monitor.types import Frame

LOOK_EVERY = 12
"""Every so many frames are looked at for bars."""


@dataclass(slots=True)
class Follower:
    """Takes note of a file's frames as they are decoded."""

    times: list[Fraction] = field(default_factory=list)
    """When each is shown, seconds."""
    _finder: BarFinder = field(default_factory=BarFinder)

    def see(self, frame: Frame) -> None:
        """Take note of a frame."""
        if len(self.times) % LOOK_EVERY == 0:
            self._finder.look(frame)
        self.times.append(frame.pts)

    def bars(self) -> Bars:
        """What was black in all frames that were looked at."""
        return self._finder.bars()
