"""What every test gets: markers by folder, reference data where it is, and proof that no thread is left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FOLDER_MARKERS = ("property", "parity", "integration", "e2e")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their folder; leave benchmarks out unless they are asked for by ``-m``."""
    asked = "benchmark" in (config.option.markexpr or "")
    kept, left_out = [], []
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder in FOLDER_MARKERS:
            item.add_marker(getattr(pytest.mark, folder))
        if folder == "benchmarks":
            item.add_marker(pytest.mark.benchmark)
        (left_out if folder == "benchmarks" and not asked else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of clips with known scores, beside the checkout (or named by ``VQMON_SHARED``); skips without it."""
    folder = Path(os.environ.get("VQMON_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no reference data at {folder}; set VQMON_SHARED to its folder")
    return folder


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test whose non-daemon threads outlive it by more than two seconds."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        left = [
            thread for thread in threading.enumerate() if thread not in before and not thread.daemon and thread.is_alive()
        ]
        if not left:
            return
        time.sleep(0.02)
    pytest.fail(f"threads left behind: {', '.join(thread.name for thread in left)}")
