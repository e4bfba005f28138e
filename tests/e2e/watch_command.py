"""The real ``vqmon`` as a child process, and what can be seen of it from outside: output, store, /metrics, processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from monitor.errors import VqmonError
from monitor.sinks.sql import SqlStore
from monitor.types import Alert, AlertState, EventKind, SourceEvent

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60.0
"""Longest wait for anything to happen on a busy machine."""
FOREVER_MS = 1 << 50

Value = TypeVar("Value")


def eventually(what: str, ask: Callable[[], Value], seconds: float = WAIT_SECONDS) -> Value:
    """The first true answer of ``ask``; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


class Store:
    """Reads a watch's store beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def open(self) -> Iterator[SqlStore]:
        with SqlStore(str(self.path), readonly=True) as store:
            yield store

    def sequences(self, stream: str, rendition: str = "main") -> list[int]:
        """Sequence numbers of the stored segments, by time; none where there is no store yet."""
        try:
            with self.open() as store:
                return [row.sequence for row in store.segments(stream, rendition, since_ms=0, until_ms=FOREVER_MS)]
        except VqmonError:
            return []

    def means(self, stream: str, feature: str, rendition: str = "main") -> list[float]:
        with self.open() as store:
            return [row.pools["mean"] for row in store.series(stream, rendition, feature, since_ms=0, until_ms=FOREVER_MS)]

    def events(self, stream: str | None = None, *kinds: EventKind) -> list[SourceEvent]:
        """Oldest first."""
        try:
            with self.open() as store:
                found = store.events(stream=stream, limit=100_000)
        except VqmonError:
            return []
        return [event for event in reversed(found) if not kinds or event.kind in kinds]

    def incidents(self, name: str | None = None, stream: str | None = None, state: AlertState | None = None) -> list[Alert]:
        try:
            with self.open() as store:
                found = store.incidents(stream=stream, limit=100_000)
        except VqmonError:
            return []
        return [one for one in found if name in (None, one.name) and state in (None, one.state)]


class Command:
    """``vqmon`` with some arguments, running in a folder; a context manager that leaves no process behind."""

    def __init__(self, folder: Path, *arguments: object, env: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._arguments = [str(argument) for argument in arguments]
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        self.store = Store(folder / "vqmon.db")

    def __enter__(self) -> Command:
        with self._file("stdout").open("wb") as out, self._file("stderr").open("wb") as err:
            self.process = psutil.Popen(
                [sys.executable, "-m", "pipelines", *self._arguments],
                cwd=self.folder,
                env=self._env,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        family = self.family() if self.process.is_running() else []
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(10)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.txt"

    @property
    def stdout(self) -> str:
        return self._file("stdout").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return self._file("stderr").read_text(encoding="utf-8")

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """The exit code; fails when the process does not end in time."""
        try:
            return int(self.process.wait(seconds))
        except psutil.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s; its standard error: {self.stderr}") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def family(self) -> list[psutil.Process]:
        """The process and all below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def decoders(self) -> list[psutil.Process]:
        """The child processes that decode, in order of their start (multiprocessing has one more, its resource tracker)."""
        found = []
        for child in self.process.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any("spawn_main" in word for word in child.cmdline()):
                    found.append(child)
        return sorted(found, key=lambda child: child.create_time())

    def url(self) -> str:
        """Where the dashboard is, without the slash at the end."""
        found = eventually("the dashboard's address", lambda: re.search(r"dashboard: (http://\S+?)/?\s", self.stdout))
        return str(found[1])

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """/metrics: value by name and labels."""
        text = httpx.get(f"{self.url()}/metrics", timeout=10).raise_for_status().text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name whose labels include ``labels``; 0 where there are none."""
        wanted = set(labels.items())
        return sum(value for (found, having), value in self.metrics().items() if found == name and wanted <= having)


def watch(folder: Path, *arguments: object, env: dict[str, str] | None = None) -> Command:
    """``vqmon watch``."""
    return Command(folder, "watch", *arguments, env=env)


def configuration(folder: Path, streams: Sequence[dict[str, object]], **settings: object) -> Path:
    """A configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "watch.yaml"
    path.write_text(yaml.safe_dump({"streams": list(streams), **settings}), encoding="utf-8")
    return path


def rules(folder: Path, *entries: dict[str, object]) -> Path:
    """A rules file over the shipped ones."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"rules": list(entries)}), encoding="utf-8")
    return path


def assert_no_traceback(command: Command) -> None:
    assert "Traceback" not in command.stderr, command.stderr
    assert "Traceback" not in command.stdout, command.stdout


def complaints(command: Command) -> list[str]:
    """The lines that ``vqmon`` says to the user when something failed."""
    return [line for line in command.stderr.splitlines() if line.startswith("vqmon: ")]
