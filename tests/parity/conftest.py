"""The table of what the parity tests saw: printed at the end, and with ``--write-parity`` put into PARITY.md."""

from __future__ import annotations

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.parity.agreement import VERSIONS, as_text, renewed
from tests.parity.agreements import ROWS

DOCUMENT = Path(__file__).resolve().parents[2] / "PARITY.md"
PROBLEM = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-parity", action="store_true", help="renew PARITY.md with what this run of tests/parity saw")


def versions() -> dict[str, str]:
    """Of ourselves and of every witness."""
    told = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-version"], capture_output=True, text=True, timeout=30, check=True
    )
    kept = json.loads(Path(__file__).with_name("piq_scores.json").read_text())["versions"]
    flags = Path("/proc/cpuinfo")
    words = set(flags.read_text().split()) if flags.exists() else set()
    simd = "AVX-512" if "avx512f" in words else "AVX2" if "avx2" in words else "neither AVX2 nor AVX-512"
    return {
        **VERSIONS,
        "vqmon": f"{version('vqmon')} on Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "av")),
        "FFmpeg, run": f"{told.stdout.split()[2]} of imageio-ffmpeg {version('imageio-ffmpeg')}, on a processor with {simd}",
        "scikit-image, run": version("scikit-image"),
        "piq and pyiqa, kept": f"{kept['piq']} and {kept['pyiqa']} in double precision (`tests/parity/piq_scores.json`)",
    }


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not session.config.getoption("--write-parity", default=False):
        return
    missing = [f"{row.metric} ({row.witness})" for row in ROWS if not row.seen]
    if exitstatus != pytest.ExitCode.OK:
        problem = "a test failed"
    elif missing:
        problem = f"this run did not compare {', '.join(missing)}; run all of tests/parity, with the shared data"
    else:
        DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8"), ROWS, versions()), encoding="utf-8")
        return
    session.config.stash[PROBLEM] = problem
    session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seen = [row for row in ROWS if row.seen]
    if seen:
        terminalreporter.section("agreement")
        for line in as_text(seen):
            terminalreporter.write_line(line)
    if problem := config.stash.get(PROBLEM, None):
        terminalreporter.write_line(f"PARITY.md stays as it was: {problem}", red=True)
