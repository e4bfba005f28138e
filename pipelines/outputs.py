"""Where results and alerts are kept: the store and, if wanted, an NDJSON file. One thread writes; the others never wait.

Each is behind a spool that outlives its outages. What an SQLite store can't take waits in memory, then in a file beside it,
which the next run delivers. Incidents and the alert engine's state wait in memory.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.database import parse_store_url
from monitor.sinks.ndjson import NdjsonSink
from monitor.sinks.spool import Spool
from monitor.sinks.sql import SqlStore
from monitor.types import Alert, SegmentResult, SourceEvent

log = logging.getLogger(__name__)

STDOUT = Path("-")
"""What stands for standard output in ``--out``."""
SPOOLED_ITEMS = 20_000
SPOOLED_BYTES = 64 << 20
"""Memory for what waits: hours of a ladder's results."""
RETRY_SECONDS = 0.5
"""How often the writer looks whether an outage is over where there is nothing new."""
CLOSE_SECONDS = 30.0
"""How long the last writes may take."""


@dataclass(slots=True)
class _Work:
    """What has been handed over and not yet been taken up."""

    results: list[SegmentResult] = field(default_factory=list)
    events: list[SourceEvent] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    state: tuple[str, str] | None = None
    prune_before_ms: int | None = None

    def __bool__(self) -> bool:
        return bool(self.results or self.events or self.alerts or self.state or self.prune_before_ms is not None)


class Outputs:
    """A writer's thread and what it writes to; a context manager. Methods return at once and may be called from any thread.

    Args:
        store: The system of record, open.
        store_url: Its URL.
        out: NDJSON file, ``-`` for standard output.
        count: Told the name of a sink and how many writes succeeded and failed, from the writer's thread.

    Raises:
        SinkError: from entering: the file can't be written.
    """

    def __init__(self, store: SqlStore, store_url: str, out: Path | None, *, count: Callable[[str, int, int], None]) -> None:
        url = parse_store_url(store_url)
        beside = Path(f"{url.database}.spool.ndjson") if url.get_backend_name() == "sqlite" else None
        self._store = store
        self._file = None if out is None else NdjsonSink(sys.stdout.buffer if out == STDOUT else out)
        self._stored = Spool(store, beside, memory_items=SPOOLED_ITEMS, memory_bytes=SPOOLED_BYTES)
        self._filed = Spool(self._file, memory_items=SPOOLED_ITEMS, memory_bytes=SPOOLED_BYTES) if self._file else None
        self._count = count
        self._change = threading.Condition()
        self._work = _Work()
        self._closing = False
        self._incidents: list[Alert] = []
        """Transitions that the store has not taken yet."""
        self._lines: list[Alert] = []
        """And the file."""
        self._state: tuple[str, str] | None = None
        self._refused = 0
        """Results and events that the store refused for good."""
        self._held = False
        """Whether the store refused the last incidents or state for now."""
        self._thread = threading.Thread(target=self._run, name="outputs", daemon=True)

    def __enter__(self) -> Self:
        if self._file is not None:
            self._file.__enter__()
        for spool in self._spools:
            self._count(spool.name, 0, 0)
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Write what is there; what can't be is left for the next run, or said to be lost."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.error("the last results are still being written after %g s; they may be lost", CLOSE_SECONDS)

    @property
    def blocked(self) -> tuple[str, ...]:
        """Names of the sinks that take nothing at present."""
        names = [spool.name for spool in self._spools if spool.blocked_since is not None]
        return tuple(dict.fromkeys([*names, *([self._store.name] if self._held else [])]))

    @property
    def lost(self) -> int:
        """Results and events that could be kept nowhere."""
        return self._refused + sum(spool.lost for spool in self._spools)

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent]) -> None:
        """Store results and events, and append them to the file."""
        with self._change:
            self._work.results += results
            self._work.events += events
            self._change.notify()

    def tell(self, alert: Alert) -> None:
        """Store an incident's transition, and append it to the file."""
        with self._change:
            self._work.alerts.append(alert)
            self._change.notify()

    def keep(self, key: str, document: str) -> None:
        """Store a document of state; a newer one replaces one that still waits."""
        with self._change:
            self._work.state = (key, document)
            self._change.notify()

    def prune(self, before_ms: int) -> None:
        """Delete from the store what began before ``before_ms``."""
        with self._change:
            self._work.prune_before_ms = before_ms
            self._change.notify()

    @property
    def _spools(self) -> tuple[Spool, ...]:
        return (self._stored,) if self._filed is None else (self._stored, self._filed)

    # ---- the writer's thread

    def _run(self) -> None:
        closing = False
        while not closing:
            with self._change:
                self._change.wait_for(lambda: self._work or self._closing, RETRY_SECONDS)
                work, self._work, closing = self._work, _Work(), self._closing
            try:
                self._perform(work)
            except Exception:
                log.exception("results could not be written")
        self._end()

    def _perform(self, work: _Work) -> None:
        if work.results or work.events:
            self._write(work.results, work.events)
        else:
            for spool in self._spools:
                spool.retry()
        self._incidents += work.alerts
        self._state = work.state or self._state
        if self._stored.blocked_since is None and (self._incidents or self._state):
            self._write_incidents()
        if self._filed is not None:
            self._lines += work.alerts
            if self._filed.blocked_since is None and self._lines:
                self._write_lines()
        if work.prune_before_ms is not None:
            self._prune(work.prune_before_ms)

    def _write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent]) -> None:
        for spool in self._spools:
            try:
                spool.write(results, events)
            except SinkError as error:
                log.error("%d results and events are lost: %s", len(results) + len(events), error)  # noqa: TRY400
                if spool is self._filed:
                    self._let_go()
                else:
                    self._refused += len(results) + len(events)
            blocked = spool.blocked_since is not None
            self._count(spool.name, 0 if blocked else 1, 1 if blocked else 0)

    def _write_incidents(self) -> None:
        try:
            self._store.save_alerts(self._incidents)
            self._incidents = []
            if self._state is not None:
                self._store.save_state(*self._state)
                self._state = None
        except SinkUnavailable as error:
            if not self._held:
                log.warning("incidents wait: %s", error)
            self._held = True
        except SinkError as error:
            log.error("%d incidents are lost: %s", len(self._incidents), error)  # noqa: TRY400  # one line is what helps
            self._incidents, self._state = [], None
        else:
            self._held = False

    def _write_lines(self) -> None:
        assert self._file is not None
        try:
            self._file.write_alerts(self._lines)
        except SinkUnavailable as error:
            log.debug("alerts wait: %s", error)
            return
        except SinkError as error:
            log.error("%d alerts are not written: %s", len(self._lines), error)  # noqa: TRY400
            self._let_go()
        self._lines = []

    def _let_go(self) -> None:
        """A file that refuses, or a reader of standard output that has gone, is left alone: watching goes on."""
        self._filed = None
        if self._file is not None:
            with contextlib.suppress(SinkError):
                self._file.close()

    def _prune(self, before_ms: int) -> None:
        try:
            pruned = self._store.prune(before_ms)
        except SinkError as error:
            log.warning("old scores are kept for now: %s", error)
        else:
            log.info("deleted %d old segments", pruned.segments)

    def _end(self) -> None:
        """Deliver what waits, or leave it in the file."""
        for spool in self._spools:
            with contextlib.suppress(SinkError):  # closing will say it
                spool.flush()
            if spool.blocked_since is None:
                self._perform(_Work())
            try:
                spool.close()
            except SinkError as error:
                log.error("%s", error)  # noqa: TRY400  # one line is what helps
        for alert in self._incidents:
            log.error("incident %s (%s) could not be stored", alert.name, alert.summary)
