"""Signatures of moving scenes that are known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.alignment.signature import FINE, Signatures


@lru_cache
def scene(frames: int, *, seed: int = 1, speed: float = 0.7, grid: tuple[int, int] = FINE) -> NDArray[np.float32]:
    """A smooth random texture that moves along an irregular path, in code values, ``(frames, rows, columns)``."""
    random = np.random.default_rng(seed)
    rows, columns = grid
    path = np.cumsum(random.normal(speed, speed, (frames, 2)), axis=0)
    waves = [(*random.normal(0, 0.25, 2), random.uniform(0, 6.28), random.uniform(8, 30)) for _ in range(8)]
    y, x = np.mgrid[:rows, :columns]
    pictures = np.full((frames, rows, columns), 110.0)
    for fy, fx, phase, height in waves:
        turn = np.exp(1j * (path[:, 0] * fy + path[:, 1] * fx))
        wave = height * np.exp(1j * (y * fy + x * fx + phase))
        pictures += (turn.imag[:, None, None] * wave.real) + (turn.real[:, None, None] * wave.imag)
    picture = pictures.astype(np.float32)
    picture.flags.writeable = False
    return picture


def encoded(pictures: NDArray[np.float32], *, noise: float = 1.5, seed: int = 2) -> NDArray[np.float32]:
    """The same with errors as of an encoder."""
    return pictures + np.random.default_rng(seed).normal(0, noise, pictures.shape).astype(np.float32)


def run(pictures: NDArray[np.float32], rate: float = 25.0, start: float = 0.0) -> Signatures:
    return Signatures(start + np.arange(len(pictures)) / rate, pictures)


@dataclass
class Film:
    """A run that begins at zero and can be read in parts, with a key frame every so many frames."""

    pictures: NDArray[np.float32]
    rate: float = 25.0
    gop: int | None = None
    read: int = field(default=0, init=False)
    """Frames read so far."""

    @property
    def length(self) -> float:
        return len(self.pictures) / self.rate

    def between(self, start: float, end: float) -> Signatures:
        part = run(self.pictures, self.rate).between(start, end)
        self.read += len(part)
        return part

    def keys(self, start: float, end: float) -> Signatures:
        whole = run(self.pictures, self.rate)
        if self.gop is None:
            return Signatures.none()
        part = Signatures(whole.times[:: self.gop], whole.means[:: self.gop]).between(start, end)
        self.read += len(part)
        return part

    def key_before(self, moment: float) -> float:
        return 0.0 if self.gop is None else max(0, int(moment * self.rate) // self.gop * self.gop) / self.rate
