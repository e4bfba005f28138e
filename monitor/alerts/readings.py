"""What the alert engine is told, and what a rule makes of it: instants, health reports, readings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.types import Segment

EPSILON_SECONDS = 1e-3
"""Slack when durations are compared: five segments of 1.001 s are five seconds, and so are three of 1.6666 s."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on the two clocks that alerting needs."""

    monotonic: float
    """Seconds of a clock that never jumps: how long something has been absent."""
    utc: datetime
    """What people and receivers are told."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How the monitor itself is doing. Metrics that fail are not here: each ``SegmentResult`` names its own."""

    at: datetime
    """UTC."""
    lag_seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Seconds from a segment's arrival to its scores, by (stream, rendition); one that is absent has no data."""
    blocked_sinks: tuple[str, ...] = ()
    """Names of sinks that take nothing at present."""
    failing_notifiers: tuple[str, ...] = ()
    """Names of notifiers whose last delivery gave up."""


class Verdict(StrEnum):
    """What one observation says about a condition."""

    BREACH = "breach"
    """Beyond the value that sets the alert."""
    HOLD = "hold"
    """Between the value that clears it and the one that sets it: ends what is pending, keeps what fires."""
    CLEAR = "clear"
    """Beyond the value that clears it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule's view of one segment."""

    verdict: Verdict
    value: float
    threshold: float
    seconds: float
    """Media time that it speaks for."""
    begins: datetime
    """UTC of the segment that started the condition: earlier than this segment where a statistic looks back."""
    at: datetime
    """UTC of this segment's start."""
    start_ms: int
    """This segment's identity: where the evidence is."""
    rising: bool
    """Whether larger values are worse."""
    detail: str = ""
    suspect: bool = False
    """Whether the segment may be the edge of the fault."""


@dataclass(slots=True)
class Moment:
    """When something was last so, and in what words."""

    monotonic: float
    utc: datetime
    detail: str = ""

    @classmethod
    def of(cls, now: Instant, detail: str = "", at: datetime | None = None) -> Moment:
        """The moment ``now``, told to people as ``at``."""
        return cls(now.monotonic, at or now.utc, detail)


@dataclass(frozen=True, slots=True)
class Span:
    """A time-driven condition that holds now."""

    since: Moment | None
    """The last sign of life, or the event; ``None``: since it was first seen to hold."""
    needs_seconds: float
    """How long it has to have held before the alert fires."""
    value: float | None = None
    """Default: the seconds that it has held."""
    threshold: float | None = None
    """Default: ``needs_seconds``."""
    detail: str = ""


def judge(value: float, threshold: float, clear: float, *, rising: bool) -> Verdict:
    """The verdict on ``value``; reaching a threshold exactly counts as having crossed it.

    Args:
        value: what was observed.
        threshold: where the alert sets.
        clear: where it clears, on the good side of ``threshold``.
        rising: whether larger values are worse.
    """
    sign = 1.0 if rising else -1.0
    if sign * value >= sign * threshold:
        return Verdict.BREACH
    return Verdict.CLEAR if sign * value <= sign * clear else Verdict.HOLD


def read(segment: Segment, value: float, threshold: float, clear: float, *, rising: bool, detail: str = "") -> Reading:
    """The reading of a value that speaks for one segment, against fixed thresholds (see ``judge``)."""
    return Reading(
        verdict=judge(value, threshold, clear, rising=rising),
        value=value,
        threshold=threshold,
        seconds=float(segment.duration),
        begins=segment.started_at,
        at=segment.started_at,
        start_ms=segment.start_ms,
        rising=rising,
        detail=detail,
    )
