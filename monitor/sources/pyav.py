"""Everything that PyAV opens, cut into segments: files, RTMP, RTSP, RTP, UDP, TCP and plain HTTP. Nothing is decoded here.

A live input is opened again for ever (``monitor.sources.backoff``), and its end is a failure; a file is read once, as
fast as its segments are taken or at the pace at which it would have been broadcast.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Self

from monitor.errors import BadMedia, ConfigError, SourceEnded, SourceError
from monitor.sources.backoff import Backoff
from monitor.sources.clock import Clock, SystemClock
from monitor.sources.cutting import PacketRun, SegmentCutter
from monitor.sources.decoding import CodecTemplate, EncodedPacket, PacketSegment
from monitor.sources.failures import shown
from monitor.sources.packets import DemuxedPacket, Opened, PacketReader
from monitor.sources.parameters import parameter_sets, picture_size
from monitor.sources.timeline import FLV_WRAP_BITS, MPEG_WRAP_BITS, ArrivalAnchor, Position, Timeline
from monitor.types import EventKind, SourceEvent

_log = logging.getLogger(__name__)

_WRAP_BITS = {"mpegts": MPEG_WRAP_BITS, "mpeg": MPEG_WRAP_BITS, "flv": FLV_WRAP_BITS, "live_flv": FLV_WRAP_BITS}
_TRUNCATION_SECONDS = 1
"""How much earlier than announced a file may end before it is called truncated."""
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
                yield from self._session(_LivePlacement(), resumed=attempt > 1)
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
        placement = _FilePlacement(self._started_at or self._clock.now())
        begun = self._clock.monotonic()
        for item in self._session(placement, resumed=False):
            if self._realtime and isinstance(item, PacketSegment):
                due = begun + float(placement.position.end)
                if self._clock.wait(self._stopping, due - self._clock.monotonic()):
                    return
            yield item
        if not self._stopping.is_set():
            yield self._event(EventKind.ENDED, f"{shown(self._url)} ended")

    def _session(self, placement: _LivePlacement | _FilePlacement, *, resumed: bool) -> Iterator[Item]:
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
            assembly = _Assembly(opened, self._segment_seconds, discontinuity=resumed)
            failure: SourceError | None = None
            try:
                while (packet := reader.packet()) is not None:
                    yield from self._delivered(packet)
                    yield from self._taken(assembly, packet, placement)
            except SourceError as error:
                failure = error
            if self._stopping.is_set():
                return
            run = assembly.cutter.flush()
            if run is not None:
                yield self._segment(assembly, run, placement)
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

    def _taken(
        self, assembly: _Assembly, packet: DemuxedPacket, placement: _LivePlacement | _FilePlacement
    ) -> Iterator[Item]:
        previous = assembly.template
        encoded, jump, changed = assembly.placed(packet)
        broken = jump in ("pts_gap", "pts_back")
        first = not assembly.delivered
        run = assembly.cutter.push(encoded, jump=broken, change=changed)
        if run is not None:
            yield self._segment(assembly, run, placement, template=previous)
        if jump:
            detail = f"{shown(self._url)}: {_JUMPS[jump]} at {float(assembly.seconds(encoded)):.3f} s of media time"
            yield self._event(EventKind.DISCONTINUITY, detail, reason=jump)
        if broken:
            placement.jumped()
        yield from self._skipped(assembly, at_start=first)
        yield from self._format_changes(assembly.template)
        placement.observe(assembly.seconds(encoded), packet.arrived)

    def _skipped(self, assembly: _Assembly, *, at_start: bool) -> Iterator[SourceEvent]:
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

    def _segment(
        self,
        assembly: _Assembly,
        run: PacketRun,
        placement: _LivePlacement | _FilePlacement,
        *,
        template: CodecTemplate | None = None,
    ) -> PacketSegment:
        time_base = assembly.template.time_base
        start, end = run.start * time_base, run.end * time_base
        segment = PacketSegment(
            stream=self.stream,
            rendition=self.rendition,
            sequence=self._sequence,
            started_at=placement.utc(start, end),
            has_utc=False,
            duration=end - start,
            packets=run.packets,
            template=template or assembly.template,
            discontinuity=run.discontinuity,
        )
        self._sequence += 1
        assembly.delivered = True
        return segment

    def _check_end(self, assembly: _Assembly, opened: Opened) -> None:
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


class _Assembly:
    """What one session knows of the packets so far: their timeline, where to cut, and how to decode them."""

    def __init__(self, opened: Opened, segment_seconds: float, *, discontinuity: bool) -> None:
        self.template = opened.template
        self.cutter = SegmentCutter(opened.template.time_base, target_seconds=segment_seconds, discontinuity=discontinuity)
        self.delivered = False
        self.reached = Fraction(0)
        """Media seconds from the first packet to the end of the furthest."""
        self._first: int | None = None
        self._sets = b""
        self._timeline = Timeline(
            opened.template.time_base,
            wrap_bits=_WRAP_BITS.get(opened.format_name.split(",")[0], 0),
            frame_rate=opened.template.frame_rate,
            reorders=opened.reorders,
        )

    def seconds(self, packet: EncodedPacket) -> Fraction:
        """Media time at which ``packet`` is decoded."""
        return (packet.dts or 0) * self.template.time_base

    def placed(self, packet: DemuxedPacket) -> tuple[EncodedPacket, str, bool]:
        """The packet on the timeline, the jump before it, and whether it begins another coded sequence."""
        times = self._timeline.place(packet.pts, packet.dts, packet.duration, keyframe=packet.keyframe)
        encoded = EncodedPacket(packet.data, times.pts, times.dts, times.duration, packet.keyframe)
        end = (times.pts if times.pts is not None else times.dts) + times.duration
        if self._first is None:
            self._first = times.pts if times.pts is not None else times.dts
        self.reached = max(self.reached, (end - self._first) * self.template.time_base)
        return encoded, times.jump, self._sequence_changed(packet, encoded)

    def _sequence_changed(self, packet: DemuxedPacket, encoded: EncodedPacket) -> bool:
        if packet.extradata is not None and packet.extradata != self.template.extradata:
            self._renew(dataclasses.replace(self.template, extradata=packet.extradata), encoded)
            return True
        if not packet.keyframe:
            return False
        sets = parameter_sets(self.template.name, packet.data)
        before, self._sets = self._sets, sets or self._sets
        if (before and sets and sets != before) or not self.template.width:
            self._renew(self.template, encoded)
            return bool(before)
        return False

    def _renew(self, template: CodecTemplate, encoded: EncodedPacket) -> None:
        width, height = picture_size(template, encoded) or (template.width, template.height)
        self.template = dataclasses.replace(template, width=width, height=height)


class _LivePlacement:
    """UTC of a live input's segments: arrival."""

    def __init__(self) -> None:
        self._anchor = ArrivalAnchor()

    def observe(self, media_seconds: Fraction, arrived: datetime) -> None:
        self._anchor.observe(media_seconds, arrived)

    def utc(self, start: Fraction, end: Fraction) -> datetime:  # noqa: ARG002 - same call as for a file
        return self._anchor.utc(start)

    def jumped(self) -> None:
        self._anchor.reset()


class _FilePlacement:
    """UTC of a file's segments: a start and the position in the file."""

    def __init__(self, started_at: datetime) -> None:
        self._started_at = started_at
        self.position = Position()

    def observe(self, media_seconds: Fraction, arrived: datetime) -> None:
        """A file's packets arrive whenever they are read."""

    def utc(self, start: Fraction, end: Fraction) -> datetime:
        return self._started_at + timedelta(seconds=float(self.position.advance(start, end)))

    def jumped(self) -> None:
        """Segments are placed by their own times."""
