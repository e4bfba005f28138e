"""A picture as a few block means of its luma: small, cheap, and alike in every encode of the same picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.thumbnail import block_means

if TYPE_CHECKING:
    from monitor.types import Frame

FINE = (36, 64)
"""Rows and columns of blocks for finding an offset to the exact frame."""

COARSE = (18, 32)
"""Rows and columns for following a whole file: 1.2 KB a frame."""

ROUNDING_SECONDS = 1e-6
"""How exact times are as floats."""

FLAT = 2.0
"""Standard deviation over a picture, in 8-bit code values, that counts as no more than noise."""


@dataclass(frozen=True, slots=True)
class Area:
    """The part of a picture that is not letterbox or pillarbox, in luma samples."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, height: int, width: int) -> Area:
        """All of a picture."""
        return cls(0, height, 0, width)


@dataclass(frozen=True, slots=True, eq=False)
class Signatures:
    """Signatures of a run of frames in presentation order."""

    times: NDArray[np.float64]
    """Presentation time of each in seconds, ascending, ``(frames,)``."""
    means: NDArray[np.float32]
    """Block means in 8-bit code values, ``(frames, rows, columns)``."""

    @classmethod
    def none(cls) -> Signatures:
        """Of no frame."""
        return cls(np.empty(0), np.empty((0, 0, 0), np.float32))

    def __len__(self) -> int:
        return len(self.times)

    @property
    def period(self) -> float:
        """Seconds from one frame to the next: the median; 0 for fewer than two frames."""
        return float(np.median(np.diff(self.times))) if len(self) > 1 else 0.0

    def normalised(self) -> NDArray[np.float32]:
        """Each picture with mean 0 and standard deviation near 1, so that brightness and contrast don't matter."""
        means = self.means - self.means.mean(axis=(1, 2), keepdims=True)
        deviation = means.std(axis=(1, 2), keepdims=True)
        return np.asarray(means / (deviation + FLAT), dtype=np.float32)

    def between(self, start: float, end: float) -> Signatures:
        """The part in ``[start, end)`` seconds."""
        first, last = np.searchsorted(self.times, (start - ROUNDING_SECONDS, end - ROUNDING_SECONDS))
        return Signatures(self.times[first:last], self.means[first:last])

    def __add__(self, other: Signatures) -> Signatures:
        """Both runs as one, in order of time; where both have a frame, one of them."""
        if not len(self) or not len(other):
            return self if len(self) else other
        times, first = np.unique(np.concatenate([self.times, other.times]), return_index=True)
        return Signatures(times, np.concatenate([self.means, other.means])[first])


def signature(frame: Frame, grid: tuple[int, int], area: Area | None = None) -> NDArray[np.float32]:
    """Block means of a frame's luma in 8-bit code values, ``grid`` = (rows, columns)."""
    height, width = frame.luma.shape
    part = area or Area.whole(height, width)
    means = block_means(frame.luma, part.top, part.bottom, part.left, part.right, *grid)
    return means / np.float32(1 << (frame.format.bit_depth - 8))


def gather(pictures: Iterable[tuple[Fraction, NDArray[np.float32]]], grid: tuple[int, int]) -> Signatures:
    """Times and signatures of single pictures as one run, sorted by time."""
    ordered = sorted(pictures, key=lambda picture: picture[0])
    means = np.stack([means for _, means in ordered]) if ordered else np.empty((0, *grid), np.float32)
    return Signatures(np.array([float(time) for time, _ in ordered]), means)
