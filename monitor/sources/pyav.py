"""Everything that PyAV opens, cut into segments: files, RTMP, RTSP, RTP, UDP, TCP and plain HTTP. Nothing is decoded here.

A live input is opened again for ever (``monitor.sources.backoff``), and its end is a failure; a file is read once, as
fast as its segments are taken or at the pace at which it would have been broadcast.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Self

from monitor.errors import BadMedia, ConfigError, SourceEnded, SourceError
from monitor.sources.assembly import Assembly, FilePlacement, LivePlacement
from monitor.sources.backoff import Backoff
from monitor.sources.clock import Clock, SystemClock
from monitor.sources.cutting import PacketRun
from monitor.sources.decoding import CodecTemplate, PacketSegment
from monitor.sources.failures import shown
from monitor.sources.packets import DemuxedPacket, Opened, PacketReader
from monitor.types import EventKind, SourceEvent

_log = logging.getLogger(__name__)

_TRUNCATION_SECONDS = 1
"""How much earlier than announced a file may end before it is called truncated."""
_MOST_HELD = 10
"""Segments held back while an input bursts; a sender that never slows down is dated as it comes."""
_BURST_END_SECONDS = 0.25
"""Silence that ends a burst."""
_FORBIDDEN_OPTIONS = {
    "timeout": "it means seconds, milliseconds or microseconds by protocol, and turns RTMP into a server",
    "listen": "a source connects, it does not serve",
    "listen_timeout": "a source connects, it does not serve",
}

Item = PacketSegment | SourceEvent


class PyavSource:
    """One rendition's input through PyAV (``monitor.protocols.Source``).

    Args:
        url: path or URL.
        stream: name of the stream.
        rendition: name of the encoded version.
        live: whether the input has no end of its own.
        realtime: pace an input that is not live by its timestamps, as if it were broadcast.
        segment_seconds: cut at the first key frame at or after this much; at three times as much without one.
        open_timeout_seconds: limit for connecting, and again for finding the streams.
        read_timeout_seconds: silence that counts as an outage.
        options: further FFmpeg options of protocol and demuxer.
        started_at: UTC of the first frame of an input that is not live; by default the moment of opening.
        clock: for arrival, pacing and waiting.
        backoff: delays between attempts at a live input; by default seeded with the names.
    """

    def __init__(
        self,
        url: str,
        *,
        stream: str,
        rendition: str = "main",
        live: bool,
        realtime: bool = False,
        segment_seconds: float = 6.0,
        open_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 10.0,
        options: Mapping[str, str] | None = None,
        started_at: datetime | None = None,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.stream = stream
        self.rendition = rendition
        self.live = live
        self._url = url
        self._realtime = realtime
        self._segment_seconds = segment_seconds
        self._open_timeout = open_timeout_seconds
        self._read_timeout = read_timeout_seconds
        self._options = dict(options or {})
        self._started_at = started_at
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff(random.Random(f"{stream}/{rendition}"))
        self._stopping = threading.Event()
        self._reader: PacketReader | None = None
        self._up: bool | None = None
        self._sequence = 0
        self._template: CodecTemplate | None = None
        self._held: deque[tuple[PacketRun, CodecTemplate]] = deque()

    def __enter__(self) -> Self:
        for name, why in _FORBIDDEN_OPTIONS.items():
            if name in self._options:
                raise ConfigError(f"option {name!r} of {shown(self._url)} is not passed on: {why}; use the timeouts")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping.set()
        reader = self._reader
        if reader is not None:
            reader.stop()

    def __iter__(self) -> Iterator[Item]:
        return self._watch() if self.live else self._play()

    def _watch(self) -> Iterator[Item]:
        """A live input: sessions, with waits between them, until stopped."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            if attempt > 1:
                yield self._event(EventKind.RECONNECT, f"attempt {attempt} at {shown(self._url)}")
            try:
                yield from self._session(LivePlacement(), resumed=self._sequence > 0)
                if self._stopping.is_set():
                    return
                raise SourceEnded(f"{shown(self._url)}: the sender ended the stream", reason="eof")
            except SourceError as error:
                if error.reason == "protocol":
                    raise
                delay = self._backoff.failed(self._clock.monotonic())
                _log.info("%s/%s: %s; next attempt in %.1f s", self.stream, self.rendition, error, delay)
                if self._up is not False:
                    self._up = False
                    yield self._event(EventKind.DOWN, str(error), reason=error.reason)
            self._clock.wait(self._stopping, delay)

    def _play(self) -> Iterator[Item]:
        """A file: one session, then ENDED."""
        placement = FilePlacement(self._started_at or self._clock.now())
        begun = self._clock.monotonic()
        for item in self._session(placement, resumed=False):
            if self._realtime and isinstance(item, PacketSegment):
                due = begun + float(placement.position.end)
                if self._clock.wait(self._stopping, due - self._clock.monotonic()):
                    return
            yield item
        if not self._stopping.is_set():
            yield self._event(EventKind.ENDED, f"{shown(self._url)} ended")

    def _session(self, placement: LivePlacement | FilePlacement, *, resumed: bool) -> Iterator[Item]:
        """From opening to the end of the input, a failure (raised after what was complete is delivered) or ``stop``."""
        reader = PacketReader(
            self._url,
            open_timeout_seconds=self._open_timeout,
            read_timeout_seconds=self._read_timeout,
            options=self._options,
            clock=self._clock,
            live=self.live,
        )
        self._reader = reader
        with reader:
            if self._stopping.is_set():
                return
            opened = reader.opened()
            if opened is None:
                return
            self._held.clear()
            assembly = Assembly(opened, self._segment_seconds, discontinuity=resumed)
            failure: SourceError | None = None
            try:
                while (packet := reader.packet()) is not None:
                    yield from self._delivered(packet)
                    yield from self._taken(assembly, packet, placement)
                    if assembly.codec_changed:
                        codec = assembly.template.name
                        raise BadMedia(f"{shown(self._url)}: the codec changed on the way from {codec}", reason="demux")
                    if self._held and reader.idle(_BURST_END_SECONDS):
                        yield from self._released(assembly, placement, everything=True)
            except SourceError as error:
                failure = error
            if self._stopping.is_set():
                return
            run = assembly.cutter.flush()
            if run is not None:
                self._held.append((run, assembly.template))
            yield from self._released(assembly, placement, everything=True)
            yield from self._skipped(assembly, at_start=not assembly.delivered)
            if failure is not None:
                raise failure
            if not self.live:
                self._check_end(assembly, opened)

    def _delivered(self, packet: DemuxedPacket) -> Iterator[SourceEvent]:
        self._backoff.delivered(self._clock.monotonic())
        if self._up is not True:
            self._up = True
            yield self._event(EventKind.UP, f"{shown(self._url)} delivers", at=packet.arrived)

    def _taken(self, assembly: Assembly, packet: DemuxedPacket, placement: LivePlacement | FilePlacement) -> Iterator[Item]:
        previous = assembly.template
        encoded, jump, changed = assembly.placed(packet)
        broken = jump in ("pts_gap", "pts_back")
        first = not assembly.delivered
        run = assembly.cutter.push(encoded, jump=broken, change=changed)
        if run is not None:
            self._held.append((run, previous))
        yield from self._released(assembly, placement, everything=broken)
        if jump:
            detail = f"{shown(self._url)}: {_JUMPS[jump]} at {float(assembly.seconds(encoded)):.3f} s of media time"
            yield self._event(EventKind.DISCONTINUITY, detail, reason=jump)
        if broken:
            placement.jumped()
        yield from self._skipped(assembly, at_start=first)
        yield from self._format_changes(assembly.template)
        placement.observe(assembly.seconds(encoded), packet.arrived)

    def _skipped(self, assembly: Assembly, *, at_start: bool) -> Iterator[SourceEvent]:
        """Joining a live input between key frames is normal; losing pictures later is an event."""
        skipped = assembly.cutter.take_skipped()
        if skipped and not (self.live and at_start):
            detail = f"{shown(self._url)}: {skipped} packets without a key frame before them"
            yield self._event(EventKind.DECODE_ERROR, detail, reason="demux", value=skipped)

    def _format_changes(self, template: CodecTemplate) -> Iterator[SourceEvent]:
        if not template.width:
            return
        before, self._template = self._template, template
        if before is None or _picture(before) == _picture(template):
            return
        detail = f"{shown(self._url)}: {_picture_text(before)} became {_picture_text(template)}"
        yield self._event(EventKind.FORMAT_CHANGED, detail)

    def _released(
        self, assembly: Assembly, placement: LivePlacement | FilePlacement, *, everything: bool
    ) -> Iterator[PacketSegment]:
        """Segments that can be dated; a burst on connecting is held back until it is over."""
        while self._held and (placement.ready or everything or len(self._held) > _MOST_HELD):
            run, template = self._held.popleft()
            start, end = run.start * template.time_base, run.end * template.time_base
            yield PacketSegment(
                stream=self.stream,
                rendition=self.rendition,
                sequence=self._sequence,
                started_at=placement.utc(start, end),
                has_utc=False,
                duration=end - start,
                packets=run.packets,
                template=template,
                discontinuity=run.discontinuity,
            )
            self._sequence += 1
            assembly.delivered = True

    def _check_end(self, assembly: Assembly, opened: Opened) -> None:
        """FFmpeg ends a truncated MP4 or Matroska file like a whole one.

        Raises:
            BadMedia: nothing came out, or clearly less than announced.
        """
        if not assembly.delivered:
            raise BadMedia(f"{shown(self._url)} has a video stream without a picture in it", reason="demux")
        if opened.duration is not None and assembly.reached + _TRUNCATION_SECONDS < opened.duration:
            raise BadMedia(
                f"{shown(self._url)} ends after {float(assembly.reached):.2f} s of the {float(opened.duration):.2f} s that "
                "it announces: it is truncated; copy it again",
                reason="eof",
            )

    def _event(
        self, kind: EventKind, detail: str, *, reason: str = "", value: float = 0.0, at: datetime | None = None
    ) -> SourceEvent:
        return SourceEvent(kind, self.stream, self.rendition, at or self._clock.now(), detail, reason, value)


_JUMPS = {
    "pts_gap": "timestamps jump forward",
    "pts_back": "timestamps jump back",
    "wrap": "timestamps wrapped around",
}


def _picture(template: CodecTemplate) -> tuple[str, int, int]:
    return template.name, template.width, template.height


def _picture_text(template: CodecTemplate) -> str:
    return f"{template.name} {template.width}x{template.height}"
