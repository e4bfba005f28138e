"""A synthetic scene that behaves like a camera's picture and costs a millisecond a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.types import Plane

_MARGIN = 1.5
"""Size of the canvas relative to the frame: room for the camera to move."""
_GRAIN_TILES = 8
_GRAIN_STDEV = 0.8
_CAMERA_PERIOD_SECONDS = 24.0
_ZOOM_PERIOD_SECONDS = 10.0


@dataclass(frozen=True)
class Scene:
    """A camera that circles over a textured landscape while coloured balls cross the picture; yuv420p, limited range.

    The landscape is a dead-leaves picture (occluding discs with power-law radii: edges, and a spectrum near 1/f like a
    photograph's; Lee, Mumford and Huang, IJCV 2001) under a cloudy shading, soft enough that small rungs keep it. The
    camera keeps a constant pace, so that all seconds are equally hard to encode. Grain changes with every frame: its
    absence is what shows a frozen picture.
    """

    width: int
    height: int
    frame_rate: Fraction
    seed: int = 1
    """Same seed, same pictures."""

    def frame(self, index: int) -> tuple[Plane, Plane, Plane]:
        """Luma (height, width), Cb and Cr (half of both) of picture number ``index``; any order, always the same."""
        seconds = index / float(self.frame_rate)
        planes = [self._view(plane, seconds) for plane in self._canvas]
        for ball in self._balls:
            ball.draw(planes, seconds)
        rng = np.random.default_rng((self.seed, index))
        tile = self._grain[rng.integers(_GRAIN_TILES)]
        top, left = rng.integers(tile.shape[0] - self.height + 1), rng.integers(tile.shape[1] - self.width + 1)
        noise = tile[top : top + self.height, left : left + self.width]
        planes[0] = np.asarray(cv2.add(planes[0], noise, dtype=cv2.CV_8U), np.uint8)  # saturates
        self._stamp(planes[0], index)
        luma, cb, cr = (_read_only(plane) for plane in planes)
        return luma, cb, cr

    def black(self) -> tuple[Plane, Plane, Plane]:
        """A black picture in the same format: luma 16, chroma 128 (ITU-R BT.709)."""
        chroma = _read_only(np.full((self.height // 2, self.width // 2), 128, np.uint8))
        return _read_only(np.full((self.height, self.width), 16, np.uint8)), chroma, chroma

    def _view(self, plane: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        """What the camera sees of one canvas plane (luma, or chroma at half size)."""
        canvas_height, canvas_width = plane.shape
        scale = canvas_width / (self.width * _MARGIN)
        turn, zoom = (
            2 * math.pi * seconds / _CAMERA_PERIOD_SECONDS,
            1.1 + 0.05 * math.sin(2 * math.pi * seconds / _ZOOM_PERIOD_SECONDS),
        )
        width, height = round(self.width * scale * zoom), round(self.height * scale * zoom)
        radius = 0.16 * self.height * scale
        left = round((canvas_width - width) / 2 + radius * math.cos(turn))
        top = round((canvas_height - height) / 2 + radius * math.sin(turn))
        view = plane[top : top + height, left : left + width]
        size = (round(self.width * scale), round(self.height * scale))
        return np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def _stamp(self, luma: NDArray[np.uint8], index: int) -> None:
        """Write the media time into the picture: evidence shows at a glance which picture was on display."""
        seconds, frame = divmod(Fraction(index), self.frame_rate)
        text = f"{seconds // 60:02d}:{seconds % 60:02d}:{int(frame):02d}"
        scale = self.height / 540
        place = (round(24 * scale), round(44 * scale))
        cv2.putText(luma, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, 32, round(6 * scale), cv2.LINE_AA)
        cv2.putText(luma, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, 225, round(2 * scale), cv2.LINE_AA)

    @cached_property
    def _canvas(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        rng = np.random.default_rng((self.seed, 1))
        width, height = 2 * round(self.width * _MARGIN / 2), 2 * round(self.height * _MARGIN / 2)
        leaves = np.full((height, width, 3), (110, 128, 128), np.float32)
        for _ in range(700):
            # Radii with density r**-3 between 3 % and 25 % of the height.
            radius = 0.03 * self.height / math.sqrt(1 - rng.random() * (1 - (0.03 / 0.25) ** 2))
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            colour = (rng.uniform(45, 190), rng.normal(128, 14), rng.normal(128, 14))
            cv2.circle(leaves, centre, round(radius), colour, cv2.FILLED)
        leaves = np.asarray(cv2.GaussianBlur(leaves, (0, 0), 1.5 * self.height / 540), np.float32)
        luma = np.clip(leaves[..., 0] + 14 * _cloud_noise(height, width, rng), 30, 220)
        chroma = [
            cv2.resize(leaves[..., plane], (width // 2, height // 2), interpolation=cv2.INTER_AREA) for plane in (1, 2)
        ]
        return luma.astype(np.uint8), chroma[0].astype(np.uint8), chroma[1].astype(np.uint8)

    @cached_property
    def _grain(self) -> tuple[NDArray[np.int8], ...]:
        rng = np.random.default_rng((self.seed, 2))
        shape = (_GRAIN_TILES, self.height + 32, self.width + 32)
        return tuple(np.round(rng.standard_normal(shape, np.float32) * _GRAIN_STDEV).astype(np.int8))

    @cached_property
    def _balls(self) -> tuple[_Ball, ...]:
        rng = np.random.default_rng((self.seed, 3))
        return tuple(_Ball.random(self.width, self.height, rng) for _ in range(4))


@dataclass(frozen=True)
class _Ball:
    """A shaded, coloured disc that is reflected at the picture's edges."""

    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    masks: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]
    start: tuple[float, float]
    velocity: tuple[float, float]
    """Pixels per second."""

    @classmethod
    def random(cls, width: int, height: int, rng: np.random.Generator) -> _Ball:
        radius = 2 * round(height * rng.uniform(0.03, 0.06))
        y, x = np.mgrid[-radius:radius, -radius:radius].astype(np.float32) / radius
        light = np.clip(1 - np.hypot(x + 0.4, y + 0.4), 0, 1)
        stripes = 18 * np.sign(np.sin(9 * x + 4 * y))
        luma = np.clip(rng.uniform(60, 110) + 90 * light + stripes, 30, 225).astype(np.uint8)
        mask = np.hypot(x, y) < 1
        chroma_mask = np.ascontiguousarray(mask[::2, ::2])
        cb, cr = (np.full(chroma_mask.shape, round(rng.uniform(80, 176)), np.uint8) for _ in range(2))
        pace, heading = 0.2 * height, rng.uniform(0.3, 1.2)
        start = (rng.uniform(0, width), rng.uniform(0, height))
        velocity = (pace * math.cos(heading), pace * math.sin(heading))
        return cls((luma, cb, cr), (mask, chroma_mask, chroma_mask), start, velocity)

    def draw(self, planes: list[NDArray[np.uint8]], seconds: float) -> None:
        height, width = planes[0].shape
        size = self.masks[0].shape[0]
        left = _reflect(self.start[0] + self.velocity[0] * seconds, width - size)
        top = _reflect(self.start[1] + self.velocity[1] * seconds, height - size)
        for plane, sprite, mask in zip(planes, self.planes, self.masks, strict=True):
            scale = size // mask.shape[0]
            y, x = top // scale, left // scale
            target = plane[y : y + mask.shape[0], x : x + mask.shape[1]]
            np.copyto(target, sprite, where=mask)


def _reflect(position: float, extent: int) -> int:
    """``position`` folded into 0..extent, as if by walls at both ends."""
    folded = position % (2 * extent)
    return round(min(folded, 2 * extent - folded))


def _cloud_noise(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise with an amplitude spectrum of f**-1.5, mean 0, standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) / frequency**1.5, s=(height, width))
    return np.asarray(noise / noise.std(), np.float32)


def _read_only(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    plane.flags.writeable = False
    return plane
