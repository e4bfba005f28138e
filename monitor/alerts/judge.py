"""From a scored segment to readings: what the media-driven rules make of it, and what they remember for that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from monitor.alerts.baseline import DEFAULT_MIN_DROP, Baseline, finite
from monitor.alerts.damage import Damage
from monitor.alerts.ladder import Ladder
from monitor.alerts.readings import Reading, read
from monitor.alerts.rules import (
    DecodeErrorsRule,
    DropRule,
    LadderInversionRule,
    MediaRule,
    ScorerFailingRule,
    ThresholdRule,
)
from monitor.protocols import Feature
from monitor.types import AlertState, SegmentResult

Scope = tuple[str, str]
"""(stream, rendition)."""


class Judge:
    """Reads segments for rules; keeps baselines, error windows and ladders.

    Args:
        features: specs by feature name: direction, default pool, smallest noteworthy drop, display range.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._features = dict(features)
        self.baselines: dict[tuple[str, str, str, str], Baseline] = {}
        self.damages: dict[tuple[str, str, str], Damage] = {}
        self.ladders: dict[tuple[str, str, str], Ladder] = {}

    def readings(
        self, rule: MediaRule, result: SegmentResult, states: Mapping[str, AlertState], *, held: bool
    ) -> Iterator[tuple[Scope, str, Reading]]:
        """What a rule makes of a segment: (scope of the alert, feature, reading), nothing where there is no data.

        Args:
            rule: the rule.
            result: the segment.
            states: where the rule's alerts on this rendition stand, by feature; absent is inactive.
            held: an inhibitor is active: memories take nothing, except for what fires already.
        """
        segment = result.segment
        scope = (segment.stream, segment.rendition)
        match rule:
            case ThresholdRule():
                for feature, level in rule.levels.items():
                    value = _pooled(result, feature, level.pool)
                    if not math.isnan(value):
                        reading = read(segment, value, level.threshold, level.clears_at, rising=level.rising)
                        yield scope, feature, replace(reading, suspect=level.suspects(value))
            case DropRule():
                yield from self._drops(rule, result, states, held=held)
            case LadderInversionRule():
                yield from () if held else self._inversions(rule, result)
            case DecodeErrorsRule():
                damage = self.damages.setdefault((rule.name, *scope), Damage(rule.name, *scope))
                yield scope, "", damage.observe(rule, segment)
            case ScorerFailingRule():
                count = float(len(result.failed))
                yield scope, "", read(segment, count, 1.0, 0.0, rising=True, detail=", ".join(result.failed))

    def forget(self, stream: str, rendition: str) -> None:
        """Drop what is remembered about a rendition."""
        self.baselines = {key: one for key, one in self.baselines.items() if key[1:3] != (stream, rendition)}
        self.damages = {key: one for key, one in self.damages.items() if key[1:] != (stream, rendition)}
        for ladder in self.ladders.values():
            if ladder.stream == stream:
                ladder.forget(rendition)

    def _drops(
        self, rule: DropRule, result: SegmentResult, states: Mapping[str, AlertState], *, held: bool
    ) -> Iterator[tuple[Scope, str, Reading]]:
        segment = result.segment
        for feature, value, model in self._values(rule, rule.pool, result):
            state = states.get(feature, AlertState.INACTIVE)
            if held and state is not AlertState.FIRING:
                continue
            key = (rule.name, segment.stream, segment.rendition, feature)
            reading = self.baselines.setdefault(key, Baseline(*key)).observe(
                rule,
                segment,
                value,
                model,
                min_drop=rule.min_drop.get(feature) or self._min_drop(feature),
                falling=self._falling(feature),
                active=state is not AlertState.INACTIVE,
            )
            if reading is not None:
                yield (segment.stream, segment.rendition), feature, reading

    def _inversions(self, rule: LadderInversionRule, result: SegmentResult) -> Iterator[tuple[Scope, str, Reading]]:
        stream = result.segment.stream
        for feature, value, _model in self._values(rule, None, result):
            key = (rule.name, stream, feature)
            ladder = self.ladders.setdefault(key, Ladder(*key))
            oriented = value if self._falling(feature) else -value
            for higher, reading in ladder.observe(rule, result.segment, oriented, self._min_drop(feature)).items():
                yield (stream, higher), feature, reading

    def _values(
        self, rule: DropRule | LadderInversionRule, pool: str | None, result: SegmentResult
    ) -> Iterator[tuple[str, float, str]]:
        """(feature, pooled value, model) of the rule's features that have a value; ``pool``: default the feature's own."""
        for feature in rule.features:
            spec = self._features.get(feature)
            value = finite(_pooled(result, feature, pool or (spec.pool if spec else "mean")), spec.display if spec else None)
            if value is not None:
                yield feature, value, next(score.model for score in result.scores if score.feature == feature)

    def _min_drop(self, feature: str) -> float:
        spec = self._features.get(feature)
        return (spec.min_drop if spec else None) or DEFAULT_MIN_DROP

    def _falling(self, feature: str) -> bool:
        """Whether smaller values are worse; assumed where no spec says."""
        spec = self._features.get(feature)
        return spec is None or spec.higher_is_better is not False


def _pooled(result: SegmentResult, feature: str, pool: str) -> float:
    """The pooled value of a feature, NaN where the segment has none."""
    return next((score.pool(pool) for score in result.scores if score.feature == feature), math.nan)
