"""Synthetic scenes, encoded as a live encoder would and decoded again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.types import Frame, VideoFormat

RATE = 25
WIDTH, HEIGHT = 640, 352

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Encode:
    """How to encode with x264, constant bitrate."""

    bitrate: str
    gop: int
    preset: str = "veryfast"


def background(seconds: float, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """Soft shading and hard-edged tiles that drift."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shade = 120 + 45 * np.sin((x + 40 * seconds) / 41) * np.cos((y - 25 * seconds) / 33)
    tiles: Picture = shade + 20 * np.sign(np.sin((x - 70 * seconds) / 60)) * np.sign(np.sin(y / 45 + seconds))
    return tiles


def grain(rng: np.random.Generator, amount: float, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """Film grain."""
    return cv2.GaussianBlur(rng.normal(0, 1.6 * amount, (height, width)).astype(np.float32), (0, 0), 0.6)


def scene(kind: str, seconds: int, frozen: tuple[int, int] = (0, 0), seed: int = 5) -> Iterator[Picture]:
    """Pictures of a grainy scene.

    Args:
        kind: ``moving``, ``box`` (a box of 2 % of the picture moves), ``ticker``, ``fade`` (6 code values a second),
            ``repeats`` (8 pictures a second, each shown three times) or ``static`` (grain over a picture that stays).
        seconds: Length.
        frozen: Second from which and until which the source repeats one picture, grain and all.
        seed: Of the grain.
    """
    rng = np.random.default_rng(seed)
    held: Picture | None = None
    for index in range(seconds * RATE):
        time = index / RATE
        if frozen[0] <= time < frozen[1] and held is not None:
            yield held
            continue
        if kind == "moving":
            picture = background(time) + grain(rng, 4)
        elif kind == "box":
            picture = background(0) + grain(rng, 2)
            left = int((WIDTH - 68) * (0.5 + 0.45 * np.sin(time)))
            picture[100:168, left : left + 68] = 200
        elif kind == "ticker":
            picture = background(0)
            picture[HEIGHT - 24 : HEIGHT - 8] = np.where((np.arange(WIDTH) + int(60 * time)) % 97 < 40, 200, 40)
        elif kind == "fade":
            picture = background(0) * (1 - time / 20) + time
        elif kind == "repeats":
            picture = background(np.floor(time * 8) / 8)
        else:
            picture = background(0) + grain(rng, 4)
        held = np.clip(picture, 16, 235)
        yield held


def encoded(pictures: Iterator[Picture], settings: Encode) -> bytes:
    """An MPEG transport stream of the pictures, grey chroma."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {
            "preset": settings.preset,
            "g": str(settings.gop),
            "keyint_min": str(settings.gop),
            "sc_threshold": "0",
            "b": settings.bitrate,
            "maxrate": settings.bitrate,
            "bufsize": settings.bitrate,
            "threads": "1",
        }
        for index, picture in enumerate(pictures):
            planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            planes[:HEIGHT] = np.rint(picture)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decoded(data: bytes) -> Iterator[Frame]:
    """The stream's frames, luma only."""
    grey = VideoFormat(WIDTH, HEIGHT, "gray")
    with av.open(io.BytesIO(data)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            luma = np.ascontiguousarray(frame.to_ndarray()[:HEIGHT])
            luma.flags.writeable = False
            yield Frame(index, Fraction(index, RATE), Fraction(1, RATE), grey, (luma,), keyframe=bool(frame.key_frame))
