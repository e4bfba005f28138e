"""Where results go: the store and, if wanted, an NDJSON file, each behind a spool that outlives its outages."""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Callable, Sequence
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


class Outputs:
    """Takes results and events and never raises for an outage; a context manager. ``tell`` may be called from any thread.

    What an SQLite store can't take waits in memory, then in a file beside it, which the next run delivers.

    Args:
        store: The system of record, open.
        store_url: Its URL.
        out: NDJSON file, ``-`` for standard output.
        count: Told the name of a sink and how many writes succeeded and failed.

    Raises:
        SinkError: from entering: the file can't be written.
    """

    def __init__(self, store: SqlStore, store_url: str, out: Path | None, *, count: Callable[[str, int, int], None]) -> None:
        url = parse_store_url(store_url)
        beside = Path(f"{url.database}.spool.ndjson") if url.get_backend_name() == "sqlite" else None
        self._file = None if out is None else NdjsonSink(sys.stdout.buffer if out == STDOUT else out)
        self._spools = [Spool(store, beside, memory_items=SPOOLED_ITEMS, memory_bytes=SPOOLED_BYTES)]
        if self._file is not None:
            self._spools.append(Spool(self._file, memory_items=SPOOLED_ITEMS, memory_bytes=SPOOLED_BYTES))
        self._count = count
        self._told: queue.SimpleQueue[Alert] = queue.SimpleQueue()
        self._untold: list[Alert] = []
        """Transitions that the file could not take yet."""

    def __enter__(self) -> Self:
        if self._file is not None:
            self._file.__enter__()
        for spool in self._spools:
            self._count(spool.name, 0, 0)
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Deliver what waits, or say how much is lost."""
        self._write_alerts()
        if self._untold:
            log.error("%d alert transitions are missing in the NDJSON file", len(self._untold))
        for spool in self._spools:
            try:
                spool.close()
            except SinkError as error:
                log.error("%s", error)  # noqa: TRY400  # one line is what helps

    @property
    def blocked(self) -> tuple[str, ...]:
        """Names of the sinks that take nothing at present."""
        return tuple(spool.name for spool in self._spools if spool.blocked_since is not None)

    @property
    def lost(self) -> int:
        """Results and events that could be kept nowhere."""
        return sum(spool.lost for spool in self._spools)

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent]) -> None:
        """Store, or keep for later."""
        for spool in tuple(self._spools):
            try:
                spool.write(results, events)
            except SinkError as error:
                self._refused(spool, error, len(results) + len(events))
            blocked = spool.blocked_since is not None
            self._count(spool.name, 0 if blocked else 1, 1 if blocked else 0)
        self._write_alerts()

    def tell(self, alert: Alert) -> None:
        """Note a transition for the file."""
        if self._file is not None:
            self._told.put(alert)

    def retry(self) -> None:
        """Deliver what waits, where it is time to try again."""
        for spool in tuple(self._spools):
            if spool.blocked_since is not None:
                spool.retry()
        self._write_alerts()

    def _write_alerts(self) -> None:
        while not self._told.empty():
            self._untold.append(self._told.get())
        if not self._untold or self._file is None or self._file.name in self.blocked:
            return
        try:
            self._file.write_alerts(self._untold)
        except SinkUnavailable as error:
            log.debug("alerts wait: %s", error)
            return
        except SinkError as error:
            self._refused(self._spools[-1], error, len(self._untold))
        self._untold = []

    def _refused(self, spool: Spool, error: SinkError, count: int) -> None:
        """What a sink refuses for good is lost. A file, or the reader of standard output, that is gone is let go."""
        log.error("%s: %d results and events are lost: %s", spool.name, count, error)
        if self._file is not None and spool is self._spools[-1]:
            self._file = None
            self._spools.remove(spool)
