"""The alert desk: what happens between a transition and the people who hear of it, off the scoring path.

For each transition, in order: evidence is collected (an alert that fires on a picture), the incident is stored, and every
notifier is told. Notifying never waits for the store: an incident that can't be stored now is kept and stored later.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import SinkError, SinkUnavailable
from monitor.types import Alert, AlertState

if TYPE_CHECKING:
    from monitor.protocols import StateStore

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""How often an incident that could not be stored is tried again."""


class AlertDesk:
    """A thread that handles transitions one after the other.

    Args:
        store: Where incidents go.
        collect: Writes the evidence for an alert and names the files; may raise ``SinkError``.
        tell: Called with each alert once its evidence is there; must not block for long.
    """

    def __init__(
        self,
        store: StateStore,
        collect: Callable[[Alert], tuple[str, ...]],
        tell: Sequence[Callable[[Alert], None]],
    ) -> None:
        self._store = store
        self._collect = collect
        self._tell = tell
        self._queue: queue.SimpleQueue[Alert | None] = queue.SimpleQueue()
        self._evidence: dict[str, tuple[str, ...]] = {}
        self._unstored: list[Alert] = []
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
        while True:
            try:
                alert = self._queue.get(timeout=RETRY_SECONDS if self._unstored else None)
            except queue.Empty:
                self._keep([])
                continue
            if alert is None:
                self._keep([])
                for lost in self._unstored:
                    log.error("incident %s (%s) could not be stored", lost.name, lost.summary)
                return
            try:
                self._handle(alert)
            except Exception:
                log.exception("alert %s could not be handled: %s", alert.name, alert.summary)

    def _handle(self, alert: Alert) -> None:
        alert = self._with_evidence(alert)
        for tell in self._tell:
            tell(alert)
        self._keep([alert])

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

    def _keep(self, alerts: Sequence[Alert]) -> None:
        """Store incidents, the ones that failed before first."""
        pending = [*self._unstored, *alerts]
        if not pending:
            return
        self._unstored = []
        try:
            self._store.save_alerts(pending)
        except SinkUnavailable as error:
            log.warning("incidents wait for the store: %s", error)
            self._unstored = pending
        except SinkError as error:
            log.error("%d incidents are lost: %s", len(pending), error)  # noqa: TRY400  # one line is what helps
