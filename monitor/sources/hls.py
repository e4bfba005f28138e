"""HLS input: which renditions there are, and each one's encoded segments as they are announced.

Playlists are followed by our own loop on the ``m3u8`` parser instead of FFmpeg's: there every failure ends as a plain end of
file, a missing segment is skipped in silence, and media sequence and EXT-X-PROGRAM-DATE-TIME do not come through.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Self

from monitor.errors import ConfigError, NoVideo, SourceError
from monitor.sources.addresses import redacted
from monitor.sources.clock import Clock, SystemClock
from monitor.sources.decoding import ByteSegment
from monitor.sources.hls_follower import Announced, Follower, FollowerPolicy, Moment
from monitor.sources.hls_loading import LoadedSegment, SegmentLoader
from monitor.sources.http import Fetcher
from monitor.sources.playlist import HlsRendition, MasterPlaylist, MediaPlaylist, read_playlist
from monitor.sources.transfers import Outcome, Transfers
from monitor.types import EventKind, SourceEvent

_log = logging.getLogger(__name__)

MAX_PLAYLIST_BYTES = 16 << 20
IDLE_SECONDS = 60.0
"""Longest wait when nothing is planned; any answer and ``stop`` end it earlier."""


def open_hls(
    url: str, *, timeout_seconds: float = 10.0, headers: Mapping[str, str] | None = None, proxy: str | None = None
) -> tuple[HlsRendition, ...]:
    """The renditions behind ``url``, by descending bandwidth: a master playlist's variants with pictures, each URI once.

    A media playlist is one rendition called ``main``. Which kind it is, is told by content, not by suffix.

    Args:
        url: of a master or a media playlist.
        timeout_seconds: limit for the answer.
        headers: sent with the request.
        proxy: URL of an HTTP proxy.

    Raises:
        SourceUnavailable: unknown host, connection refused, HTTP error status, timeout.
        NoVideo: every variant is audio only.
        SourceError: not a playlist, or a damaged one (reason ``playlist``).
        ConfigError: not an http(s) URL.
    """
    with Fetcher(timeout_seconds=timeout_seconds, headers=headers, proxy=proxy) as fetcher:
        answer = fetcher.get(url, max_bytes=MAX_PLAYLIST_BYTES, compressed=True)
    playlist = read_playlist(answer.body, answer.url)
    if isinstance(playlist, MediaPlaylist):
        return (HlsRendition("main", url),)
    seen = tuple(rendition for rendition in playlist.renditions if not rendition.audio_only)
    if not seen:
        raise NoVideo(
            f"{redacted(url)} lists {len(playlist.renditions)} variants, none of them with video", reason="no_video"
        )
    return seen


class HlsSource:
    """One rendition's media playlist, followed until it ends or ``stop`` is called (``monitor.protocols.Source``).

    A playlist without EXT-X-ENDLIST is live and starts ``policy.start`` segments before its edge; one with it is a
    recording and starts at the beginning. Dates are EXT-X-PROGRAM-DATE-TIME; without it they come from one arrival and
    continue by the sum of durations (``monitor.sources.hls_dating``). Playlist and segment are fetched beside each other, so
    that a segment that hangs does not make the playlist look stale.

    Args:
        stream: name for segments and events.
        rendition: name for segments and events.
        url: of a media playlist.
        live: what to take the input for until its first playlist tells: a live one that can't be opened is
            reported DOWN and retried for ever, another one raises.
        policy: where to start, and patience.
        timeout_seconds: limit for connecting, for each wait for bytes and for a playlist; a segment may take three
            times as long as a whole.
        headers: sent with every request.
        proxy: URL of an HTTP proxy.
        clock: time.
        seed: of the retry jitter.
    """

    def __init__(
        self,
        stream: str,
        rendition: str,
        url: str,
        *,
        live: bool = True,
        policy: FollowerPolicy | None = None,
        timeout_seconds: float = 10.0,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        self.stream = stream
        self.rendition = rendition
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._headers = headers
        self._proxy = proxy
        self._clock = clock or SystemClock()
        self._follower = Follower(stream, rendition, live=live, policy=policy or FollowerPolicy(), seed=seed)
        self._stopping = threading.Event()
        self._transfers: Transfers[Announced | None] | None = None

    @property
    def live(self) -> bool:
        """Whether the input is live; until its first playlist has been read, what the caller said."""
        return self._follower.live

    def __enter__(self) -> Self:
        self._fetcher = Fetcher(
            timeout_seconds=self._timeout_seconds,
            headers=self._headers,
            proxy=self._proxy,
            clock=self._clock.monotonic,
        )
        self._loader = SegmentLoader(self._fetcher, timeout_seconds=3.0 * self._timeout_seconds)
        self._transfers = Transfers(self._fetcher.close)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        if self._transfers is not None:
            self._transfers.close()

    def stop(self) -> None:
        self._stopping.set()
        if self._transfers is not None:
            self._transfers.wake()

    def __iter__(self) -> Iterator[ByteSegment | SourceEvent]:
        if self._transfers is None:
            raise ConfigError(f"HLS source {self.stream}/{self.rendition} is iterated outside `with`")
        transfers, follower = self._transfers, self._follower
        while not self._stopping.is_set():
            work = follower.due(self._moment())
            if work.reload:
                transfers.start(None, self._read)
            if work.segment is not None:
                transfers.start(work.segment, self._loading(work.segment))
            yield from work.events
            if follower.finished:
                yield SourceEvent(EventKind.ENDED, self.stream, self.rendition, self._clock.now(), "EXT-X-ENDLIST")
                return
            patience = min(IDLE_SECONDS, follower.wake_at() - self._clock.monotonic())
            outcome = transfers.wait(patience)
            if outcome is not None and not self._stopping.is_set():
                yield from self._taken(outcome)

    def _moment(self) -> Moment:
        return Moment(self._clock.monotonic(), self._clock.now())

    def _taken(self, outcome: Outcome[Announced | None]) -> Iterator[ByteSegment | SourceEvent]:
        entry, result, error = outcome.job, outcome.result, outcome.error
        moment = self._moment()
        if error is not None:
            if not isinstance(error, SourceError):
                raise error
            _log.debug("%s/%s: %s", self.stream, self.rendition, error)
            if entry is None:
                yield from self._follower.playlist_failed(error, moment)
            else:
                yield from self._follower.segment_failed(entry, error, moment)
        elif isinstance(result, MediaPlaylist):
            yield from self._follower.playlist_loaded(result, moment)
        elif entry is not None and isinstance(result, LoadedSegment):
            delivery = self._follower.segment_loaded(entry, moment)
            if delivery is not None:
                events, broken = delivery
                yield from events
                yield self._segment(entry, result, broken=broken)

    def _segment(self, entry: Announced, loaded: LoadedSegment, *, broken: bool) -> ByteSegment:
        return ByteSegment(
            stream=self.stream,
            rendition=self.rendition,
            sequence=entry.segment.sequence,
            started_at=entry.dated.started_at,
            has_utc=entry.dated.has_utc,
            duration=entry.segment.duration,
            data=loaded.data,
            init=loaded.init,
            discontinuity=broken,
            published_at=entry.published_at,
            download_seconds=loaded.download_seconds,
        )

    def _read(self) -> MediaPlaylist:
        answer = self._fetcher.get(self._url, max_bytes=MAX_PLAYLIST_BYTES, compressed=True)
        playlist = read_playlist(answer.body, answer.url)
        if isinstance(playlist, MasterPlaylist):
            raise ConfigError(f"{redacted(self._url)} is a master playlist; open one of its renditions (open_hls)")
        return playlist

    def _loading(self, entry: Announced) -> Callable[[], LoadedSegment]:
        return lambda: self._loader.load(entry.segment, renewed=entry.renewed)
