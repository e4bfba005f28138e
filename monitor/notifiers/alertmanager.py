"""Prometheus' Alertmanager, API version 2.

Alertmanager forgets alerts that are not repeated. So what fires is sent again every minute, with an end that lies four
minutes ahead (a monitor that dies does not leave alerts behind for ever), and what resolved for five minutes, as
Alertmanager's documentation for clients asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from monitor.notifiers.posting import Endpoint, rfc3339
from monitor.notifiers.webhook import alert_annotations
from monitor.types import Alert, AlertState

REPEAT = timedelta(minutes=1)
LASTS = timedelta(minutes=4)
"""How far ahead the end of a firing alert lies."""
RESOLVED_FOR = timedelta(minutes=5)


class AlertmanagerNotifier:
    """Posts to ``/api/v2/alerts``.

    Args:
        url: Alertmanager's address, with its path prefix if there is one; may hold credentials.
        timeout_seconds: for connecting, sending and each read.
        labels: labels that are added to every alert, for example the site; an alert's own win.
        external_url: address of the dashboard, for links.
        clock: UTC.
        transport: replaces the network in tests.

    Raises:
        ConfigError: the address can't be one.
    """

    name = "alertmanager"

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 10.0,
        labels: Mapping[str, str] | None = None,
        external_url: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._endpoint = Endpoint(f"{url.rstrip('/')}/api/v2/alerts", timeout_seconds=timeout_seconds, transport=transport)
        self._labels = dict(labels or {})
        self._external_url = external_url
        self._clock = clock
        self._evidence: dict[str, tuple[str, ...]] = {}
        """Evidence of what fires: whoever refreshes does not know it."""
        self._resolved: dict[str, tuple[Alert, datetime]] = {}
        """What resolved, and until when it is repeated."""
        self._sent_at: datetime | None = None

    def notify(self, alerts: Sequence[Alert]) -> None:
        now = self._clock()
        newest = {alert.fingerprint: alert for alert in alerts}
        self._post([self._entry(alert, now) for alert in newest.values()])
        for fingerprint, alert in newest.items():
            self._evidence.pop(fingerprint, None)
            self._resolved.pop(fingerprint, None)
            if alert.state is AlertState.RESOLVED:
                self._resolved[fingerprint] = (alert, now + RESOLVED_FOR)
            elif alert.evidence:
                self._evidence[fingerprint] = alert.evidence

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        if self._sent_at is not None and now - self._sent_at < REPEAT:
            return
        fires = {alert.fingerprint for alert in firing}
        self._resolved = {one: kept for one, kept in self._resolved.items() if kept[1] >= now and one not in fires}
        known = [replace(alert, evidence=alert.evidence or self._evidence.get(alert.fingerprint, ())) for alert in firing]
        entries = [self._entry(alert, now) for alert in (*known, *(alert for alert, _until in self._resolved.values()))]
        if entries:
            self._post(entries)
        self._sent_at = now

    def close(self) -> None:
        self._endpoint.close()

    def _entry(self, alert: Alert, now: datetime) -> dict[str, Any]:
        """An alert as the API takes it. A stream's clock may be ahead of ours: what has ended, ended by now."""
        ends_at = now + LASTS if alert.ends_at is None else min(alert.ends_at, now)
        entry = {
            "labels": {**self._labels, **alert.labels},
            "annotations": alert_annotations(alert),
            "startsAt": rfc3339(min(alert.starts_at, ends_at)),
            "endsAt": rfc3339(ends_at),
        }
        if self._external_url:
            entry["generatorURL"] = self._external_url
        return entry

    def _post(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._endpoint.post(json.dumps(entries, ensure_ascii=False, allow_nan=False).encode())
