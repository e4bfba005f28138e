"""Encoded segments of chosen pixels, made by PyAV."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from monitor.sources.decoding import ByteSegment, PacketSegment
from monitor.types import Frame

RATE = 25
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Every:
    """A sampler that wants every frame."""

    keyframes_only = False

    def wants(self, pts: Fraction, duration: Fraction, index: int, *, keyframe: bool) -> bool:
        return True

    def reset(self) -> None:
        pass


def segment(data: bytes, *, init: bytes = b"", sequence: int = 7) -> ByteSegment:
    return ByteSegment("channel", "720p", sequence, START, False, Fraction(2), data, init)


def frames_of(data: bytes | ByteSegment | PacketSegment, **how: object) -> list[Frame]:
    one = segment(data) if isinstance(data, bytes) else data
    with one.decode(**how) as decoding:
        return list(decoding.frames(Every()))


def picture(width: int, height: int, pixel_format: str, seed: int = 0) -> av.VideoFrame:
    """Seeded noise that uses the format's whole depth; rows may be padded."""
    frame = av.VideoFrame(width, height, pixel_format)
    depth = max(component.bits for component in frame.format.components)
    dtype = np.dtype(np.uint8) if depth <= 8 else np.dtype(">u2" if frame.format.is_big_endian else "<u2")
    random = np.random.default_rng(seed)
    for plane in frame.planes:
        samples = np.frombuffer(plane, dtype=dtype)
        samples[:] = random.integers(0, 1 << min(depth, 8 * dtype.itemsize), samples.size)
    return frame


def planes(frame: av.VideoFrame) -> list[NDArray[np.generic]]:
    """The samples of a planar frame without the padding of its rows."""
    depth = max(component.bits for component in frame.format.components)
    dtype = np.dtype(np.uint8) if depth <= 8 else np.dtype("<u2")
    return [
        np.frombuffer(plane, dtype=dtype).reshape(plane.height, plane.line_size // dtype.itemsize)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def encoded(
    pictures: Sequence[av.VideoFrame],
    *,
    codec: str = "ffv1",
    container: str = "matroska",
    options: Mapping[str, str] | None = None,
    muxing: Mapping[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    rotation: tuple[int, *tuple[bool, ...]] = (0,),
    **tags: object,
) -> bytes:
    """The pictures as a file in memory, 25 a second or shown at ``milliseconds``; ``tags`` are the encoder's attributes.

    ``rotation``: degrees counterclockwise, then whether it is mirrored left to right, and upside down.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=dict(muxing or {})) as output:
        stream = output.add_stream(codec, rate=RATE, options=dict(options or {}))
        first = pictures[0]
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, first.format.name
        stream.codec_context.time_base = Fraction(1, 1000) if milliseconds else Fraction(1, RATE)
        for name, value in tags.items():
            if value is not None:
                setattr(stream.codec_context, name, value)
        if any(rotation):
            stream.set_display_rotation(*rotation)
        for index, frame in enumerate(pictures):
            frame.pts = milliseconds[index] if milliseconds else index
            frame.time_base = Fraction(1, 1000) if milliseconds else Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def moving(count: int, width: int = 64, height: int = 48, pixel_format: str = "yuv420p") -> list[av.VideoFrame]:
    """A gradient that moves: every frame differs from every other one, and codecs like it."""
    y, x = np.mgrid[:height, :width]
    grey = [((2 * x + 3 * y + 7 * index) % 200 + 20).astype(np.uint8) for index in range(count)]
    return [av.VideoFrame.from_ndarray(np.stack([one] * 3, -1), "rgb24").reformat(format=pixel_format) for one in grey]


def x264(
    count: int = 50, *, b_frames: int = 0, gop: int = 25, container: str = "mpegts", muxing: Mapping[str, str] | None = None
) -> bytes:
    """``count`` frames of H.264."""
    parameters = "scenecut=0:b-adapt=0:open-gop=0"
    options = {"preset": "ultrafast", "bf": str(b_frames), "g": str(gop), "crf": "15", "x264-params": parameters}
    return encoded(moving(count), codec="libx264", container=container, options=options, muxing=muxing)
