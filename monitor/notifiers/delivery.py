"""A thread per notifier, so that a receiver that is slow or away never holds up scoring.

Each delivery is tried a few times with growing pauses. When that fails, the alerts stay at hand, but only the newest state
of each, and are tried again together with the next ones, or after a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
)

from monitor.errors import NotifyError, NotifyUnavailable
from monitor.protocols import Notifier
from monitor.types import Alert

log = logging.getLogger(__name__)

ATTEMPTS = 5
MAX_PAUSE_SECONDS = 60.0
"""Longest pause between two attempts, whatever the receiver asks for."""


class Delivery:
    """Delivers alerts to one notifier from a thread of its own, which the first call starts.

    Args:
        notifier: who is told; used from the thread only, and closed by ``close``.
        capacity: transitions that may wait. More than that, and only the newest state of each alert is kept; still more, and
            the oldest are dropped and counted.
        backoff_seconds: the first pause between attempts; it doubles.
        retry_seconds: the pause after a delivery was given up.
        monotonic: a clock that never jumps, in seconds.
    """

    def __init__(
        self,
        notifier: Notifier,
        *,
        capacity: int = 1000,
        backoff_seconds: float = 1.0,
        retry_seconds: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = notifier.name
        self.sent = 0
        """Transitions delivered."""
        self.failures = 0
        """Attempts that failed."""
        self.dropped = 0
        """Transitions that never will be delivered: refused, overflowed, or left when closing."""
        self._undelivered = False
        self._stale = False
        self._notifier = notifier
        self._capacity = capacity
        self._retry_seconds = retry_seconds
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: list[Alert] = []
        self._busy = 0
        self._not_before = 0.0
        self._firing: tuple[tuple[Alert, ...], datetime] | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        pauses = wait_exponential(multiplier=backoff_seconds, max=MAX_PAUSE_SECONDS)

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            asked = error.retry_after_seconds if isinstance(error, NotifyUnavailable) else None
            return min(max(pauses(state), asked or 0.0), MAX_PAUSE_SECONDS)

        self._attempts = Retrying(
            retry=retry_if_exception_type(NotifyUnavailable),
            stop=stop_after_attempt(ATTEMPTS) | stop_when_event_set(self._closing),
            wait=pause,
            sleep=sleep_using_event(self._closing),
            reraise=True,
        )

    @property
    def failing(self) -> bool:
        """Whether the latest delivery was given up or refused, or the latest refresh failed."""
        return self._undelivered or self._stale

    @property
    def queued(self) -> int:
        """Transitions that wait or are being delivered."""
        with self._changed:
            return len(self._waiting) + self._busy

    def put(self, alerts: Sequence[Alert]) -> None:
        """Take transitions, oldest first; never blocks."""
        with self._changed:
            if self._closing.is_set():
                self.dropped += len(alerts)
                return
            self._waiting = self._fit([*self._waiting, *alerts])
            self._not_before = 0.0
            self._start()

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        """Take all that fires, for receivers that forget; never blocks, and the newest call counts."""
        with self._changed:
            if not self._closing.is_set():
                self._firing = (tuple(firing), now)
                self._start()

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until nothing is queued; false when it takes longer, or a delivery was given up."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and not self._busy and self._firing is None, timeout_seconds
            )

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Cut pauses short, try again to deliver what waits, stop. What is left is logged and counted as dropped."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            if self._thread.is_alive():
                log.warning("notifier %s is still busy; %d transitions may be lost", self.name, self.queued)
                return
        self._notifier.close()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"notify-{self.name}", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._due, self._patience())
                closing = self._closing.is_set()
                due = closing or self._monotonic() >= self._not_before
                batch, self._waiting = (self._waiting, []) if due else ([], self._waiting)
                firing, self._firing = self._firing, None
                self._busy = len(batch)
            if batch:
                self._deliver(batch)
            if firing is not None and not closing:
                self._refresh(*firing)
            with self._changed:
                self._busy = 0
                self._changed.notify_all()
                if closing:
                    self._give_up()
                    return

    def _due(self) -> bool:
        ready = bool(self._waiting) and self._monotonic() >= self._not_before
        return self._closing.is_set() or self._firing is not None or ready

    def _patience(self) -> float | None:
        """Seconds until what was given up is due again; ``None`` when nothing waits."""
        return max(0.0, self._not_before - self._monotonic()) if self._waiting else None

    def _deliver(self, batch: list[Alert]) -> None:
        try:
            self._attempts(self._notify, batch)
        except NotifyUnavailable as error:
            log.warning("notifier %s: %s; %d transitions wait", self.name, error, len(batch))
            with self._changed:
                self._not_before = 0.0 if self._waiting else self._monotonic() + self._retry_seconds
                self._waiting = self._fit(_newest([*batch, *self._waiting]))
            self._undelivered = True
        except NotifyError as error:
            log.error("notifier %s refused %d transitions: %s", self.name, len(batch), error)  # noqa: TRY400
            self._lose(len(batch))
        except Exception:
            log.exception("notifier %s failed on %d transitions", self.name, len(batch))
            self.failures += 1
            self._lose(len(batch))
        else:
            self.sent += len(batch)
            self._undelivered = False

    def _notify(self, batch: list[Alert]) -> None:
        try:
            self._notifier.notify(batch)
        except NotifyError:
            self.failures += 1
            raise

    def _refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        try:
            self._notifier.refresh(firing, now)
        except NotifyError as error:
            self.failures += 1
            if not self._stale:
                log.warning("notifier %s: %s", self.name, error)
            self._stale = True
        except Exception:
            log.exception("notifier %s failed to refresh", self.name)
            self.failures += 1
            self._stale = True
        else:
            self._stale = False

    def _lose(self, count: int) -> None:
        self.dropped += count
        self._undelivered = True

    def _fit(self, alerts: list[Alert]) -> list[Alert]:
        if len(alerts) <= self._capacity:
            return alerts
        newest = _newest(alerts)
        over = max(0, len(newest) - self._capacity)
        self.dropped += over
        return newest[over:]

    def _give_up(self) -> None:
        for alert in self._waiting:
            log.error("notifier %s was not told: %s %s, %s", self.name, alert.state, alert.name, alert.summary)
        self.dropped += len(self._waiting)
        self._waiting = []


def _newest(alerts: Sequence[Alert]) -> list[Alert]:
    """The last state of each alert, in order."""
    last = {alert.fingerprint: number for number, alert in enumerate(alerts)}
    return [alert for number, alert in enumerate(alerts) if last[alert.fingerprint] == number]
