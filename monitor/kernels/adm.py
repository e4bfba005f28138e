"""Detail loss (ADM2) and additive impairment (AIM, ADM3) at four levels in libvmaf's integer arithmetic.

Source: libvmaf feature/integer_adm.c. Each level streams by rows: a row of both pictures' wavelet bands, its separation into
a restored and an additive part, and, once the next row is there too, the contrast masking of the row before. Only the
approximation bands, input of the next level, are written to memory.

ADM2 is what was restored, as far as what was added does not mask it; AIM is the same with the roles swapped. Views of one
pair (gain limits, distances, display heights) share all but what follows from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import wavelet
from monitor.kernels.adm_masking import add_masked, add_masked_first, add_reference, threshold, weigh, weigh_first
from monitor.kernels.adm_separation import separate
from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES
from monitor.kernels.settings import SENSITIVITY, Sensitivity, View
from monitor.types import Plane

LEVELS = 4

Samples = Any
"""A plane or, from level 1 on, the approximation of the level before."""

FIRST_FACTORS = (36453, 36453, 49417)
"""Watson's sensitivity at level 0 times 2**21 and, of d, 2**23; libvmaf's own numbers, 2 and 3 above what it computes."""


class Level(NamedTuple):
    """What one level adds up to."""

    restored: float
    additive: float
    """0 where AIM was not wanted."""
    reference: float

    @property
    def ratio(self) -> float:
        """The level's ADM, 1 where nothing was lost."""
        return self.restored / self.reference if self.reference else 1.0


class Adm(NamedTuple):
    """Levels, finest first."""

    levels: tuple[Level, ...]

    @property
    def total(self) -> Level:
        """The sums over all levels."""
        restored = additive = reference = 0.0
        for level in self.levels:
            restored, additive, reference = restored + level.restored, additive + level.additive, reference + level.reference
        return Level(restored, additive, reference)

    @property
    def adm2(self) -> float:
        """Share of the detail that is left, 1 where nothing was lost and about 0 where everything was."""
        return self.total.ratio

    @property
    def aim(self) -> float:
        """Impairment that was added, as a share of the detail; 0 where nothing was added."""
        total = self.total
        return total.additive / total.reference if total.reference else 0.0

    def adm3(self, weight: float = 0.5, minimum: float = 0.0) -> float:
        """ADM2 and AIM together, 1 for an untouched picture.

        Args:
            weight: Of ADM2 (``adm_dlm_weight``).
            minimum: The result is at least this (``adm_min_val``).
        """
        return max(weight * self.adm2 + (1 - weight) * (1 - self.aim), minimum)


class Arithmetic(NamedTuple):
    """Fixed point of one level. Triples are of the bands h, v and d."""

    down: int
    """Shift after the vertical wavelet pass, at levels 1 to 3."""
    across: int
    """Shift after the horizontal one."""
    threshold_shift: tuple[int, int, int]
    """From the scale of thresholds to that of signals, at level 0."""
    square_shift: tuple[int, int, int]
    row_shift: tuple[int, int, int]
    """Subtracted from log2 of the width: the rounding of each cube."""
    scale: tuple[int, int, int]
    """Binary digits of the sum of cubes, but for its rounding."""
    reference_shift: int
    """Of squares in the denominator."""
    reference_scale: int


def _first(bit_depth: int) -> Arithmetic:
    return Arithmetic(
        down=bit_depth,
        across=16,
        threshold_shift=(10, 10, 12),
        square_shift=(29, 29, 30),
        row_shift=(4, 4, 3),
        scale=(52, 52, 57),
        reference_shift=0,
        reference_scale=18,
    )


def _finer(level: int) -> Arithmetic:
    return Arithmetic(
        down=(0, 16, 16)[level - 1],
        across=(15, 16, 15)[level - 1],
        threshold_shift=(0, 0, 0),
        square_shift=(30, 30, 30),
        row_shift=(0, 0, 0),
        scale=((45, 39, 36)[level - 1],) * 3,
        reference_shift=(31, 30, 31)[level - 1],
        reference_scale=(32, 27, 23)[level - 1],
    )


@kernel()
def _rounded(value: np.int64, shift: int) -> np.int64:
    return (value + ((1 << shift) >> 1)) >> shift


class Rounding(NamedTuple):
    """What a level's size adds to its arithmetic."""

    cubes: tuple[int, ...]
    """Shifts of the cubes of h, v and d."""
    rows: int
    """Shift of the sums of a row."""
    reference_cubes: int
    reference_rows: int


class Window(NamedTuple):
    """The part of the bands that counts: all but a tenth on each side."""

    top: int
    bottom: int
    left: int
    right: int


@kernel()
def _bands(
    picture: Samples,
    row: int,
    depth: int | None,
    arithmetic: Arithmetic,
    details: bool,
    ring: NDArray[np.uint32],
    raw: NDArray[np.int32],
    lines: NDArray[np.int32],
    approximation: NDArray[np.int32],
    bands: NDArray[np.int32],
) -> None:
    """One row of a picture's wavelet: the approximation and, where details are wanted, the bands h, v and d."""
    width = picture.shape[1]
    if depth is None:
        low_row, high_row = lines[0], lines[1]
        wavelet.down(picture, row, arithmetic.down, low_row[1 : 1 + width], high_row[1 : 1 + width])
        wavelet.extend(low_row, width)
        wavelet.extend(high_row, width)
        wavelet.across(low_row, arithmetic.across, approximation, bands[1])
        wavelet.across(high_row, arithmetic.across, bands[0], bands[2])
    else:
        low, high = lines[0].view(np.int16), lines[1].view(np.int16)
        wavelet.samples_down(picture, row, depth, ring, raw, low[1 : 1 + width], high[1 : 1 + width], details)
        wavelet.extend(low, width)
        wavelet.samples_across(low, raw, approximation, bands[1], details)
        if details:
            wavelet.extend(high, width)
            wavelet.samples_across(high, raw, bands[0], bands[2], details)


@kernel()
def _level(
    reference: Samples,
    distorted: Samples,
    depth: int | None,
    arithmetic: Arithmetic,
    limits: NDArray[np.float64],
    views: NDArray[np.int64],
    factors: NDArray[np.int64],
    window: Window,
    rounding: Rounding,
    next_reference: NDArray[np.int32],
    next_distorted: NDArray[np.int32],
    of_signal: NDArray[np.int64],
    of_reference: NDArray[np.int64],
) -> None:
    """Sums of cubes of one level.

    Args:
        reference: Input of the level.
        distorted: Likewise.
        depth: Bits of the samples at level 0, where they are planes; ``None`` at the others: the compiler then leaves out
            what is for planes.
        arithmetic: Of the level.
        limits: Gain limits, (limits,).
        views: Of each view and of what is looked at (restored, additive): which limit, or -1 where it is not wanted.
        factors: Sensitivity of each view to h, v and d.
        window: What counts.
        rounding: Of the level's size.
        next_reference: Input of the next level.
        next_distorted: Likewise.
        of_signal: Sums by view, by what is looked at and by band.
        of_reference: Sums by band.
    """
    height, width = next_reference.shape
    size = reference.shape[1]
    top, bottom, left, right = window
    begin, end = max(left - 1, 0), min(right + 1, width)
    lanes = (size + LANES - 1) // LANES * LANES
    rings, raw = np.zeros((2, 2 * lanes), np.uint32), np.empty((2, lanes), np.int32)
    lines = np.zeros((2, size + 3 + LANES), np.int32)
    o, t = np.empty((3, width), np.int32), np.empty((3, width), np.int32)
    count = views.shape[0]
    parts = np.empty((limits.size, 2, 2, 3, width), np.int32)
    neighbour, centre = np.empty((count, 2, 3, width + 2), np.int32), np.empty((count, 2, 2, width), np.int32)
    columns, hidden = np.empty(right - left + 2, np.int32), np.empty(right - left, np.int32)
    for row in range(height + 1):
        if row < height:
            details = top - 1 <= row < bottom + 1
            _bands(reference, row, depth, arithmetic, details, rings[0], raw, lines, next_reference[row], o)
            _bands(distorted, row, depth, arithmetic, details, rings[1], raw, lines, next_distorted[row], t)
            if details:
                for n in range(limits.size):
                    kept, added = parts[n, row % 2, 0], parts[n, row % 2, 1]
                    separate(o, t, limits[n], begin, end, depth is None, kept, added)
                for view in range(count):
                    weights = factors[view, 0], factors[view, 1], factors[view, 2]
                    for part in range(2):
                        if views[view, part] < 0:
                            continue
                        masker = parts[views[view, part], row % 2, 1 - part]
                        beside, own = neighbour[view, part, row % 3], centre[view, part, row % 2]
                        if depth is None:
                            weigh(masker, weights, begin, end, beside, own)
                        else:
                            weigh_first(masker, weights, begin, end, beside, own)
                        beside[0], beside[width + 1] = beside[min(2, width)], beside[width]
            if top <= row < bottom:
                for band in range(3):
                    cubes = add_reference(o[band, left:right], arithmetic.reference_shift, rounding.reference_cubes)
                    of_reference[band] += _rounded(cubes, rounding.reference_rows)
        before = row - 1
        if top <= before < bottom:
            above = before - 1 if before else min(1, height - 1)
            below = row if row < height else before
            for view in range(count):
                for part in range(2):
                    if views[view, part] < 0:
                        continue
                    threshold(
                        neighbour[view, part, above % 3, left : right + 2],
                        neighbour[view, part, before % 3, left : right + 2],
                        neighbour[view, part, below % 3, left : right + 2],
                        centre[view, part, before % 2, left:right],
                        columns,
                        hidden,
                    )
                    for band in range(3):
                        signal = parts[views[view, part], before % 2, part, band, left:right]
                        factor, square, cube = factors[view, band], arithmetic.square_shift[band], rounding.cubes[band]
                        if depth is None:
                            shown = add_masked(signal, factor, hidden, square, cube)
                        else:
                            shown = add_masked_first(signal, factor, hidden, arithmetic.threshold_shift[band], square, cube)
                        of_signal[view, part, band] += _rounded(shown, rounding.rows)


def _cube_root(value: float | np.float32) -> np.float32:
    return np.float32(np.power(np.float32(value), np.float32(1) / np.float32(3)))


def _log2(value: float) -> int:
    return math.ceil(math.log2(value))


def _factors(level: int, sensitivity: Sensitivity) -> tuple[int, ...]:
    """Sensitivity in fixed point, of h, v and d."""
    if level == 0 and sensitivity == SENSITIVITY:
        return FIRST_FACTORS
    of_h, of_d = (float(np.float32(factor)) for factor in sensitivity[level])
    digits = (21, 21, 23) if level == 0 else (32, 32, 32)
    return tuple(int(factor * 2.0**shift) for factor, shift in zip((of_h, of_h, of_d), digits, strict=True))


def _pooled(sums: Sequence[int], units: Sequence[float], noise: float, smallest: float) -> float:
    """Cube roots of the bands' sums and of the noise, added up in float32; 0 below ``smallest``."""
    of_noise, total = _cube_root(np.float32(noise)), np.float32(0)
    for value, unit in zip(sums, units, strict=True):
        total = np.float32(total + np.float32(_cube_root(value * unit) + of_noise))
    return float(total) if total >= smallest else 0.0


def adm(distorted: Plane, reference: Plane, bit_depth: int, views: Sequence[View] = (View(),)) -> list[Adm]:
    """ADM of luma planes for each view.

    Args:
        distorted: Samples of ``bit_depth`` bits; at least 33x33, below which libvmaf's result is undefined.
        reference: Of the same shape and type.
        bit_depth: 8 to 16.
        views: How they are looked at.
    """
    limits = list(dict.fromkeys(view.gain_limit for view in views))
    places = [limits.index(view.gain_limit) for view in views]
    looks = np.array([(at, at if view.additive else -1) for at, view in zip(places, views, strict=True)], np.int64)
    found: list[list[Level]] = [[] for _ in views]
    for level in range(LEVELS):
        arithmetic = _first(bit_depth) if level == 0 else _finer(level)
        height, width = (-(-size // 2) for size in reference.shape)
        top, left = (max(int(0.1 * size - 0.5), 0) for size in (height, width))
        inner_height, inner_width = height - 2 * top, width - 2 * left
        area = inner_height * inner_width
        rounding = Rounding(
            cubes=tuple(math.ceil(math.log2(width) - less) for less in arithmetic.row_shift),
            rows=_log2(height),
            reference_cubes=_log2(inner_width) if level else 0,
            reference_rows=_log2(inner_height) if level else max(0, _log2(area) - 20),
        )
        next_reference, next_distorted = (np.empty((height, width), np.int32) for _ in range(2))
        of_signal, of_reference = np.zeros((len(views), 2, 3), np.int64), np.zeros(3, np.int64)
        _level(
            reference,
            distorted,
            bit_depth if level == 0 else None,
            arithmetic,
            np.array(limits, np.float64),
            looks,
            np.array([_factors(level, view.sensitivity) for view in views], np.int64),
            Window(top, height - top, left, width - left),
            rounding,
            next_reference,
            next_distorted,
            of_signal,
            of_reference,
        )
        unit = 2.0 ** -(arithmetic.reference_scale - rounding.reference_cubes - rounding.reference_rows)
        units = [
            2.0 ** -(scale - cubes - rounding.rows) for scale, cubes in zip(arithmetic.scale, rounding.cubes, strict=True)
        ]
        smallest = 1e-10 * (width * height) / (1920 * 1080)
        for view, (restored, additive), levels in zip(views, of_signal.tolist(), found, strict=True):
            of_h, of_d = (float(np.float32(factor)) for factor in view.sensitivity[level])
            noise = float(np.float32(area) * np.float32(view.noise_weight))
            levels.append(
                Level(
                    _pooled(restored, units, noise, smallest),
                    _pooled(additive, units, 0.0, smallest),
                    _pooled(of_reference.tolist(), [unit * of_h**3, unit * of_h**3, unit * of_d**3], noise, smallest),
                )
            )
        reference, distorted = next_reference, next_distorted
    return [Adm(tuple(levels)) for levels in found]
