"""FSIM, VIFp and GMSD beside piq, NLPD beside pyiqa, at 1080p; nothing asserts a time, the table matters.

Both need PyTorch, so they are measured only where ``ORACLES`` names the folder that they were unpacked to, as
``tests/parity/make_piq_scores.py`` tells::

    ORACLES=oracles make bench

All is processor time on one thread, of frames that are decoded already; both sides run in turns, so that the ratio holds
on a busy machine too.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from monitor import scorers
from monitor.types import FramePair, VideoFormat
from tests.parity import filters
from tests.parity.pictures import Case, planes_of

METRICS = ("fsim", "vifp", "gmsd", "nlpd")
TURNS, ROUNDS = 3, 5
PEERS_PYTHON = "/usr/bin/python3"
"""Debian's, which has its PyTorch."""

GREY = VideoFormat(1920, 1080, "gray")


@pytest.fixture(scope="module")
def pairs() -> list[FramePair]:
    """Three distorted pictures beside one reference: the very same planes."""
    reference = planes_of(Case(1080, 1920, "blur 3"))[1]
    return [
        filters.paired([[planes_of(Case(1080, 1920, spoilt))[0]]], [[reference]], GREY)[0]
        for spoilt in ("blur 3", "noise 6", "blocks 8")
    ]


def ours(metric: str, pairs: list[FramePair]) -> float:
    """Milliseconds a pair. What is known of planes is kept while they live, so each round takes a scorer of its own."""
    spent = 0.0
    for _ in range(ROUNDS):
        scorer = scorers.create(metric)
        scorer.prepare(GREY)
        begun = time.thread_time()
        list(scorer.score(pairs))
        spent += time.thread_time() - begun
    return 1000 * spent / ROUNDS / len(pairs)


def theirs() -> dict[str, float]:
    """Milliseconds a pair by metric, or nothing where the peers are not there."""
    folder = os.environ.get("ORACLES")
    if not folder:
        return {}
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root}:{Path(folder).resolve()}"}
    command = [PEERS_PYTHON, "-m", "tests.parity.make_piq_scores", "--speed"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return {name: float(taken) for name, taken, _ in map(str.split, done.stdout.splitlines())}


def test_against_piq(pairs: list[FramePair]) -> None:
    mine, others = dict.fromkeys(METRICS, float("inf")), dict.fromkeys(METRICS, float("inf"))
    three = dict(mine)
    for _ in range(TURNS):
        for metric in METRICS:
            mine[metric] = min(mine[metric], ours(metric, pairs[:1]))
            three[metric] = min(three[metric], ours(metric, pairs))
        for metric, taken in theirs().items():
            others[metric] = min(others[metric], taken)
    table = Table("metric", "vqmon, ms", "three at once, ms each", "peer, ms", "vqmon is", title="1080p luma, one thread")
    for metric in METRICS:
        peer = f"{others[metric]:.0f}" if others[metric] < float("inf") else ""
        ratio = f"{others[metric] / mine[metric]:.1f} times as fast" if peer else ""
        table.add_row(metric, f"{mine[metric]:.1f}", f"{three[metric]:.1f}", peer, ratio)
    Console(width=100).print(table)
