"""Encode pictures into self-contained media segments whose timestamps continue a channel's timeline."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter

from monitor.errors import BadMedia, ConfigError, NoVideo, UnsupportedFormat
from monitor.types import Plane

CLOCK_HZ = 90_000
"""Ticks per second of segment timestamps: MPEG-2's system clock divided by 300 (ISO/IEC 13818-1, 2.4.2.1)."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How to encode one rendition. Give exactly one of ``bitrate_bps`` and ``crf``.

    Names of codecs, presets and options are FFmpeg's; what a codec does not know is reported as ``ConfigError``.
    """

    width: int
    height: int
    frame_rate: Fraction
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    """Of the pictures handed in and of the encoded video."""
    bitrate_bps: int | None = None
    """Mean bitrate that the encoder aims at."""
    peak_bitrate_bps: int | None = None
    """Limit on the bitrate over any second (VBV with a buffer of one second); ``None``: no limit."""
    crf: float | None = None
    """Constant rate factor: constant quality, whatever bitrate that takes; smaller is better."""
    gop: int | None = None
    """Frames from key frame to key frame; ``None``: one key frame, the first. Groups of pictures are closed."""
    preset: str = ""
    """The codec's own speed preset; ``""`` for its default."""
    threads: int = 1
    container: str = "mpegts"
    options: Mapping[str, str] = field(default_factory=dict)
    """Further options of the codec, for example ``{"sc_threshold": "0"}`` for key frames only where the GOP puts them."""

    def __post_init__(self) -> None:
        if (self.bitrate_bps is None) == (self.crf is None):
            raise ConfigError(
                "encoding needs either a bitrate (bitrate_bps) or a constant quality (crf), not both or neither"
            )
        if self.width < 1 or self.height < 1 or self.frame_rate <= 0 or self.threads < 1:
            raise ConfigError(
                f"can't encode {self.width}x{self.height} at {self.frame_rate} frames/s with {self.threads} threads; "
                "size, frame rate and threads must be positive"
            )


def encode_segment(frames: Iterable[Sequence[Plane]], settings: EncodeSettings, *, start_pts: int = 0) -> bytes:
    """Encode pictures as one media segment that decodes on its own.

    Each call uses an encoder and a multiplexer of its own, so equal pictures and settings give equal bytes (with one
    thread), and segments may be encoded in any order. The first picture is a key frame.

    Args:
        frames: Pictures in presentation order, each as its planes (luma, Cb, Cr) in ``settings.pixel_format``. Another size
            than that of ``settings`` is scaled (bicubic).
        settings: What to encode to.
        start_pts: Presentation time of the first picture in 1/90000 s; later ones follow at the frame rate, rounded to
            ticks. MPEG-TS keeps it modulo 2**33. Codecs that reorder pictures have decoding times up to a few pictures
            before it, so a channel's timeline should start at a second or so, not at 0.

    Returns:
        The file: a complete MPEG-TS (or other container) with one video track.

    Raises:
        ConfigError: unknown codec, container, preset or option, or a combination that the encoder refuses.
        UnsupportedFormat: planes that are no picture of the pixel format.
        NoVideo: ``frames`` is empty.
    """
    buffer = io.BytesIO()
    _check_names(settings)
    try:
        # copyts: without it the muxer moves all timestamps by its own start-up delay. initial_discontinuity: the continuity
        # counters start anew in every segment, and this says so to whoever reads segments one after the other.
        muxing = {"mpegts_copyts": "1", "mpegts_flags": "+initial_discontinuity"} if settings.container == "mpegts" else {}
        with av.open(buffer, "w", format=settings.container, options=muxing) as container:
            count = _encode(frames, settings, container, start_pts)
    except av.error.FFmpegError as error:
        options = " ".join(f"{name}={value}" for name, value in _codec_options(settings).items())
        raise ConfigError(
            f"can't encode {settings.width}x{settings.height} {settings.pixel_format} with {settings.codec} ({options}) "
            f"into {settings.container}: {error.strerror}; check size, preset and options"
        ) from error
    if count == 0:
        raise NoVideo("there are no pictures to encode", reason="no_video")
    return buffer.getvalue()


def rfc6381_codec(segment: bytes) -> str:
    """The CODECS value of an H.264 segment, for example ``avc1.42c01f``: profile, constraints, level (RFC 6381, 3.3).

    Raises:
        BadMedia: no H.264 sequence parameter set in it.
    """
    codec, extradata = "no video", b""
    try:
        with av.open(io.BytesIO(segment)) as container:
            for stream in container.streams.video[:1]:
                codec, extradata = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
    except av.error.FFmpegError as error:
        raise BadMedia(f"can't open a segment of {len(segment)} bytes: {error.strerror}", reason="demux") from error
    # An Annex B parameter set: start code, NAL header (nal_unit_type 7), profile_idc, constraint flags, level_idc.
    position = extradata.find(b"\x00\x00\x01\x67")
    if codec != "h264" or not 0 <= position <= len(extradata) - 7:
        raise BadMedia(f"the segment holds {codec}, but no H.264 sequence parameter set", reason="demux")
    return "avc1." + extradata[position + 4 : position + 7].hex()


def _encode(
    frames: Iterable[Sequence[Plane]], settings: EncodeSettings, container: av.container.OutputContainer, start_pts: int
) -> int:
    stream = cast(
        "av.VideoStream", container.add_stream(settings.codec, rate=settings.frame_rate, options=_codec_options(settings))
    )
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = settings.width, settings.height, settings.pixel_format
    # The encoder's rate control counts frames; ticks of the container's clock are put on the packets afterwards.
    context.time_base = 1 / settings.frame_rate
    context.thread_count = settings.threads
    ticks = Fraction(CLOCK_HZ) / settings.frame_rate

    def mux(packets: Iterable[av.Packet[av.VideoStream]]) -> None:
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                raise ConfigError(f"{settings.codec} gave a packet without a timestamp")
            packet.time_base = Fraction(1, CLOCK_HZ)
            packet.duration = round((packet.pts + 1) * ticks) - round(packet.pts * ticks)
            packet.pts = start_pts + round(packet.pts * ticks)
            packet.dts = start_pts + round(packet.dts * ticks)
            container.mux(packet)

    scaler = VideoReformatter()
    count = 0
    for count, planes in enumerate(frames, start=1):
        picture = _picture(planes, settings.pixel_format)
        if (picture.width, picture.height) != (settings.width, settings.height):
            picture = scaler.reformat(picture, settings.width, settings.height, interpolation="BICUBIC")
        picture.pts, picture.time_base = count - 1, context.time_base
        mux(stream.encode(picture))
    if count:
        mux(stream.encode(None))
        if context.options:  # FFmpeg took what it knows and left the rest
            raise ConfigError(
                f"{settings.codec} has no option {' or '.join(sorted(context.options))}; see ffmpeg -h encoder="
            )
    return count


def _check_names(settings: EncodeSettings) -> None:
    # PyAV's errors for names that it does not know are ValueErrors.
    try:
        kind = av.Codec(settings.codec, "w").type
    except ValueError:
        kind = "unknown"
    if kind != "video":
        raise ConfigError(f"{settings.codec!r} is no video encoder of this PyAV; try libx264, libx265 or libsvtav1")
    try:
        av.ContainerFormat(settings.container, "w")
    except ValueError:
        raise ConfigError(f"{settings.container!r} is no container of this PyAV; try mpegts or mp4") from None
    try:
        av.VideoFormat(settings.pixel_format)
    except ValueError:
        raise ConfigError(f"{settings.pixel_format!r} is no pixel format of FFmpeg; try yuv420p or yuv420p10le") from None


def _codec_options(settings: EncodeSettings) -> dict[str, str]:
    options: dict[str, str] = {}
    if settings.preset:
        options["preset"] = settings.preset
    if settings.crf is not None:
        options["crf"] = f"{settings.crf:g}"
    if settings.bitrate_bps is not None:
        options["b"] = str(settings.bitrate_bps)
    if settings.peak_bitrate_bps is not None:
        options["maxrate"] = options["bufsize"] = str(settings.peak_bitrate_bps)
    options["g"] = str(settings.gop or 2**16)
    return options | dict(settings.options)


def _picture(planes: Sequence[Plane], pixel_format: str) -> av.VideoFrame:
    height, width = planes[0].shape if planes else (0, 0)
    picture = av.VideoFrame(width, height, pixel_format)
    if len(planes) != len(picture.planes):
        raise UnsupportedFormat(f"{pixel_format} has {len(picture.planes)} planes, not {len(planes)}")
    for number, (plane, target) in enumerate(zip(planes, picture.planes, strict=True)):
        expected = (target.height, target.width)
        dtype = np.dtype(np.uint8 if picture.format.components[number].bits <= 8 else np.uint16)
        if plane.shape != expected or plane.dtype != dtype:
            raise UnsupportedFormat(
                f"plane {number} of a {width}x{height} {pixel_format} picture is {expected} {dtype}, "
                f"not {plane.shape} {plane.dtype}"
            )
        rows = np.frombuffer(memoryview(target), dtype=dtype).reshape(target.height, -1)  # padded to the line size
        rows[:, : target.width] = plane
    return picture
