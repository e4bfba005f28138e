"""The alert desk: what happens between a transition and the people who hear of it, off the scoring path.

For each transition, in order: evidence is collected (an alert that fires on a picture), then everyone is told, be it a
notifier or the store of incidents. Nobody waits for the others.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from monitor.errors import SinkError
from monitor.types import Alert, AlertState

log = logging.getLogger(__name__)


class AlertDesk:
    """A thread that handles transitions one after the other.

    Args:
        collect: Writes the evidence for an alert and names the files; may raise ``SinkError``.
        tell: Called with each alert once its evidence is there; must not block for long.
    """

    def __init__(
        self,
        collect: Callable[[Alert], tuple[str, ...]],
        tell: Sequence[Callable[[Alert], None]],
    ) -> None:
        self._collect = collect
        self._tell = tell
        self._queue: queue.SimpleQueue[Alert | None] = queue.SimpleQueue()
        self._evidence: dict[str, tuple[str, ...]] = {}
        self._thread = threading.Thread(target=self._run, name="alert-desk", daemon=True)

    def start(self) -> None:
        """Open the desk."""
        self._thread.start()

    def hand(self, alerts: Sequence[Alert]) -> None:
        """Give transitions to the desk, oldest first."""
        for alert in alerts:
            self._queue.put(alert)

    def close(self, timeout_seconds: float = 10.0) -> None:
        """Handle what is there and stop."""
        self._queue.put(None)
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while (alert := self._queue.get()) is not None:
            try:
                alert = self._with_evidence(alert)
            except Exception:
                log.exception("alert %s goes without evidence", alert.name)
            for tell in self._tell:
                try:
                    tell(alert)
                except Exception:
                    log.exception("alert %s could not be told: %s", alert.name, alert.summary)

    def _with_evidence(self, alert: Alert) -> Alert:
        if alert.state is AlertState.RESOLVED:
            return replace(alert, evidence=self._evidence.pop(alert.fingerprint, alert.evidence))
        if not alert.feature:
            return alert
        try:
            names = self._collect(alert)
        except SinkError as error:
            log.warning("%s", error)
            return alert
        self._evidence[alert.fingerprint] = names
        return replace(alert, evidence=names)
