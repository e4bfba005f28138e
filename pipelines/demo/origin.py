"""An HLS origin on loopback that publishes the demo's channel in real time."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from monitor.errors import ServerError, SourceUnavailable, VqmonError
from pipelines.demo.channel import SOURCE, Channel
from pipelines.demo.encoder import EncoderJob
from pipelines.demo.faults import FaultPlan
from pipelines.demo.feed import EncoderFeed, Slot
from pipelines.demo.playlist import LivePlaylist, PublishedSegment, master_playlist

logger = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Publication:
    """When a segment was first announced."""

    rendition: str
    sequence: int
    started_at: datetime
    """UTC of its first picture."""
    at: datetime
    """UTC when it was announced; a camera's delay of nothing would make it ``started_at`` plus the segment's duration."""


class LiveOrigin:
    """Encodes the channel in a child process, a few segments ahead, and announces each segment when it would be due.

    On entry it waits until the first segments are encoded, and then behaves as a channel that has been on air for as long as
    these last: ``started_at`` lies that far in the past. On leaving, the child process and the server are gone.
    """

    def __init__(
        self,
        channel: Channel,
        plan: FaultPlan,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        forever: bool = False,
        window: int = 6,
        kept: int = 6,
        preroll_segments: int = 3,
        lookahead_segments: int = 6,
        delay_seconds: float = 0.2,
        start_timeout_seconds: float = 60.0,
        niceness: int = 5,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Store the settings; nothing is opened before ``with``.

        Args:
            channel: The ladder to serve.
            plan: Its faults, and how long it lasts.
            host: Address to listen on.
            port: Port; 0 for a free one.
            forever: Whether healthy content follows after the plan's end, instead of EXT-X-ENDLIST.
            window: Segments in the playlist.
            kept: Segments that can be fetched after they left the playlist.
            preroll_segments: Segments that are announced at the start.
            lookahead_segments: Segments that are encoded before their time (of each rendition).
            delay_seconds: From the end of a segment's last picture to its announcement.
            start_timeout_seconds: How long the first segments may take.
            niceness: Added to the encoder's.
            clock: Gives the time, UTC.
        """
        self.channel, self.plan = channel, plan
        self.publications: list[Publication] = []
        self.late_segments = 0
        """Segments that were not encoded in time: the machine is too busy for the demo."""
        self.started_at = datetime.min.replace(tzinfo=UTC)
        """UTC of media time 0, known on entry."""
        self._address = (host, port)
        self._preroll, self._delay = preroll_segments, timedelta(seconds=delay_seconds)
        self._start_timeout, self._clock = start_timeout_seconds, clock
        self._playlists = {name: LivePlaylist(channel.segment_seconds, window=window, kept=kept) for name in channel.names}
        self._codecs: dict[str, str] = {}
        self._feed = EncoderFeed(EncoderJob(channel, plan, forever, niceness), lookahead=lookahead_segments)
        self._stop, self._on_air, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._failure: VqmonError | None = None

    @property
    def base_url(self) -> str:
        """Address of the server."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def master_url(self) -> str:
        """The master playlist: the rungs."""
        return f"{self.base_url}/master.m3u8"

    @property
    def source_url(self) -> str:
        """The source's media playlist: the reference."""
        return f"{self.base_url}/{SOURCE}/index.m3u8"

    def __enter__(self) -> Self:
        """Go on air.

        Raises:
            ServerError: the port is taken or the address is not ours.
            SourceUnavailable: the encoder died or took too long.
        """
        try:
            self._server = _Server(self._address, self)
        except OSError as error:
            host, port = self._address
            raise ServerError(f"can't listen on {host}:{port}: {error.strerror or error}; choose another port") from error
        self._feed.__enter__()
        self._threads = [
            threading.Thread(target=self._publish, name="demo-publisher"),
            threading.Thread(target=self._server.serve_forever, args=(0.1,), name="demo-http"),
        ]
        for thread in self._threads:
            thread.start()
        if not self._on_air.wait(self._start_timeout) or self._failure:
            failure = self._failure or SourceUnavailable(
                f"the demo's encoder gave no {self._preroll} segments within {self._start_timeout:g} s", reason="timeout"
            )
            self.__exit__()
            raise failure
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._feed.__exit__(*exc_info)
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the end of the plan; whether it came.

        Raises:
            SourceUnavailable: the encoder died.
        """
        ended = self._ended.wait(timeout_seconds)
        if self._failure:
            raise self._failure
        return ended

    def document(self, path: str) -> tuple[str, bytes] | None:
        """Content type and content at a path; ``None`` where there is nothing."""
        if path == "/master.m3u8":
            return "application/vnd.apple.mpegurl", master_playlist(self.channel, self._codecs).encode()
        _, _, rest = path.partition("/")
        rendition, _, name = rest.partition("/")
        playlist = self._playlists.get(rendition)
        if playlist is None:
            return None
        if name == "index.m3u8":
            return "application/vnd.apple.mpegurl", playlist.render().encode()
        number = name.removesuffix(".ts")
        data = playlist.segment(int(number)) if name.endswith(".ts") and number.isdecimal() else None
        return ("video/mp2t", data) if data is not None else None

    def _publish(self) -> None:
        """Announce what the encoder makes, each slot at its time."""
        try:
            slots = iter(self._feed)
            ready = list(itertools.islice(slots, self._preroll))
            on_air = self._clock() - len(ready) * timedelta(seconds=float(self.channel.segment_seconds)) - self._delay
            self.started_at = on_air.replace(microsecond=on_air.microsecond // 1000 * 1000)
            for number, slot in enumerate(itertools.chain(ready, slots), start=1):
                if not self._announce(slot):
                    return
                if number == len(ready):
                    self._on_air.set()
            for playlist in self._playlists.values():
                playlist.end()
        except VqmonError as error:
            self._failure = error
        finally:
            self._ended.set()
            self._on_air.set()

    def _announce(self, slot: Slot) -> bool:
        """Publish a slot when it is due; ``False`` when stopped meanwhile."""
        duration = self.channel.segment_seconds
        start = slot.sequence * duration
        started_at = self.started_at + timedelta(seconds=float(start))
        due = started_at + timedelta(seconds=float(duration)) + self._delay
        ahead = (due - self._clock()).total_seconds()
        if ahead < -float(duration) / 2 and self._on_air.is_set():
            self.late_segments += 1
            logger.warning("demo segment %d is %.1f s late: the machine is too busy", slot.sequence, -ahead)
        if self._stop.wait(max(0.0, ahead)):
            return False
        self._codecs.update(slot.codecs)
        for name, playlist in self._playlists.items():
            data = None if self.plan.is_missing(name, start, duration) else slot.data[name]
            playlist.publish(PublishedSegment(slot.sequence, started_at, duration, data))
            self.publications.append(Publication(name, slot.sequence, started_at, self._clock()))
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], origin: LiveOrigin) -> None:
        super().__init__(address, _Handler)
        self.origin = origin

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's name
        """A client that hangs up is no news; anything else is logged, not printed."""
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            logger.error("origin: a request of %s failed", client_address, exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server: _Server

    def do_GET(self) -> None:
        found = self.server.origin.document(self.path.partition("?")[0])
        status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
        kind, content = found or ("text/plain; charset=utf-8", b"not found\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache" if "mpegurl" in kind else "max-age=60")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        logger.debug("origin: %s", format % args)
