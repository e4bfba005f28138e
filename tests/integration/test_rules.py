"""Prometheus' and Alertmanager's own tools on the files of deploy/."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import httpx
import pytest
import yaml

from tests.integration.services import binary, start_alertmanager

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = DEPLOY / "prometheus/rules.yml"
RULES_TEST = DEPLOY / "prometheus/rules_test.yml"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120)


def assert_passes(*command: str | Path) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_valid() -> None:
    assert_passes(binary("promtool"), "check", "rules", RULES)


def test_prometheus_configuration_is_valid() -> None:
    assert_passes(binary("promtool"), "check", "config", DEPLOY / "prometheus/prometheus.yml")


def test_alertmanager_configuration_is_valid() -> None:
    assert_passes(binary("amtool"), "check-config", DEPLOY / "alertmanager/alertmanager.yml")


def test_rules_do_what_they_should() -> None:
    assert_passes(binary("promtool"), "test", "rules", RULES_TEST)


@pytest.mark.parametrize("alert", ["BlackPicture", "SegmentMissing"])
@pytest.mark.parametrize("mistake", ["never", "always", "for ever"])
def test_the_rules_tests_notice_a_mistake(tmp_path: Path, alert: str, mistake: str) -> None:
    promtool = binary("promtool")
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == alert:
                rule |= {
                    "never": {"expr": "vector(1) > 2"},
                    "always": {"expr": "vector(1)"},
                    "for ever": {"keep_firing_for": "2h"},
                }[mistake]
    tests = yaml.safe_load(RULES_TEST.read_text(encoding="utf-8"))
    tests["tests"] = [test for test in tests["tests"] if alert in str(test)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    assert run(promtool, "test", "rules", tmp_path / "rules_test.yml").returncode == 1


def test_alertmanager_hides_consequences_and_nothing_else(tmp_path: Path) -> None:
    alerts = {
        ("StreamDown", "news", "720p"): "active",
        ("BlackPicture", "news", "720p"): "suppressed",
        ("BlackPicture", "news", "360p"): "active",
        ("VeryLowScore", "news", "360p"): "suppressed",
        ("LowScore", "sport", "720p"): "active",
        ("NoScores", "sport", ""): "suppressed",
        ("MonitorDown", "", ""): "active",
        ("ScorerFailing", "", ""): "active",
    }
    body = [
        {"labels": {name: value for name, value in zip(("alertname", "stream", "rendition"), key, strict=True) if value}}
        for key in alerts
    ]
    with start_alertmanager(tmp_path, (DEPLOY / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")) as url:
        assert httpx.post(f"{url}/api/v2/alerts", json=body, timeout=10).status_code == 200
        states = ask_states(url, 20.0, alerts)
    assert states == alerts


def ask_states(url: str, seconds: float, wanted: dict[tuple[str, str, str], str]) -> dict[tuple[str, str, str], str]:
    """Each alert's state once it is as wanted, or as it is when time is up: Alertmanager judges when it groups."""
    deadline = time.monotonic() + seconds
    while True:
        found = {}
        for alert in httpx.get(f"{url}/api/v2/alerts", timeout=10).json():
            labels = alert["labels"]
            key = (labels["alertname"], labels.get("stream", ""), labels.get("rendition", ""))
            found[key] = alert["status"]["state"]
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.5)
