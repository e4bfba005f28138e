"""What goes wrong in the demo's channel, when, and whether the monitor noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from monitor.errors import ConfigError
from monitor.types import Alert, AlertState
from pipelines.demo.channel import SOURCE

EVERY_RENDITION = "*"


class FaultKind(StrEnum):
    """What can go wrong with an encoder."""

    BITRATE_COLLAPSE = "bitrate_collapse"
    """Whole segments are encoded at a fraction of their bitrate."""
    FREEZE = "freeze"
    """One picture is encoded over and over, as when an encoder's input stalls."""
    BLACK = "black"
    """Black pictures."""
    MISSING_SEGMENT = "missing_segment"
    """Segments are announced and can't be fetched (HTTP 404)."""


SCORE_ALERTS = frozenset({"ScoreDrop", "LowScore", "VeryLowScore"})
RAISED_BY: dict[FaultKind, frozenset[str]] = {
    FaultKind.BITRATE_COLLAPSE: SCORE_ALERTS,
    FaultKind.FREEZE: frozenset({"FrozenPicture"}),
    FaultKind.BLACK: frozenset({"BlackPicture"}),
    FaultKind.MISSING_SEGMENT: frozenset({"SegmentMissing"}),
}
"""Names of the alerts that a fault must raise: at least one of them on each of its renditions, and no others."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, in seconds of media time since the channel's first picture."""

    kind: FaultKind
    rendition: str
    """Name of a rung, or ``*`` for all rungs. The source never suffers."""
    start_seconds: float
    duration_seconds: float

    @property
    def end_seconds(self) -> float:
        """When it is over."""
        return self.start_seconds + self.duration_seconds

    def hits(self, rendition: str) -> bool:
        """Whether it concerns this rendition."""
        return rendition != SOURCE and self.rendition in (rendition, EVERY_RENDITION)

    def takes(self, start: Fraction, duration: Fraction) -> bool:
        """Whether at least half of the segment ``[start, start + duration)`` lies in it (faults of whole segments)."""
        overlap = min(start + duration, Fraction(self.end_seconds)) - max(start, Fraction(self.start_seconds))
        return 2 * overlap >= duration


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """All faults of a run: pure data, from which the channel is made and the alerts are judged."""

    faults: tuple[Fault, ...]
    duration_seconds: float
    """Length of the run."""
    collapse_factor: float = 0.05
    """Share of the bitrate that a collapsed encoder keeps."""

    def __post_init__(self) -> None:
        for fault in self.faults:
            if fault.start_seconds < 0 or fault.duration_seconds <= 0 or fault.end_seconds > self.duration_seconds:
                raise ConfigError(
                    f"{fault.kind} from {fault.start_seconds:g} s to {fault.end_seconds:g} s does not fit into a run of "
                    f"{self.duration_seconds:g} s"
                )

    def shown(self, rendition: str, seconds: Fraction) -> Fraction | None:
        """Media time of the picture that a rendition shows: an earlier one when frozen, ``None`` when black."""
        active = [
            fault for fault in self.faults if fault.hits(rendition) and fault.start_seconds <= seconds < fault.end_seconds
        ]
        if any(fault.kind is FaultKind.BLACK for fault in active):
            return None
        freezes = [Fraction(fault.start_seconds) for fault in active if fault.kind is FaultKind.FREEZE]
        return min(freezes, default=seconds)

    def bitrate_factor(self, rendition: str, start: Fraction, duration: Fraction) -> float:
        """Share of its bitrate that a rendition's segment gets."""
        return self.collapse_factor if self._suffers(FaultKind.BITRATE_COLLAPSE, rendition, start, duration) else 1.0

    def is_missing(self, rendition: str, start: Fraction, duration: Fraction) -> bool:
        """Whether a rendition's segment can't be fetched."""
        return self._suffers(FaultKind.MISSING_SEGMENT, rendition, start, duration)

    def _suffers(self, kind: FaultKind, rendition: str, start: Fraction, duration: Fraction) -> bool:
        return any(fault.kind is kind and fault.hits(rendition) and fault.takes(start, duration) for fault in self.faults)


def standard_plan(rungs: Sequence[str], *, baseline_seconds: float = 26.0) -> FaultPlan:
    """The demo's schedule: each fault long enough to be raised, each gap long enough for it to be resolved.

    Freeze and black begin in the middle of a 2 s segment, as in life. The missing segment comes first, so that an alert
    that is held for a minute is resolved within the run; it costs its rung one segment of the baseline.

    Args:
        rungs: Names from the best to the worst.
        baseline_seconds: Time that the score rules need to learn what is normal, before the first score falls.
    """
    middle, lowest = rungs[len(rungs) // 2], rungs[-1]
    collapse, freeze, black = baseline_seconds, baseline_seconds + 19, baseline_seconds + 37
    return FaultPlan(
        faults=(
            Fault(FaultKind.MISSING_SEGMENT, lowest, baseline_seconds - 10, 2),
            Fault(FaultKind.BITRATE_COLLAPSE, middle, collapse, 10),
            Fault(FaultKind.FREEZE, EVERY_RENDITION, freeze, 9),
            Fault(FaultKind.BLACK, EVERY_RENDITION, black, 9),
        ),
        duration_seconds=black + 9 + 14,
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """What the monitor said about one fault on one rung."""

    fault: Fault
    rendition: str
    raised: tuple[Alert, ...]
    """Incidents that name the fault."""

    @property
    def resolved(self) -> bool:
        """Whether all its incidents are over."""
        return all(alert.state is AlertState.RESOLVED for alert in self.raised)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The alerts of a run beside its plan. Each fault and rung is in one of the first three."""

    matched: tuple[Finding, ...]
    """Raised, and resolved afterwards."""
    missed: tuple[Finding, ...]
    """No alert names the fault."""
    unresolved: tuple[Finding, ...]
    """Raised, but an alert is still firing."""
    unexpected: tuple[Alert, ...]
    """Incidents that no fault explains."""

    @property
    def passed(self) -> bool:
        """Whether every fault was raised and resolved, and nothing else was."""
        return not (self.missed or self.unresolved or self.unexpected)


def verdict(
    plan: FaultPlan,
    alerts: Sequence[Alert],
    started_at: datetime,
    rungs: Sequence[str],
    *,
    early_seconds: float = 2.0,
    grace_seconds: float = 6.0,
) -> Verdict:
    """Compare alerts with what was done to the channel.

    Args:
        plan: What was done.
        alerts: Transitions in any order, or incidents as stored; those that belong together share fingerprint and
            ``starts_at``. Pending ones do not count.
        started_at: UTC of media time 0.
        rungs: Names of all monitored rungs.
        early_seconds: How long before the fault an incident may begin: a segment score dates from the segment's start.
        grace_seconds: How long after the fault an incident may begin: a missing segment is only noticed when it is due.
    """
    incidents = _incidents(alerts)
    explained: dict[tuple[int, str], list[Alert]] = {
        (number, rung): [] for number, fault in enumerate(plan.faults) for rung in rungs if fault.hits(rung)
    }
    unexpected = []
    for alert in incidents:
        begin = (alert.starts_at - started_at) / timedelta(seconds=1)
        candidates = [
            number
            for number, fault in enumerate(plan.faults)
            if (number, alert.rendition) in explained
            and alert.name in RAISED_BY[fault.kind]
            and fault.start_seconds - early_seconds <= begin <= fault.end_seconds + grace_seconds
        ]
        if not candidates:
            unexpected.append(alert)
            continue
        # Where the grace of one fault reaches into the next, the one that began last is the cause.
        cause = max(candidates, key=lambda number: plan.faults[number].start_seconds)
        explained[cause, alert.rendition].append(alert)

    findings = [Finding(plan.faults[number], rung, tuple(raised)) for (number, rung), raised in explained.items()]
    return Verdict(
        matched=tuple(finding for finding in findings if finding.raised and finding.resolved),
        missed=tuple(finding for finding in findings if not finding.raised),
        unresolved=tuple(finding for finding in findings if finding.raised and not finding.resolved),
        unexpected=tuple(unexpected),
    )


def _incidents(alerts: Sequence[Alert]) -> list[Alert]:
    """The last state of every incident, by time."""
    latest: dict[tuple[str, datetime], Alert] = {}
    for alert in alerts:
        key = (alert.fingerprint, alert.starts_at)
        if alert.state is AlertState.RESOLVED or (alert.state is AlertState.FIRING and key not in latest):
            latest[key] = alert
    return sorted(latest.values(), key=lambda alert: alert.starts_at)
