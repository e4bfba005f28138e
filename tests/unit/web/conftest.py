"""A recorded hour behind a real server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from monitor.web import DashboardServer


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vqmon_web_recording", Path(__file__).with_name("recording.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recording() -> ModuleType:
    return _load()


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "evidence"
    folder.mkdir()
    (folder.parent / "secret.json").write_text('{"password": "hunter2"}')
    (folder / "link.json").symlink_to(folder.parent / "secret.json")
    (folder / "notes.txt").write_text("not evidence")
    (folder / ".hidden.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def history(recording: ModuleType, evidence: Path) -> object:
    return recording.hour(evidence)


@pytest.fixture(scope="module")
def server(recording: ModuleType, history: object, evidence: Path) -> Iterator[DashboardServer]:
    def exposition(accept: str) -> tuple[bytes, str]:
        open_metrics = "application/openmetrics-text" in accept
        return (
            b"vqmon_up 1\n",
            "application/openmetrics-text; version=1.0.0" if open_metrics else "text/plain; version=0.0.4",
        )

    with DashboardServer(
        history,  # type: ignore[arg-type]
        specs=recording.SPECS,
        evidence_dir=evidence,
        exposition=exposition,
        port=0,
        title="Test <b>wall</b>",
        clock=lambda: recording.NOW_MS / 1000,
    ) as running:
        yield running


@pytest.fixture
def client(server: DashboardServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20) as open_client:
        yield open_client
