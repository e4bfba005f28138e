"""Luma statistics that several metrics need, computed once a frame."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.scorers._formats import code_value
from monitor.types import Frame, Plane, VideoFormat

BLACK_SHARE = 0.10
"""How far up from black to white a sample is still black: FFmpeg's ``blackdetect`` default ``pix_th``."""


class LumaStatistics(NamedTuple):
    """Levels of one frame's luma, in 8-bit code values whatever the depth."""

    mean: float
    variance: float
    """Population variance."""
    black_ratio: float
    """Share of samples at or below the black limit, 0-1."""
    clipped_ratio: float
    """Share of samples at or below nominal black, or at or above nominal white, 0-1."""
    block_means: NDArray[np.float64]
    """Mean of each 16x16 block, from the top left; the last ones of a row or column may cover fewer samples."""


@dataclass(eq=False)
class LumaFeatures:
    """Remembers the statistics of every frame that is alive: the metrics of a rendition share one (see ``create_all``)."""

    _kept: dict[int, tuple[weakref.ref[Plane], LumaStatistics]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def of(self, frame: Frame) -> LumaStatistics:
        """The frame's statistics; computed by whoever asks first, from any thread."""
        luma = frame.luma
        key = id(luma)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0]() is luma:
                return kept[1]
            statistics = luma_statistics(luma, frame.format)
            self._kept[key] = (weakref.ref(luma, lambda _: self._kept.pop(key, None)), statistics)
            return statistics


def black_limit(video_format: VideoFormat) -> int:
    """Highest code value that counts as black: 38 at 8 bits in limited range, 26 in full range, scaled to the depth."""
    black, white = (0, 255) if video_format.full_range else (16, 235)
    return round(black + BLACK_SHARE * (white - black)) << (video_format.bit_depth - 8)


def luma_statistics(luma: Plane, video_format: VideoFormat) -> LumaStatistics:
    """Statistics of one luma plane."""
    from monitor.kernels.luma import BLOCK, levels

    counted = levels(
        luma,
        peak=video_format.peak,
        dark=black_limit(video_format),
        black=video_format.black_level,
        white=video_format.white_level,
    )
    height, width = luma.shape
    heights = np.minimum(height - np.arange(0, height, BLOCK), BLOCK)
    widths = np.minimum(width - np.arange(0, width, BLOCK), BLOCK)
    code, total = code_value(video_format), int(counted.block_sums.sum())
    return LumaStatistics(
        mean=total / luma.size / code,
        variance=(counted.squares * luma.size - total * total) / luma.size**2 / code**2,
        black_ratio=counted.dark / luma.size,
        clipped_ratio=counted.clipped / luma.size,
        block_means=counted.block_sums / (heights[:, np.newaxis] * widths) / code,
    )
