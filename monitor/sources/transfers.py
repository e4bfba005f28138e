"""Blocking work beside one waiting consumer: threads in, outcomes out, and a wait that ``stop`` interrupts at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

JobT = TypeVar("JobT")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[JobT]):
    """What became of one piece of work."""

    job: JobT
    result: object = None
    error: Exception | None = None


class Transfers(Generic[JobT]):
    """Runs each piece of work on a daemon thread of its own and hands the outcomes to one consumer.

    Neither a name look-up nor a read that hangs can be interrupted from outside, so nobody waits for them: the consumer
    waits here, leaves when told to, and what hangs ends by its own timeout. ``release`` is called when the last of
    the work has ended, never under a thread that still reads.

    Args:
        release: frees what the work uses; called once after ``close``.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._outcomes: queue.SimpleQueue[Outcome[JobT] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running = 0
        self._closed = False

    def start(self, job: JobT, work: Callable[[], object]) -> None:
        """Begin ``work``; its result or error comes out of ``wait``, labelled with ``job``."""
        with self._lock:
            self._running += 1
        threading.Thread(target=self._run, args=(job, work), daemon=True, name="transfer").start()

    def wait(self, timeout_seconds: float) -> Outcome[JobT] | None:
        """The next outcome, or ``None`` after ``timeout_seconds`` or a ``wake``."""
        try:
            return self._outcomes.get(timeout=max(0.0, timeout_seconds))
        except queue.Empty:
            return None

    def wake(self) -> None:
        """End a ``wait`` early, from any thread."""
        self._outcomes.put(None)

    def close(self) -> None:
        """Give up what is under way; later outcomes are lost."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            idle = self._running == 0
        if idle:
            self._release()

    def _run(self, job: JobT, work: Callable[[], object]) -> None:
        try:
            outcome = Outcome(job, result=work())
        except Exception as error:  # noqa: BLE001  # the consumer raises what it does not expect
            outcome = Outcome(job, error=error)
        self._outcomes.put(outcome)
        with self._lock:
            self._running -= 1
            last = self._closed and self._running == 0
        if last:
            self._release()
