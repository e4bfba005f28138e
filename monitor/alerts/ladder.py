"""Comparing neighbouring rungs of one stream's ladder, on segments that show the same time."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from monitor.alerts.readings import Reading, judge

if TYPE_CHECKING:
    from monitor.alerts.rules import LadderInversionRule
    from monitor.types import Segment

COVERED = 0.8
"""Share of the window that both rungs need scores for."""
SAME_RATE = 1.05
"""Rungs whose bitrates differ by less than this factor have no order."""
WAITING = 32
"""Latest segments of a rung that are kept for the other rungs' segments of the same time, and for its bitrate."""


@dataclass(slots=True)
class Cell:
    """One segment of one rung."""

    start_ms: int
    seconds: float
    size: int
    value: float


@dataclass(slots=True)
class Pair:
    """Two neighbouring rungs, and by how much the lower one led on segments of the same time."""

    lower: str
    higher: str
    leads: list[tuple[int, float, float]] = field(default_factory=list)
    """(start in ms, seconds, lead), oldest first."""


@dataclass(slots=True)
class Ladder:
    """Recent scores of all rungs of one stream in one feature, for one rule."""

    rule: str
    stream: str
    feature: str
    rungs: dict[str, list[Cell]] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)

    def observe(self, rule: LadderInversionRule, segment: Segment, value: float, scale: float) -> dict[str, Reading]:
        """Take one segment's value and compare its rung with both neighbours.

        Args:
            rule: the settings.
            segment: what the value is of.
            value: the pooled value, finite, oriented so that larger is better.
            scale: the feature's smallest noteworthy drop, > 0.

        Returns:
            Readings by name of the higher rung, for pairs that this segment completes.
        """
        rendition = segment.rendition
        cell = Cell(segment.start_ms, float(segment.duration), segment.bytes, value)
        self.rungs[rendition] = [*self.rungs.get(rendition, [])[1 - WAITING :], cell]
        order = sorted(self.rungs, key=self._rate)
        neighbours = [two for two in pairwise(order) if self._rate(two[1]) >= SAME_RATE * self._rate(two[0])]
        self.pairs = [pair for pair in self.pairs if (pair.lower, pair.higher) in neighbours]
        readings = {}
        for lower, higher in neighbours:
            if rendition not in (lower, higher):
                continue
            other = self._beside(cell, higher if rendition == lower else lower)
            if other is not None:
                lead = other.value - cell.value if rendition == higher else cell.value - other.value
                reading = self._compare(rule, self._pair(lower, higher), cell, lead, segment, scale)
                if reading is not None:
                    readings[higher] = reading
        return readings

    def forget(self, rendition: str) -> None:
        """Drop a rung that is no longer watched."""
        self.rungs.pop(rendition, None)
        self.pairs = [pair for pair in self.pairs if rendition not in (pair.lower, pair.higher)]

    def _rate(self, rendition: str) -> float:
        cells = self.rungs[rendition]
        seconds = sum(cell.seconds for cell in cells)
        return 8 * sum(cell.size for cell in cells) / seconds if seconds > 0 else 0.0

    def _beside(self, cell: Cell, rendition: str) -> Cell | None:
        """The other rung's segment that starts within half a segment of this one."""
        nearest = min(self.rungs[rendition], key=lambda other: abs(other.start_ms - cell.start_ms))
        return nearest if abs(nearest.start_ms - cell.start_ms) <= 500 * cell.seconds else None

    def _pair(self, lower: str, higher: str) -> Pair:
        for pair in self.pairs:
            if (pair.lower, pair.higher) == (lower, higher):
                return pair
        self.pairs.append(Pair(lower, higher))
        return self.pairs[-1]

    @staticmethod
    def _compare(
        rule: LadderInversionRule, pair: Pair, cell: Cell, lead: float, segment: Segment, scale: float
    ) -> Reading | None:
        horizon = cell.start_ms - 1000 * rule.window_seconds
        pair.leads = [*(old for old in pair.leads if old[0] > horizon), (cell.start_ms, cell.seconds, lead)]
        seconds = sum(length for _start, length, _lead in pair.leads)
        if seconds < COVERED * rule.window_seconds:
            return None
        mean = sum(length * one for _start, length, one in pair.leads) / seconds
        threshold = rule.margin_ratio * scale
        return Reading(
            verdict=judge(mean, threshold, rule.clear_ratio * scale, rising=True),
            value=mean,
            threshold=threshold,
            seconds=cell.seconds,
            begins=segment.started_at,
            at=segment.started_at,
            start_ms=segment.start_ms,
            rising=True,
            detail=f"Over {seconds / 60:.0f} min, {pair.lower} scores {mean:.3g} above {pair.higher}",
        )
