"""A store that is full, locked or not to be written: said, alerted, and made up for when it is back."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from monitor.types import AlertState
from pipelines import cli
from tests.e2e.channel import Channel
from tests.e2e.receiver import Receiver
from tests.e2e.watch_command import (
    Command,
    assert_no_traceback,
    complaints,
    configuration,
    eventually,
    rules,
    watch,
)
from tests.unit.sources.media import clip
from tests.unit.sources.origin import Origin

Fill = Callable[[Command, Path], AbstractContextManager[None]]


@contextlib.contextmanager
def full_disk(_command: Command, folder: Path) -> Iterator[None]:
    """Leave not a byte on the disk of ``folder``."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1 << 9, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    yield
    ballast.unlink()


@contextlib.contextmanager
def file_size_limit(command: Command, _folder: Path) -> Iterator[None]:
    """Forbid the monitor's process to make any file larger than a page: what RLIMIT_FSIZE and quotas do."""
    _, hard = resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextlib.contextmanager
def locked(command: Command, _folder: Path) -> Iterator[None]:
    """Hold the store's write lock, as a backup or another program would."""
    holder = sqlite3.connect(command.store.path, isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.rollback()
    holder.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"can't mount a small file system here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the watch works: on the small disk for the test that fills it."""
    if request.node.callspec.params["outage"] is full_disk:
        found: Path = request.getfixturevalue("small_disk")
        return found
    return tmp_path


@pytest.mark.parametrize("outage", [full_disk, file_size_limit, locked])
def test_an_outage_of_the_store_is_alerted_and_nothing_is_lost(disk: Path, tmp_path: Path, outage: Fill) -> None:
    quick = rules(tmp_path, {"name": "SinkBlocked", "for_seconds": 1, "keep_firing_for_seconds": 0})
    with Receiver() as receiver, Origin() as origin, Channel(origin, "live") as channel:
        config = configuration(
            tmp_path,
            [{"name": "news", "url": channel.url}],
            rules=str(quick),
            listen="127.0.0.1:0",
            out=str(disk / "scores.ndjson"),
            store=f"sqlite:///{disk / 'vqmon.db'}",
            notifiers=[{"type": "webhook", "url": receiver.url}],
        )
        with watch(tmp_path, config) as command:
            command.store.path = disk / "vqmon.db"
            eventually("the first scores", lambda: len(command.store.sequences("news")) >= 2)
            with outage(command, disk):
                eventually("the outage is told", lambda: receiver.alerts("SinkBlocked", "firing"))
                known = command.metric("vqmon_segments_total", stream="news")
                eventually("scoring goes on", lambda: command.metric("vqmon_segments_total", stream="news") >= known + 3)
                stuck = command.store.sequences("news")
            eventually("the end of the outage is told", lambda: receiver.alerts("SinkBlocked", "resolved"))
            eventually("what waited is stored", lambda: len(command.store.sequences("news")) >= known + 3)
            command.signal(signal.SIGTERM)
            assert command.wait(25) == 0, command.stderr
    stored = command.store.sequences("news")
    assert len(stored) > len(stuck)
    assert stored == list(range(stored[0], stored[-1] + 1))
    lines = [json.loads(line) for line in (disk / "scores.ndjson").read_text(encoding="utf-8").splitlines()]
    assert [line["sequence"] for line in lines if line["type"] == "segment"] == stored
    told = [(line["alertname"], line["state"]) for line in lines if line["type"] == "alert"]
    assert told == [("SinkBlocked", "firing"), ("SinkBlocked", "resolved")]
    [incident] = command.store.incidents("SinkBlocked")
    assert incident.state is AlertState.RESOLVED
    assert not list(disk.glob("*.spool*"))
    assert_no_traceback(command)


def test_a_stop_during_an_outage_keeps_the_results_for_the_next_run(tmp_path: Path) -> None:
    with Origin() as origin, Channel(origin, "live") as channel:
        with watch(tmp_path, channel.url, "--listen", "127.0.0.1:0") as command:
            eventually("the first scores", lambda: len(command.store.sequences("127.0.0.1/video")) >= 2)
            with locked(command, tmp_path):
                known = command.metric("vqmon_segments_total")
                eventually("scoring goes on", lambda: command.metric("vqmon_segments_total") >= known + 3)
                command.signal(signal.SIGTERM)
                command.wait(40)
        assert_no_traceback(command)
        before = command.store.sequences("127.0.0.1/video")
        with watch(tmp_path, channel.url) as again:
            eventually("what waited is stored", lambda: len(again.store.sequences("127.0.0.1/video")) >= known + 3)
            again.signal(signal.SIGTERM)
            assert again.wait(20) == 0
    stored = again.store.sequences("127.0.0.1/video")
    assert set(range(before[0], before[0] + int(known) + 3)) <= set(stored)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o555)
    with watch(tmp_path, "clip.mp4", "--store", f"sqlite:///{sealed}/vqmon.db") as command:
        assert command.wait() == 1
    assert len(complaints(command)) == 1
    assert_no_traceback(command)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--store", "sqlite:////proc/vqmon/vqmon.db"], "folder"),
        (["--store", "sqlite:///folder"], "folder"),
        (["--store", "sqlite:///text.db"], "not an SQLite database"),
        (["--out", "/proc/vqmon/scores.ndjson"], "can't be opened"),
        (["--out", "folder"], "can't be opened"),
        (["--listen", "127.0.0.1:{taken}"], "address already in use"),
        (["--listen", "192.0.2.1:8080"], "can't listen"),
        (["--store", "postgresql://user:pa55word@127.0.0.1:1/db"], "postgresql://127.0.0.1:1/db"),
    ],
)
def test_an_output_that_can_not_be_had_is_one_line_and_exit_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    clip(tmp_path / "clip.mp4", seconds=1)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no database\n" * 100, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with Receiver() as taken:
        port = taken.url.rsplit(":", 1)[1].split("/")[0]
        monkeypatch.setattr("sys.argv", ["vqmon", "watch", "clip.mp4", *[word.format(taken=port) for word in arguments]])
        with pytest.raises(SystemExit) as left:
            cli.main()
    assert left.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("vqmon: ")
    assert words in line
    assert "pa55word" not in line
