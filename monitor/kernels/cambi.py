"""Banding (CAMBI): how much of a picture shows false contours, from the distorted luma alone.

Source: Tandon, Afonso, Sole and Krasula, PCS 2021; libvmaf feature/cambi.c.

At each of five scales a sample in a flat area is compared with the square around it: how many samples there have its value,
and how many differ by one to four steps of ten bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import flat_areas, run_counts
from monitor.kernels.settings import CambiSettings
from monitor.types import Plane

SCALES = 5
FOOT, HEAD = 64, 940
"""Black and white of limited range at ten bits, which CAMBI takes for granted."""

WEIGHTS = np.array([1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, *[9] * 10], np.float32)
"""Of a contrast of 1 to 32 steps."""

SPEEDUPS = {1080: 1920 * 1080, 1440: 2560 * 1440, 2160: 3840 * 2160}
"""Samples of a picture from which on the first scale is left out, by ``cambi_high_res_speedup``."""


DEFAULTS = CambiSettings()


def luminance(eotf: str) -> NDArray[np.float64]:
    """cd/m2 of every 10-bit sample on a display with this transfer function; 1024 values."""
    signal = (np.clip(np.arange(1024), FOOT, HEAD) - FOOT) / (HEAD - FOOT)
    if eotf == "pq":
        root = signal ** (32 / 2523)
        linear = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
        return np.asarray(10000 * linear ** (16384 / 2610))
    white, black = 300 ** (1 / 2.4), 0.01 ** (1 / 2.4)
    return np.asarray(((white - black) * signal + black) ** 2.4)


def visible(settings: CambiSettings) -> tuple[NDArray[np.int64], int]:
    """Brightest sample at which a contrast of 1, 2 ... steps is seen, and the darkest at which anything is."""
    levels = luminance(settings.cambi_eotf)
    brightest = np.zeros(1 << settings.max_log_contrast, np.int64)
    for at in range(brightest.size):
        step = at + 1
        seen = np.flatnonzero(levels[FOOT + step :] - levels[FOOT:-step] > settings.tvi_threshold * levels[FOOT:-step])
        count = HEAD - step - FOOT
        if seen.size and seen[0] == 0:
            brightest[at] = 1023 if count in seen else FOOT + seen[seen < count][-1]
    lit = np.flatnonzero(levels[FOOT:HEAD] >= settings.cambi_vis_lum_threshold)
    darkest = FOOT + int(lit[0]) if lit.size else HEAD
    return brightest, 0 if darkest == FOOT else darkest


def nearest(of_input: int, of_output: int) -> NDArray[np.int64]:
    """Which samples of a line make a shorter one; positions are added up in single precision, as in libvmaf."""
    steps = np.full(of_output, np.float32(of_input / of_output))
    steps[0] = steps[0] / np.float32(2) - np.float32(0.5)
    return (np.add.accumulate(steps) + np.float32(0.5)).astype(np.int64)


def _part(room: NDArray[Any], *shape: int) -> NDArray[Any]:
    """A contiguous array in the beginning of ``room``."""
    return room.reshape(-1)[: math.prod(shape)].reshape(shape)


class Detector:
    """CAMBI of pictures of one size and depth: tables are made once, and room is used again. For one thread at a time.

    Args:
        width: Of the pictures, at most 65535 samples.
        height: Of the pictures.
        bit_depth: 8 to 16.
        settings: libvmaf's options. libvmaf refuses pictures whose encoded size is below 216 both ways.
    """

    def __init__(self, width: int, height: int, bit_depth: int, settings: CambiSettings = DEFAULTS) -> None:
        self._settings = settings
        self._chosen: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        frame, (width, height) = (width, height), settings.encoded_size(width, height)
        if frame != (width, height):
            self._chosen = nearest(frame[1], height), nearest(frame[0], width)
        up, down = max(10 - bit_depth, 0), max(bit_depth - 10, 0)
        self._shifts = up, (1 << down) >> 1, down
        self._is_dithered = (settings.enc_bitdepth or bit_depth) < 10
        blocks = (width >> 6) * (height >> 6)
        self._flat_above = (49 + 3 * (max(blocks - 1, 0).bit_length() - 11) - 1) >> 1
        self._is_large = width * height >= SPEEDUPS.get(settings.cambi_high_res_speedup, math.inf)
        window = (settings.window_size * (width + height) // 375) >> 4
        self._pad = (((window + 1) >> 1 if self._is_large else window) | 1) >> 1
        reach = 2 * self._pad

        self._lowest, self._smallest_steps = _allowed(settings)
        self._weights = np.concatenate([[0], WEIGHTS[: 1 << settings.max_log_contrast]]).astype(np.float32)
        self._entering = run_counts.shapes(self._pad)
        self._leaving = -self._entering

        self._picture, self._smooth = (np.empty((height, width), np.uint16) for _ in range(2))
        self._flat = np.empty((height, width), np.uint8)
        self._ring, self._columns = (
            np.empty((flat_areas.FILTER, width), np.uint8),
            np.empty(width + flat_areas.FILTER - 1, np.uint8),
        )
        if self._is_large:
            width, height = -(-width // 2), -(-height // 2)
        self._scaled = [np.empty(height * width, np.uint16) for _ in range(2)]
        self._lines, self._line = np.empty(3 * width, np.uint16), np.empty(width, np.int16)
        self._starts, self._bins = np.empty(height * (width + 1), np.uint16), np.empty(height * (width + 1), np.int16)
        self._rows = np.empty(height + 1, np.int64)
        self._counts = np.empty(self._smallest_steps.size * (width + reach + run_counts.LANES), np.int16)
        self._contrasts = np.empty(height * width + run_counts.LANES, np.float32)

    def measure(self, luma: Plane) -> float:
        """CAMBI of one picture: 0 where no false contours are seen, annoying from about 5 on, at most ``cambi_max_val``."""
        picture = self._ten_bit(luma)
        flat_areas.find_flat(picture, self._flat_above, self._ring, self._columns, self._flat)
        total, step = 0.0, 1
        for scale in range(SCALES):
            stride = 2 if scale or self._is_large else 1
            step *= stride
            height, width = (-(-size // stride) for size in picture.shape)
            filtered: NDArray[np.uint16] = _part(self._scaled[scale % 2], height, width)
            flat_areas.take_modes(picture, stride, _part(self._lines, 3, width), filtered)
            wanted = min(max(int(self._settings.topk * filtered.size), 1), filtered.size)
            total += (16 >> scale) * run_counts.sum_of_largest(self._contrasts_of(filtered, step), wanted) / wanted
            picture = filtered
        return min(total / (2 * self._pad + 1) ** 2, self._settings.cambi_max_val)

    def _ten_bit(self, luma: Plane) -> Plane:
        if self._chosen is not None:
            luma = luma[self._chosen[0][:, None], self._chosen[1]]
        up, half, down = self._shifts
        if down or (up and not self._is_dithered):
            flat_areas.ten_bits(luma, up, half, down, self._picture)
            luma = self._picture
        if self._is_dithered:
            flat_areas.without_dither(luma, 0 if down else up, self._smooth)
            luma = self._smooth
        return luma

    def _contrasts_of(self, picture: NDArray[np.uint16], step: int) -> NDArray[np.float32]:
        height, width = picture.shape
        rows, values = self._rows[: height + 1], self._smallest_steps.size
        run_counts.find_runs(
            picture, self._flat, step, self._lowest, values, self._line[:width], self._starts, self._bins, rows
        )
        counts = _part(self._counts, values, width + 2 * self._pad + run_counts.LANES)
        found = run_counts.scan(
            counts,
            self._starts,
            self._bins,
            rows,
            self._pad,
            self._entering,
            self._leaving,
            self._weights,
            self._smallest_steps,
            self._contrasts,
        )
        return self._contrasts[:found]


def _allowed(settings: CambiSettings) -> tuple[int, NDArray[np.int64]]:
    """The lowest value that matters, and of it and those above the smallest contrast that is seen, in steps."""
    brightest, darkest = visible(settings)
    steps = brightest.size
    lowest = max(darkest - 2 * steps + 1, 0) - steps
    samples = np.arange(lowest, int(brightest.max()) + steps + 1)
    smallest = np.full(samples.size, steps + 1)
    for step in range(steps, 0, -1):
        smallest[(samples >= 0) & (samples <= brightest[step - 1]) & (samples + steps + step > darkest)] = step
    return lowest, smallest


def cambi(luma: Plane, bit_depth: int, settings: CambiSettings = DEFAULTS) -> float:
    """CAMBI of one plane; see ``Detector``, which is faster over many."""
    return Detector(luma.shape[1], luma.shape[0], bit_depth, settings).measure(luma)
