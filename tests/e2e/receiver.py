"""A webhook's receiver: keeps what is posted to it, answers as told, or never."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Posted:
    """One request."""

    body: bytes
    headers: dict[str, str]

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Receiver:
    """Listens on loopback; a context manager.

    Args:
        hang: Whether to take requests and never answer.
    """

    def __init__(self, *, hang: bool = False) -> None:
        self.posted: list[Posted] = []
        self._released = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.posted.append(Posted(body, dict(self.headers)))
                if hang:
                    owner._released.wait(120)
                    return
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def alerts(self, name: str, status: str) -> list[dict[str, Any]]:
        """Every alert of that name and status that was posted."""
        return [
            alert
            for posted in list(self.posted)
            for alert in posted.document["alerts"]
            if alert["labels"]["alertname"] == name and alert["status"] == status
        ]
