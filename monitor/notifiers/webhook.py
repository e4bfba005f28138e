"""Webhooks in the shape of Alertmanager's, version 4, so that every receiver made for those works.

Signature. With a secret, each request carries ``X-Vqmon-Signature: t=SECONDS,v1=HEX``: ``SECONDS`` is the Unix time of
sending, ``HEX`` the HMAC-SHA256, keyed with the secret, of ``SECONDS``, a full stop and the body's bytes. A receiver
computes the same, compares in constant time, and refuses when ``SECONDS`` is more than a few minutes off.

Repeats. ``Idempotency-Key`` is the SHA-256 of the body, which holds no time of sending: a repeated request has the key of
the first, so that a receiver whose answer was lost can tell. A body that was accepted is not sent again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import httpx

from monitor.notifiers.posting import Endpoint, rfc3339
from monitor.types import Alert, AlertState, json_number

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: how Alertmanager writes the end of an alert that still fires."""
REMEMBERED = 256
"""Accepted bodies that are recognised when a delivery is tried again."""


class WebhookNotifier:
    """POSTs transitions, one request for each run of alerts of one stream and one status.

    Args:
        url: where to; may hold secrets.
        secret: signs requests; ``None`` sends them unsigned.
        timeout_seconds: for connecting, sending and each read.
        name: of this notifier, and the ``receiver`` in bodies.
        external_url: address of the dashboard, for links.
        clock: seconds since the Unix epoch, for signatures.
        transport: replaces the network in tests.

    Raises:
        ConfigError: the address can't be one.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str | None = None,
        timeout_seconds: float = 10.0,
        name: str = "webhook",
        external_url: str = "",
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        self._endpoint = Endpoint(url, timeout_seconds=timeout_seconds, transport=transport)
        self._secret = secret
        self._external_url = external_url
        self._clock = clock
        self._accepted: deque[str] = deque(maxlen=REMEMBERED)

    def notify(self, alerts: Sequence[Alert]) -> None:
        for group in _groups(alerts):
            document = webhook_body(group, receiver=self.name, external_url=self._external_url)
            body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            key = hashlib.sha256(body).hexdigest()
            if key in self._accepted:
                continue
            headers = {"Idempotency-Key": key, "User-Agent": "vqmon"}
            if self._secret is not None:
                headers["X-Vqmon-Signature"] = signature(self._secret, int(self._clock()), body)
            self._endpoint.post(body, headers)
            self._accepted.append(key)

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        """Receivers of webhooks remember."""

    def close(self) -> None:
        self._endpoint.close()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of ``X-Vqmon-Signature`` (see the module)."""
    digest = hmac.new(secret.encode(), str(seconds).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def webhook_body(alerts: Sequence[Alert], *, receiver: str, external_url: str = "") -> dict[str, Any]:
    """The body for alerts of one stream and one status; at least one."""
    status = "firing" if alerts[0].state is AlertState.FIRING else "resolved"
    entries = [
        {
            "status": status,
            "labels": dict(alert.labels),
            "annotations": alert_annotations(alert),
            "startsAt": rfc3339(alert.starts_at),
            "endsAt": NEVER if alert.ends_at is None else rfc3339(alert.ends_at),
            "generatorURL": external_url,
            "fingerprint": alert.fingerprint,
        }
        for alert in alerts
    ]
    group = {"stream": alerts[0].stream} if alerts[0].stream else {}
    matchers = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in group.items())
    return {
        "version": "4",
        "groupKey": f"{{}}:{{{matchers}}}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": _common([alert.labels for alert in alerts]),
        "commonAnnotations": _common([alert_annotations(alert) for alert in alerts]),
        "externalURL": external_url,
        "alerts": entries,
    }


def alert_annotations(alert: Alert) -> dict[str, str]:
    """What is told about an alert besides its identity; everything is text."""
    numbers = {"value": alert.value, "threshold": alert.threshold}
    finite = {name: json_number(number) for name, number in numbers.items() if number is not None}
    named = {
        "summary": alert.summary,
        "description": alert.description,
        **{name: f"{number:.6g}" for name, number in finite.items() if number is not None},
        "segment_start_ms": "" if alert.segment_start_ms is None else str(alert.segment_start_ms),
        "evidence": " ".join(alert.evidence),
    }
    return {name: text for name, text in named.items() if text}


def _groups(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Runs of one status within each stream: a stream's transitions stay in order, and a body has one status."""
    for stream in dict.fromkeys(alert.stream for alert in alerts):
        of_stream = [alert for alert in alerts if alert.stream == stream]
        for _state, run in groupby(of_stream, key=lambda alert: alert.state):
            yield list(run)


def _common(entries: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: text for name, text in entries[0].items() if all(entry.get(name) == text for entry in entries)}
