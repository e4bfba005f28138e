"""How long to wait before the next attempt at a live input."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


class Backoff:
    """Exponential delays with full jitter, an honest reset and a circuit breaker; holds no clock.

    The ceiling of the delay doubles with each failure, from ``minimum_seconds`` to ``maximum_seconds``, and the delay is
    uniform below it, so that a hundred monitors do not return in step. Success is ``settle_seconds`` of *pictures*, not
    a connection: an input that accepts and closes at once never resets it. After ``circuit_failures`` failures
    within ``circuit_seconds`` the circuit is open, and the input is only probed every ``maximum_seconds``. Eight, because
    the doubling alone makes about six attempts in the first minute: an encoder that restarts within it is found again in
    seconds, and only a run of short draws opens the circuit.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        minimum_seconds: float = 1.0,
        maximum_seconds: float = 60.0,
        settle_seconds: float = 10.0,
        circuit_failures: int = 8,
        circuit_seconds: float = 60.0,
    ) -> None:
        self._rng = rng
        self._minimum = minimum_seconds
        self._maximum = maximum_seconds
        self._settle = settle_seconds
        self._circuit_seconds = circuit_seconds
        self._recent: deque[float] = deque(maxlen=circuit_failures)
        self._failures = 0
        self._delivering_since: float | None = None

    @property
    def failures(self) -> int:
        """Failures since the input last delivered for ``settle_seconds``."""
        return self._failures

    def delivered(self, at: float) -> None:
        """Pictures arrived at ``at`` (monotonic seconds)."""
        if self._delivering_since is None:
            self._delivering_since = at
        elif self._failures and at - self._delivering_since >= self._settle:
            self._failures = 0
            self._recent.clear()

    def failed(self, at: float) -> float:
        """An attempt failed, or delivery broke off, at ``at``: seconds to wait before the next attempt."""
        self._delivering_since = None
        self._recent.append(at)
        ceiling = min(self._maximum, self._minimum * 2.0 ** min(self._failures, 63))
        self._failures += 1
        if len(self._recent) == self._recent.maxlen and at - self._recent[0] <= self._circuit_seconds:
            return self._maximum * self._rng.uniform(0.9, 1.0)
        return self._rng.uniform(0.0, ceiling)
