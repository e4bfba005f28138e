"""What MIGRATION.md promises: command lines that work, names that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from monitor.scorers import resolve
from pipelines.cli import app
from pipelines.gates import parse_gate
from pipelines.pooling import parse_pools
from pipelines.scorefiles import FORMATS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "MIGRATION.md").read_text(encoding="utf-8")
SYNOPSIS = "`vqmon compare DIST... REF`"
COMMANDS = sorted(set(re.findall(r"`vqmon (compare [^`]*\bR\b[^`]*|compare [^`]*ref\.mp4[^`]*)`", TEXT)))


def test_every_command_of_the_page_is_looked_at() -> None:
    assert len(COMMANDS) > 20
    assert {f"`vqmon {command}`" for command in COMMANDS} == set(re.findall(r"`vqmon [^`]+`", TEXT)) - {SYNOPSIS}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_line_is_understood(command: str) -> None:
    _, *words = shlex.split(command)
    compare = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    parameters = compare.make_context("compare", words).params
    assert parameters["files"][-1] in ("R", "ref.mp4")
    resolve([name for value in parameters["metrics"] or () for name in value.split(",")])
    parse_pools(parameters["pool"] or ())
    for gate in parameters["fail_under"] or ():
        parse_gate(gate)
    assert parameters["output_format"] in (None, *FORMATS)


def test_the_features_it_names_exist() -> None:
    named = re.findall(r"`((?:vmaf|psnr|float|ssim|xpsnr)(?:_\w+)?)`", TEXT)
    assert {"vmaf", "ssim_ffmpeg", "psnr_cb", "vmaf_v1"} <= set(named)
    resolve(named)
