"""The Prometheus rules and Alertmanager's inhibitions against the engine's own rules; tests/integration asks promtool."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor import scorers
from monitor.alerts import default_rules, load_rules
from pipelines import prometheus_rules

ROOT = Path(__file__).resolve().parents[2]
BUILT = prometheus_rules.build()
ALERTS = [rule for group in BUILT["groups"] for rule in group["rules"] if "alert" in rule]
BY_NAME = {alert["alert"]: alert for alert in ALERTS}
ENGINE = {rule.name: rule for rule in default_rules()}
ENGINE_ONLY = {"LadderInversion"}
PROMETHEUS_ONLY = {"MonitorDown", "NoScores", "ReconnectStorm"}
ALERTMANAGER = yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))


def test_committed_rules_are_what_the_engines_rules_give() -> None:
    committed = prometheus_rules.PATH.read_text(encoding="utf-8")
    assert committed == prometheus_rules.to_text(BUILT), "run: python -m pipelines.prometheus_rules"


def test_file_reads_back_as_built(tmp_path: Path) -> None:
    written = prometheus_rules.write(tmp_path / "rules.yml")
    assert yaml.safe_load(written.read_text(encoding="utf-8")) == BUILT


def test_every_engine_rule_has_its_alert_with_its_severity() -> None:
    assert set(BY_NAME) == (set(ENGINE) - ENGINE_ONLY) | PROMETHEUS_ONLY
    for name in set(BY_NAME) & set(ENGINE):
        assert BY_NAME[name]["labels"]["severity"] == ENGINE[name].severity


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels'].get('feature', '')}")
def test_alert_is_complete(alert: dict[str, Any]) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]+", alert["alert"])
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "keep_firing_for" in alert
    texts = " ".join(alert["annotations"].values())
    assert not re.search(r"(?<!\{)\{(?!\{)", texts.replace("}}", "").replace("{{", "")), texts
    assert "None" not in texts


def test_alerts_on_scores_are_guarded_by_freshness() -> None:
    for alert in ALERTS:
        if "vqmon_segment_score{" in alert["expr"]:
            feature = alert["labels"]["feature"]
            assert f'vqmon_segment_score_timestamp_seconds{{metric="{feature}"}}' in alert["expr"]


def test_every_alert_has_a_section_in_the_runbook() -> None:
    sections = set(re.findall(r"^## (\w+)$", (ROOT / "deploy/RUNBOOK.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert sections == set(BY_NAME) | set(ENGINE)
    for alert in ALERTS:
        assert alert["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#{alert['alert'].lower()}"


def test_every_alert_is_tested_to_fire_and_to_resolve() -> None:
    tests = yaml.safe_load((ROOT / "deploy/prometheus/rules_test.yml").read_text(encoding="utf-8"))["tests"]
    fires, silent = set(), set()
    for check in itertools.chain.from_iterable(test["promql_expr_test"] for test in tests):
        asked = re.search(r'alertname=~?"([^"]+)"', check["expr"])
        for sample in check["exp_samples"]:
            fires |= set(re.findall(r'ALERTS\{alertname="(\w+)",alertstate="firing"', sample["labels"]))
        if not check["exp_samples"]:
            silent |= {name for name in BY_NAME if asked is None or re.fullmatch(asked[1], name)}
    assert fires == set(BY_NAME)
    assert silent == set(BY_NAME)


def test_rules_of_a_user_are_translated_too() -> None:
    own = """
        defaults: false
        rules:
          - {name: TooBlack, kind: threshold, severity: info, levels: {black_ratio: {above: 0.5, pool: max}}, summary: x}
          - {name: Unused, kind: stream_down, enabled: false, summary: "x"}
    """
    built = prometheus_rules.build(load_rules(own))
    (alert,) = [rule for rule in built["groups"][1]["rules"] if "alert" in rule]
    assert alert["alert"] == "TooBlack"
    assert 'metric="black_ratio",stat="max"' in alert["expr"]
    assert alert["expr"].endswith(">= 0.5")
    assert alert["labels"] == {"severity": "info", "feature": "black_ratio"}


def test_directions_follow_the_specs() -> None:
    directions = {feature.name: feature.higher_is_better for spec in scorers.specs() for feature in spec.features}
    for alert in ALERTS:
        if (feature := alert["labels"].get("feature")) and alert["alert"] != "ScoreDrop":
            assert ("<=" in alert["expr"]) is directions[feature]


def matches(matchers: list[str], labels: dict[str, str]) -> bool:
    """Alertmanager's matching: a missing label is an empty one, and regular expressions are anchored."""
    for matcher in matchers:
        found = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher)
        assert found, matcher
        name, operator, wanted = found.groups()
        value = labels.get(name, "")
        if not (value == wanted if operator == "=" else re.fullmatch(wanted, value)):
            return False
    return True


def inhibited(source: dict[str, str], target: dict[str, str]) -> bool:
    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in rule.get("equal", []))
        for rule in ALERTMANAGER["inhibit_rules"]
    )


def causes(name: str) -> set[str]:
    """What hides a rule of the engine: its inhibitors, theirs, and what outranks it."""
    found: set[str] = set()
    waiting = list(ENGINE[name].inhibited_by)
    while waiting:
        cause = waiting.pop()
        found.add(cause)
        waiting += ENGINE[cause].inhibited_by
    return found | set(ENGINE[name].outranked_by)


WHOLE_MONITOR = {"SinkBlocked", "NotifierFailing", "ScorerFailing"}


def labels_of(name: str, stream: str = "news", rendition: str = "720p") -> dict[str, str]:
    return {"alertname": name} | ({} if name in WHOLE_MONITOR else {"stream": stream, "rendition": rendition})


@pytest.mark.parametrize("name", ENGINE)
def test_inhibitions_are_the_engines(name: str) -> None:
    assert {other for other in ENGINE if inhibited(labels_of(other), labels_of(name))} == causes(name)


@pytest.mark.parametrize("source", sorted(set(ENGINE) - WHOLE_MONITOR))
def test_inhibition_stays_within_the_rendition(source: str) -> None:
    for target in ENGINE:
        assert not inhibited(labels_of(source), labels_of(target, rendition="360p"))
        assert not inhibited(labels_of(source), labels_of(target, stream="sport"))
        assert not inhibited({"alertname": source}, {"alertname": target})


def test_a_cause_on_the_whole_stream_hides_every_rendition_of_that_stream() -> None:
    down = {"alertname": "StreamDown", "stream": "news"}
    for name in ("BlackPicture", "NoScores", "ReconnectStorm"):
        assert inhibited(down, labels_of(name))
        assert not inhibited(down, labels_of(name, stream="sport"))


def test_alertmanager_groups_by_stream() -> None:
    route = ALERTMANAGER["route"]
    assert (route["group_by"], route["group_wait"], route["group_interval"]) == (["stream"], "10s", "1m")
    assert {each["receiver"] for each in (route, *route["routes"])} == {each["name"] for each in ALERTMANAGER["receivers"]}


def test_inhibitions_name_alerts_that_exist() -> None:
    known = set(BY_NAME) | set(ENGINE)
    for rule in ALERTMANAGER["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            if matcher.startswith("alertname"):
                assert set(re.findall(r"[A-Z]\w+", matcher)) <= known
