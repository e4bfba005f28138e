"""One rule applied to one input: inactive -> pending -> firing -> resolved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.alerts.readings import EPSILON_SECONDS, Instant, Moment, Reading, Span, Verdict
from monitor.alerts.rules import MediaRule, TimedRule, render
from monitor.types import Alert, AlertState, Severity


@dataclass(slots=True)
class Instance:
    """Where one alert stands. Two drivers, one life: ``observe`` in media time, ``elapse`` on the monotonic clock.

    No data drives neither: nothing is resolved, and what was counted towards ``for_seconds`` stays counted.
    """

    rule: str
    severity: Severity
    stream: str
    rendition: str
    feature: str
    state: AlertState = AlertState.INACTIVE
    starts_at: datetime | None = None
    held_seconds: float = 0.0
    """How long the condition has held, over what was observed."""
    segments: int = 0
    until: datetime | None = None
    """End of the latest segment on which it held."""
    clear_at: datetime | None = None
    clear_seconds: float = 0.0
    since: float | None = None
    """Monotonic start of a time-driven condition."""
    clear_since: float | None = None
    value: float | None = None
    """The worst so far."""
    threshold: float | None = None
    segment_start_ms: int | None = None
    detail: str = ""
    base: Moment | None = None
    """End of the alert that last spoke for this one: a time-driven condition counts from there."""
    suspected: int = 0
    """Suspect segments in a row."""
    inhibited_at: float | None = None
    """Monotonic seconds when an inhibitor was last seen pending."""

    @property
    def active(self) -> bool:
        """Whether the condition holds, as far as is known."""
        return self.state in (AlertState.PENDING, AlertState.FIRING)

    @property
    def firing(self) -> bool:
        """Whether a firing transition was given out that is not resolved yet."""
        return self.state is AlertState.FIRING

    def reset(self) -> None:
        """Back to inactive."""
        self.state = AlertState.INACTIVE
        self.starts_at = self.until = self.clear_at = self.since = self.clear_since = None
        self.value = self.threshold = self.segment_start_ms = None
        self.held_seconds = self.clear_seconds = 0.0
        self.segments = 0
        self.detail = ""

    def start_over(self, base: Moment | None = None) -> None:
        """Back to inactive; a time-driven condition counts from ``base``."""
        self.reset()
        self.base, self.inhibited_at = base, None

    def observe(self, rule: MediaRule, reading: Reading, *, may_fire: bool) -> AlertState | None:
        """Take the reading of one segment.

        Args:
            rule: this instance's rule.
            reading: what the segment says.
            may_fire: false while another alert speaks for this one; the condition is followed all the same.

        Returns:
            The state entered, if it is one to tell about: FIRING, or RESOLVED (after which ``reset`` is due).
        """
        if reading.verdict is Verdict.BREACH:
            return self._breach(rule, reading, may_fire=may_fire)
        if not self.firing:
            self.reset()
            return None
        if reading.verdict is Verdict.HOLD:
            self.clear_at, self.clear_seconds = None, 0.0
            return None
        self.clear_at = self.clear_at or reading.at
        self.clear_seconds += reading.seconds
        return AlertState.RESOLVED if self.clear_seconds >= rule.keep_firing_for_seconds - EPSILON_SECONDS else None

    def _breach(self, rule: MediaRule, reading: Reading, *, may_fire: bool) -> AlertState | None:
        if self.state is AlertState.INACTIVE:
            self.state, self.starts_at = AlertState.PENDING, reading.begins
        self.clear_at, self.clear_seconds = None, 0.0
        self.until = reading.at + timedelta(seconds=reading.seconds)
        self.held_seconds += reading.seconds
        self.segments += 1
        self.threshold, self.detail = reading.threshold, reading.detail
        sign = 1.0 if reading.rising else -1.0
        if self.value is None or sign * reading.value > sign * self.value:
            self.value, self.segment_start_ms = reading.value, reading.start_ms
        held = self.held_seconds >= rule.for_seconds - EPSILON_SECONDS and self.segments >= rule.segments
        if self.firing or not held or not may_fire:
            return None
        self.state = AlertState.FIRING
        return self.state

    def elapse(self, rule: TimedRule, span: Span | None, now: Instant, *, may_fire: bool) -> AlertState | None:
        """Look at a time-driven condition again.

        Args:
            rule: this instance's rule.
            span: since when the condition holds, ``None`` while it does not.
            now: the moment.
            may_fire: as in ``observe``.

        Returns:
            As ``observe``.
        """
        if span is None:
            if not self.firing:
                self.reset()
                return None
            if self.clear_since is None:
                self.clear_since, self.clear_at = now.monotonic, now.utc
            self.clear_seconds = now.monotonic - self.clear_since
            return AlertState.RESOLVED if self.clear_seconds >= rule.keep_firing_for_seconds else None
        since = span.since or Moment.of(now)
        if self.state is AlertState.INACTIVE:
            self.state, self.starts_at, self.since = AlertState.PENDING, since.utc, since.monotonic
        self.clear_since, self.clear_at, self.clear_seconds = None, None, 0.0
        self.held_seconds = now.monotonic - (since.monotonic if self.since is None else self.since)
        self.value = self.held_seconds if span.value is None else max(span.value, self.value or 0.0)
        self.threshold = span.needs_seconds if span.threshold is None else span.threshold
        self.detail = span.detail
        if self.firing or not may_fire or self.held_seconds < span.needs_seconds:
            return None
        self.state = AlertState.FIRING
        self.base = self.inhibited_at = None
        return self.state

    def alert(
        self, rule: MediaRule | TimedRule, state: AlertState, ends_at: datetime | None = None, note: str = "", by: str = ""
    ) -> Alert:
        """This instance as the value that is given out.

        Args:
            rule: this instance's rule.
            state: the state to report.
            ends_at: when the condition ended; never before it began.
            note: a sentence to add to the description.
            by: name of the alert that keeps this one from firing.
        """
        fields: dict[str, str | float] = {
            "alert": self.rule,
            "stream": self.stream,
            "rendition": self.rendition,
            "target": "/".join(part for part in (self.stream, self.rendition) if part) or "vqmon",
            "feature": self.feature,
            "value": math.nan if self.value is None else self.value,
            "threshold": math.nan if self.threshold is None else self.threshold,
            "seconds": self.held_seconds,
            "detail": self.detail or "no details",
        }
        runbook = f"Runbook: {rule.runbook_url}" if rule.runbook_url else ""
        description = " ".join(part for part in (render(rule.description, fields).strip(), runbook, note) if part)
        return self._given(state, ends_at, render(rule.summary, fields), description, by)

    def farewell(self, ends_at: datetime, note: str) -> Alert:
        """The resolved alert of a rule that does not exist any more."""
        return self._given(AlertState.RESOLVED, ends_at, f"{self.rule}: {note}", "", "")

    def _given(self, state: AlertState, ends_at: datetime | None, summary: str, description: str, by: str) -> Alert:
        if self.starts_at is None:
            raise ValueError(f"alert {self.rule!r} is {self.state} and has no start")
        return Alert(
            name=self.rule,
            state=state,
            severity=self.severity,
            stream=self.stream,
            rendition=self.rendition,
            feature=self.feature,
            starts_at=self.starts_at,
            ends_at=None if ends_at is None else max(ends_at, self.starts_at),
            value=self.value,
            threshold=self.threshold,
            summary=summary,
            description=description,
            segment_start_ms=self.segment_start_ms,
            suppressed_by=by,
        )
