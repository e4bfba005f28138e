"""Outlives a sink's outages: what can't be stored now is kept, and delivered in order when the sink is back."""

from __future__ import annotations

import json
import logging
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from monitor.errors import SinkError, SinkUnavailable
from monitor.sinks.backlog import FileBacklog, MemoryBacklog
from monitor.types import SegmentResult, SourceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.protocols import Sink

logger = logging.getLogger(__name__)

Item = SegmentResult | SourceEvent

_BATCH = 200
_FIRST_PAUSE_SECONDS = 1.0


class Spool:
    """A sink around a sink, whose ``write`` never raises for an outage.

    While the sink is unavailable, results and events wait in memory up to a bound, then in a file; when neither can take
    more, the oldest in memory are lost and counted. They are delivered in the order in which they were written, across
    restarts too. A delivery that a crash interrupts is repeated, which sinks promise to bear. Frame scores do not wait:
    a delayed delivery carries none. Safe for several threads.

    Args:
        sink: what to write to.
        path: the file, best on another disk than the sink's; made when first needed, removed on ``close`` when empty. One
            process owns it at a time; another that names the same one keeps to its memory. ``None``: memory only.
        memory_items: most results and events that wait in memory.
        memory_bytes: and the most that they may weigh, as JSON.
        file_bytes: largest size of the file.
        longest_pause_seconds: cap of the doubling pause between attempts.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        sink: Sink,
        path: Path | None = None,
        *,
        memory_items: int = 2_000,
        memory_bytes: int = 16 * 2**20,
        file_bytes: int = 2**30,
        longest_pause_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = sink.name
        self.blocked_since: float | None = None
        """Reading of the clock when the present outage was noticed; ``None`` while the sink takes everything."""
        self.lost = 0
        """Results and events that could be kept nowhere, that the sink refused for good, or that could not be read back."""
        self._sink = sink
        self._file = FileBacklog(path, file_bytes) if path else None
        self._memory = MemoryBacklog(memory_items, memory_bytes)
        self._longest_pause = longest_pause_seconds
        self._pause = 0.0
        self._retry_at = 0.0
        self._clock = clock
        self._lock = threading.RLock()

    @property
    def pending(self) -> int:
        """Results and events that wait."""
        with self._lock:
            return self._memory.count + (self._file.count if self._file else 0)

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        """Deliver, or keep for later.

        Raises:
            SinkError: the sink refused these for good.
        """
        with self._lock:
            if self._caught_up():
                try:
                    self._sink.write(results, events)
                except SinkUnavailable as error:
                    self._block(error)
                else:
                    return
            waiting: list[Item] = [*results, *events]
            for item in waiting:
                self._keep(encode(item))

    def retry(self) -> bool:
        """Deliver what waits, if the pause since the last attempt is over; whether nothing waits any more.

        ``write`` does this by itself; a caller that has nothing to write calls it every few seconds.
        """
        with self._lock:
            return self._caught_up()

    def flush(self) -> None:
        """Return when all is safe: with the sink or, in an outage, in the file. Does not wait for a pause to end.

        Raises:
            SinkUnavailable: neither; what waits stays in memory.
        """
        with self._lock:
            self._retry_at = self._clock()
            if self._caught_up():
                self._sink.flush()
            elif not self._spill() or not self._file or not self._file.sync():
                raise SinkUnavailable(
                    f"{self.name} is unavailable and {self._memory.count} results and events wait in memory"
                )

    def close(self) -> None:
        """Deliver what waits or leave it in the file, then close the sink."""
        with self._lock:
            try:
                self.flush()
            except SinkUnavailable as error:
                logger.error("%s, lost on closing", error)  # noqa: TRY400 -- the message says it all
                self.lost += self._memory.count
                self._memory.forget(self._memory.count)
            finally:
                if self._file:
                    self._file.close()
                self._sink.close()

    def _caught_up(self) -> bool:
        """Deliver what waits; whether nothing waits and the sink may be tried."""
        if self.blocked_since is not None and self._clock() < self._retry_at:
            return False
        while waiting := self._waiting():
            try:
                lines = waiting.oldest(_BATCH)
                self._deliver([item for line in lines if (item := self._decoded(line))])
            except SinkUnavailable as error:
                self._block(error)
                return False
            waiting.forget(len(lines))
        if self.blocked_since is not None:
            logger.warning("%s takes results again after %.0f s", self.name, self._clock() - self.blocked_since)
            self.blocked_since, self._pause = None, 0.0
        return True

    def _waiting(self) -> FileBacklog | MemoryBacklog | None:
        """Where the oldest line is: what is in the file was written before what is in memory."""
        if self._file and self._file.count:
            return self._file
        return self._memory if self._memory.count else None

    def _deliver(self, items: Sequence[Item]) -> None:
        try:
            self._sink.write(
                [item for item in items if isinstance(item, SegmentResult)],
                [item for item in items if isinstance(item, SourceEvent)],
            )
        except SinkUnavailable:
            raise
        except SinkError as error:
            if len(items) > 1:  # one bad item must not take the others with it
                for item in items:
                    self._deliver([item])
                return
            logger.error("%s refused a delayed result, it is lost: %s", self.name, error)  # noqa: TRY400 -- expected
            self.lost += 1

    def _decoded(self, line: bytes) -> Item | None:
        try:
            return decode(line)
        except ValueError:
            logger.error("%s: a spooled line is damaged and lost", self.name)  # noqa: TRY400 -- its content says nothing
            self.lost += 1
            return None

    def _block(self, error: SinkUnavailable) -> None:
        now = self._clock()
        if self.blocked_since is None:
            self.blocked_since = now
            logger.warning("%s is unavailable, results wait: %s", self.name, error)
        self._pause = min(self._longest_pause, 2 * self._pause or _FIRST_PAUSE_SECONDS)
        self._retry_at = now + self._pause

    def _keep(self, line: bytes) -> None:
        if not self._memory.has_room(line) and not self._spill():
            while self._memory.count and not self._memory.has_room(line):
                self._memory.forget(1)
                self.lost += 1
        self._memory.append([line])

    def _spill(self) -> bool:
        """Move all of the memory behind what is in the file; whether nothing is in memory only."""
        count = self._memory.count
        if count == 0:
            return True
        if self._file is None or not self._file.append(self._memory.oldest(count)):
            return False
        self._memory.forget(count)
        return True


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {kind.__name__: TypeAdapter(kind) for kind in (SegmentResult, SourceEvent)}


def encode(item: Item) -> bytes:
    """One line of JSON that ``decode`` turns into an equal value, less frame scores. Python's NaN and Infinity may occur."""
    name = type(item).__name__
    fields = _adapters()[name].dump_python(item, mode="json", exclude={"frame_scores"})
    for score in fields.get("scores", ()):
        del score["segment"]  # the result's own, once is enough
    return json.dumps({name: fields}, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Item:
    """The value that ``encode`` wrote.

    Raises:
        ValueError: the line is damaged.
    """
    try:
        ((name, fields),) = json.loads(line).items()
        for score in fields.get("scores", ()):
            score["segment"] = fields["segment"]
        item: Item = _adapters()[name].validate_python(fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a spooled line: {error}") from error
    return item
