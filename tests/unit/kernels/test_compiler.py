"""Kernels are fast because LLVM vectorises them, are cached across processes, and work where nothing can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

from monitor.kernels import compiler

RUN = """
import numpy as np
from monitor.kernels import error
plane = np.arange(64, dtype=np.uint8).reshape(8, 8)
print(error.squared_error(plane, plane[::-1].copy()))
stats = error._squared_error_8bit.stats
print(sum(stats.cache_hits.values()), bool(stats.cache_path))
"""

EVERY_KERNEL = """
import numba
import numpy as np
from monitor.kernels import cambi, edges, error, luma, moments, noise, similarity, speed_chroma
from monitor.kernels.settings import CambiSettings, SpeedSettings

print(numba.config.DISABLE_JIT)
for kind, peak in ((np.uint8, 255), (np.uint16, 1023)):
    rng = np.random.default_rng(3)
    plane, other = (rng.integers(0, peak + 1, (19, 23)).astype(kind) for _ in range(2))
    plane.flags.writeable = other.flags.writeable = False
    print(error.squared_error(plane, other))
    counted = luma.levels(plane, peak=peak, dark=peak // 3, black=peak // 9, white=peak - peak // 9)
    print(counted.block_sums.tolist(), *counted[1:])
    print(*(f"{value:.5g}" for value in edges.sobel_moments(plane)))
    print(*(profile.tolist() for profile in edges.difference_profiles(plane)))
    print(*(each.tolist() for each in noise.mask_means(plane, peak)))
    print(f"{similarity.ssim(plane, other, peak):.5f}")
    bands = np.add.outer(np.arange(60) // 7, np.arange(70) // 9 + peak // 8).astype(kind)
    print(f"{cambi.cambi(bands, peak.bit_length(), CambiSettings(window_size=250)):.6g}")
    chroma = [rng.integers(0, peak + 1, (170, 180)).astype(kind) for _ in range(4)]
    settings = SpeedSettings(speed_prescale=0.95, speed_prescale_method="bilinear")
    print(*(f"{v:.4g}" for v in speed_chroma.speed_chroma(chroma[:2], chroma[2:], peak.bit_length(), (180, 170), settings)))
for filtered in (np.int16, np.float32):
    print(moments.variance(rng.integers(-1020, 1021, (9, 31)).astype(filtered)))
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


@pytest.mark.parametrize("inside", [True, False])
def test_machine_code_is_made_anew_where_a_module_changed_that_it_was_made_of(tmp_path: Path, inside: bool) -> None:
    kernels = Path(compiler.__file__).parent
    if inside:  # an upgrade of vqmon
        shutil.copytree(kernels.parent, tmp_path / "monitor", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "monitor" / "kernels" if inside else tmp_path / "plugged"
    package = "monitor.kernels" if inside else "plugged"
    folder.mkdir(exist_ok=True)
    beginning = "from monitor.kernels.compiler import kernel\n"
    (folder / "outer.py").write_text(
        f"{beginning}from {package}.step import step\n@kernel()\ndef outer(number):\n    return step(number)\n"
    )
    told = []
    for step in (1, 1, 2):
        (folder / "step.py").write_text(f"{beginning}@kernel(inner=True)\ndef step(number):\n    return number + {step}\n")
        code = f"import sys\nsys.path[:1] = {[str(tmp_path), str(kernels.parents[1])]}\n"
        code += f"from {package}.outer import outer\nprint(outer(0), sum(outer.stats.cache_hits.values()))"
        told += run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"), PYTHONDONTWRITEBYTECODE="1")
    assert told == ["1 0", "1 1", "2 0"]


def test_kernels_work_where_no_cache_can_be_kept() -> None:
    """All of Numba's cache places refused, as in a read-only container without a home (root may write anywhere else)."""
    nowhere = """
from numba.core.caching import CacheImpl
for locator in CacheImpl._locator_classes:
    locator.from_function = classmethod(lambda cls, function, path: None)
"""
    assert run(nowhere + RUN)[1] == "0 False"
    assert run(nowhere + RUN)[0] == run(RUN)[0]


def test_every_kernel_gives_the_same_as_plain_python() -> None:
    plain, compiled = run(EVERY_KERNEL, NUMBA_DISABLE_JIT="1"), run(EVERY_KERNEL)
    assert (plain[0], compiled[0]) == ("1", "0")
    assert plain[1:] == compiled[1:]


VECTORISED = """
import numpy as np
from monitor.kernels import {modules}

single = np.float32
rows = np.zeros(4 * similarity.TAPS * similarity.PITCH, single), np.zeros(4 * similarity.PITCH, single)
SSIM = (single(9), single(9)), (single(6), single(58)), similarity._weights(), *rows
for kind in (np.uint8, np.uint16):
    plane = np.zeros((64, 256), kind)
    plane.flags.writeable = False
    room, sums = np.zeros(256, np.uint32), np.zeros((4, 16), np.int64)
    for module, kernel, arguments in {calls}:
        compiled = getattr(globals()[module], kernel)
        compiled(*eval(arguments))
    for module, kernel, _ in {calls}:
        compiled = getattr(globals()[module], kernel)
        for signature, assembly in compiled.inspect_asm().items():
            wide = sum(1 for line in assembly.splitlines() if "ymm" in line or "zmm" in line)
            print(kernel, signature[0].dtype, wide)
"""

CALLS = [
    ("error", "_squared_error_8bit", "(plane, plane)"),
    ("error", "_squared_error", "(plane, plane)"),
    ("luma", "_sums", "(plane, 4096, room, sums)"),
    ("luma", "_counts", "(plane, plane[0, 0], plane[0, 0], plane[0, 0], np.zeros((2, 256), np.uint8))"),
    ("edges", "_sobel_sums", "(plane, np.zeros(256, np.int16), np.zeros(256, np.int16))"),
    ("edges", "_difference_sums", "(plane, np.zeros(255, np.uint32), np.zeros(63, np.uint32))"),
    ("similarity", "_ssim_sum", "(plane, plane, *SSIM)"),
    ("noise", "_mask_sums", "(plane, np.zeros(256, np.int16), np.zeros(254, np.uint32), sums)"),
]


@pytest.mark.skipif(not llvm.get_host_cpu_features().get("avx2"), reason="this processor has no AVX2")
def test_kernels_use_wide_registers(tmp_path: Path) -> None:
    modules = ", ".join(sorted({module for module, _, _ in CALLS}))
    lines = run(VECTORISED.format(modules=modules, calls=CALLS), NUMBA_CACHE_DIR=str(tmp_path))
    wide = {(kernel, kind): int(count) for kernel, kind, count in (line.split() for line in lines)}
    assert set(wide) == {(kernel, kind) for _, kernel, _ in CALLS for kind in ("uint8", "uint16")}
    assert {named: count for named, count in wide.items() if count < 8} == {}
