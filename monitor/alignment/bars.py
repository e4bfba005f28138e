"""Letterbox and pillarbox: black bars around a picture, which another encode of it may not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.alignment.signature import Area

if TYPE_CHECKING:
    from monitor.types import Frame

MEAN_ABOVE_BLACK = 4.0
"""Largest mean of a row or column of a bar above black, 8-bit code values."""

PEAK_ABOVE_BLACK = 24.0
"""Largest sample there: encoders ring."""

SMALLEST_SHARE = 0.01
"""Part of the height or width from which a pair of bars counts; less is a cropping offset."""

STRIDE = 4
"""Every so many samples of a row or column are looked at."""

SAME_SHARE = 0.015
"""Up to how much of the height or width two areas may differ and still be the same."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Black bars of one file, in luma samples."""

    height: int
    """Of the whole picture."""
    width: int
    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def area(self) -> Area:
        """The picture between them."""
        return Area(self.top, self.height - self.bottom, self.left, self.width - self.right)

    def same(self, other: Bars) -> bool:
        """Whether both leave the same part of the picture, whatever its size."""
        return all(abs(one - two) <= SAME_SHARE for one, two in zip(self._shares(), other._shares(), strict=True))

    def _shares(self) -> tuple[float, float, float, float]:
        height, width = max(self.height, 1), max(self.width, 1)
        return self.top / height, self.bottom / height, self.left / width, self.right / width

    def __str__(self) -> str:
        sides = [f"{count} {kind}" for kind in ("top", "bottom", "left", "right") if (count := getattr(self, kind))]
        return ", ".join(sides) or "none"


@dataclass(slots=True)
class BarFinder:
    """Looks at frames of one file, all of one format, and tells what is black in all of them."""

    _rows: tuple[NDArray[np.float64], NDArray[np.float64]] | None = field(default=None, init=False)
    """Largest mean and largest sample so far of each row, 8-bit code values above black."""
    _columns: tuple[NDArray[np.float64], NDArray[np.float64]] | None = field(default=None, init=False)

    def look(self, frame: Frame) -> None:
        """Take a frame into account; one of another size starts anew."""
        scale = 1 << (frame.format.bit_depth - 8)
        rows, columns = (_profile(lines, frame.format.black_level, scale) for lines in _lines(frame))
        if self._rows is not None and self._columns is not None and len(self._rows[0]) == len(rows[0]):
            rows = np.maximum(rows[0], self._rows[0]), np.maximum(rows[1], self._rows[1])
            columns = np.maximum(columns[0], self._columns[0]), np.maximum(columns[1], self._columns[1])
        self._rows, self._columns = rows, columns

    def bars(self) -> Bars:
        """What was black in all frames; no bars before the first frame."""
        if self._rows is None or self._columns is None:
            return Bars(0, 0)
        height, width = len(self._rows[0]), len(self._columns[0])
        top, bottom = _between(*self._rows)
        left, right = _between(*self._columns)
        return Bars(height, width, top, height - bottom, left, width - right)


def _lines(frame: Frame) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Rows and columns of a frame's luma, thinned out, as rows of two arrays."""
    return frame.luma[:, ::STRIDE], frame.luma[::STRIDE].T


def _profile(lines: NDArray[np.generic], black: int, scale: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (lines.mean(axis=1) - black) / scale, (lines.max(axis=1).astype(np.float64) - black) / scale


def _between(means: NDArray[np.float64], peaks: NDArray[np.float64]) -> tuple[int, int]:
    """First line of the picture and the one after its last; all of them unless there are bars on both sides."""
    length = len(means)
    picture = np.flatnonzero((means > MEAN_ABOVE_BLACK) | (peaks > PEAK_ABOVE_BLACK))
    if not len(picture):
        return 0, length
    first, last = int(picture[0]), int(picture[-1]) + 1
    return (first, last) if min(first, length - last) >= SMALLEST_SHARE * length else (0, length)
