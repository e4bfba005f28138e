"""Decode errors of one rendition over a window of media time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.alerts.readings import Reading, Verdict, read

if TYPE_CHECKING:
    from monitor.alerts.rules import DecodeErrorsRule
    from monitor.types import Segment


@dataclass(slots=True)
class Damage:
    """Errors of the latest segments, for one rule."""

    rule: str
    stream: str
    rendition: str
    latest: list[tuple[float, int]] = field(default_factory=list)
    """(seconds, errors) by segment, oldest first."""

    def observe(self, rule: DecodeErrorsRule, segment: Segment) -> Reading:
        """Take one segment's count; the value is errors per second over the window, full or not."""
        self.latest.append((float(segment.duration), segment.decode_errors))
        while sum(seconds for seconds, _errors in self.latest[1:]) >= rule.window_seconds:
            self.latest.pop(0)
        rate = sum(errors for _seconds, errors in self.latest) / rule.window_seconds
        reading = read(segment, rate, rule.above, rule.clear, rising=True)
        damaged = sum(errors > 0 for _seconds, errors in self.latest)
        if reading.verdict is Verdict.BREACH and damaged < rule.damaged_segments:
            return read(segment, min(rate, rule.clear), rule.above, rule.clear, rising=True)
        return reading
