"""How fast an offset is found, beside video-offset-finder: run with ``make bench``. Nothing asserts a time.

CPU seconds of one call in a warm process, both alternating, so that a busy machine hurts both alike. The peer (from PyPI) is
no dependency: name a Python that has it installed in ``VIDEO_OFFSET_FINDER_PYTHON``.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from monitor.encoding import EncodeSettings, encode_segment
from monitor.types import Plane

WIDTH, HEIGHT, RATE, FRAMES, LOST, ROUNDS = 1920, 1080, 25, 300, 50, 3

CPU = """
import resource, sys
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
"""

OURS = (
    CPU
    + """
from datetime import UTC, datetime
from monitor.sources.file import FileSegment
from pipelines.syncing import find_offset
for _ in range(2):
    before = cpu()
    pair = [FileSegment(path, datetime.now(UTC), "pair") for path in sys.argv[1:]]
    found = find_offset(*pair, window=10.0, threads=1)
    print(found.offset, cpu() - before)
"""
)

PEERS = (
    CPU
    + """
from pathlib import Path
from video_offset_finder import find_offset
for _ in range(2):
    before = cpu()
    found = find_offset(Path(sys.argv[2]), Path(sys.argv[1]), quiet=True)
    print(found.offset_seconds, cpu() - before)
"""
)


def pictures(begin: int) -> Iterator[list[Plane]]:
    """A camera that pans and shakes over clouds and fine texture, with grain; from frame ``begin`` on."""
    noise = np.random.default_rng(1).normal(0, 1, (HEIGHT + 200, WIDTH + 1500)).astype(np.float32)
    scene = 120 + 90 * cv2.GaussianBlur(noise, (0, 0), 2) + 3000 * cv2.GaussianBlur(noise, (0, 0), 30)
    shake = np.random.default_rng(2).integers(0, 5, (FRAMES, 2))
    for index in range(begin, FRAMES):
        down, right = 100 + shake[index, 0], 4 * index + shake[index, 1]
        grain = np.random.default_rng(index).normal(0, 2, (HEIGHT, WIDTH)).astype(np.float32)
        luma = scene[down : down + HEIGHT, right : right + WIDTH] + grain
        yield [luma.clip(16, 235).astype(np.uint8), *(np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in "uv")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Ten seconds at a low rate beside the twelve that they were made from, a key frame every two seconds."""
    folder = tmp_path_factory.mktemp("pair")
    paths = []
    for name, begin, crf in (("distorted.mp4", LOST, 33), ("reference.mp4", 0, 19)):
        settings = EncodeSettings(
            WIDTH, HEIGHT, Fraction(RATE), crf=crf, gop=2 * RATE, preset="veryfast", container="mp4", threads=2
        )
        (folder / name).write_bytes(encode_segment(pictures(begin), settings, start_pts=9_000))
        paths.append(str(folder / name))
    return paths


@pytest.fixture(scope="module")
def peer() -> str:
    named = os.environ.get("VIDEO_OFFSET_FINDER_PYTHON")
    if named:
        return named
    if importlib.util.find_spec("video_offset_finder") is None:
        pytest.skip("video-offset-finder is not installed; set VIDEO_OFFSET_FINDER_PYTHON to a Python that has it")
    return sys.executable


def measured(python: str, script: str, pair: list[str]) -> tuple[float, float]:
    """Offset and CPU seconds of the second call."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)} if script is OURS else os.environ
    run = subprocess.run(
        [python, "-c", script, *pair], capture_output=True, text=True, check=True, env=environment, timeout=300
    )
    offset, seconds = run.stdout.split()[-2:]
    return float(offset), float(seconds)


def test_offset_of_a_1080p_pair(pair: list[str], peer: str, capsys: Any) -> None:
    """Twelve against ten seconds of 1080p, two seconds lost."""
    runs = [(measured(sys.executable, OURS, pair), measured(peer, PEERS, pair)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(run[side][1] for run in runs) for side in (0, 1))
    table = Table(title="Offset between two 1080p files (12 s, 10 s)", title_justify="left")
    for name in ("tool", "offset found", "CPU seconds", "ratio"):
        table.add_column(name, justify="left" if name == "tool" else "right")
    table.add_row("vqmon", f"{runs[0][0][0]:.3f} s", f"{ours:.2f}", f"{theirs / ours:.1f}x")
    table.add_row("video-offset-finder", f"{runs[0][1][0]:.3f} s", f"{theirs:.2f}", "1x")
    with capsys.disabled():
        Console(width=100).print(table)
    assert runs[0][0][0] == pytest.approx(LOST / RATE)
