"""Whether frames come at even times: what tells constant from variable frame rate, a lost frame, and a rounded clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

ROUNDING_SECONDS = Fraction(3, 2000)
"""How far two intervals may differ and count as one: clocks of milliseconds (Matroska, FLV) turn 1/30 s into 33 and 34."""

UNEVEN_SHARE = Fraction(1, 100)
"""Share of uneven intervals up to which a frame rate counts as constant: where a capture was cut or a clock corrected."""

GAP_SHARE = Fraction(5, 100)
"""The same for intervals of several whole frames: a few lost frames are no variable rate."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """Times from frame to frame."""

    typical: Fraction
    """Median interval, seconds: of a clock of milliseconds up to half of one off."""
    mean: Fraction
    """Mean of the intervals that are one typical one, seconds: no clock's rounding is left in it."""
    shortest: Fraction
    longest: Fraction
    intervals: int
    uneven: int
    """Intervals that are no whole multiple of the typical one."""
    gaps: int
    """Intervals of two or more typical ones."""

    @property
    def variable(self) -> bool:
        """Whether the frame rate is variable; one odd interval never makes it so."""
        return self.uneven > 1 + self.intervals * UNEVEN_SHARE or self.gaps > 1 + self.intervals * GAP_SHARE

    def __str__(self) -> str:
        rate = f"{1 / float(self.mean):.3f}".rstrip("0").rstrip(".") if self.mean else "0"
        if not self.uneven and not self.gaps:
            return f"constant frame rate, {rate} frames/s"
        kind = "variable" if self.variable else "constant"
        return (
            f"{kind} frame rate, mostly {rate} frames/s: frames last {_milliseconds(self.shortest)} to "
            f"{_milliseconds(self.longest)} ms, {self.uneven} of {self.intervals} intervals are uneven, {self.gaps} are gaps"
        )


def cadence(times: Iterable[Fraction]) -> Cadence | None:
    """How evenly frames follow each other; ``None`` of fewer than three frames.

    Args:
        times: Presentation times of all frames, seconds, in any order.
    """
    steps = [later - earlier for earlier, later in pairwise(sorted(times))]
    if len(steps) < 2:
        return None
    typical = median_low(steps)
    uneven = gaps = 0
    single: list[Fraction] = []
    for step in steps:
        whole = max(1, round(step / typical)) if typical else 1
        if abs(step - whole * typical) > ROUNDING_SECONDS * whole:
            uneven += 1
        elif whole > 1:
            gaps += 1
        else:
            single.append(step)
    mean = sum(single, Fraction(0)) / len(single)
    return Cadence(typical, mean, min(steps), max(steps), len(steps), uneven, gaps)


def _milliseconds(seconds: Fraction) -> str:
    return f"{float(seconds) * 1000:.1f}".removesuffix(".0")
