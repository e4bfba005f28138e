"""Alerts and receivers for the notifiers' tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx

from monitor.types import Alert, AlertState, Severity

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

FIRING = Alert(
    name="BlackPicture",
    state=AlertState.FIRING,
    severity=Severity.CRITICAL,
    stream="news",
    rendition="720p",
    feature="black_ratio",
    starts_at=NOON,
    ends_at=None,
    value=0.9925,
    threshold=0.98,
    summary="news/720p: black picture for 6 s",
    description="Check the source.",
    segment_start_ms=1795262400000,
    evidence=("a.png", "b.mp4"),
)


def resolved(alert: Alert = FIRING) -> Alert:
    """The same alert, eight seconds later."""
    return replace(alert, state=AlertState.RESOLVED, ends_at=alert.starts_at.replace(second=8))


class Receiver:
    """Answers requests in turn with the statuses (or exceptions) given, then with 200, and keeps them."""

    def __init__(self, *answers: int | httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if self._answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(answer)


class Recorder:
    """A notifier that keeps what it is told, after doing what the test wants."""

    name = "recorder"

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.told: list[Alert] = []
        self.batches: list[int] = []
        self.refreshed: list[tuple[Alert, ...]] = []
        self.closed = False
        self.before = before

    def notify(self, alerts: Sequence[Alert]) -> None:
        self.before()
        self.batches.append(len(alerts))
        self.told += alerts

    def refresh(self, firing: Sequence[Alert], now: datetime) -> None:
        self.before()
        self.refreshed.append(tuple(firing))

    def close(self) -> None:
        self.closed = True
