"""Kernels are fast because LLVM vectorises them, are cached across processes, and work where nothing can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

RUN = """
import numpy as np
from monitor.kernels import error
plane = np.arange(64, dtype=np.uint8).reshape(8, 8)
print(error.squared_error(plane, plane[::-1].copy()))
stats = getattr(error._squared_error_8bit, "stats", None)
print(sum(stats.cache_hits.values()) if stats else "plain", bool(stats and stats.cache_path))
"""


def run(code: str, **environment: str) -> list[str]:
    """Lines printed by ``code`` in a process of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_second_process_loads_what_the_first_compiled(tmp_path: Path) -> None:
    first, second = (run(RUN, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("0 True", "1 True")


def test_kernels_work_where_no_cache_can_be_kept() -> None:
    """All of Numba's cache places refused, as in a read-only container without a home (root may write anywhere else)."""
    nowhere = """
from numba.core.caching import CacheImpl
for locator in CacheImpl._locator_classes:
    locator.from_function = classmethod(lambda cls, function, path: None)
"""
    assert run(nowhere + RUN)[1] == "0 False"
    assert run(nowhere + RUN)[0] == run(RUN)[0]


def test_kernels_run_as_plain_python_without_the_compiler() -> None:
    assert run(RUN, NUMBA_DISABLE_JIT="1") == [run(RUN)[0], "plain False"]


VECTORISED = """
import sys
import numpy as np
from monitor.kernels import {module}
{kernel} = {module}.{kernel}
{call}
print(max(assembly.count("ymm") + assembly.count("zmm") for assembly in {kernel}.inspect_asm().values()))
"""

PLANE = "plane = np.zeros((64, 256), np.{kind}); plane.flags.writeable = False\n"

CALLS = {
    ("error", "_squared_error_8bit"): "_squared_error_8bit(plane, plane)",
    ("error", "_squared_error"): "_squared_error(plane, plane)",
    ("luma", "_sums"): "_sums(plane, 4096, np.zeros(256, np.uint32), np.zeros((4, 16), np.int64))",
    ("luma", "_counts"): "_counts(plane, plane[0, 0], plane[0, 0], plane[0, 0], np.zeros((2, 256), np.uint8))",
}


@pytest.mark.skipif(not llvm.get_host_cpu_features().get("avx2"), reason="this processor has no AVX2")
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize(("module", "kernel"), CALLS)
def test_kernels_use_wide_registers(module: str, kernel: str, kind: str, tmp_path: Path) -> None:
    code = VECTORISED.format(module=module, kernel=kernel, call=PLANE.format(kind=kind) + CALLS[module, kernel])
    assert int(run(code, NUMBA_CACHE_DIR=str(tmp_path))[0]) >= 8
