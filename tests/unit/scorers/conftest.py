"""Pictures for metric tests: a synthetic scene in any format, and ways to spoil it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.types import Frame, FramePair, Plane, VideoFormat

Picture = NDArray[np.float64]
"""A plane in 8-bit code values."""


@dataclass(frozen=True)
class Studio:
    """Makes frames. A scene is deterministic: the same seed gives the same pictures."""

    frame_rate: int = 25

    def format(self, width: int, height: int, pixel_format: str = "yuv420p", *, full_range: bool = False) -> VideoFormat:
        digits = re.search(r"(?:p|gray)(\d+)?(?:le)?$", pixel_format)
        assert digits is not None
        chroma = {"yuv420": (2, 2), "yuv422": (2, 1), "yuv444": (1, 1)}.get(pixel_format[:6])
        return VideoFormat(
            width,
            height,
            pixel_format,
            bit_depth=int(digits[1] or 8),
            full_range=full_range,
            chroma_width=-(-width // chroma[0]) if chroma else 0,
            chroma_height=-(-height // chroma[1]) if chroma else 0,
        )

    def plane(self, picture: Picture, video_format: VideoFormat) -> Plane:
        """8-bit code values as a read-only plane of the format's depth."""
        code = picture * (1 << (video_format.bit_depth - 8))
        kind = np.uint8 if video_format.bit_depth == 8 else np.uint16
        plane = np.ascontiguousarray(np.clip(np.rint(code), 0, video_format.peak)).astype(kind)
        plane.flags.writeable = False
        return plane

    def frame(
        self, index: int, luma: Picture, video_format: VideoFormat, *, chroma: Sequence[Picture] = (), keyframe: bool = False
    ) -> Frame:
        size = (video_format.chroma_height, video_format.chroma_width)
        others = (chroma or [np.full(size, 128.0), np.full(size, 128.0)]) if size[0] else []
        return Frame(
            index=index,
            pts=Fraction(index, self.frame_rate),
            duration=Fraction(1, self.frame_rate),
            format=video_format,
            planes=tuple(self.plane(picture, video_format) for picture in (luma, *others)),
            keyframe=keyframe,
        )

    def scene(self, index: int, width: int, height: int, seed: int = 1) -> Picture:
        """A moving scene: soft shading, a hard edge, texture in one half; limited range, nothing clipped."""
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        soft = 120 + 50 * np.sin((x + 3 * index) / 37 + seed) * np.cos((y - 2 * index) / 29)
        texture = cv2.GaussianBlur(rng.normal(0, 40, (height, 2 * width)), (0, 0), 1.2)
        moved = np.roll(texture, 5 * index, axis=1)[:, :width]
        picture = soft + np.where(x + y > (width + height) / 2, moved, 0) + np.where(x > 0.7 * width, 20, 0)
        return np.clip(picture, 40, 210)

    def frames(self, count: int, video_format: VideoFormat, seed: int = 1) -> list[Frame]:
        shape = (video_format.chroma_width, video_format.chroma_height)
        made = []
        for index in range(count):
            luma = self.scene(index, video_format.width, video_format.height, seed)
            chroma = [self.scene(index, *shape, seed=seed + part) for part in (100, 200)] if shape[0] else []
            made.append(self.frame(index, luma, video_format, chroma=chroma, keyframe=index % 10 == 0))
        return made

    def pairs(
        self, count: int, video_format: VideoFormat, spoil: Callable[[Picture], Picture], seed: int = 1
    ) -> list[FramePair]:
        pairs = []
        for reference in self.frames(count, video_format, seed):
            step = 1 << (video_format.bit_depth - 8)
            planes = tuple(self.plane(spoil(plane / step), video_format) for plane in reference.planes)
            distorted = Frame(reference.index, reference.pts, reference.duration, video_format, planes, reference.keyframe)
            pairs.append(FramePair(distorted, reference))
        return pairs


def noisy(amount: float) -> Callable[[Picture], Picture]:
    """Gaussian noise of the given standard deviation, always the same pattern."""

    def spoil(picture: Picture) -> Picture:
        return picture + np.random.default_rng(7).normal(0, amount, picture.shape) if amount else picture

    return spoil


def blurred(amount: float) -> Callable[[Picture], Picture]:
    """Gaussian blur of the given standard deviation in samples."""
    return lambda picture: cv2.GaussianBlur(picture, (0, 0), amount) if amount else picture


def blocky(amount: float) -> Callable[[Picture], Picture]:
    """Each 8x8 block drawn towards its own mean, all the way at 1."""

    def spoil(picture: Picture) -> Picture:
        spoiled = picture.copy()
        for top in range(0, picture.shape[0], 8):
            for left in range(0, picture.shape[1], 8):
                block = spoiled[top : top + 8, left : left + 8]
                block += amount * (block.mean() - block)
        return spoiled

    return spoil


def banded(amount: float) -> Callable[[Picture], Picture]:
    """A soft gradient over whole code values, with less and less grain to hide their steps."""

    def spoil(picture: Picture) -> Picture:
        y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
        grain = np.random.default_rng(7).normal(0, 2 * (1 - amount), picture.shape)
        return np.rint(60 + x / 20 + y / 30 + grain)

    return spoil


def darkened(amount: float) -> Callable[[Picture], Picture]:
    """The darkest part of the picture, by share, made black."""
    return lambda picture: np.where(picture <= np.quantile(picture, amount), 16.0, picture) if amount else picture


def overexposed(amount: float) -> Callable[[Picture], Picture]:
    """Everything lifted by the given number of code values, up to white."""
    return lambda picture: np.minimum(picture + amount, 235.0)


@dataclass(frozen=True)
class Spoilers:
    """Distortions by name; each takes an amount and gives a function over pictures."""

    noisy = staticmethod(noisy)
    blurred = staticmethod(blurred)
    blocky = staticmethod(blocky)
    banded = staticmethod(banded)
    darkened = staticmethod(darkened)
    overexposed = staticmethod(overexposed)


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="session")
def spoilers() -> Spoilers:
    return Spoilers()
