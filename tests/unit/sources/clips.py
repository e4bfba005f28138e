"""Tiny encoded segments for tests of inputs."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np


def _encode(container: av.container.OutputContainer, first: int, frames: int, rate: int, group: int) -> None:
    stream = container.add_stream("libx264", rate=rate)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "ultrafast", "bf": "0", "g": str(group), "x264-params": "scenecut=0"}
    grid = np.add.outer(np.arange(64), np.arange(64))
    for index in range(first, first + frames):
        frame = av.VideoFrame.from_ndarray(
            np.repeat((grid + 3 * index)[..., None] % 256, 3, axis=2).astype(np.uint8), "rgb24"
        )
        frame.pts = index
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode():
        container.mux(packet)


@cache
def ts_segment(number: int = 0, *, frames: int = 10, rate: int = 25) -> bytes:
    """Segment ``number`` of an MPEG-TS stream: 64x64 H.264 that begins with a key frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        _encode(container, number * frames, frames, rate, frames)
    return buffer.getvalue()


@cache
def fmp4_segments(count: int, *, frames: int = 10, rate: int = 25) -> tuple[bytes, tuple[bytes, ...]]:
    """Initialization section and ``count`` fragments of a fragmented MP4."""
    buffer = io.BytesIO()
    options = {"movflags": "cmaf+frag_keyframe+empty_moov+default_base_moof"}
    with av.open(buffer, "w", format="mp4", options=options) as container:
        _encode(container, 0, count * frames, rate, frames)
    return _split(buffer.getvalue())


def _split(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    starts: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        starts.append((position, data[position + 4 : position + 8]))
        position += int.from_bytes(data[position : position + 4], "big")
    fragments = [offset for offset, kind in starts if kind == b"moof"]
    tail = next((offset for offset, kind in starts if kind == b"mfra"), len(data))
    ends = [*fragments[1:], tail]
    return data[: fragments[0]], tuple(data[begin:end] for begin, end in zip(fragments, ends, strict=True))
