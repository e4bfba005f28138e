"""From an encoded segment in memory to frames: the only place where pictures are decoded.

Each segment is decoded on its own by a fresh decoder and flushed, so that its frames never depend on what came before
(DECISIONS.md, "A segment is the unit of work"). Frames are handed on without copying wherever the decoder's rows are
unpadded.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Self

import av
import av.error

from monitor.errors import BadMedia, NoVideo, UnsupportedFormat
from monitor.sampling import Every
from monitor.sources.pixels import display_matrix, is_rgb, planar, planes_of, video_format
from monitor.types import Frame, VideoFormat

if TYPE_CHECKING:
    from datetime import datetime

    from av.codec.context import CodecContext
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from monitor.protocols import EncodedSegment, Sampler

    VideoPacket = av.Packet[Any]

REORDERED_PACKETS = 64
"""Among so many first packets is the one shown first: decoders hold back at most 16 frames (32 fields) to reorder them."""

FORMATS = "mpegts,mov,matroska,flv,h264,hevc,av1,obu,ivf,mpegvideo,mpeg"
"""Demuxers that may open a segment. The bytes come from the network: a playlist or a concat script among them would make
FFmpeg open further addresses and local files."""

PROBE = {"probesize": str(1 << 20), "fpsprobesize": "0", "format_whitelist": FORMATS}
"""How the demuxer finds the streams: within a segment's first megabyte, guessing no frame rate."""

PROBE_WITHOUT_DECODING = {**PROBE, "skip_frame": "all"}
"""The same without decoding pictures on the way, which costs as much as a 1080p key frame (15 ms of 17). Not for decoding
every frame: that is how libavcodec learns how many frames to reorder where the stream does not say."""


class SegmentDecoding:
    """One pass over the frames of one segment (``monitor.protocols.DecodedSegment``).

    Args:
        packets: Encoded video, in decoding order.
        context: The decoder.
        time_base: Of the packets, seconds.
        frame_rate: Nominal frames per second, 0 when unknown.
        origin: Media time that becomes zero.
        sample_aspect: What the container says about the shape of samples; ``None`` leaves it to the decoder.
        label: What is decoded, for errors.
    """

    def __init__(
        self,
        packets: Iterator[VideoPacket],
        context: VideoCodecContext,
        time_base: Fraction,
        frame_rate: float,
        origin: Fraction = Fraction(0),
        sample_aspect: Fraction | None = None,
        label: str = "the video",
    ) -> None:
        self._origin = origin
        self._label = label
        self._sample_aspect = sample_aspect
        self._interlaced = 0
        self._packets = packets
        self._display: tuple[int, bytes] | None = None
        self._pictures: Iterator[VideoFrame] | None = None
        self._context = context
        self._time_base = time_base
        self._owner: av.container.InputContainer | None = None
        self._reformatter = av.video.reformatter.VideoReformatter()
        self.codec = context.codec.canonical_name  # "av1", whichever decoder reads it
        self.format: VideoFormat | None = None
        self.frame_rate = frame_rate
        self.frames_expected = 0
        self.frames_decoded = 0
        self.decode_errors = 0
        self.start: Fraction | None = None
        self.end: Fraction | None = None

    def owning(self, container: av.container.InputContainer) -> Self:
        """Close ``container`` when this pass ends."""
        self._owner = container
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._owner is not None:
            self._owner.close()

    def frames(self, sampler: Sampler) -> Iterator[Frame]:
        """The frames that ``sampler`` wants, in presentation order; corrupt ones are left out and counted.

        Raises:
            BadMedia: there is no way to tell their samples apart.
        """
        index = 0
        pictures, self._pictures = self._pictures or self._decoded(), None
        for decoded in pictures:
            if decoded.is_corrupt:
                self.decode_errors += 1
                continue
            pts = self._presentation_time(decoded)
            duration = self._duration(decoded)
            self.frames_decoded += 1
            self._interlaced += decoded.interlaced_frame
            if self.start is None or pts < self.start:
                self.start = pts
            self.end = max(self.end, pts + duration) if self.end is not None else pts + duration
            keyframe = bool(decoded.key_frame)
            if sampler.wants(pts, duration, index, keyframe=keyframe):
                yield self._frame(decoded, index, pts, duration, keyframe=keyframe)
            index += 1

    def look(self) -> VideoFormat:
        """The format of the first picture, which ``frames`` gives afterwards as it would have; to be asked before.

        Raises:
            BadMedia: no picture can be decoded, or there is no way to tell its samples apart.
        """
        seen: list[VideoFrame] = []
        pictures = self._decoded()
        self._pictures = chain(seen, pictures)
        for decoded in pictures:
            seen.append(decoded)
            if not decoded.is_corrupt:
                return self._seen(decoded, interlaced=decoded.interlaced_frame)[1]
        raise BadMedia(f"{self._label}: no picture could be decoded", reason="decode")

    def _decoded(self) -> Iterator[VideoFrame]:
        """Every picture the decoder gives, hopping over packets that it refuses."""
        for packet in self._packets:
            if not packet.is_discard:  # an edit list's lead-in is decoded and not shown
                self.frames_expected += 1
            try:
                yield from self._context.decode(packet)
            except av.error.FFmpegError:
                self.decode_errors += 1
        try:
            yield from self._context.decode(None)
        except av.error.EOFError:
            return  # already drained by the demuxer's own flush packet
        except av.error.FFmpegError:
            self.decode_errors += 1

    def _presentation_time(self, frame: VideoFrame) -> Fraction:
        if frame.pts is not None:
            return frame.pts * self._time_base - self._origin
        return self.end if self.end is not None else Fraction(0)

    def _duration(self, frame: VideoFrame) -> Fraction:
        if frame.duration:
            return frame.duration * self._time_base
        return Fraction(1 / self.frame_rate).limit_denominator(90_000) if self.frame_rate else Fraction(0)

    def _frame(self, decoded: VideoFrame, index: int, pts: Fraction, duration: Fraction, *, keyframe: bool) -> Frame:
        picture, description = self._seen(decoded, interlaced=2 * self._interlaced > self.frames_decoded)
        self.format = description
        return Frame(
            index=index,
            pts=pts,
            duration=duration,
            format=description,
            planes=planes_of(picture, description),
            keyframe=keyframe,
            rgb=decoded if description.rgb else None,
        )

    def _seen(self, decoded: VideoFrame, *, interlaced: bool) -> tuple[VideoFrame, VideoFormat]:
        try:
            picture = planar(decoded, self._reformatter)
        except UnsupportedFormat as error:
            raise BadMedia(f"{self._label}: {error}", reason="decode") from error
        if self._display is None or decoded.rotation != self._display[0]:
            self._display = decoded.rotation, display_matrix(decoded)
        aspect = self._sample_aspect or self._context.sample_aspect_ratio
        rgb = is_rgb(decoded.format)
        return picture, video_format(picture, aspect, interlaced=interlaced, display=self._display[1], rgb=rgb)


def _configure(context: CodecContext, *, keyframes_only: bool, threads: int) -> None:
    context.thread_count = threads
    context.thread_type = "AUTO" if threads != 1 else "NONE"
    context.skip_frame = "NONKEY" if keyframes_only else "DEFAULT"


def video_stream(container: av.container.InputContainer, label: str) -> VideoStream:
    """The stream to look at; closes the container where there is none.

    Raises:
        NoVideo: there is none; the message says what there is instead.
        BadMedia: this build of FFmpeg has no decoder for it.
    """
    stream = best_video(container)
    if stream is not None and stream.codec_context is not None:
        return stream
    kinds = sorted({other.type for other in container.streams})
    container.close()
    if stream is not None:
        raise BadMedia(f"{label}: this build of FFmpeg has no decoder for its video", reason="decode")
    raise NoVideo(f"{label} has no video stream, only {' and '.join(kinds) or 'nothing'}", reason="no_video")


def best_video(container: av.container.InputContainer) -> VideoStream | None:
    """The stream FFmpeg would play, leaving out cover art."""
    streams = [stream for stream in container.streams.video if not stream.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        return None
    best = container.streams.best("video")
    return best if best in streams else streams[0]


@dataclass(slots=True, eq=False)
class ByteSegment:
    """A media segment as it was fetched: MPEG-TS, or fMP4 with its initialisation section."""

    stream: str
    rendition: str
    sequence: int
    started_at: datetime
    has_utc: bool
    duration: Fraction
    data: bytes = field(repr=False)
    init: bytes = field(default=b"", repr=False)
    """EXT-X-MAP section that goes before ``data``."""
    discontinuity: bool = False
    published_at: datetime | None = None
    download_seconds: float = 0.0

    @property
    def size(self) -> int:
        """Encoded bytes, without the initialisation section (which segments share)."""
        return len(self.data)

    def span(self) -> tuple[Fraction, Fraction]:
        """Media time of the first frame and of the end of the last one, without decoding.

        Raises:
            BadMedia: empty, or no demuxer can read it, or no packet has a time.
            NoVideo: no video stream in it.
        """
        container, stream = self._opened(PROBE_WITHOUT_DECODING)
        with container:
            return stream_span(container, stream, self._label)

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> SegmentDecoding:
        """Open the segment for one pass over its frames.

        Raises:
            BadMedia: empty, or no demuxer or decoder can read it.
            NoVideo: no video stream in it.
        """
        container, stream = self._opened(PROBE_WITHOUT_DECODING if keyframes_only else PROBE)
        return stream_decoding(container, stream, keyframes_only=keyframes_only, threads=threads, label=self._label)

    @property
    def _label(self) -> str:
        return f"segment {self.sequence} of {self.stream}/{self.rendition}"

    def _opened(self, options: dict[str, str]) -> tuple[av.container.InputContainer, VideoStream]:
        if not self.data:
            raise BadMedia(f"{self._label} is empty", reason="demux")
        try:
            container = av.open(
                io.BytesIO(self.init + self.data if self.init else self.data),
                "r",
                options=options,
                metadata_errors="ignore",
            )
        except (av.error.FFmpegError, ValueError) as error:
            text = f"{self._label} ({len(self.data)} bytes) is no media that can be read: {_reason(error)}"
            raise BadMedia(text, reason="demux") from error
        return container, video_stream(container, self._label)


def stream_span(container: av.container.InputContainer, stream: VideoStream, label: str) -> tuple[Fraction, Fraction]:
    """Media time of a stream's first frame and of the end of its last one, without decoding.

    Raises:
        BadMedia: no packet has a time.
    """
    return _span(_demuxed(container, stream), _time_base(stream), _frame_duration(stream), label)


def stream_start(
    container: av.container.InputContainer, stream: VideoStream, label: str
) -> tuple[Fraction, Iterator[VideoPacket]]:
    """Media time of a stream's first frame, from its first packets; and all its packets, those included.

    Raises:
        BadMedia: no packet has a time.
    """
    packets = _demuxed(container, stream)
    ahead: deque[VideoPacket] = deque()
    for packet in islice(packets, REORDERED_PACKETS):
        ahead.append(packet)
        if packet.pts is not None and not packet.is_discard and not stream.codec_context.codec.reorder:
            break
    start, _ = _span(iter(ahead), _time_base(stream), _frame_duration(stream), label)
    return start, chain(_taken(ahead), packets)


def _taken(packets: deque[VideoPacket]) -> Iterator[VideoPacket]:
    """Packets that are no longer held once they were read."""
    while packets:
        yield packets.popleft()


def announced_duration(container: av.container.InputContainer, stream: VideoStream) -> Fraction | None:
    """Seconds of video that the container writes down, as MP4 and Matroska do; others are guessed at by FFmpeg, wrongly."""
    if "mp4" in container.format.name and stream.duration:
        return stream.duration * _time_base(stream)
    if "matroska" in container.format.name and container.duration and len(container.streams) == 1:  # of the longest stream
        return Fraction(container.duration, av.time_base)
    return None


def stream_decoding(
    container: av.container.InputContainer,
    stream: VideoStream,
    *,
    keyframes_only: bool,
    threads: int,
    from_zero: bool = False,
    label: str,
) -> SegmentDecoding:
    """One pass over the frames of an open container, which it closes at its end.

    Args:
        container: The container.
        stream: What to decode of it.
        keyframes_only: Leave out all other frames.
        threads: Of the decoder.
        from_zero: Whether the first frame's time becomes zero, whatever the container says.
        label: What is decoded, for errors.

    Raises:
        BadMedia: the first frame's time is wanted, and no packet has one.
    """
    origin, packets = stream_start(container, stream, label) if from_zero else (Fraction(0), _demuxed(container, stream))
    context = stream.codec_context
    _configure(context, keyframes_only=keyframes_only, threads=threads)
    aspect = stream.sample_aspect_ratio  # the container's or, where that says nothing, the decoder's of the first frames
    decoding = SegmentDecoding(
        packets,
        context,
        _time_base(stream),
        float(nominal_rate(stream)),
        origin,
        aspect if aspect != context.sample_aspect_ratio else None,
        label,
    )
    return decoding.owning(container)


def look(segment: EncodedSegment, frames: int) -> VideoFormat:
    """The format of a segment's pictures, by so many first ones: more than one tell whether most are interlaced.

    Raises:
        SourceError: it can't be opened, or none of its pictures can be decoded.
    """
    with segment.decode() as decoding:
        for _ in islice(decoding.frames(Every()), frames):
            pass
        if decoding.format is not None:
            return decoding.format
    raise BadMedia(f"{segment.stream}/{segment.rendition}: no picture could be decoded", reason="decode")


def nominal_rate(stream: VideoStream) -> Fraction:
    """Frames per second as the container or, failing that, the codec says; 0 when unknown.

    FFmpeg's own guess comes last: where it was not allowed to look at timestamps (``fpsprobesize``) it is the field rate.
    """
    rate = stream.average_rate or stream.codec_context.framerate or stream.guessed_rate
    return Fraction(rate) if rate else Fraction(0)


def _frame_duration(stream: VideoStream) -> Fraction:
    rate = nominal_rate(stream)
    return 1 / rate if rate else Fraction(0)


def _time_base(stream: VideoStream) -> Fraction:
    return Fraction(stream.time_base) if stream.time_base else Fraction(1, 90_000)


def _span(
    packets: Iterator[VideoPacket], time_base: Fraction, frame_duration: Fraction, label: str
) -> tuple[Fraction, Fraction]:
    """First presentation time and end of the last frame of a run of packets; raw streams without times begin at zero."""
    shown = [packet for packet in packets if not packet.is_discard]
    timed = [(packet.pts, packet.duration or 0) for packet in shown if packet.pts is not None]
    if timed:
        (first, _), (last, last_duration) = min(timed), max(timed)
        return first * time_base, last * time_base + (last_duration * time_base or frame_duration)
    if length := sum((packet.duration or 0) * time_base or frame_duration for packet in shown):
        return Fraction(0), length
    raise BadMedia(f"{label} has no packet with a presentation time", reason="demux")


def _demuxed(container: av.container.InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets up to the end or to where the bytes stop making sense."""
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except av.error.FFmpegError:
        return  # a truncated tail: frames_decoded against the announced duration shows it


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One access unit as demuxed; times in the template's time base."""

    data: bytes = field(repr=False)
    pts: int | None
    dts: int | None
    duration: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class CodecTemplate:
    """What a decoder must know besides the packets."""

    name: str
    """FFmpeg's decoder name: ``h264``, ``hevc`` ..."""
    time_base: Fraction
    extradata: bytes = field(default=b"", repr=False)
    width: int = 0
    height: int = 0
    pixel_format: str = ""
    frame_rate: float = 0.0


@dataclass(slots=True, eq=False)
class PacketSegment:
    """A run of packets cut at a key frame from a continuous input (RTMP, RTSP, UDP, file)."""

    stream: str
    rendition: str
    sequence: int
    started_at: datetime
    has_utc: bool
    duration: Fraction
    packets: Sequence[EncodedPacket] = field(repr=False)
    template: CodecTemplate
    discontinuity: bool = False
    published_at: datetime | None = None
    download_seconds: float = 0.0

    @property
    def size(self) -> int:
        """Encoded bytes."""
        return sum(len(packet.data) for packet in self.packets)

    def span(self) -> tuple[Fraction, Fraction]:
        """Media time of the first frame and of the end of the last one.

        Raises:
            BadMedia: there are no packets, or none has a time.
        """
        frame_duration = (
            Fraction(1 / self.template.frame_rate).limit_denominator(90_000) if self.template.frame_rate else Fraction(0)
        )
        return _span(self._rebuilt(), self.template.time_base, frame_duration, self._label)

    def decode(self, *, keyframes_only: bool = False, threads: int = 1) -> SegmentDecoding:
        """Open the segment for one pass over its frames.

        Raises:
            BadMedia: there are no packets, or no such decoder.
        """
        if not self.packets:
            raise BadMedia(f"{self._label} is empty", reason="demux")
        try:
            context = av.CodecContext.create(self.template.name, "r")
        except (av.error.FFmpegError, ValueError) as error:
            raise BadMedia(f"no decoder for {self.template.name!r}: {_reason(error)}", reason="decode") from error
        if not isinstance(context, av.VideoCodecContext):
            raise NoVideo(f"{self.template.name!r} is not a video codec", reason="no_video")
        context.extradata = self.template.extradata or None
        context.width, context.height = self.template.width, self.template.height
        if self.template.pixel_format:
            context.pix_fmt = self.template.pixel_format
        _configure(context, keyframes_only=keyframes_only, threads=threads)
        return SegmentDecoding(
            self._rebuilt(), context, self.template.time_base, self.template.frame_rate, label=self._label
        )

    @property
    def _label(self) -> str:
        return f"segment {self.sequence} of {self.stream}/{self.rendition}"

    def _rebuilt(self) -> Iterator[VideoPacket]:
        for encoded in self.packets:
            packet = av.Packet(encoded.data)
            packet.pts, packet.dts, packet.duration = encoded.pts, encoded.dts, encoded.duration
            packet.time_base = self.template.time_base
            packet.is_keyframe = encoded.keyframe
            yield packet
