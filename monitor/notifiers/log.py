"""Alerts as log lines."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from monitor.types import Alert, AlertState, Severity

log = logging.getLogger(__name__)

LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}


class LogNotifier:
    """Writes each transition to the logger ``monitor.notifiers.log``, at a level by severity; resolved ones at INFO."""

    name = "log"

    def notify(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            level = LEVELS[alert.severity] if alert.state is AlertState.FIRING else logging.INFO
            log.log(level, "%s %s [%s] %s", alert.state, alert.name, alert.severity, alert.summary)

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        """A log does not forget."""

    def close(self) -> None:
        """Nothing is held."""
