"""Server-sent events: tells open pages when there is something new."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from monitor.errors import VqmonError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from monitor.protocols import History

TICK_SECONDS = 0.2
"""How soon an open stream notices that the server stops."""


class LiveUpdates:
    """Watches the history's revision for all open pages.

    Args:
        history: The store.
        clock: Seconds since the Unix epoch.
        interval_seconds: The revision is read, and a change sent, at most this often.
        heartbeat_seconds: Silence after which a heartbeat is sent, so that pages can tell "nothing new" from "cut off".
        max_clients: Open streams at once; more are refused.
    """

    def __init__(
        self,
        history: History,
        clock: Callable[[], float],
        *,
        interval_seconds: float = 1.0,
        heartbeat_seconds: float = 15.0,
        max_clients: int = 100,
    ) -> None:
        self._history, self._clock = history, clock
        self._interval, self._heartbeat = interval_seconds, heartbeat_seconds
        self.max_clients = max_clients
        self.clients = 0
        self._closing = threading.Event()
        self._read_at = float("-inf")
        self._revision = -1

    def close(self) -> None:
        """End all streams; callable from any thread."""
        self._closing.set()

    @property
    def full(self) -> bool:
        """Whether another page would be one too many."""
        return self.clients >= self.max_clients

    async def stream(self) -> AsyncIterator[str]:
        """Text of one page's event stream.

        Events are ``revision`` (at once, then at each change) and ``heartbeat``; both carry ``{revision, now_ms}``.
        """
        loop = asyncio.get_running_loop()
        self.clients += 1
        try:
            yield "retry: 2000\n\n"
            sent, sent_at = -1, loop.time()
            while not self._closing.is_set():
                revision = await self._latest(loop.time())
                if revision != sent:
                    yield self._event("revision", revision)
                    sent, sent_at = revision, loop.time()
                elif loop.time() - sent_at >= self._heartbeat:
                    yield self._event("heartbeat", revision)
                    sent_at = loop.time()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self.clients -= 1

    async def _latest(self, now: float) -> int:
        # One read serves all pages: the time is taken before reading, so that others do not read meanwhile.
        if now - self._read_at >= self._interval:
            self._read_at = now
            try:
                self._revision = await run_in_threadpool(self._history.revision)
            except VqmonError:
                # The store is locked or away: pages keep what they have, and their own requests show the reason.
                return self._revision
        return self._revision

    def _event(self, name: str, revision: int) -> str:
        return f"event: {name}\ndata: {json.dumps({'revision': revision, 'now_ms': round(self._clock() * 1000)})}\n\n"
