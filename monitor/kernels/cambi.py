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

from monitor.kernels import flat_areas, modes, run_counts
from monitor.kernels.compiler import kernel
from monitor.kernels.contrasts import Floats, add_up, append_contrasts, sum_of_largest
from monitor.kernels.flat_areas import FILTER, REACH, Bytes, Rows, pitch
from monitor.kernels.instructions import as_bytes
from monitor.kernels.run_counts import Places, Starts
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


@kernel()
def _mark_flat(
    source: Bytes,
    depth: int,
    dithered: int,
    threshold: int,
    width: int,
    lines: Rows,
    ring: Bytes,
    columns: Bytes,
    picture: Rows,
    flat: Bytes,
) -> None:
    """Bring a picture to ten bits, without dither where there is any, and mark its flat areas."""
    height = picture.shape[0]
    for y in range(height + 2 + REACH):
        if y < height:
            flat_areas.load(lines, y & 1, source, y, width, depth)
        row = y - 1
        if row >= 0 and row < height:
            lower = (row + 1) & 1 if dithered and y < height else row & 1
            flat_areas.smooth(picture, row, lines, row & 1, lower, dithered, width)
        row = y - 2
        if row >= 0:
            here, below = (row, row + 1) if row < height - 1 else (height - 1, height - 1)
            is_inside = 1 if row < height else 0
            flat_areas.count_equal(columns, ring, row % FILTER, picture, here, below, is_inside, width)
        if row >= REACH:
            flat_areas.mark(flat, row - REACH, columns, threshold, width)


@kernel()
def _find_contrasts(
    picture: Rows,
    step: int,
    filtered: Rows,
    marks: Bytes,
    width: int,
    lowest: int,
    lines: Rows,
    starts: Starts,
    bins: Rows,
    rows: Places,
    counts: Rows,
    shapes: Rows,
    pad: int,
    weights: Floats,
    smallest_steps: Places,
    contrasts: Floats,
    found: Places,
    sums: NDArray[np.float64],
) -> None:
    """Make the picture of a scale, and its marks, and find all contrasts in it."""
    height = filtered.shape[0]
    for y in range(height + 1 + pad):
        if y < height:
            modes.take(lines, picture, y * step, step, width)
            modes.across(lines, y % modes.TAKEN, filtered, y, width)
            if step == 2:
                modes.halve(marks, y, width)
        row = y - 1
        if row >= 0 and row < height:
            if row > 0 and y < height:
                modes.down(filtered, row, lines, width)
            run_counts.find_runs(lines, filtered, marks, row, lowest, smallest_steps.size, starts, bins, rows, width)
        for leaving in range(2):
            row = y - 1 - leaving * (2 * pad + 1)
            if row >= 0 and row < height:
                run_counts.count(counts, starts, bins, rows, row, shapes, leaving, 2 * pad)
        row = y - 1 - pad
        if row >= 0:
            append_contrasts(contrasts, found, counts, starts, bins, rows, row, pad, weights, smallest_steps)
    add_up(contrasts, found, sums)


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
        self._size, self._depth = (width, height), bit_depth
        self._is_dithered = (settings.enc_bitdepth or bit_depth) < 10
        blocks = (width >> 6) * (height >> 6)
        self._flat_above = (49 + 3 * (max(blocks - 1, 0).bit_length() - 11) - 1) >> 1
        self._is_large = width * height >= SPEEDUPS.get(settings.cambi_high_res_speedup, math.inf)
        window = (settings.window_size * (width + height) // 375) >> 4
        self._pad = (((window + 1) >> 1 if self._is_large else window) | 1) >> 1

        self._lowest, self._smallest_steps = _allowed(settings)
        self._weights = np.concatenate([[0], WEIGHTS[: 1 << settings.max_log_contrast]]).astype(np.float32)
        self._shapes = run_counts.shapes(self._pad)

        self._picture, self._flat = np.zeros((height, pitch(width)), np.int16), np.zeros((height, pitch(width)), np.uint8)
        self._lines = np.zeros((run_counts.LINES, flat_areas.LANES + pitch(width)), np.int16)
        self._ring, self._columns = (np.zeros((rows, REACH + pitch(width)), np.uint8) for rows in (FILTER, 1))
        if self._is_large:
            width, height = -(-width // 2), -(-height // 2)
        self._scaled = [np.zeros(height * pitch(width), np.int16) for _ in range(2)]
        self._starts, self._bins = np.empty(height * (width + 1), np.uint16), np.empty(height * (width + 1), np.int16)
        self._rows, self._found = np.zeros(height + 1, np.int64), np.empty(1, np.int64)
        self._counts = np.empty(self._smallest_steps.size * self._columns_of(width), np.int16)
        self._contrasts = np.empty(height * width + run_counts.LANES, np.float32)

    def measure(self, luma: Plane) -> float:
        """CAMBI of one picture: 0 where no false contours are seen, annoying from about 5 on, at most ``cambi_max_val``."""
        if self._chosen is not None:
            luma = luma[self._chosen[0][:, None], self._chosen[1]]
        (width, height), picture = self._size, self._picture
        for counted in (self._ring, self._columns):
            counted.fill(0)
        _mark_flat(
            as_bytes(luma),
            self._depth,
            int(self._is_dithered),
            self._flat_above,
            width,
            self._lines,
            self._ring,
            self._columns[0],
            picture,
            self._flat,
        )
        total = 0.0
        for scale in range(SCALES):
            step = 2 if scale or self._is_large else 1
            width, height = -(-width // step), -(-height // step)
            filtered: Rows = _part(self._scaled[scale % 2], height, pitch(width))
            total += (16 >> scale) * self._mean_contrast(picture, step, filtered, width)
            picture = filtered
        return min(total / (2 * self._pad + 1) ** 2, self._settings.cambi_max_val)

    def _columns_of(self, width: int) -> int:
        return width + 2 * self._pad + run_counts.LANES

    def _mean_contrast(self, picture: Rows, step: int, filtered: Rows, width: int) -> float:
        counts, sums = _part(self._counts, self._smallest_steps.size, self._columns_of(width)), np.empty(2)
        for counted in (counts, self._found):
            counted.fill(0)
        _find_contrasts(
            picture,
            step,
            filtered,
            self._flat,
            width,
            self._lowest,
            self._lines,
            self._starts,
            self._bins,
            self._rows,
            counts,
            self._shapes,
            self._pad,
            self._weights,
            self._smallest_steps,
            self._contrasts,
            self._found,
            sums,
        )
        samples = len(filtered) * width
        wanted = min(max(int(self._settings.topk * samples), 1), samples)
        total = float(sums[0])
        if sums[1] > wanted:
            total = sum_of_largest(self._contrasts[: self._found[0]], wanted)
        return total / wanted


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
