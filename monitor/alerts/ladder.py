"""Comparing neighbouring rungs of one stream's ladder, on segments that show the same time."""

from __future__ import annotations

from bisect import bisect_left
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


@dataclass(slots=True)
class Cell:
    """One segment of one rung."""

    start_ms: int
    seconds: float
    size: int
    value: float


@dataclass(slots=True)
class Ladder:
    """Recent scores of all rungs of one stream in one feature, for one rule."""

    rule: str
    stream: str
    feature: str
    rungs: dict[str, list[Cell]] = field(default_factory=dict)

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
        cells = self.rungs.setdefault(segment.rendition, [])
        cell = Cell(segment.start_ms, float(segment.duration), segment.bytes, value)
        cells.insert(bisect_left([old.start_ms for old in cells], cell.start_ms), cell)
        horizon = cells[-1].start_ms - 1000 * rule.window_seconds
        self.rungs[segment.rendition] = [old for old in cells if old.start_ms > horizon]
        order = sorted(self.rungs, key=self._rate)
        place = order.index(segment.rendition)
        pairs = list(pairwise(order))[max(0, place - 1) : place + 1]
        readings = {}
        for lower, higher in pairs:
            reading = self._compare(rule, lower, higher, cell, segment, scale)
            if reading is not None:
                readings[higher] = reading
        return readings

    def forget(self, rendition: str) -> None:
        """Drop a rung that is no longer watched."""
        self.rungs.pop(rendition, None)

    def _rate(self, rendition: str) -> float:
        cells = self.rungs[rendition]
        seconds = sum(cell.seconds for cell in cells)
        return 8 * sum(cell.size for cell in cells) / seconds if seconds > 0 else 0.0

    def _compare(
        self, rule: LadderInversionRule, lower: str, higher: str, cell: Cell, segment: Segment, scale: float
    ) -> Reading | None:
        if self._rate(higher) < SAME_RATE * self._rate(lower):
            return None
        pairs = list(self._matches(self.rungs[lower], self.rungs[higher]))
        if not any(cell in pair for pair in pairs):
            return None
        seconds = sum(above.seconds for _below, above in pairs)
        if seconds < COVERED * rule.window_seconds:
            return None
        lead = sum((below.value - above.value) * above.seconds for below, above in pairs) / seconds
        threshold = rule.margin_ratio * scale
        return Reading(
            verdict=judge(lead, threshold, rule.clear_ratio * scale, rising=True),
            value=lead,
            threshold=threshold,
            seconds=cell.seconds,
            begins=segment.started_at,
            at=segment.started_at,
            start_ms=segment.start_ms,
            rising=True,
            detail=f"Over {seconds / 60:.0f} min, {lower} leads {higher} by {lead:.3g} in {self.feature}",
        )

    @staticmethod
    def _matches(lower: list[Cell], higher: list[Cell]) -> list[tuple[Cell, Cell]]:
        """Pairs of segments that start within half a segment of each other; both lists ascend."""
        starts = [cell.start_ms for cell in lower]
        pairs = []
        for above in higher:
            place = bisect_left(starts, above.start_ms)
            near = min(
                lower[max(0, place - 1) : place + 1], key=lambda below: abs(below.start_ms - above.start_ms), default=None
            )
            if near is not None and abs(near.start_ms - above.start_ms) <= 500 * above.seconds:
                pairs.append((near, above))
        return pairs
