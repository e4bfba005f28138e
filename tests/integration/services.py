"""Real services on free loopback ports, for as long as a test needs them.

``deploy/install-test-services.sh`` installs them. Where a binary is missing a test skips with the reason; in CI it fails.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

START_SECONDS = 30.0
ATTEMPTS = 3
"""A port that was free a moment ago may be taken."""

SILENT_ALERTMANAGER = """
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


def binary(name: str) -> str:
    """The path of an installed service; without one the test skips, or fails where ``CI`` is set."""
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed; run deploy/install-test-services.sh"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def free_port() -> int:
    """A loopback port that nobody listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def start_alertmanager(tmp_path: Path, config: str = SILENT_ALERTMANAGER) -> Iterator[str]:
    """Run Alertmanager with a configuration (YAML text). Yields its base URL."""
    program = binary("prometheus-alertmanager")
    file = tmp_path / "alertmanager.yml"
    file.write_text(config, encoding="utf-8")

    def command(port: int) -> list[str]:
        return [
            program,
            f"--config.file={file}",
            f"--storage.path={tmp_path / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    with _serve("alertmanager", command, tmp_path) as url:
        yield url


@contextmanager
def start_prometheus(tmp_path: Path, config: str) -> Iterator[str]:
    """Run Prometheus with a configuration (YAML text). Yields its base URL."""
    program = binary("prometheus")
    file = tmp_path / "prometheus.yml"
    file.write_text(config, encoding="utf-8")

    def command(port: int) -> list[str]:
        return [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={tmp_path / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]

    with _serve("prometheus", command, tmp_path) as url:
        yield url


@contextmanager
def _serve(name: str, command: Callable[[int], list[str]], tmp_path: Path) -> Iterator[str]:
    log = tmp_path / f"{name}.log"
    for _ in range(ATTEMPTS):
        port = free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(command(port), stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=tmp_path)
        try:
            url = f"http://127.0.0.1:{port}"
            if _ready(process, f"{url}/-/ready"):
                yield url
                return
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    pytest.fail(f"{name} did not start; its log ends: {log.read_text(errors='replace')[-2000:]}")


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Whether the service answers before it exits or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    return False
