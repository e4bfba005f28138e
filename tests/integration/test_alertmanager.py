"""Alerts of ours in a real Alertmanager: it takes them, notifies, and resolves them; and our webhooks look like its own."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.notifiers import AlertmanagerNotifier, Delivery, WebhookNotifier
from monitor.types import Alert, AlertState, Severity
from tests.integration.services import start_alertmanager

CONFIG = """
route: {{receiver: hook, group_by: [stream], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""
WAIT_SECONDS = 30.0


class Hook(ThreadingHTTPServer):
    """Keeps the bodies that are posted to it."""

    def __init__(self) -> None:
        self.bodies: queue.Queue[dict[str, Any]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            server: Hook

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self.server.bodies.put(json.loads(self.rfile.read(length)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """The test has its own eyes."""

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def firing() -> Alert:
    return Alert(
        name="BlackPicture",
        state=AlertState.FIRING,
        severity=Severity.CRITICAL,
        stream="news",
        rendition="720p",
        feature="black_ratio",
        starts_at=datetime.now(UTC) - timedelta(seconds=6),
        ends_at=None,
        value=1.0,
        threshold=0.98,
        summary="news/720p: black picture for 6 s",
        description='Quotes " and ümlauts.',
        segment_start_ms=1795262400000,
    )


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def listed(url: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{url}/api/v2/alerts", timeout=5)
    answer.raise_for_status()
    alerts: list[dict[str, Any]] = answer.json()
    return alerts


def test_an_alert_fires_and_resolves_in_alertmanager(tmp_path: Path, hook: Hook) -> None:
    alert = firing()
    with start_alertmanager(tmp_path, CONFIG.format(url=hook.url)) as url:
        delivery = Delivery(AlertmanagerNotifier(url))
        delivery.put([alert])
        body = hook.bodies.get(timeout=WAIT_SECONDS)
        assert (body["status"], body["groupLabels"]) == ("firing", {"stream": "news"})
        [told] = body["alerts"]
        assert told["labels"] == alert.labels
        assert told["fingerprint"] == alert.fingerprint
        assert told["annotations"]["description"] == alert.description
        [entry] = listed(url)
        assert (entry["fingerprint"], entry["status"]["state"]) == (alert.fingerprint, "active")
        delivery.refresh([alert], datetime.now(UTC))
        assert delivery.flush(WAIT_SECONDS)
        ended = replace(alert, state=AlertState.RESOLVED, ends_at=datetime.now(UTC) - timedelta(seconds=1))
        delivery.put([ended])
        body = hook.bodies.get(timeout=WAIT_SECONDS)
        assert body["status"] == "resolved"
        assert body["alerts"][0]["fingerprint"] == alert.fingerprint
        until(lambda: not listed(url))
        delivery.close()
        assert (delivery.sent, delivery.failures, delivery.dropped) == (2, 0, 0)


def test_our_webhook_has_the_shape_of_alertmanagers(tmp_path: Path, hook: Hook) -> None:
    alert = firing()
    with start_alertmanager(tmp_path, CONFIG.format(url=hook.url)) as url:
        notifier = AlertmanagerNotifier(url)
        notifier.notify([alert])
        theirs = hook.bodies.get(timeout=WAIT_SECONDS)
        notifier.close()
    webhook = WebhookNotifier(hook.url, name="hook")
    webhook.notify([alert])
    webhook.close()
    ours = hook.bodies.get(timeout=WAIT_SECONDS)
    assert list(ours) == [key for key in ours if key in theirs]
    assert set(theirs) <= set(ours) | {"notification_reason"}
    assert set(ours["alerts"][0]) == set(theirs["alerts"][0])
    for document in (ours, theirs):
        del document["externalURL"]
        for entry in document["alerts"]:
            del entry["generatorURL"], entry["endsAt"], entry["startsAt"]
    assert ours == {key: theirs[key] for key in ours}
