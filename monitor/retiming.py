"""Frames at another rate: which one is on display at each tick of a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.types import Frame

Retime = Callable[[Iterator["Frame"]], Iterator["Frame"]]
"""Gives the frames other times, leaves some out or repeats some."""

EARLY = Fraction(1, 4)
"""How much of a tick a frame may be late and count as on display: clocks of milliseconds round by up to half of one."""


def as_they_are(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames untouched."""
    return frames


def at_rate(rate: Fraction) -> Retime:
    """Show frames at ``rate`` a second: each tick has the frame that is on display, so that some repeat or are left out.

    Args:
        rate: Frames per second, above 0. Time zero is a tick.
    """
    tick = 1 / rate

    def retimed(frames: Iterator[Frame]) -> Iterator[Frame]:
        index, shown = 0, None
        for frame in frames:
            if shown is None:
                index = -((-frame.pts) // tick)  # the first tick at or after the first frame
            while shown is not None and index * tick + tick * EARLY < frame.pts:
                yield _at(shown, index, tick)
                index += 1
            shown = frame
        while shown is not None and index * tick + tick * EARLY < shown.pts + shown.duration:
            yield _at(shown, index, tick)
            index += 1

    return retimed


def _at(frame: Frame, index: int, tick: Fraction) -> Frame:
    return replace(frame, index=index, pts=index * tick, duration=tick)
