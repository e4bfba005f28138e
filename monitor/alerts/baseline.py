"""A rendition's own recent level of one feature, and falls below it.

The baseline is the median of the segments of the last half hour (media time), without the newest three; the fall is
measured in robust deviations, 1.4826 times the median absolute deviation, which estimates the standard deviation of a normal
distribution (Rousseeuw and Croux 1993, "Alternatives to the median absolute deviation"). A fall has to exceed ``z``
deviations *and* the feature's smallest noteworthy drop. The deviation never counts as less than an eighth of that drop, so
that a constant history does not turn noise into an alert.

Segments seen while the alert is pending or firing do not enter the baseline: a long fault must not become the new normal and
resolve by itself. A level that lasts ``adapt_seconds`` of firing does: the segments of that time replace the baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from monitor.alerts.readings import Reading, Verdict

if TYPE_CHECKING:
    from monitor.alerts.rules import DropRule
    from monitor.types import Segment

DEVIATION_OF_MAD = 1.4826
FLOOR_OF_DROP = 1 / 8
DEFAULT_MIN_DROP = 6.0
"""Points on a 0-100 scale, for features whose spec gives no smallest noteworthy drop."""


@dataclass(slots=True)
class Recent:
    """One of the newest segments."""

    at: datetime
    seconds: float
    value: float


@dataclass(slots=True)
class Baseline:
    """The level of one feature of one rendition, for one rule."""

    rule: str
    stream: str
    rendition: str
    feature: str
    model: str = ""
    clock: float = 0.0
    """Media seconds observed."""
    past: list[tuple[float, float]] = field(default_factory=list)
    """(clock, value) of the segments that make up the baseline."""
    aside: list[tuple[float, float]] = field(default_factory=list)
    """The same of segments since the alert is active."""
    recent: list[Recent] = field(default_factory=list)
    active_seconds: float = 0.0

    def observe(
        self, rule: DropRule, segment: Segment, value: float, model: str, *, min_drop: float, falling: bool, active: bool
    ) -> Reading | None:
        """Take one segment's value and compare.

        Args:
            rule: the settings.
            segment: what the value is of.
            value: the pooled value, finite.
            model: what computed it; values of different models are never compared.
            min_drop: smallest noteworthy fall, > 0.
            falling: whether smaller values are worse.
            active: whether the alert is pending or firing.

        Returns:
            The reading; ``None`` during warm-up.
        """
        if model != self.model:
            self.model, self.past, self.aside, self.recent = model, [], [], []
        seconds = float(segment.duration)
        self.clock += seconds
        self.recent.append(Recent(segment.started_at, seconds, value))
        self._age(rule, active=active)
        self.active_seconds = self.active_seconds + seconds if active else 0.0
        if active and self.active_seconds >= rule.adapt_seconds and len(self.aside) >= rule.warmup_segments:
            self.past, self.aside, self.active_seconds = self.aside, [], 0.0
        if len(self.past) < rule.warmup_segments:
            return None
        sign = 1.0 if falling else -1.0
        values = [old for _clock, old in self.past]
        centre = median(values)
        deviation = max(DEVIATION_OF_MAD * median(abs(old - centre) for old in values), FLOOR_OF_DROP * min_drop)
        limit = max(min_drop, rule.z * deviation)
        level = median(entry.value for entry in self.recent)
        fall = sign * (centre - level)

        def fell(amount: float) -> bool:
            return amount >= min_drop and amount > rule.z * deviation

        beginning = [entry for entry in self.recent if fell(sign * (centre - entry.value))]
        if fell(fall) and (active or fell(sign * (centre - value))):
            verdict = Verdict.BREACH
        else:
            verdict = Verdict.CLEAR if fall <= rule.clear_ratio * limit else Verdict.HOLD
        return Reading(
            verdict=verdict,
            value=value,
            threshold=centre - sign * limit,
            seconds=seconds,
            begins=beginning[0].at if beginning else segment.started_at,
            at=segment.started_at,
            start_ms=segment.start_ms,
            rising=not falling,
            detail=f"Median of the last {len(self.recent)} segments {level:.4g}, of the {len(values)} before {centre:.4g}",
        )

    def _age(self, rule: DropRule, *, active: bool) -> None:
        """Move what is no longer among the newest into the baseline, or aside; drop what left the window."""
        target = self.aside if active else self.past
        while len(self.recent) > rule.recent_segments:
            old = self.recent.pop(0)
            target.append((self.clock, old.value))
        if not active and self.aside:
            self.aside = []
        horizon = self.clock - rule.window_seconds
        if not active:
            self.past = [entry for entry in self.past if entry[0] > horizon]
        self.aside = [entry for entry in self.aside if entry[0] > horizon]


def finite(value: float, display: tuple[float, float] | None) -> float | None:
    """``value`` where it can be averaged: an infinity becomes the end of the feature's display range, NaN is no data."""
    if math.isfinite(value):
        return value
    if math.isnan(value) or display is None:
        return None
    return display[1] if value > 0 else display[0]
