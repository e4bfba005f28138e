"""A scripted HTTP origin on loopback, and a live HLS stream for it: playlists, segments and failures to order."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced_length: int | None = None
    """Content-Length to claim instead of the real one."""
    hang: bool = False
    """Accept the request and say nothing until the origin closes."""
    drop: bool = False
    """Close the connection without an answer."""
    ignore_range: bool = False


Script = Reply | Callable[[], Reply]


class Origin:
    """Serves ``pages`` by path. A page is a reply or a function that makes one; anything else is a 404."""

    def __init__(self, port: int = 0) -> None:
        self.pages: dict[str, Script] = {}
        self.requests: list[tuple[str, str | None]] = []
        """Path with query, and Range header, of every request."""
        self.seen = threading.Condition()
        self.closing = threading.Event()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                origin._serve(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # the client went away, as some tests want it to

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut every connection; again, it does nothing."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def count(self, path: str) -> int:
        """Requests for ``path`` so far."""
        return sum(urlsplit(asked).path == path for asked, _ in list(self.requests))

    def wait_for(self, path: str, times: int = 1, timeout: float = 10.0) -> None:
        """Wait until ``path`` has been asked for ``times`` times."""
        with self.seen:
            if not self.seen.wait_for(lambda: self.count(path) >= times, timeout):
                raise AssertionError(f"{path} was asked for {self.count(path)} times in {timeout} s, expected {times}")

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        with self.seen:
            self.requests.append((handler.path, asked))
            self.seen.notify_all()
        page = self.pages.get(urlsplit(handler.path).path, Reply(status=404))
        reply = page if isinstance(page, Reply) else page()
        if reply.hang:
            self.closing.wait(30.0)
        if reply.hang or reply.drop or self.closing.is_set():
            handler.close_connection = True
            return
        if asked and reply.status == 200 and not reply.ignore_range:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            reply = replace(reply, status=206, body=reply.body[int(first) : int(last) + 1])
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        length = len(reply.body) if reply.announced_length is None else reply.announced_length
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(reply.body)
        if length != len(reply.body):
            handler.close_connection = True


def playlist(text: str) -> Reply:
    """A playlist as it is served."""
    return Reply(text.encode(), headers={"Content-Type": "application/vnd.apple.mpegurl"})


def gzipped(reply: Reply) -> Reply:
    """The same, compressed in transit."""
    return replace(reply, body=gzip.compress(reply.body), headers={**reply.headers, "Content-Encoding": "gzip"})


def redirect(to: str) -> Reply:
    return Reply(status=302, headers={"Location": to})


class LivePlaylist:
    """A live media playlist under ``path``, to which a test publishes segment after segment."""

    def __init__(
        self,
        origin: Origin,
        *,
        path: str = "/live/video.m3u8",
        target: float = 0.4,
        window: int = 5,
        pdt: datetime | None = None,
        sequence: int = 0,
        name: str = "segment",
    ) -> None:
        self.origin, self.path = origin, path
        self.url = origin.url(path)
        self.folder = path.rpartition("/")[0]
        self.target, self.window, self.pdt, self.name = target, window, pdt, name
        self.sequence = sequence
        self.lines: list[str] = []
        self.ended = False
        self.gone = 0
        origin.pages[path] = self.reply

    def publish(self, body: bytes | None, *tags: str, reply: Script | None = None) -> str:
        """Announce the next segment, holding ``body`` (``None``: 404) or answering with ``reply``; its path."""
        number = self.sequence + self.gone + len(self.lines)
        name = f"{self.name}{number}.ts"
        path = f"{self.folder}/{name}"
        if reply is not None:
            self.origin.pages[path] = reply
        elif body is not None:
            self.origin.pages[path] = Reply(body)
        lines = list(tags)
        if self.pdt is not None:
            elapsed = timedelta(seconds=self.target * (self.gone + len(self.lines)))
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{(self.pdt + elapsed).isoformat()}")
        entry = "\n".join([*lines, f"#EXTINF:{self.target:.3f},", name])
        slide = 1 if len(self.lines) >= self.window else 0
        self.lines, self.gone = [*self.lines, entry][slide:], self.gone + slide
        return path

    def end(self) -> None:
        self.ended = True

    def text(self) -> str:
        head = [
            "#EXTM3U",
            "#EXT-X-VERSION:6",
            f"#EXT-X-TARGETDURATION:{self.target:g}",
            f"#EXT-X-MEDIA-SEQUENCE:{self.sequence + self.gone}",
        ]
        return "\n".join([*head, *self.lines, *(["#EXT-X-ENDLIST"] if self.ended else []), ""])

    def reply(self) -> Reply:
        return playlist(self.text())
