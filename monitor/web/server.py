"""The built-in web server: the dashboard, its JSON API and ``/metrics`` in a thread of its own."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import uvicorn

from monitor.errors import ServerError
from monitor.web.api import Api
from monitor.web.catalog import Catalog
from monitor.web.evidence_files import EvidenceFiles
from monitor.web.live import LiveUpdates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.protocols import History, MetricSpec

_START_SECONDS = 15.0


class DashboardServer:
    """Serves the dashboard of one history; read-only.

    Args:
        history: The store; called from several threads at once.
        specs: The metrics whose features may occur, in display order.
        evidence_dir: Folder of the alerts' evidence; ``None``: none is shown.
        exposition: Gives the body and content type of ``/metrics`` for an Accept header; ``None``: there is no ``/metrics``.
        host: Address to bind; loopback unless told otherwise, since there is no login.
        port: TCP port; 0 picks a free one.
        title: Title of the page.
        clock: Seconds since the Unix epoch.
    """

    def __init__(
        self,
        history: History,
        *,
        specs: Sequence[MetricSpec],
        evidence_dir: Path | None = None,
        exposition: Callable[[str], tuple[bytes, str]] | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        title: str = "vqmon",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._history, self._specs, self._evidence_dir = history, specs, evidence_dir
        self._exposition, self._host, self._port = exposition, host, port
        self._title, self._clock = title, clock
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._live: LiveUpdates | None = None
        self.url = ""
        """Where the page is, once started."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> str:
        """Bind and serve; returns when requests are answered.

        Returns:
            The address of the page, with the port that was bound.

        Raises:
            ServerError: the port is taken, the address is not this machine's, or it was started already.
        """
        if self._thread is not None:
            raise ServerError(f"the dashboard is running already at {self.url}")
        live = LiveUpdates(self._history, self._clock)
        api = Api(
            self._history,
            Catalog(self._specs),
            EvidenceFiles(self._evidence_dir),
            live,
            exposition=self._exposition,
            title=self._title,
            clock=self._clock,
        )
        listener = self._bind()
        config = uvicorn.Config(
            api.application(self._host),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            loop="asyncio",
            http="h11",
            server_header=False,
            limit_concurrency=live.max_clients + 100,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="dashboard", daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                server.should_exit = True
                listener.close()
                raise ServerError(f"the dashboard did not start at {self._place()}; see the log for the reason")
            time.sleep(0.005)
        self._server, self._thread, self._live = server, thread, live
        port = listener.getsockname()[1]
        self.url = f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}/"
        return self.url

    def stop(self) -> None:
        """Close all connections and end the thread; within two seconds even when pages are open."""
        if self._thread is None or self._server is None or self._live is None:
            return
        self._live.close()
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._server = self._thread = self._live = None

    def _bind(self) -> socket.socket:
        if not 0 <= self._port <= 65535:
            raise ServerError(f"the dashboard can't listen on {self._place()}; a port is a number from 0 to 65535")
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ServerError(f"the dashboard can't listen on {self._place()}: {_reason(error)}") from error
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise ServerError(
                f"the dashboard can't listen on {self._place()}: {_reason(error)}; choose another port (0 picks a free one) "
                "or an address of this machine"
            ) from error
        return listener

    def _place(self) -> str:
        return f"{self._host}:{self._port}"


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is unknown"
    return os.strerror(error.errno).lower() if error.errno else str(error)
