"""What is known about one watched input, and which time-driven conditions hold for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.alerts.readings import Instant, Moment, Span
from monitor.alerts.rules import (
    MAX_EVENTS,
    ManifestStaleRule,
    MonitorLaggingRule,
    NotifierFailingRule,
    ReferenceLostRule,
    SegmentMissingRule,
    SinkBlockedRule,
    StalledRule,
    StreamDownRule,
    TimedRule,
)
from monitor.types import EventKind

if TYPE_CHECKING:
    from monitor.types import SegmentResult, SourceEvent

STARTING = 3.0
"""Factor on the shortest limit for silence before the first segment."""
REMEMBERED = 64
"""Latest segments whose repeated delivery is recognised."""


@dataclass(slots=True)
class Track:
    """One rendition, a whole stream (``rendition == ""``) or the monitor (``stream == ""``): signs of life, open faults."""

    stream: str
    rendition: str
    expected: bool = False
    """Whether absence counts: declared as a live input."""
    ended: bool = False
    watched: Moment | None = None
    """Since when absence counts."""
    down: Moment | None = None
    """Since when the input is not up."""
    frames: Moment | None = None
    """Latest segment with decoded frames."""
    segment_seconds: float = 0.0
    manifest: Moment | None = None
    """Latest change of the playlist."""
    target_seconds: float = 0.0
    unreferenced: Moment | None = None
    """Since when the reference is lost."""
    missing: list[Moment] = field(default_factory=list)
    dropped: Moment | None = None
    """Latest dropped frames."""
    lag_seconds: float | None = None
    blocked: str = ""
    """Names of the sinks that take nothing (the monitor's own track)."""
    failing: str = ""
    """Names of the notifiers that fail (the monitor's own track)."""
    seen: list[int] = field(default_factory=list)
    """Starts of the latest segments."""

    @property
    def live(self) -> bool:
        """Whether silence means anything."""
        return self.expected and not self.ended

    def watch(self, now: Instant, *, keep: frozenset[str]) -> None:
        """Silence counts from now on.

        Args:
            now: the moment.
            keep: kinds of rules whose alert fires already, and so waits for a sign of life, not for a new clock.
        """
        self.ended = False
        self.watched = Moment.of(now)
        if "stream_down" not in keep:
            self.down = Moment.of(now, "not up since it is watched")
        if "stalled" not in keep:
            self.frames = None
        if "manifest_stale" not in keep:
            self.manifest = None

    def end(self) -> None:
        """The input announced its end: nothing follows from silence."""
        self.ended = True
        self.watched = self.down = self.frames = self.manifest = self.unreferenced = self.dropped = None
        self.lag_seconds = None
        self.missing = []

    def take_result(self, result: SegmentResult, now: Instant) -> bool:
        """Note a scored segment; false when it was delivered before."""
        segment = result.segment
        if segment.start_ms in self.seen:
            return False
        self.seen = [*self.seen[1 - REMEMBERED :], segment.start_ms]
        if segment.duration > 0:
            self.segment_seconds = float(segment.duration)
        if segment.frames_decoded > 0 or result.scores:
            self.frames = Moment.of(now)
        return True

    def take_event(self, event: SourceEvent, now: Instant) -> None:
        """Note what a source reported; ENDED is ``end``."""
        moment = Moment.of(now, event.detail, event.at)
        match event.kind:
            case EventKind.UP:
                if self.ended and self.expected:
                    self.watch(now, keep=frozenset())
                self.down = None
            case EventKind.DOWN:
                first = self.down or moment
                self.down = Moment(first.monotonic, first.utc, event.detail)
            case EventKind.MANIFEST_CHANGED:
                self.manifest, self.target_seconds = moment, event.value
            case EventKind.SEGMENT_MISSING | EventKind.SEGMENT_BAD:
                self.missing = [*self.missing[1 - MAX_EVENTS :], moment]
            case EventKind.DROPPED:
                self.dropped = moment
            case EventKind.REFERENCE_LOST:
                self.unreferenced = self.unreferenced or moment
            case EventKind.REFERENCE_BACK:
                self.unreferenced = None

    def span(self, rule: TimedRule, now: Instant, base: Moment | None, *, active: bool) -> Span | None:
        """Since when the rule's condition holds; ``None`` while it does not.

        Args:
            rule: a time-driven rule.
            now: the moment.
            base: what came before it does not count: another alert spoke for it.
            active: whether the alert is pending or firing: what a weaker condition is enough to keep.
        """
        match rule:
            case StreamDownRule():
                return self._lasting(rule, self.down, base)
            case ManifestStaleRule():
                return self._stale(rule, now, base)
            case StalledRule():
                return self._stalled(rule, now, base)
            case SegmentMissingRule():
                return self._missing(rule, now, base, active=active)
            case MonitorLaggingRule():
                return self._lagging(rule, now, active=active)
            case ReferenceLostRule():
                return self._lasting(rule, self.unreferenced, base)
            case SinkBlockedRule():
                return Span(None, rule.for_seconds, detail=self.blocked) if self.blocked else None
            case NotifierFailingRule():
                return Span(None, rule.for_seconds, detail=self.failing) if self.failing else None

    @staticmethod
    def _lasting(rule: TimedRule, since: Moment | None, base: Moment | None) -> Span | None:
        return None if since is None else Span(_latest(since, base), rule.for_seconds, detail=since.detail)

    def _stale(self, rule: ManifestStaleRule, now: Instant, base: Moment | None) -> Span | None:
        if self.manifest is None or self.target_seconds <= 0:
            return None
        since = _latest(self.manifest, base)
        if now.monotonic - since.monotonic < rule.pending_targets * self.target_seconds:
            return None
        limit = rule.targets * self.target_seconds
        return Span(since, limit + rule.for_seconds, threshold=limit)

    def _stalled(self, rule: StalledRule, now: Instant, base: Moment | None) -> Span | None:
        if self.watched is None:
            return None
        since = _latest(self.frames or self.watched, base)
        known = max(self.segment_seconds, self.target_seconds)
        patience = (
            1.0 if self.frames else STARTING
        )  # how long segments are is not known yet, and they have to be fetched first
        limit = max(rule.segment_durations * known, patience * rule.min_seconds)
        if now.monotonic - since.monotonic < limit:
            return None
        return Span(since, limit + rule.for_seconds, threshold=limit)

    def _missing(self, rule: SegmentMissingRule, now: Instant, base: Moment | None, *, active: bool) -> Span | None:
        marks = [mark for mark in self.missing if base is None or mark.monotonic > base.monotonic]
        if not marks or now.monotonic - marks[-1].monotonic >= rule.quiet_seconds:
            return None
        inside = [mark for mark in marks if now.monotonic - mark.monotonic < rule.window_seconds]
        if len(inside) < rule.count and not active:
            return None
        return Span(marks[-1 - max(0, len(inside) - 1)], rule.for_seconds, len(inside), rule.count, marks[-1].detail)

    def _lagging(self, rule: MonitorLaggingRule, now: Instant, *, active: bool) -> Span | None:
        limit = max(rule.segment_durations * self.segment_seconds, rule.min_seconds)
        lag = self.lag_seconds or 0.0
        if lag >= (limit / 2 if active else limit):
            return Span(None, rule.for_seconds, lag, limit, f"{lag:.1f} s behind")
        if self.dropped is not None and now.monotonic - self.dropped.monotonic < rule.quiet_seconds:
            return Span(
                None, rule.for_seconds, lag, limit, f"frames are dropped ({self.dropped.detail or 'no reason given'})"
            )
        return None


def _latest(moment: Moment, base: Moment | None) -> Moment:
    return base if base is not None and base.monotonic > moment.monotonic else moment
