"""The alert engine: a state machine without I/O and without a clock. Observations in, transitions out.

Conditions on pictures advance with the media time of the segments observed, absence with the monotonic clock. A replay of
the same calls gives the same transitions.

Inhibition. An alert that is *pending* already holds back what it inhibits: those rules see no data meanwhile (neither
their counts nor their baselines move), so that a freeze, whose score falls at once while FrozenPicture needs five seconds,
does not page twice. The segment that ends such an alert is kept from them too, as one is that a level calls suspect: half of
it may be frozen. When it *fires*, what was pending below it starts over; what fired before goes on and may resolve. Silence
(stalled, stale) counts anew from the end of an alert that fired; after one that was only pending it gets as long for a sign
of life as it gets anyway.

The end of an input (ENDED, ``forget``) resolves its alerts with a note: nothing is left that could get better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from monitor.alerts.inhibition import Inhibition
from monitor.alerts.instance import Instance
from monitor.alerts.judge import Judge, Scope
from monitor.alerts.readings import HealthReport, Instant, Moment
from monitor.alerts.rules import (
    DecodeErrorsRule,
    DropRule,
    LadderInversionRule,
    MediaRule,
    NotifierFailingRule,
    ScorerFailingRule,
    SinkBlockedRule,
    ThresholdRule,
    TimedRule,
)
from monitor.alerts.snapshot import EngineState, dump, load
from monitor.alerts.track import Track
from monitor.protocols import Feature
from monitor.types import Alert, AlertState, EventKind, SegmentResult, SourceEvent

PATIENCE = 5
"""Silence that is held back by merely pending alerts is told after this many times its own limit: a source that keeps going
down and up without ever being down for long must not hide that nothing comes."""

SUSPECTS = 3
"""Suspect segments in a row that are kept from inhibited rules: an edge has one or two, and content that is always half
still must not hide a fall of its score."""

MEDIA_KINDS = (ThresholdRule, DropRule, DecodeErrorsRule, LadderInversionRule, ScorerFailingRule)
ABSENCE_KINDS = ("stream_down", "manifest_stale", "stalled")
"""Kinds that judge the silence of an expected input; without one there is no data."""
MONITOR_KINDS = (SinkBlockedRule, NotifierFailingRule)

Named = tuple[str, str]
"""(rule, feature): what tells the instances of one scope apart."""


class AlertEngine:
    """Follows every rule on every input. Call from one thread, with a monotonic clock that does not run backwards.

    Args:
        rules: enabled and disabled rules, with unique names.
        features: specs by feature name: the direction, the default pool and the smallest noteworthy drop.

    Raises:
        ConfigError: rules inhibit each other in a circle, or name one that does not exist.
    """

    def __init__(self, rules: Sequence[MediaRule | TimedRule], features: Mapping[str, Feature] | None = None) -> None:
        self._inhibition = Inhibition(rules)
        self._rules = {rule.name: rule for rule in self._inhibition.order}
        self._judge = Judge(features or {})
        self._now: Instant | None = None
        self._tracks: dict[Scope, Track] = {}
        self._instances: dict[Scope, dict[Named, Instance]] = {}
        self._applicable: dict[Scope, tuple[MediaRule | TimedRule, ...]] = {}
        self._calmed: dict[tuple[Scope, Named], bool] = {}
        """Alerts that the present observation turned inactive, and whether they fired."""
        self._suspect: set[str] = set()
        """Rules to which the present segment is suspect."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All (stream, rendition) known, ``("", "")`` being the monitor: what a restored state may hold too much of."""
        return tuple(self._tracks)

    def expect(self, stream: str, rendition: str, now: Instant, *, live: bool) -> None:
        """Declare that an input is watched.

        Args:
            stream: name of the stream.
            rendition: name of the rendition.
            now: silence counts from here. An alert on silence that fires goes on until there is a sign of life.
            live: whether silence means anything; false for files.
        """
        self._now = now
        track = self._track(stream, rendition)
        track.expected = live
        firing = set()
        for one in self._instances.get((stream, rendition), {}).values():
            kind = self._rules[one.rule].kind
            if one.firing:
                firing.add(kind)
            elif kind in ABSENCE_KINDS:
                one.start_over()
        track.watch(now, keep=frozenset(firing))

    def observe_result(self, result: SegmentResult, now: Instant) -> list[Alert]:
        """Take a scored segment; one delivered before is ignored.

        Args:
            result: the scores. Segments of a rendition come in order.
            now: when it became known.

        Returns:
            Transitions (firing, resolved), oldest first.
        """
        self._now = now
        segment = result.segment
        track = self._track(segment.stream, segment.rendition)
        if not track.take_result(result, now):
            return []
        self._calmed, self._suspect = {}, set()
        out: list[Alert] = []
        for rule in self._matching((segment.stream, segment.rendition)):
            if isinstance(rule, MEDIA_KINDS):
                out += self._observe(rule, result)
            else:
                out += self._elapse(rule, track, now)
        return out

    def observe_event(self, event: SourceEvent, now: Instant) -> list[Alert]:
        """Take what a source reports about itself. Returns transitions."""
        self._now = now
        track = self._track(event.stream, event.rendition)
        if event.kind is EventKind.ENDED:
            out = []
            for scope in self._inside(event.stream, event.rendition or None):
                out += self._close(scope, "The input ended.")
                self._track(*scope).end()
            return out
        track.take_event(event, now)
        return self._sweep([track], now)

    def observe_health(self, report: HealthReport, now: Instant) -> list[Alert]:
        """Take how the monitor is doing. Returns transitions."""
        self._now = now
        monitor = self._track("", "")
        monitor.blocked = ", ".join(sorted(report.blocked_sinks))
        monitor.failing = ", ".join(sorted(report.failing_notifiers))
        tracks = [monitor]
        for (stream, rendition), lag in report.lag_seconds.items():
            track = self._track(stream, rendition)
            track.lag_seconds = lag
            tracks.append(track)
        return self._sweep(tracks, now)

    def tick(self, now: Instant) -> list[Alert]:
        """Let time pass: call it about once a second. Returns transitions."""
        self._now = now
        return self._sweep(list(self._tracks.values()), now)

    def forget(self, stream: str, rendition: str | None = None) -> list[Alert]:
        """Stop watching an input.

        Args:
            stream: name of the stream.
            rendition: one rendition, ``""`` for what concerns the stream as a whole, ``None`` for all of it.

        Returns:
            Its firing alerts, resolved.
        """
        out = []
        for scope in self._inside(stream, rendition):
            out += self._close(scope, "The input is no longer watched.")
            self._tracks.pop(scope, None)
            self._applicable.pop(scope, None)
            self._judge.forget(*scope)
        return out

    def active(self) -> list[Alert]:
        """All that is pending or fires, oldest first; ``suppressed_by`` names what keeps a pending one from firing."""
        alerts = []
        for scope, name, instance in self._all():
            if instance.active:
                by = "" if instance.firing else self._speaker(scope, name)
                alerts.append(instance.alert(self._rules[name[0]], instance.state, by=by))
        return sorted(alerts, key=lambda alert: (alert.starts_at, alert.fingerprint))

    def firing(self) -> list[Alert]:
        """All that fires, oldest first: what ``Notifier.refresh`` takes."""
        return [alert for alert in self.active() if alert.state is AlertState.FIRING]

    def snapshot(self) -> dict[str, Any]:
        """The whole state as JSON can carry it."""
        return dump(
            EngineState(
                monotonic=0.0 if self._now is None else self._now.monotonic,
                tracks=list(self._tracks.values()),
                instances=[instance for _scope, _name, instance in self._all()],
                baselines=list(self._judge.baselines.values()),
                damages=list(self._judge.damages.values()),
                ladders=list(self._judge.ladders.values()),
            )
        )

    def restore(self, document: Mapping[str, Any], now: Instant) -> list[Alert]:
        """Go on from a snapshot; time that passed in between does not count, and nothing is notified twice.

        Silence counts again from ``expect`` on, since sources need time to come up. Call ``forget`` for every one of
        ``scopes`` that is no longer watched.

        Args:
            document: what ``snapshot`` gave.
            now: the moment, on this process' clock.

        Returns:
            Resolved transitions of alerts whose rule is gone, was disabled, or changed its severity (another identity).

        Raises:
            ConfigError: the document is none of ours, or of another version.
        """
        state = load(document, now)
        self._now = now
        self._tracks = {(track.stream, track.rendition): track for track in state.tracks}
        for track in state.tracks:
            track.expected = False
        self._judge.baselines = {(one.rule, one.stream, one.rendition, one.feature): one for one in state.baselines}
        self._judge.damages = {(one.rule, one.stream, one.rendition): one for one in state.damages}
        self._judge.ladders = {(one.rule, one.stream, one.feature): one for one in state.ladders}
        self._instances = {}
        gone = []
        for one in state.instances:
            rule = self._rules.get(one.rule)
            if rule is not None and rule.severity is one.severity and rule.matches(one.stream, one.rendition):
                self._instances.setdefault((one.stream, one.rendition), {})[one.rule, one.feature] = one
            elif one.firing:
                gone.append(one.farewell(now.utc, "Its rule was removed or changed."))
        return gone

    def _observe(self, rule: MediaRule, result: SegmentResult) -> list[Alert]:
        """Transitions of one rule on one segment, all features."""
        scope = (result.segment.stream, result.segment.rendition)
        held = self._held(scope, rule.name)
        states = {name[1]: one.state for name, one in self._instances.get(scope, {}).items() if name[0] == rule.name}
        out = []
        for target, feature, reading in self._judge.readings(rule, result, states, held=held):
            instance = self._instance(rule, target, feature)
            instance.suspected = instance.suspected + 1 if reading.suspect else 0
            if 0 < instance.suspected <= SUSPECTS:
                self._suspect.add(rule.name)
            name = (rule.name, feature)
            if not instance.firing:
                if held:
                    continue
                if self._spoke(target, name):  # start over with the next segment: this one may be the tail of the fault
                    instance.reset()
                    continue
            before = instance.state
            transition = instance.observe(rule, reading, may_fire=not self._outranked(target, name))
            out += self._told(rule, target, instance, transition)
            self._note_calm(target, name, before)
        return out

    def _sweep(self, tracks: Iterable[Track], now: Instant) -> list[Alert]:
        """Transitions of the time-driven rules on some inputs; those that speak for more come first."""
        self._calmed = {}
        out: list[Alert] = []
        for track in sorted(tracks, key=lambda one: (bool(one.stream), bool(one.rendition))):
            for rule in self._matching((track.stream, track.rendition)):
                if not isinstance(rule, MEDIA_KINDS):
                    out += self._elapse(rule, track, now)
        return out

    def _elapse(self, rule: TimedRule, track: Track, now: Instant) -> list[Alert]:
        """Transitions of one time-driven rule on one input."""
        if isinstance(rule, MONITOR_KINDS) != (not track.stream):
            return []
        scope = (track.stream, track.rendition)
        instance = self._instances.get(scope, {}).get((rule.name, ""))
        if rule.kind in ABSENCE_KINDS and not track.live:
            return []
        base = None if instance is None or instance.firing else instance.base
        span = track.span(rule, now, base, active=instance is not None and instance.active)
        if span is None and (instance is None or not instance.active):
            return []
        instance = instance or self._instance(rule, scope, "")
        inhibitors = self._inhibition.inhibitors[rule.name]
        if any(self._any_active(scope, name) for name in inhibitors):
            instance.inhibited_at = now.monotonic
        may_fire = not self._outranked(scope, (rule.name, "")) and not any(
            self._any_active(scope, name, firing=True) for name in inhibitors
        )
        if span is not None and instance.inhibited_at is not None:
            quiet = now.monotonic - instance.inhibited_at
            waited = now.monotonic - span.since.monotonic if span.since else 0.0
            settled = quiet > 0 and quiet >= span.needs_seconds
            may_fire = may_fire and (settled or waited >= PATIENCE * span.needs_seconds > 0)
        before = instance.state
        out = self._told(rule, scope, instance, instance.elapse(rule, span, now, may_fire=may_fire))
        self._note_calm(scope, (rule.name, ""), before)
        return out

    def _note_calm(self, scope: Scope, name: Named, before: AlertState) -> None:
        """Remember for the rest of this observation that an alert became inactive."""
        if before is not AlertState.INACTIVE and not self._instances[scope][name].active:
            self._calmed[scope, name] = before is AlertState.FIRING

    def _held(self, scope: Scope, rule: str) -> bool:
        """Whether a segment is kept from a rule: an inhibitor is active, was until this very segment, or suspects it."""
        inhibitors = self._inhibition.inhibitors[rule]
        if inhibitors & self._suspect:
            return True
        return any(self._any_active(scope, name) for name in inhibitors) or any(
            where in _above(*scope) and name in inhibitors for where, (name, _feature) in self._calmed
        )

    def _any_active(self, scope: Scope, rule: str, *, firing: bool = False) -> bool:
        """Whether an alert of the rule that covers this input is pending or fires (``firing``: fires)."""
        return any(
            instance.firing or (instance.active and not firing)
            for above in _above(*scope)
            for name, instance in self._instances.get(above, {}).items()
            if name[0] == rule
        )

    def _spoke(self, scope: Scope, name: Named) -> bool:
        """Whether another view of the same fault ended with this very segment, and none is left."""
        ended = any(fired and self._outranks(where, other, scope, name) for (where, other), fired in self._calmed.items())
        return ended and not self._outranked(scope, name)

    def _outranked(self, scope: Scope, name: Named) -> str:
        """Name of what fires and is another view of the same fault, or ``""``."""
        for where in _above(*scope):
            for other, instance in self._instances.get(where, {}).items():
                if instance.firing and self._outranks(where, other, scope, name):
                    return other[0]
        return ""

    def _outranks(self, where: Scope, other: Named, scope: Scope, name: Named) -> bool:
        """Whether an alert that fires speaks for another one, which then does not.

        That is so of an outranking rule, and of the same rule on another feature or on the whole stream.
        """
        if where not in _above(*scope) or (where, other) == (scope, name):
            return False
        return other[0] == name[0] or other[0] in self._inhibition.outrankers[name[0]]

    def _speaker(self, scope: Scope, name: Named) -> str:
        """Name of the alert that keeps this one from firing, or ``""``."""
        for rule in self._inhibition.order:
            if rule.name in self._inhibition.inhibitors[name[0]] and self._any_active(scope, rule.name):
                return rule.name
        return self._outranked(scope, name)

    def _told(
        self, rule: MediaRule | TimedRule, scope: Scope, instance: Instance, transition: AlertState | None
    ) -> list[Alert]:
        """The alert of a transition, after what it means for the alerts below."""
        if transition is None:
            return []
        if transition is AlertState.FIRING:
            for child in self._below(rule.name, scope):
                if child.state is AlertState.PENDING:
                    child.reset()
            return [instance.alert(rule, AlertState.FIRING)]
        alert = instance.alert(rule, AlertState.RESOLVED, instance.clear_at)
        instance.reset()
        self._rebase(rule.name, scope)
        return [alert]

    def _below(self, rule: str, scope: Scope) -> Iterator[Instance]:
        """Instances that an alert of the rule on this scope inhibits."""
        names = self._inhibition.inhibits[rule]
        for other in list(self._instances):
            if scope in _above(*other):
                for name, instance in self._instances[other].items():
                    if name[0] in names:
                        yield instance

    def _rebase(self, rule: str, scope: Scope) -> None:
        """An alert that fired has ended: below it, silence counts from here."""
        if self._now is None:
            return
        for name in (*self._inhibition.inhibits[rule], rule):
            child = self._rules[name]
            if isinstance(child, MEDIA_KINDS):
                continue
            for other in self._tracks:
                if scope in _above(*other) and child.matches(*other) and (other, name) != (scope, rule):
                    instance = self._instance(child, other, "")
                    if not instance.firing:
                        instance.start_over(Moment.of(self._now))

    def _close(self, scope: Scope, note: str) -> list[Alert]:
        """Resolve and drop everything of one scope."""
        out = []
        for (name, _feature), instance in self._instances.pop(scope, {}).items():
            if instance.firing and self._now is not None:
                ends_at = instance.clear_at or instance.until or self._now.utc
                out.append(instance.alert(self._rules[name], AlertState.RESOLVED, ends_at, note))
        return sorted(out, key=lambda alert: (alert.starts_at, alert.fingerprint))

    def _matching(self, scope: Scope) -> tuple[MediaRule | TimedRule, ...]:
        """The rules that apply to an input, those that speak for others first; the monitor itself is no input."""
        rules = self._applicable.get(scope)
        if rules is None:
            rules = tuple(rule for rule in self._inhibition.order if not scope[0] or rule.matches(*scope))
            self._applicable[scope] = rules
        return rules

    def _track(self, stream: str, rendition: str) -> Track:
        return self._tracks.setdefault((stream, rendition), Track(stream, rendition))

    def _instance(self, rule: MediaRule | TimedRule, scope: Scope, feature: str) -> Instance:
        instances = self._instances.setdefault(scope, {})
        name = (rule.name, feature)
        if name not in instances:
            instances[name] = Instance(rule.name, rule.severity, *scope, feature)
        return instances[name]

    def _inside(self, stream: str, rendition: str | None) -> list[Scope]:
        """The known scopes of one input; ``None``: of all of the stream."""
        known = {*self._tracks, *self._instances}
        return sorted(scope for scope in known if scope[0] == stream and (rendition is None or scope[1] == rendition))

    def _all(self) -> Iterator[tuple[Scope, Named, Instance]]:
        for scope, instances in self._instances.items():
            for name, instance in instances.items():
                yield scope, name, instance


def _above(stream: str, rendition: str) -> tuple[Scope, ...]:
    """The scopes whose alerts cover an input: its own, its stream's, the monitor's."""
    return tuple(dict.fromkeys(((stream, rendition), (stream, ""), ("", ""))))
