"""Prometheus rules that judge ``/metrics`` as vqmon's own alert engine judges segments: built from the shipped alert rules.

``python -m pipelines.prometheus_rules`` writes ``deploy/prometheus/rules.yml``; a test asserts that what is committed is
what this builds. Names, severities, thresholds and labels are the engine's, so that an alert has one identity whoever raises
it.

What PromQL can't do as the engine does: hysteresis (``keep_firing_for`` stands in), media time (rules see the newest segment
of each scrape), and the next lower rung of a ladder (LadderInversion is the engine's alone). Causes hide consequences in
``deploy/alertmanager/alertmanager.yml``.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from monitor import scorers
from monitor.alerts import AlertRule, default_rules
from monitor.alerts import rules as kinds
from monitor.protocols import Feature

PATH = Path(__file__).parent.parent / "deploy/prometheus/rules.yml"

HOLD = "[1m]"
"""Looking back this far bridges failed scrapes, which would otherwise end an alert or restart its ``for``."""
FRESH_SECONDS = 120
"""A score whose segment is older says nothing about now. Above any usual live latency."""
SEGMENT_SECONDS = 6
"""A common segment duration: how long "n segments in a row" is."""
MIN_KEEP_SECONDS = 30
"""Shortest ``keep_firing_for``: three scrapes."""
MIN_BASELINE_SAMPLES = 60
"""Samples that a baseline needs before a fall is measured from it: ten minutes at the shipped interval."""
IQR_OF_DEVIATION = 1.349
"""Interquartile range of the normal distribution in standard deviations: a robust deviation that PromQL can compute."""

FRESH = "vqmon:segment_score:fresh"
TARGET = "{{ $labels.stream }}{{ with $labels.rendition }}/{{ . }}{{ end }}"

Json = dict[str, Any]


def build(rules: Iterable[AlertRule] | None = None) -> Json:
    """The rule file as a document.

    Args:
        rules: Alert rules to translate; the shipped ones where not given.
    """
    shipped = [rule for rule in (default_rules() if rules is None else rules) if rule.enabled]
    features = {feature.name: feature for spec in scorers.specs() for feature in spec.features}
    alerts = [alert for rule in shipped for alert in _alerts(rule, features)]
    return {
        "groups": [
            {"name": "vqmon-recordings", "rules": _recordings(shipped, features)},
            {"name": "vqmon-streams", "rules": [alert for alert in alerts if "stream" in alert["expr"]]},
            {"name": "vqmon-monitor", "rules": [*(a for a in alerts if "stream" not in a["expr"]), *_monitor_alerts()]},
        ]
    }


def _recordings(rules: Iterable[AlertRule], features: Mapping[str, Feature]) -> list[Json]:
    recordings: list[Json] = []
    for rule in rules:
        if isinstance(rule, kinds.DropRule):
            for name in rule.features:
                pool = rule.pool or features[name].pool
                recordings.append({"record": FRESH, "expr": _scores(features[name], pool), "labels": {"metric": name}})
    return recordings


def _scores(feature: Feature, pool: str) -> str:
    """Scores by stream and rendition, of segments that are fresh."""
    worst = "min" if feature.higher_is_better else "max"
    score = f'vqmon_segment_score{{metric="{feature.name}",stat="{pool}"}}{HOLD}'
    begin = f'vqmon_segment_score_timestamp_seconds{{metric="{feature.name}"}}{HOLD}'
    return (
        f"{worst} by (stream, rendition) (last_over_time({score}))\n"
        f"and\n"
        f"time() - max by (stream, rendition) (last_over_time({begin})) < {FRESH_SECONDS}"
    )


def _alerts(rule: AlertRule, features: Mapping[str, Feature]) -> Iterator[Json]:
    hold = rule.for_seconds
    match rule:
        case kinds.ThresholdRule():
            for name, level in rule.levels.items():
                sign = ">=" if level.rising else "<="
                expr = f"(\n{_indent(_scores(features[name], level.pool))}\n) {sign} {level.threshold:g}"
                seconds = max(hold, (rule.segments - 1) * SEGMENT_SECONDS)
                yield _alert(rule, expr, seconds, {"feature": name}, threshold=level.threshold)
        case kinds.DropRule():
            for name in rule.features:
                yield _alert(
                    rule, _fall(rule, features[name]), (rule.recent_segments - 1) * SEGMENT_SECONDS, {"feature": name}
                )
        case kinds.StreamDownRule():
            yield _alert(rule, f"{_UP} == 0", hold)
        case kinds.ManifestStaleRule():
            age = f"time() - {_newest('vqmon_manifest_last_change_timestamp_seconds')}"
            yield _alert(rule, f"{age} > {rule.targets:g} * {_TARGET_DURATION}\nand\n{_UP_NOW} == 1", hold)
        case kinds.StalledRule():
            yield _alert(rule, _stalled(rule.segment_durations), hold)
        case kinds.SegmentMissingRule():
            window = max(60.0, rule.window_seconds)
            expr = f"{_increase('vqmon_segments_missing_total', 'stream, rendition', window)} > {rule.count - 0.5:g}"
            yield _alert(rule, expr, hold, keep=rule.quiet_seconds)
        case kinds.DecodeErrorsRule():
            errors = f"sum by (stream, rendition) (rate(vqmon_decode_errors_total{HOLD}))"
            yield _alert(rule, f"{errors} > {rule.above:g}", rule.window_seconds)
        case kinds.ReferenceLostRule():
            yield _alert(rule, f"{_newest('vqmon_reference_up')} == 0", hold)
        case kinds.MonitorLaggingRule():
            lag = f"max by (stream) (last_over_time(vqmon_pipeline_lag_seconds{HOLD}))"
            yield _alert(rule, f"{lag} > {max(rule.min_seconds, rule.segment_durations * SEGMENT_SECONDS):g}", hold)
        case kinds.ScorerFailingRule():
            failures = _increase("vqmon_scorer_failures_total", "metric", 120)
            yield _alert(rule, f"{failures} > {rule.segments - 0.5:g}", hold)
        case kinds.SinkBlockedRule():
            yield _alert(rule, _only_failures("vqmon_sink_failures_total", "vqmon_sink_writes_total", "sink"), hold)
        case kinds.NotifierFailingRule():
            failures, sent = "vqmon_notification_failures_total", "vqmon_notifications_total"
            yield _alert(rule, _only_failures(failures, sent, "notifier"), hold)
        case kinds.LadderInversionRule():
            return


def _fall(rule: kinds.DropRule, feature: Feature) -> str:
    series = f'{FRESH}{{metric="{feature.name}"}}'
    past = f"{series}[{_duration(rule.window_seconds)}] offset 1m"
    before, now = f"quantile_over_time(0.5, {past})", f"quantile_over_time(0.5, {series}{HOLD})"
    fall = f"{before} - {now}" if feature.higher_is_better else f"{now} - {before}"
    spread = f"(quantile_over_time(0.75, {past}) - quantile_over_time(0.25, {past}))"
    least = rule.min_drop.get(feature.name) or feature.min_drop or 6.0
    return (
        f"max by (stream, rendition) (\n"
        f"  {fall}\n"
        f"  > clamp_min({rule.z:g} * {spread} / {IQR_OF_DEVIATION}, {least:g})\n"
        f"  and count_over_time({past}) >= {MIN_BASELINE_SAMPLES}\n"
        f")"
    )


def _newest(family: str) -> str:
    return f"max by (stream, rendition) (last_over_time({family}{HOLD}))"


_UP = _newest("vqmon_stream_up")
_UP_NOW = "max by (stream, rendition) (vqmon_stream_up)"
"""Without looking back: the series ends with the input, and silence after the end is no fault."""
_TARGET_DURATION = _newest("vqmon_manifest_target_duration_seconds")


def _stalled(durations: float) -> str:
    """Nothing new for a minute, or for five where ``durations`` segments take longer than a minute.

    Asks whether the newest segment changes: how old it is depends on the stream's own latency. A series that is younger than
    the window has not had the time.
    """
    newest = "vqmon_stream_last_frame_timestamp_seconds"

    def still(window: str) -> str:
        return f"max by (stream, rendition) (changes({newest}[{window}]) == 0 and {newest} offset {window})"

    slow = f"{_TARGET_DURATION} > {60 / durations:g}"
    return f"(\n  {still('1m')} unless {slow}\n  or\n  {still('5m')}\n)\nand\n{_UP_NOW} == 1"


def _increase(family: str, labels: str, seconds: float) -> str:
    return f"sum by ({labels}) (increase({family}[{_duration(seconds)}]))"


def _only_failures(failures: str, successes: str, label: str) -> str:
    return f"{_increase(failures, label, 60)} > 0\nunless\n{_increase(successes, label, 60)} > 0"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 60}m" if whole % 60 == 0 and whole else f"{whole}s"


def _alert(
    rule: AlertRule,
    expr: str,
    for_seconds: float,
    labels: Mapping[str, str] | None = None,
    *,
    threshold: float | None = None,
    keep: float = 0.0,
) -> Json:
    words = _Words(rule, for_seconds, threshold)
    summary, description = _OTHER_WORDS.get(rule.kind, (rule.summary, rule.description))
    texts = {"summary": words.fill(summary), "description": words.fill(description)}
    kept = max(rule.keep_firing_for_seconds, keep, MIN_KEEP_SECONDS)
    return _document(rule.name, expr, str(rule.severity), for_seconds, kept, labels or {}, texts)


def _document(
    name: str, expr: str, severity: str, for_seconds: float, keep: float, labels: Mapping[str, str], texts: Mapping[str, str]
) -> Json:
    health = "stream" not in expr
    return {
        "alert": name,
        "expr": expr,
        "for": _duration(for_seconds),
        "keep_firing_for": _duration(keep),
        "labels": {"severity": severity, **labels},
        "annotations": {
            **texts,
            "runbook_url": f"deploy/RUNBOOK.md#{name.lower()}",
            "dashboard_url": "/d/vqmon-monitor-health"
            if health
            else "/d/vqmon-stream-quality?var-stream={{ $labels.stream }}",
        },
    }


class _Words(string.Formatter):
    """Turns a rule's template (``{value:.0f}``) into Prometheus' (``{{ printf "%.0f" $value }}``)."""

    def __init__(self, rule: AlertRule, for_seconds: float, threshold: float | None) -> None:
        timed = isinstance(rule, kinds.ManifestStaleRule)
        self._words = {
            "alert": rule.name,
            "stream": "{{ $labels.stream }}",
            "rendition": "{{ $labels.rendition }}",
            "target": TARGET,
            "feature": "{{ $labels.feature }}",
            "threshold": "the threshold" if threshold is None else f"{threshold:g}",
            "detail": _DETAIL.get(rule.kind, "see the dashboard"),
        }
        self._numbers = {"value": "$value"} | ({"seconds": "$value"} if timed else {})
        self._seconds = f"over {for_seconds:g}"

    def fill(self, template: str) -> str:
        """The template in Prometheus' language."""
        parts = []
        for text, name, spec, _conversion in self.parse(template):
            parts.append(text)
            if name in self._numbers:
                number = self._numbers[name]
                style = f'{{{{ printf "%{spec}" {number} }}}}'
                parts.append(f"{{{{ {number} | humanizePercentage }}}}" if spec and spec.endswith("%") else style)
            elif name is not None:
                parts.append(self._seconds if name == "seconds" else self._words[name])
        return "".join(parts)


_OTHER_WORDS = {
    "manifest_stale": (
        "{target}: playlist unchanged for {seconds:.0f} s",
        "The playlist is served but has not changed for three of its target durations. Players run dry. Look at the "
        "packager first (process, disk, upload to the origin), then at a cache that serves an old playlist.",
    ),
    "stalled": (
        "{target}: no new pictures for a minute or longer",
        "The input is up, yet no segment with decodable pictures arrives. Look for missing or empty segments at the "
        "packager, and at the encoder's input.",
    ),
    "drop": (
        "{target}: {feature} fell by {value:.3g}",
        "Quality fell well below what this rendition delivered over the last half hour. Compare bitrate and score on the "
        "dashboard: both fell, then the encoder was given fewer bits; only the score fell: harder content or a damaged "
        "input. If the lower level lasts it becomes the normal one and this alert resolves.",
    ),
    "scorer_failing": (
        "vqmon can't compute {detail}",
        "The metric fails on segment after segment. Its scores, and alerts on them, are missing; other metrics go on. "
        "vqmon's log has the reason.",
    ),
}
"""Summary and description where the engine's speak of numbers that a rule does not have: kinds whose value differs."""

_DETAIL = {
    "stream_down": "vqmon's log has the reason",
    "segment_missing": "vqmon's log names it",
    "reference_lost": "vqmon's log has the reason",
    "monitor_lagging": "{{ humanizeDuration $value }} from arrival to score",
    "scorer_failing": "{{ $labels.metric }}",
    "sink_blocked": "{{ $labels.sink }}",
    "notifier_failing": "{{ $labels.notifier }}",
}


def _monitor_alerts() -> list[Json]:
    """What only an observer of vqmon can tell."""
    fresh = f"time() - max by (stream) (last_over_time(vqmon_segment_score_timestamp_seconds{HOLD})) < {FRESH_SECONDS}"
    return [
        _document(
            "MonitorDown",
            'up{job="vqmon"} == 0 or absent(up{job="vqmon"})',
            "critical",
            60,
            MIN_KEEP_SECONDS,
            {},
            {
                "summary": "vqmon {{ $labels.instance }} can't be scraped",
                "description": "Nothing is known about the streams it watches, and its other alerts here end within "
                "minutes. Check that the process runs, its log, and the scrape target's address.",
            },
        ),
        _document(
            "NoScores",
            f"max by (stream) (last_over_time(vqmon_stream_up{HOLD})) == 1\nunless\n{fresh}",
            "warning",
            120,
            MIN_KEEP_SECONDS,
            {},
            {
                "summary": "{{ $labels.stream }}: up, yet without a fresh score",
                "description": f"The input delivers, but no segment of the last {FRESH_SECONDS} s has a score. Scores are "
                "late (look at the lag), every metric fails, or the stream's clock (EXT-X-PROGRAM-DATE-TIME) is off.",
            },
        ),
        _document(
            "ReconnectStorm",
            f"{_increase('vqmon_stream_reconnects_total', 'stream', 3600)} > 6",
            "warning",
            0,
            300,
            {},
            {
                "summary": '{{ $labels.stream }}: {{ printf "%.0f" $value }} reconnects within an hour',
                "description": "The input comes and goes. Look at the origin's connection limits and the network between.",
            },
        ),
    ]


class _Dumper(yaml.SafeDumper):
    """Block style for expressions of several lines."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)

HEADER = "# Built from monitor/alerts/defaults.yaml and the metric specs by: python -m pipelines.prometheus_rules\n"


def to_text(document: Json) -> str:
    """The rule file as it is kept."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def write(path: Path = PATH) -> Path:
    """Write the rule file; return its path."""
    path.write_text(to_text(build()), encoding="utf-8")
    return path


def main() -> None:
    """Write the rule file to the repository and say where."""
    sys.stdout.write(f"{write()}\n")


if __name__ == "__main__":
    main()
