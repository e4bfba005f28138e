"""Tiny clips with a chosen structure, made by PyAV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 25


def clip(
    path: Path,
    *,
    container: str | None = None,
    codec: str = "libx264",
    seconds: float = 2.0,
    size: tuple[int, int] = (64, 48),
    gop: int = RATE,
    b_frames: int = 0,
    x264: str = "",
    mux: Mapping[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    video: bool = True,
    audio: bool = False,
) -> Path:
    """Write ``seconds`` of moving gradient at 25 frames/s (or at the times ``milliseconds``), and give back the path."""
    with av.open(str(path), "w", format=container, options=dict(mux or {})) as output:
        picture = _video_stream(output, codec, size, gop, b_frames, x264, exact=milliseconds is None) if video else None
        sound = output.add_stream("aac", rate=48_000) if audio else None  # before anything is written
        if picture is not None:
            _write_video(output, picture, milliseconds or [1000 * n // RATE for n in range(round(seconds * RATE))])
        if sound is not None:
            _write_audio(output, sound, seconds)
    return path


def _video_stream(
    output: av.container.OutputContainer,
    codec: str,
    size: tuple[int, int],
    gop: int,
    b_frames: int,
    x264: str,
    *,
    exact: bool,
) -> av.VideoStream:
    stream = output.add_stream(codec, rate=RATE)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, RATE) if exact else Fraction(1, 1000)
    stream.codec_context.gop_size = gop
    stream.codec_context.max_b_frames = b_frames
    if codec == "libx264":
        parameters = ":".join(filter(None, ("scenecut=0", "b-adapt=0", x264)))
        stream.options = {"preset": "ultrafast", "bf": str(b_frames), "g": str(gop), "x264-params": parameters}
    return stream


def _write_video(output: av.container.OutputContainer, stream: av.VideoStream, milliseconds: Sequence[int]) -> None:
    ramp = np.add.outer(np.arange(stream.height * 3 // 2), np.arange(stream.width))
    for index, time in enumerate(milliseconds):
        frame = av.VideoFrame.from_ndarray(((ramp * 3 + 5 * index) % 220 + 16).astype(np.uint8), format="yuv420p")
        frame.pts, frame.time_base = time, Fraction(1, 1000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def _write_audio(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for index in range(round(seconds * 48_000 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 1024 * index
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
