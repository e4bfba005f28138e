"""Kernels are compiled by several processes, each job by one of them, and only where there is anything to compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.protocols import MetricSpec
from monitor.scorers import resolve, specs
from pipelines import warmup
from pipelines.warmup import ALIGNMENT, compile_kernels

SCRIPT = """
import sys
from monitor.scorers import resolve
from pipelines import warmup

prepared = []
prepare = warmup.prepare

def recorded(part, depth):
    prepared.append(part)
    prepare(part, depth)

started = []
warmup.prepare = recorded
start = warmup._Crew.start
warmup._Crew.start = lambda crew: (started.append(1), start(crew))
warmup.compile_kernels(resolve(["psnr", "gmsd", "blur"]), processes=int(sys.argv[1]))
print(len(started), ",".join(prepared))
"""


def run(folder: Path, processes: int) -> tuple[int, set[str]]:
    """In a process of its own, with kernels kept in ``folder``: whether others were started, and what it prepared itself."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "NUMBA_DISABLE_JIT": "0"}
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(processes)], env=environment, capture_output=True, check=True, text=True
    )
    started, prepared = told.stdout.split()
    return int(started), set(prepared.split(","))


def kept(folder: Path) -> set[str]:
    return {path.name.split("-")[0] for path in folder.rglob("*.nbc")}


def test_others_compile_what_this_process_does_not(tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    assert run(alone, 1) == (1, {"psnr", "gmsd", "blur"})
    started, mine = run(shared, 3)
    assert started == 1
    assert mine < {"psnr", "gmsd", "blur"}
    assert kept(shared) == kept(alone) != set()


def test_nothing_is_started_where_all_is_compiled(tmp_path: Path) -> None:
    run(tmp_path, 1)
    assert run(tmp_path, 3) == (0, {"psnr", "gmsd", "blur"})


def test_models_are_compiled_by_what_they_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[tuple[str, int]] = []
    monkeypatch.setattr(warmup, "prepare", lambda part, depth: prepared.append((part, depth)))
    compile_kernels(resolve(["vmaf", "vmaf_neg", "vmaf_v1", "psnr"]), 10, alignment=True, processes=1)
    assert [part for part, _ in prepared] == [
        ALIGNMENT, "vif", "adm", "motion", "adm3", "cambi", "speed_chroma", "motion3", "psnr",
    ]  # fmt: skip
    assert {depth for _, depth in prepared} == {10}


@pytest.mark.parametrize("spec", [spec for spec in specs() if spec.parts], ids=lambda spec: spec.name)
def test_what_models_are_made_of_exists(spec: MetricSpec) -> None:
    assert [part.name for part in resolve(list(spec.parts))] == list(spec.parts)


def test_frames_are_large_enough_for_every_metric() -> None:
    assert [spec.name for spec in specs() if max(spec.min_size, spec.min_longer_side) > warmup.SIDE] == []


def test_a_broken_process_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    prepared: list[str] = []
    crew: list[warmup._Crew] = []
    enter = warmup._Crew.__enter__

    def started(self: warmup._Crew) -> warmup._Crew:
        crew.append(enter(self))
        self.start()
        return self

    monkeypatch.setattr(warmup._Crew, "__enter__", started)
    monkeypatch.setattr(warmup, "prepare", lambda part, _depth: prepared.append(part))
    compile_kernels(resolve(["psnr", "ssim", "gmsd"]), processes=3)
    assert len(prepared) >= 1
    assert all(process.poll() == 3 for process in crew[0]._processes)
