"""Ctrl-C while kernels are compiled, the first time on a machine, is heard at once and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.pipelines.forms import make_clips

SECONDS = 60.0
ROOT = Path(__file__).parents[2]


def children(parent: int) -> list[int]:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(number) for number in told.stdout.split()]


@pytest.mark.parametrize("whole_terminal", [True, False])
def test_an_interrupt_ends_the_compilation(tmp_path: Path, whole_terminal: bool) -> None:
    clips = make_clips(tmp_path)
    command = [sys.executable, "-m", "pipelines", "compare", "b-frames.ts", "b-frames.ts", "-m", "vmaf,psnr", "-t", "2"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NUMBA_CACHE_DIR": str(tmp_path / "kernels"),
        "NUMBA_DISABLE_JIT": "0",
    }
    with subprocess.Popen(
        command,
        cwd=clips,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + SECONDS
        while not (helpers := children(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert helpers, "no process was started to help with compiling"
        time.sleep(1.0)  # into the middle of it
        (os.killpg if whole_terminal else os.kill)(process.pid, signal.SIGINT)
        began = time.monotonic()
        output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    assert time.monotonic() - began < SECONDS / 4
    deadline = time.monotonic() + SECONDS
    while any(Path(f"/proc/{helper}").exists() for helper in helpers) and time.monotonic() < deadline:
        time.sleep(0.05)  # one that was not told ends with what it is at
    assert not any(Path(f"/proc/{helper}").exists() for helper in helpers)
