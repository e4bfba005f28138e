"""One URL, opened and demuxed by PyAV in a thread of its own, which nobody ever has to wait for.

``av.open`` and ``demux`` block inside FFmpeg, can't be interrupted from outside, and closing the container from another
thread is unsafe. So a reader thread owns the container from opening to closing and hands packets over a queue that is
bounded in bytes. Whoever reads the queue can leave at once; the thread follows at its next packet or read timeout.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import av
import av.error
from av.stream import Discard

from monitor.errors import BadMedia, ConfigError, NoVideo, SourceError, SourceUnavailable, VqmonError
from monitor.sources.decoding import CodecTemplate, best_video
from monitor.sources.failures import classify, shown

if TYPE_CHECKING:
    from datetime import datetime

    from av.container.input import InputContainer
    from av.video.stream import VideoStream

    from monitor.sources.clock import Clock

_log = logging.getLogger(__name__)

QUEUE_BYTES = 32 << 20
"""How far a reader may run ahead of its consumer: 50 s of 5 Mbit/s."""
_PACKET_COST = 512
"""What a queued packet takes besides its data; keeps a queue of empty packets bounded too."""
_PATIENCE_SECONDS = 1.0
"""How much later than FFmpeg's own timeouts the outer watchdog fires."""

_PROBE_MICROSECONDS = "2000000"
"""How much of a live input FFmpeg looks at for its streams: by itself it reads RTMP for up to 90 s."""
_LIVE_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "rtsp": {"rtsp_transport": "tcp"},
    "udp": {
        "fifo_size": "50000",  # x 188 bytes: 15 s of 5 Mbit/s
        "overrun_nonfatal": "1",
        "reuse": "1",  # a reader that is still inside FFmpeg must not keep its successor from the port
    },
}
_COMMON_OPTIONS: Mapping[str, str] = {
    "correct_ts_overflow": "0",  # wraps are undone by monitor.sources.timeline; FFmpeg's way makes times negative
    "merge_pmt_versions": "1",  # MPEG-TS: a new PMT must not move the video to a stream that PyAV would ignore
}


@dataclass(frozen=True, slots=True)
class Opened:
    """What the container says of its video before the first packet."""

    template: CodecTemplate
    format_name: str
    """FFmpeg's demuxer names, for example ``mpegts`` or ``mov,mp4,m4a,3gp,3g2,mj2``."""
    reorders: bool
    """Whether decoding order differs from presentation order (B pictures)."""
    duration: Fraction | None
    """Seconds of video that the container's index or header announces, where one does."""


@dataclass(frozen=True, slots=True)
class DemuxedPacket:
    """One video packet as it came out of the demuxer; times in the template's time base."""

    data: bytes = field(repr=False)
    pts: int | None
    dts: int | None
    duration: int | None
    keyframe: bool
    extradata: bytes | None
    """New decoder configuration that takes effect with this packet, if it carries one."""
    arrived: datetime
    """UTC."""


class PacketReader:
    """The packets of the best video stream of one URL. Use as a context manager, from one thread besides ``stop``."""

    def __init__(
        self,
        url: str,
        *,
        open_timeout_seconds: float,
        read_timeout_seconds: float,
        options: Mapping[str, str],
        clock: Clock,
        live: bool,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._url = url
        self._open_timeout = open_timeout_seconds
        self._read_timeout = read_timeout_seconds
        probing = {"analyzeduration": _PROBE_MICROSECONDS} if live else {}
        self._options = {**_COMMON_OPTIONS, **probing, **_LIVE_OPTIONS.get(url.split("://", 1)[0], {}), **options}
        self._clock = clock
        self._queue_bytes = queue_bytes
        self._changed = threading.Condition()
        self._items: deque[Opened | DemuxedPacket] = deque()
        self._queued = 0
        self._failure: VqmonError | None = None
        self._finished = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"demux {shown(url)}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let both sides go, from any thread. The consumer sees the end at once, the demuxing thread when FFmpeg returns."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._queued = 0
            self._changed.notify_all()

    @property
    def queued_bytes(self) -> int:
        """What the queue holds."""
        return self._queued

    def opened(self) -> Opened | None:
        """Wait until the input is open; ``None`` when stopped.

        Raises:
            SourceError: it can't be opened, or nothing happened in time.
        """
        # FFmpeg's limit applies to connecting and to probing, one after the other.
        item = self._take(2 * self._open_timeout + _PATIENCE_SECONDS)
        if item is not None and not isinstance(item, Opened):
            raise TypeError(f"{type(item).__name__} before the input was opened")
        return item

    def idle(self, seconds: float) -> bool:
        """Wait for something to happen; whether nothing did for ``seconds``."""
        with self._changed:
            return not self._changed.wait_for(self._anything, seconds)

    def packet(self) -> DemuxedPacket | None:
        """Wait for the next packet; ``None`` at the end of the input or when stopped.

        Raises:
            SourceError: reading failed, or no video packet came within the read timeout.
        """
        item = self._take(self._read_timeout + _PATIENCE_SECONDS)
        if isinstance(item, Opened):
            raise TypeError("the input was opened twice")
        return item

    def _take(self, patience_seconds: float) -> Opened | DemuxedPacket | None:
        with self._changed:
            arrived = self._changed.wait_for(self._anything, patience_seconds)
            if self._items:
                item = self._items.popleft()
                if isinstance(item, DemuxedPacket):
                    self._queued -= len(item.data) + _PACKET_COST
                    self._changed.notify_all()
                return item
            if self._failure is not None and not self._stopped:
                raise self._failure
            if not arrived:
                raise SourceUnavailable(f"{shown(self._url)}: no video within {patience_seconds:.0f} s", reason="timeout")
            return None

    def _anything(self) -> bool:
        return bool(self._items) or self._finished or self._stopped

    def _put(self, item: Opened | DemuxedPacket) -> bool:
        """Queue ``item`` when there is room; whether to go on."""
        cost = len(item.data) + _PACKET_COST if isinstance(item, DemuxedPacket) else 0
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._queued == 0 or self._queued + cost <= self._queue_bytes)
            if not self._stopped:
                self._items.append(item)
                self._queued += cost
                self._changed.notify_all()
            return not self._stopped

    def _run(self) -> None:
        failure: VqmonError | None = None
        try:
            self._read()
        except VqmonError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - a thread's end: the consumer gets it
            failure = SourceError(f"{shown(self._url)}: reading failed: {type(error).__name__}", reason="demux")
            _log.debug("demuxing %s failed", shown(self._url), exc_info=True)
        with self._changed:
            self._failure, self._finished = failure, True
            self._changed.notify_all()

    def _read(self) -> None:
        started, limit, reading = time.monotonic(), self._open_timeout, False
        try:
            with av.open(
                # "file:", so that a colon in a file's name is not taken for a protocol
                self._url if "://" in self._url else f"file:{self._url}",
                "r",
                options=self._options,
                timeout=(self._open_timeout, self._read_timeout),
                metadata_errors="ignore",
            ) as container:
                stream = self._video(container)
                if not self._put(_described(container, stream)):
                    return
                started, limit, reading = time.monotonic(), self._read_timeout, True
                for packet in container.demux(stream):
                    if packet.size and not self._put(self._copied(packet)):
                        return
                    started = time.monotonic()
        except (av.error.FFmpegError, ValueError) as error:
            waited = time.monotonic() - started
            # "from None": the text of FFmpeg's error holds the address with its credentials, and a traceback would show it
            raise classify(error, self._url, waited_seconds=waited, timeout_seconds=limit, reading=reading) from None
        except IndexError as error:  # PyAV stumbles over streams that appeared later when it flushes those it knows
            raise BadMedia(
                f"{shown(self._url)}: its streams changed on the way, and only those of the start can be followed; "
                "split the file there",
                reason="demux",
            ) from error

    def _video(self, container: InputContainer) -> VideoStream:
        names = container.format.name.split(",")
        if names[0] in ("hls", "dash"):
            raise ConfigError(
                f"{shown(self._url)} is {'an HLS' if names[0] == 'hls' else 'a DASH'} manifest under another name; "
                "give the address of an HLS playlist that ends in .m3u8"
            )
        stream = best_video(container)
        if stream is None:
            kinds = sorted({other.type for other in container.streams})
            raise NoVideo(
                f"{shown(self._url)} has no video stream, only {' and '.join(kinds) or 'nothing'}", reason="no_video"
            )
        if stream.time_base is None or stream.codec_context is None:
            raise BadMedia(f"{shown(self._url)}: no decoder in this build for its video", reason="decode")
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        return stream

    def _copied(self, packet: av.Packet[Any]) -> DemuxedPacket:
        extradata = bytes(packet.get_sidedata("new_extradata")) if packet.has_sidedata("new_extradata") else None
        return DemuxedPacket(
            bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe, extradata, self._clock.now()
        )


def _described(container: InputContainer, stream: VideoStream) -> Opened:
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1, 90_000)
    rate = stream.average_rate or stream.guessed_rate
    return Opened(
        CodecTemplate(
            name=context.name,
            time_base=time_base,
            extradata=context.extradata or b"",
            width=context.width,
            height=context.height,
            pixel_format=context.pix_fmt or "",
            frame_rate=float(rate) if rate else 0.0,
        ),
        format_name=container.format.name,
        reorders=bool(context.has_b_frames),
        duration=_announced(container, stream, time_base),
    )


def _announced(container: InputContainer, stream: VideoStream, time_base: Fraction) -> Fraction | None:
    names = container.format.name
    if "mp4" in names and stream.duration:
        return stream.duration * time_base
    if "matroska" in names and container.duration and len(container.streams) == 1:  # of the longest stream
        return Fraction(container.duration, av.time_base)
    return None
