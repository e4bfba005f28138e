"""Signatures of moving scenes that are known exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from monitor.alignment.locating import Read
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


def reader(pictures: NDArray[np.float32], rate: float = 25.0, log: list[int] | None = None) -> Read:
    """Reads parts of a run that begins at zero; ``log`` is told how many frames each time."""
    whole = run(pictures, rate)

    def read(start: float, end: float) -> Signatures:
        part = (whole.times >= start - 1e-6) & (whole.times < end - 1e-6)
        if log is not None:
            log.append(int(part.sum()))
        return Signatures(whole.times[part], whole.means[part])

    return read
