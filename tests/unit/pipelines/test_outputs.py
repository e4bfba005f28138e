from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.sql import SqlStore
from monitor.types import Alert, SegmentResult
from pipelines import outputs
from pipelines.outputs import Outputs
from tests.unit.notifiers.samples import FIRING, resolved
from tests.unit.sinks.samples import event, result


class FaultyStore(SqlStore):
    """Raises ``error`` from every write; waits for ``hold`` first."""

    error: SinkError | None = None
    hold: threading.Event | None = None

    def _check(self) -> None:
        if self.hold is not None:
            self.hold.wait(10)
        if self.error is not None:
            raise self.error

    def write(self, results, events=()):
        self._check()
        super().write(results, events)

    def save_alerts(self, alerts):
        self._check()
        super().save_alerts(alerts)

    def save_state(self, key, value):
        self._check()
        super().save_state(key, value)


class Counts(dict[str, list[int]]):
    def __call__(self, name: str, writes: int, failures: int) -> None:
        total = self.setdefault(name, [0, 0])
        total[0] += writes
        total[1] += failures


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr("monitor.sinks.spool._FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FaultyStore]:
    with FaultyStore(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def build(store: FaultyStore, tmp_path: Path, counts: Counts | None = None, *, out: bool = True) -> Outputs:
    counts = Counts() if counts is None else counts
    return Outputs(store, f"sqlite:///{tmp_path}/store.db", tmp_path / "out.ndjson" if out else None, count=counts)


def results(*sequences: int) -> list[SegmentResult]:
    return [result(number=sequence) for sequence in sequences]


def stored(store: SqlStore) -> list[int]:
    with SqlStore(str(store.place.removeprefix("store ")), readonly=True) as reader:
        [row] = reader.renditions() or [None]
        if row is None:
            return []
        return [one.sequence - 100 for one in reader.segments(row.stream, row.rendition, since_ms=0, until_ms=1 << 50)]


def lines(tmp_path: Path, kind: str) -> list[dict[str, object]]:
    text = (tmp_path / "out.ndjson").read_text(encoding="utf-8")
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_everything_reaches_the_store_and_the_file(store: FaultyStore, tmp_path: Path) -> None:
    counts = Counts()
    with build(store, tmp_path, counts) as out:
        out.write(results(0, 1), [event()])
        out.tell(FIRING)
        out.tell(resolved())
        out.keep("alerts", "{}")
    assert stored(store) == [0, 1]
    assert len(lines(tmp_path, "segment")) == 2
    assert len(lines(tmp_path, "event")) == 1
    assert [line["state"] for line in lines(tmp_path, "alert")] == ["firing", "resolved"]
    with store:
        assert [one.state for one in store.incidents()] == ["resolved"]
        assert store.load_state("alerts") == "{}"
    assert (out.lost, out.blocked) == (0, ())
    assert {name: failures for name, (_, failures) in counts.items()} == {"store": 0, "ndjson": 0}


def test_nobody_waits_for_a_store_that_hangs(store: FaultyStore, tmp_path: Path) -> None:
    store.hold = threading.Event()
    with build(store, tmp_path) as out:
        for number in range(50):
            out.write(results(number), [])
            out.tell(FIRING)
            out.keep("alerts", str(number))
        store.hold.set()
    assert stored(store) == list(range(50))
    with store:
        assert store.load_state("alerts") == "49"


def test_what_an_outage_held_up_is_delivered_in_order(store: FaultyStore, tmp_path: Path) -> None:
    counts = Counts()
    store.error = SinkUnavailable("locked")
    with build(store, tmp_path, counts) as out:
        out.write(results(0), [])
        until(lambda: out.blocked == ("store",))
        for number in range(1, 5):
            out.write(results(number), [event()])
        out.tell(FIRING)
        out.keep("alerts", "old")
        out.keep("alerts", "new")
        until(lambda: len(lines(tmp_path, "segment")) == 5)  # the file is none the worse
        assert counts["store"][0] == 0
        assert counts["store"][1] > 0
        store.error = None
        until(lambda: out.blocked == ())
        until(lambda: stored(store) == [0, 1, 2, 3, 4])
    assert out.lost == 0
    with store:
        assert [one.name for one in store.incidents()] == ["BlackPicture"]
        assert store.load_state("alerts") == "new"


def test_incidents_alone_can_find_the_store_blocked(store: FaultyStore, tmp_path: Path) -> None:
    with build(store, tmp_path, out=False) as out:
        store.error = SinkUnavailable("full")
        out.tell(FIRING)
        until(lambda: out.blocked == ("store",))
        store.error = None
        until(lambda: out.blocked == ())
    with store:
        assert len(store.incidents()) == 1


def test_what_is_left_on_closing_waits_for_the_next_run(store: FaultyStore, tmp_path: Path) -> None:
    with build(store, tmp_path, out=False) as out:
        out.write(results(0), [])
        until(lambda: stored(store) == [0])
        store.error = SinkUnavailable("locked")
        out.write(results(1, 2), [])
    assert out.lost == 0
    assert list(tmp_path.glob("*.spool.ndjson"))
    store.error = None
    with build(store, tmp_path, out=False) as out:
        out.write(results(3), [])
    assert stored(store) == [0, 1, 2, 3]
    assert not list(tmp_path.glob("*.spool.ndjson"))


def test_an_incident_that_is_lost_on_closing_is_named(
    store: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = SinkUnavailable("locked")
    with build(store, tmp_path, out=False) as out:
        out.tell(FIRING)
    assert f"incident BlackPicture ({FIRING.summary}) could not be stored" in caplog.text


def test_what_the_store_refuses_for_good_is_counted_as_lost(
    store: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = SinkError("read-only")
    with build(store, tmp_path) as out:
        out.write(results(0, 1), [event()])
        until(lambda: out.lost == 3)
        store.error = None
        out.write(results(2), [])
    assert stored(store) == [2]
    assert [line["sequence"] for line in lines(tmp_path, "segment")] == [100, 101, 102]
    assert "read-only" in caplog.text


def test_a_file_that_refuses_is_let_go_and_the_store_is_not(
    store: FaultyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with build(store, tmp_path) as out:
        out.write(results(0), [])
        until(lambda: lines(tmp_path, "segment"))

        def refuse(*_: object) -> None:
            raise SinkError("the reader has gone")

        monkeypatch.setattr("monitor.sinks.ndjson.NdjsonSink.write", refuse)
        out.write(results(1), [])
        out.write(results(2), [])
    assert stored(store) == [0, 1, 2]
    assert (out.lost, out.blocked) == (0, ())
    assert caplog.text.count("the reader has gone") == 1


def test_a_file_that_can_not_be_opened_is_an_error_at_the_start(store: FaultyStore, tmp_path: Path) -> None:
    (tmp_path / "out.ndjson").mkdir()
    with pytest.raises(SinkError, match="can't be opened"), build(store, tmp_path):
        pass


def test_old_results_are_deleted_on_demand(store: FaultyStore, tmp_path: Path) -> None:
    with build(store, tmp_path, out=False) as out:
        out.write(results(0, 1, 2), [])
        until(lambda: stored(store) == [0, 1, 2])
        out.prune(result(number=2).segment.start_ms)
    assert stored(store) == [2]


def test_a_bug_in_one_write_does_not_end_the_writer(
    store: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken: list[Alert] = [replace(FIRING, summary="broken")]

    def save(alerts: list[Alert]) -> None:
        if broken:
            raise ZeroDivisionError(broken.pop().summary)
        SqlStore.save_alerts(store, alerts)

    store.save_alerts = save  # type: ignore[method-assign]
    with build(store, tmp_path, out=False) as out:
        out.tell(FIRING)
        until(lambda: not broken)
        out.write(results(0), [])
    assert stored(store) == [0]
    assert "ZeroDivisionError" in caplog.text
