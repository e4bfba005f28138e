"""Prometheus' and Alertmanager's own tools on the files of deploy/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.services import binary

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
