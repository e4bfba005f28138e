"""The documents say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from monitor.alerts import default_rules
from monitor.scorers import specs
from pipelines.catalogue import renewed
from pipelines.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_metric_table_is_current():
    assert renewed(README) == README, "run `python -m pipelines.catalogue`"
    assert all(f"`{feature.name}`" in README for spec in specs() for feature in spec.features)


def test_every_local_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_of_the_readme_exist():
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    used = set(re.findall(r"(?:\$ |`|bin/)vqmon ([a-z]+)", README))
    assert used
    assert used <= known, used - known


def test_every_alert_has_a_runbook_section():
    runbook = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
    headings = {line.lstrip("# ").strip() for line in runbook.splitlines() if line.startswith("#")}
    missing = [rule.name for rule in default_rules() if not any(rule.name in heading for heading in headings)]
    assert missing == []
