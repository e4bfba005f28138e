"""Rule files: the shipped ones, overriding them, and what is said about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.alerts import AlertEngine, check_features, default_rules, load_rules, threshold_rows
from monitor.alerts.rules import ThresholdRule
from monitor.errors import ConfigError, UnknownName
from monitor.types import Severity

NEW = "{name: New, kind: threshold, levels: {psnr_y: {below: 3}}, summary: s"


def rule(text: str, name: str) -> object:
    return next(one for one in load_rules(text) if one.name == name)


def test_the_shipped_rules_work_and_say_what_to_do() -> None:
    rules = default_rules()
    AlertEngine(rules)
    assert all(one.enabled for one in rules)
    assert all(len(one.description) > 100 for one in rules), "a person at 3 a.m. needs more than a name"
    assert {"BlackPicture", "FrozenPicture", "ScoreDrop", "LowScore", "StreamDown"} <= {one.name for one in rules}


def test_a_file_overrides_key_by_key_disables_and_adds(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "rules:\n  - {name: BlackPicture, for_seconds: 9, severity: info}\n  - {name: LadderInversion, enabled: false}\n"
        f"  - {NEW}}}\n"
    )
    rules = {one.name: one for one in load_rules(path)}
    black = rules["BlackPicture"]
    assert (black.for_seconds, black.severity, black.keep_firing_for_seconds) == (9, Severity.INFO, 2)
    assert not rules["LadderInversion"].enabled
    assert isinstance(rules["New"], ThresholdRule)
    assert len(rules) == len(default_rules()) + 1


def test_another_kind_replaces_a_shipped_rule_as_a_whole() -> None:
    text = "rules: [{name: StreamDown, kind: stalled, summary: s}]"
    assert rule(text, "StreamDown").kind == "stalled"  # type: ignore[attr-defined]


def test_without_defaults_and_without_anything() -> None:
    assert [one.name for one in load_rules(f"{{defaults: false, rules: [{NEW}}}]}}")] == ["New"]
    assert load_rules("") == default_rules()
    assert load_rules("{defaults: false}") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "rules: [{name: BlackPicture, for_second: 3}]",
            "rule 'BlackPicture': unknown key 'for_second'; did you mean 'for_seconds'",
        ),
        (
            "rules: [{name: BlackPictur, for_seconds: 3}]",
            "rule 'BlackPictur' is new and needs 'kind'; did you mean .* 'BlackPicture'",
        ),
        ("rules: [{name: Xyz, for_seconds: 3}]", "'Xyz' is new and needs 'kind'; kinds: threshold, drop"),
        ("rules: [{name: New, kind: treshold}]", "rule 'New': no kind 'treshold'; did you mean threshold"),
        ("rules: [{name: New, kind: 3}]", "rule 'New': no kind '3'"),
        (f"rules: [{NEW}, severity: fatal}}]", "rule 'New': severity: .*'critical'.*found 'fatal'"),
        (f"rules: [{NEW}, for_seconds: -1}}]", "rule 'New': for_seconds: .*greater than or equal to 0.*found -1"),
        (
            f"rules: [{NEW}, inhibited_by: [FrozenPictur]}}]",
            "no rule 'FrozenPictur'; did you mean FrozenPicture.*named by rule 'New'",
        ),
        (f"rules: [{NEW}, description: '{{strem}}'}}]", "no template field 'strem'; did you mean stream"),
        (f"rules: [{NEW}, description: '{{value:q}}'}}]", "can't be filled in"),
        (f"rules: [{NEW}, description: '{{stream.__class__}}'}}]", "no template field"),
        ("rules: [{name: new, kind: stalled, summary: s}]", "rule 'new': name: .*pattern"),
        ("rules: [{name: New, kind: stalled}]", "rule 'New': key 'summary' is missing"),
        ("rules: [{name: New, kind: threshold, levels: {}, summary: s}]", "levels"),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {above: 1, suspect: 2}}, summary: s}]",
            "'suspect' .2. has to lie",
        ),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {above: 1, below: 2}}, summary: s}]",
            "either 'above' or 'below'",
        ),
        ("rules: [{name: New, kind: threshold, levels: {a: {}}, summary: s}]", "either 'above' or 'below'"),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {above: 1, clear: 2}}, summary: s}]",
            "'clear' .2. has to lie on the good",
        ),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {below: 1, clear: 0}}, summary: s}]",
            "'clear' .0. has to lie on the good",
        ),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {abov: 1}}, summary: s}]",
            "unknown key 'levels.a.abov'; did you mean 'above'",
        ),
        (
            "rules: [{name: New, kind: threshold, levels: {a: {above: 1, pool: men}}, summary: s}]",
            "no pool 'men'; did you mean mean",
        ),
        ("rules: [{name: ManifestStale, pending_targets: 5}]", "'pending_targets' may not exceed 'targets'"),
        ("rules: [{name: DecodeErrors, clear: 5}]", "'clear' may not exceed 'above'"),
        ("rules: [{name: LadderInversion, clear_ratio: 5}]", "'clear_ratio' may not exceed 'margin_ratio'"),
        ("rules: [{name: StreamDown, inhibited_by: [StalledFrames]}]", "in a circle: .*StreamDown"),
        ("rules: [{kind: stalled}]", "a rule has no name"),
        ("rules: [{name: A, kind: stalled, summary: s}, {name: A, kind: stalled, summary: s}]", "rule 'A' appears twice"),
        ("rules: 3", "'rules' has to be a list of mappings, found 3"),
        ("rule: []", "unknown key 'rule'; did you mean 'rules'"),
        ("defaults: maybe", "'defaults' has to be true or false, not 'maybe'"),
        ("[1, 2]", "expected a mapping with 'rules', found .1, 2."),
        ("rules: [", "not YAML: line 1"),
    ],
)
def test_mistakes_are_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_rules(text)
    assert str(caught.value).startswith("alert rules:")


def test_mistakes_in_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(ConfigError, match=r"can't read alert rules .*mine\.yaml"):
        load_rules(path)
    path.write_text("rules: 3")
    with pytest.raises(ConfigError, match=r"mine\.yaml: 'rules'"):
        load_rules(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        load_rules(path)


def test_a_disabled_rule_inhibits_nothing() -> None:
    rules = load_rules("rules: [{name: FrozenPicture, enabled: false}]")
    AlertEngine(rules)
    assert "LowScore" in {one.name for one in rules}


def test_features_are_checked_against_what_metrics_give() -> None:
    known = ["psnr_y", "ssim", "black_ratio", "frozen"]
    check_features(default_rules(), known)
    with pytest.raises(UnknownName, match=r"no feature 'psnr_x'; did you mean psnr_y\? \(alert rule 'New'\)"):
        check_features(load_rules(f"rules: [{NEW.replace('psnr_y', 'psnr_x')}}}]"), known)
    check_features(load_rules(f"rules: [{NEW.replace('psnr_y', 'psnr_x')}, enabled: false}}]"), known)


def test_levels_become_rows_for_charts() -> None:
    rows = threshold_rows(load_rules(f"{{defaults: false, rules: [{NEW}, severity: critical}}]}}"))
    assert [(row.alert, row.severity, row.feature, row.pool, row.fires_above, row.value, row.clear) for row in rows] == [
        ("New", "critical", "psnr_y", "mean", False, 3.0, 3.0)
    ]
    assert threshold_rows(load_rules("rules: [{name: LowScore, enabled: false}]"))
    assert all(row.alert != "LowScore" for row in threshold_rows(load_rules("rules: [{name: LowScore, enabled: false}]")))
