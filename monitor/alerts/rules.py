"""Alert rules: what each kind can be told, checked on loading.

Two relations keep one fault from paging twice. ``inhibited_by`` names causes: while one of them is pending, this rule
waits (and takes no data), while it fires, this rule stays silent. ``outranked_by`` names other views of the same fault:
while one of them fires, this rule stays silent, and it waits for none. Neither is transitive.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.errors import UnknownName
from monitor.protocols import ThresholdRow
from monitor.types import POOLS, Severity

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
MAX_EVENTS = 256
"""Largest number of events that a rule can count."""

TEMPLATE_FIELDS = ("alert", "stream", "rendition", "target", "feature", "value", "threshold", "seconds", "detail")
"""What ``summary`` and ``description`` may name: ``target`` is ``stream/rendition``, ``value`` and ``threshold`` are
numbers, ``seconds`` is how long the condition had held, ``detail`` is the rule's own words (a reason, a list of names)."""


def render(template: str, fields: Mapping[str, str | float]) -> str:
    """``template`` with its ``{fields}`` filled in, by the rules of ``str.format``."""
    return template.format_map(fields)


class Rule(BaseModel):
    """What all kinds have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    severity: Severity = Severity.WARNING
    enabled: bool = True
    streams: tuple[str, ...] = ("*",)
    """Shell patterns; one of them has to match the stream."""
    renditions: tuple[str, ...] = ("*",)
    for_seconds: Seconds = 0.0
    """How long the condition has to hold: media time where it is about pictures, else wall time."""
    keep_firing_for_seconds: Seconds = 0.0
    """How long it has to be clear before the alert resolves, in the same time."""
    inhibited_by: tuple[str, ...] = ()
    outranked_by: tuple[str, ...] = ()
    summary: str
    description: str = ""
    runbook_url: str = ""

    @field_validator("summary", "description")
    @classmethod
    def _template_works(cls, template: str) -> str:
        for _text, name, _spec, _conversion in string.Formatter().parse(template):
            if name is not None and name not in TEMPLATE_FIELDS:
                raise UnknownTemplateField(name)
        texts = dict.fromkeys(("alert", "stream", "rendition", "target", "feature", "detail"), "x")
        try:
            render(template, {**texts, "value": 1.0, "threshold": 1.0, "seconds": 1.0})
        except (ValueError, LookupError) as error:
            raise ValueError(f"template {template!r} can't be filled in: {error}") from error
        return template

    def matches(self, stream: str, rendition: str) -> bool:
        """Whether the rule applies to this input."""
        return any(fnmatchcase(stream, glob) for glob in self.streams) and any(
            fnmatchcase(rendition, glob) for glob in self.renditions
        )


class UnknownTemplateField(ValueError):
    """A template names a field that alerts don't have (a ``ValueError``, so that pydantic reports it in place)."""

    def __init__(self, name: str) -> None:
        super().__init__(str(UnknownName("template field", name, TEMPLATE_FIELDS)))


class Level(BaseModel):
    """A threshold on one feature's pooled value: where the alert sets and where it clears."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pool: str = "mean"
    above: float | None = None
    below: float | None = None
    clear: float | None = None
    """Default: the threshold itself, that is no hysteresis."""
    suspect: float | None = None
    """From here on, short of the threshold, a segment is kept from the rules that this one inhibits: it may be the edge of
    the fault. At most three in a row."""

    @field_validator("pool")
    @classmethod
    def _pool_exists(cls, pool: str) -> str:
        if pool not in POOLS:
            raise ValueError(str(UnknownName("pool", pool, POOLS)))
        return pool

    @model_validator(mode="after")
    def _one_side(self) -> Level:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either 'above' or 'below'")
        if self.clear is not None and (
            (self.above is not None and self.clear > self.above) or (self.below is not None and self.clear < self.below)
        ):
            raise ValueError(f"'clear' ({self.clear:g}) has to lie on the good side of the threshold ({self.threshold:g})")
        if self.suspect is not None and (self.suspect > self.threshold if self.rising else self.suspect < self.threshold):
            raise ValueError(
                f"'suspect' ({self.suspect:g}) has to lie on the good side of the threshold ({self.threshold:g})"
            )
        return self

    def suspects(self, value: float) -> bool:
        """Whether the value is at ``suspect`` or worse."""
        return self.suspect is not None and (value >= self.suspect if self.rising else value <= self.suspect)

    @property
    def rising(self) -> bool:
        """Whether larger values are worse."""
        return self.above is not None

    @property
    def threshold(self) -> float:
        """Where the alert sets."""
        return self.above if self.above is not None else self.below if self.below is not None else 0.0

    @property
    def clears_at(self) -> float:
        """Where it clears."""
        return self.threshold if self.clear is None else self.clear


class SegmentRule(Rule):
    """What kinds that judge segments have in common."""

    segments: Count = 1
    """Fewest segments on which the condition has to hold, whatever their duration."""


class ThresholdRule(SegmentRule):
    """A segment's pooled value lies beyond a fixed level."""

    kind: Literal["threshold"]
    levels: Annotated[dict[str, Level], Field(min_length=1)]
    """By feature. On one rendition the first feature to fire speaks for the others."""


class DropRule(SegmentRule):
    """The median of the newest segments fell below the rendition's own recent median (see ``monitor.alerts.baseline``)."""

    kind: Literal["drop"]
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    pool: str | None = None
    """Default: the feature's own."""
    z: Positive = 4.0
    """Robust deviations that a fall has to exceed."""
    min_drop: dict[str, Positive] = {}
    """Smallest fall by feature; default: the feature's own, else six points."""
    recent_segments: Count = 3
    window_seconds: Positive = 1800.0
    """Media time that the baseline covers."""
    warmup_segments: Annotated[int, Field(ge=2)] = 8
    """Segments in the baseline before anything is compared with it."""
    clear_ratio: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the fall that set the alert below which it clears."""
    adapt_seconds: Positive = 1800.0
    """Media time of firing after which the lower level counts as normal."""


class StreamDownRule(Rule):
    """The input is not up: a DOWN without an UP after it, or never an UP since it is watched."""

    kind: Literal["stream_down"]


class ManifestStaleRule(Rule):
    """The playlist of a live input has not changed for a number of its target durations."""

    kind: Literal["manifest_stale"]
    targets: Positive = 3.0
    pending_targets: Positive = 1.5
    """When the alert goes pending: a live playlist is due again within 1.5 target durations (RFC 8216, 6.2.2)."""

    @model_validator(mode="after")
    def _pends_first(self) -> ManifestStaleRule:
        if self.pending_targets > self.targets:
            raise ValueError("'pending_targets' may not exceed 'targets'")
        return self


class StalledRule(Rule):
    """No segment with decoded frames has come for a number of segment durations."""

    kind: Literal["stalled"]
    segment_durations: Positive = 3.0
    min_seconds: Positive = 10.0


class SegmentMissingRule(Rule):
    """Announced segments could not be had, or could not be decoded."""

    kind: Literal["segment_missing"]
    count: Annotated[int, Field(ge=1, le=MAX_EVENTS)] = 1
    """Events within ``window_seconds`` that set the alert."""
    window_seconds: Positive = 300.0
    quiet_seconds: Positive = 10.0
    """Seconds without a further event that end the condition."""


class DecodeErrorsRule(SegmentRule):
    """Decode errors per second of media, over a window."""

    kind: Literal["decode_errors"]
    above: Positive = 0.1
    clear: Annotated[float, Field(ge=0)] = 0.03
    window_seconds: Positive = 30.0
    damaged_segments: Count = 2
    """Segments in the window that have to hold errors: one damaged segment is an event, not an alert."""

    @model_validator(mode="after")
    def _hysteresis(self) -> DecodeErrorsRule:
        if self.clear > self.above:
            raise ValueError("'clear' may not exceed 'above'")
        return self


class LadderInversionRule(SegmentRule):
    """A rung scores at least as well as the next higher one: the higher one's bits are wasted."""

    kind: Literal["ladder_inversion"]
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """Features that are comparable over renditions: full-reference ones."""
    window_seconds: Positive = 300.0
    """Media time over which the rungs' means are compared."""
    margin_ratio: Annotated[float, Field(ge=0)] = 0.1
    """The lower rung's lead, as a share of the feature's smallest noteworthy drop, that sets the alert."""
    clear_ratio: float = 0.0
    """The lead at which it clears; negative: the higher rung has to lead again."""

    @model_validator(mode="after")
    def _hysteresis(self) -> LadderInversionRule:
        if self.clear_ratio > self.margin_ratio:
            raise ValueError("'clear_ratio' may not exceed 'margin_ratio'")
        return self


class ReferenceLostRule(Rule):
    """There are no reference pictures for a rendition, so full-reference scores are missing."""

    kind: Literal["reference_lost"]


class MonitorLaggingRule(Rule):
    """The monitor falls behind the stream, or drops frames to keep up."""

    kind: Literal["monitor_lagging"]
    segment_durations: Positive = 3.0
    """Lag that sets the alert; it clears at half."""
    min_seconds: Positive = 6.0
    quiet_seconds: Positive = 10.0
    """Seconds without dropped frames that end that condition."""


class ScorerFailingRule(SegmentRule):
    """A metric raised on a segment; the shipped rule wants three in a row."""

    kind: Literal["scorer_failing"]


class SinkBlockedRule(Rule):
    """A sink takes nothing."""

    kind: Literal["sink_blocked"]


class NotifierFailingRule(Rule):
    """Alerts don't reach a receiver."""

    kind: Literal["notifier_failing"]


MediaRule = ThresholdRule | DropRule | DecodeErrorsRule | LadderInversionRule | ScorerFailingRule
"""Kinds that judge segments, in media time."""
TimedRule = (
    StreamDownRule
    | ManifestStaleRule
    | StalledRule
    | SegmentMissingRule
    | ReferenceLostRule
    | MonitorLaggingRule
    | SinkBlockedRule
    | NotifierFailingRule
)
"""Kinds that judge events and silence, on the monotonic clock."""
AlertRule = Annotated[MediaRule | TimedRule, Field(discriminator="kind")]
"""Any rule."""


def rule_features(rule: MediaRule | TimedRule) -> tuple[str, ...]:
    """The features that a rule looks at, in the order it gives them."""
    if isinstance(rule, ThresholdRule):
        return tuple(rule.levels)
    return rule.features if isinstance(rule, DropRule | LadderInversionRule) else ()


def check_features(rules: Iterable[MediaRule | TimedRule], known: Iterable[str]) -> None:
    """Check that every enabled rule's features exist.

    Args:
        rules: the rules.
        known: names of all features of all metrics.

    Raises:
        UnknownName: a rule names a feature that no metric has.
    """
    names = set(known)
    for rule in rules:
        for feature in rule_features(rule) if rule.enabled else ():
            if feature not in names:
                raise UnknownName("feature", feature, names, f"(alert rule {rule.name!r})")


def threshold_rows(rules: Sequence[MediaRule | TimedRule]) -> list[ThresholdRow]:
    """The enabled rules' fixed levels, as charts draw them."""
    return [
        ThresholdRow(
            alert=rule.name,
            severity=str(rule.severity),
            feature=feature,
            pool=level.pool,
            fires_above=level.rising,
            value=level.threshold,
            clear=level.clears_at,
        )
        for rule in rules
        if rule.enabled and isinstance(rule, ThresholdRule)
        for feature, level in rule.levels.items()
    ]
