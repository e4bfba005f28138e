"""Detail loss and additive impairment (ADM) at four levels in libvmaf's integer arithmetic.

Source: libvmaf feature/integer_adm.c. Each level streams by rows: a row of both pictures' wavelet bands, its separation into
a restored and an additive part, and, once the next row is there too, the contrast masking of the row before. Only the
approximation bands, input of the next level, are written to memory.

Where libvmaf multiplies and shifts 64-bit integers and no bit above the 53rd can be set, the same is done in doubles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

LEVELS = 4

LOW = (15826, 27411, 7345, -4240)
"""Daubechies-2 low-pass taps times 32768; the high-pass is their mirror image with signs in turn."""

SENSITIVITY = (
    (0.0173815377, 0.005890687),
    (0.0319848284, 0.0142990677),
    (0.0433726609, 0.0243969075),
    (0.0456734113, 0.0313127376),
)
"""Watson's contrast sensitivity by level, of h and v, and of d, at three picture heights of 1080 lines."""

ALIGNED = float(np.float32(math.cos(math.pi / 180) ** 2))
"""Squared cosine of the one degree within which a change of contrast counts as no change of direction."""

NOISE_WEIGHT = 1 / 32


class Arithmetic(NamedTuple):
    """Fixed point of one level. Triples are of the bands h, v and d."""

    down: int
    """Shift after the vertical wavelet pass."""
    across: int
    """Shift after the horizontal one."""
    factors: tuple[int, int, int]
    """Contrast sensitivity."""
    masker_half: tuple[int, int, int]
    masker_shift: tuple[int, int, int]
    thirtieth: int
    fifteenth: int
    part_half: int
    part_shift: int
    """Rounding of the thirtieths and fifteenths of a weighted masker."""
    signal_half: int
    signal_shift: int
    threshold_shift: tuple[int, int, int]
    square_shift: tuple[int, int, int]
    row_shift: tuple[int, int, int]
    """Subtracted from log2 of the width: the rounding of each cube."""
    scale: tuple[int, int, int]
    """Binary digits of the sum of cubes, but for its rounding."""
    reference_shift: int
    """Of squares in the denominator."""
    reference_scale: int


def _finer(level: int, factors: tuple[float, float]) -> Arithmetic:
    of_h, of_d = (int(float(np.float32(factor)) * 2.0**32) for factor in factors)
    return Arithmetic(
        down=(0, 16, 16)[level - 1],
        across=(15, 16, 15)[level - 1],
        factors=(of_h, of_h, of_d),
        masker_half=(1 << 27,) * 3,
        masker_shift=(28,) * 3,
        thirtieth=143165577,
        fifteenth=286331153,
        part_half=-(1 << 31),  # in every build of libvmaf the rounding constant overflows to this
        part_shift=32,
        signal_half=1 << 27,
        signal_shift=28,
        threshold_shift=(0,) * 3,
        square_shift=(30,) * 3,
        row_shift=(0,) * 3,
        scale=((45, 39, 36)[level - 1],) * 3,
        reference_shift=(31, 30, 31)[level - 1],
        reference_scale=(32, 27, 23)[level - 1],
    )


def _first(bit_depth: int) -> Arithmetic:
    return Arithmetic(
        down=bit_depth,
        across=16,
        factors=(36453, 36453, 49417),
        masker_half=(16384, 16384, 65535),
        masker_shift=(15, 15, 17),
        thirtieth=4369,
        fifteenth=8738,
        part_half=2048,
        part_shift=12,
        signal_half=0,
        signal_shift=0,
        threshold_shift=(10, 10, 12),
        square_shift=(29, 29, 30),
        row_shift=(4, 4, 3),
        scale=(52, 52, 57),
        reference_shift=0,
        reference_scale=18,
    )


class Level(NamedTuple):
    """What one level adds up to."""

    numerator: float
    denominator: float

    @property
    def ratio(self) -> float:
        """The level's ADM, 1 where nothing was lost."""
        return self.numerator / self.denominator if self.denominator else 1.0


class Adm(NamedTuple):
    """Levels, finest first."""

    levels: tuple[Level, ...]

    @property
    def adm2(self) -> float:
        """ADM over all levels, 1 where nothing was lost and about 0 where everything was."""
        denominator = sum(level.denominator for level in self.levels)
        return sum(level.numerator for level in self.levels) / denominator if denominator else 1.0


@kernel()
def _wavelet_index(index: int, size: int) -> int:
    """Mirrored without repeating the edge at the start and with repeating it at the end."""
    index = abs(index)
    return min(index if index < size else 2 * size - 1 - index, size - 1)


@kernel()
def _wavelet_down(picture: Plane, row: int, shift: int, grey: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
    height = picture.shape[0]
    p0 = picture[_wavelet_index(2 * row - 1, height)]
    p1 = picture[_wavelet_index(2 * row, height)]
    p2 = picture[_wavelet_index(2 * row + 1, height)]
    p3 = picture[_wavelet_index(2 * row + 2, height)]
    t0, t1, t2, t3 = LOW
    half = (1 << shift) >> 1
    for i in range(np.uint64(p0.size)):
        a, b, c, d = np.int64(p0[i]), np.int64(p1[i]), np.int64(p2[i]), np.int64(p3[i])
        low[i] = (t0 * a + t1 * b + t2 * c + t3 * d - grey + half) >> shift
        high[i] = (t3 * a - t2 * b + t1 * c - t0 * d + half) >> shift


@kernel()
def _extend(line: NDArray[np.int64], width: int) -> None:
    """Samples -1 .. width + 1 of a row whose sample 0 is at place 1."""
    line[0] = line[1 + _wavelet_index(-1, width)]
    line[1 + width] = line[1 + _wavelet_index(width, width)]
    line[2 + width] = line[1 + _wavelet_index(width + 1, width)]


@kernel()
def _wavelet_across(line: NDArray[np.int64], shift: int, low: NDArray[np.int32], high: NDArray[np.int32]) -> None:
    t0, t1, t2, t3 = LOW
    half = (1 << shift) >> 1
    for i in range(np.uint64(low.size)):
        at = np.uint64(2) * i
        a, b, c, d = line[at], line[at + np.uint64(1)], line[at + np.uint64(2)], line[at + np.uint64(3)]
        low[i] = np.int32((t0 * a + t1 * b + t2 * c + t3 * d + half) >> shift)
        high[i] = np.int32((t3 * a - t2 * b + t1 * c - t0 * d + half) >> shift)


@kernel()
def _restore(
    o: NDArray[np.int32], t: NDArray[np.int32], limit: float, restored: NDArray[np.int32], additive: NDArray[np.int32]
) -> None:
    """Split the distorted coefficients of one row, (3, width), into what is left of the reference's and what was added."""
    for i in range(np.uint64(o.shape[1])):
        oh, ov, th, tv = np.float64(o[0, i]), np.float64(o[1, i]), np.float64(t[0, i]), np.float64(t[1, i])
        dot = np.float64(np.float32(oh * th + ov * tv)) / 4096
        of_o = np.float64(np.float32(oh * oh + ov * ov)) / 4096
        of_t = np.float64(np.float32(th * th + tv * tv)) / 4096
        aligned = dot >= 0 and dot * dot >= ALIGNED * of_o * of_t
        for band in range(3):
            a, b = np.float64(o[band, i]), np.float64(t[band, i])
            size = max(abs(a), 1.0)
            exponent = np.int64(max(int(np.float64(size).view(np.int64) >> 52) - (1023 + 14), 0))
            unit = np.int64((1023 - exponent) << 52).view(np.float64)
            reciprocal = np.floor(1073741824.0 / np.floor(size * unit + 0.5))
            k = np.floor(reciprocal * (b if a > 0 else -b) * (unit / 32768) + 0.5)
            k = min(max(k, 0.0), 32768.0) if a != 0 else 32768.0
            r = np.floor(k * a / 32768 + 0.5)
            if aligned and k > 0 and a != 0:
                r = np.trunc(min(r * limit, b) if a > 0 else max(r * limit, b))
            restored[band, i] = np.int32(r)
            additive[band, i] = np.int32(b - r)


@kernel()
def _weigh_maskers(
    masker: NDArray[np.int32], arithmetic: Arithmetic, neighbour: NDArray[np.int64], centre: NDArray[np.int64]
) -> None:
    """What each place adds to the threshold of its neighbours, and to its own beside that."""
    for i in range(np.uint64(neighbour.size)):
        of_neighbour = of_centre = np.int64(0)
        for band in range(3):
            c = abs(
                (arithmetic.factors[band] * np.int64(masker[band, i]) + arithmetic.masker_half[band])
                >> arithmetic.masker_shift[band]
            )
            of_neighbour += (arithmetic.thirtieth * c + arithmetic.part_half) >> arithmetic.part_shift
            of_centre += (arithmetic.fifteenth * c + arithmetic.part_half) >> arithmetic.part_shift
        neighbour[i] = of_neighbour
        centre[i] = of_centre - of_neighbour


@kernel()
def _add_masked(
    signal: NDArray[np.int32],
    above: NDArray[np.int64],
    level_with: NDArray[np.int64],
    below: NDArray[np.int64],
    centre: NDArray[np.int64],
    first: int,
    last: int,
    arithmetic: Arithmetic,
    cube_shift: NDArray[np.int64],
    down: int,
    totals: NDArray[np.int64],
) -> None:
    """Add the cubes of what one row of signal shows above its threshold, columns ``first`` to ``last``."""
    width = signal.shape[1]
    threshold = np.empty(last - first, np.int64)
    for i in range(first, last):
        left, right = (i - 1 if i else min(1, width - 1)), (i + 1 if i + 1 < width else width - 1)
        threshold[i - first] = (
            above[left] + above[i] + above[right] + level_with[left] + level_with[i] + level_with[right]
            + below[left] + below[i] + below[right] + centre[i]
        )  # fmt: skip
    for band in range(3):
        factor, shift = arithmetic.factors[band], arithmetic.threshold_shift[band]
        square_shift, cube = np.uint64(arithmetic.square_shift[band]), np.uint64(cube_shift[band])
        square_half = np.uint64(1) << (square_shift - np.uint64(1))
        cube_half = (np.uint64(1) << cube) >> np.uint64(1)
        row = signal[band, first:last]
        total = np.uint64(0)
        for i in range(np.uint64(row.size)):
            shown = abs((factor * np.int64(row[i]) + arithmetic.signal_half) >> arithmetic.signal_shift)
            v = np.uint64(max(shown - (threshold[i] << shift), np.int64(0)))
            total += (((v * v + square_half) >> square_shift) * v + cube_half) >> cube
        totals[band] += (np.int64(total) + ((1 << down) >> 1)) >> down


@kernel()
def _add_reference(
    o: NDArray[np.int32], first: int, last: int, shift: int, cube: int, down: int, totals: NDArray[np.int64]
) -> None:
    unit, cube_half = np.int64(1 << shift if shift else 0), np.int64((1 << cube) >> 1)
    for band in range(3):
        row = o[band, first:last]
        total = np.int64(0)
        for i in range(np.uint64(row.size)):
            size = abs(np.int64(row[i]))
            total += (((size * size + unit) >> shift) * size + cube_half) >> cube
        totals[band] += (total + ((1 << down) >> 1)) >> down


@kernel()
def _bands(
    picture: Plane,
    row: int,
    arithmetic: Arithmetic,
    grey: int,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    approximation: NDArray[np.int32],
    bands: NDArray[np.int32],
) -> None:
    """One row of a picture's wavelet: the approximation, and the bands h, v and d."""
    size = picture.shape[1]
    _wavelet_down(picture, row, arithmetic.down, grey, low[1 : 1 + size], high[1 : 1 + size])
    _extend(low, size)
    _extend(high, size)
    _wavelet_across(low, arithmetic.across, approximation, bands[1])
    _wavelet_across(high, arithmetic.across, bands[0], bands[2])


@kernel()
def _level(
    reference: Plane,
    distorted: Plane,
    arithmetic: Arithmetic,
    grey: int,
    limits: NDArray[np.float64],
    central: tuple[int, int, int, int],
    cube_shift: NDArray[np.int64],
    row_shift: int,
    reference_cube: int,
    reference_row: int,
    next_reference: NDArray[np.int32],
    next_distorted: NDArray[np.int32],
    of_signal: NDArray[np.int64],
    of_reference: NDArray[np.int64],
) -> None:
    height, width = next_reference.shape
    size = reference.shape[1]
    top, bottom, left, right = central
    low, high = np.empty(size + 3, np.int64), np.empty(size + 3, np.int64)
    o, t = np.empty((3, width), np.int32), np.empty((3, width), np.int32)
    count = limits.size
    restored, additive = np.empty((count, 2, 3, width), np.int32), np.empty((3, width), np.int32)
    neighbour, centre = np.empty((count, 3, width), np.int64), np.empty((count, 2, width), np.int64)
    for row in range(height + 1):
        if row < height:
            _bands(reference, row, arithmetic, grey, low, high, next_reference[row], o)
            _bands(distorted, row, arithmetic, grey, low, high, next_distorted[row], t)
            if top - 1 <= row < bottom + 1:
                for n in range(count):
                    _restore(o, t, limits[n], restored[n, row % 2], additive)
                    _weigh_maskers(additive, arithmetic, neighbour[n, row % 3], centre[n, row % 2])
            if top <= row < bottom:
                _add_reference(o, left, right, arithmetic.reference_shift, reference_cube, reference_row, of_reference)
        before = row - 1
        if top <= before < bottom:
            above = before - 1 if before else min(1, height - 1)
            below = row if row < height else before
            for n in range(count):
                _add_masked(
                    restored[n, before % 2],
                    neighbour[n, above % 3],
                    neighbour[n, before % 3],
                    neighbour[n, below % 3],
                    centre[n, before % 2],
                    left,
                    right,
                    arithmetic,
                    cube_shift,
                    row_shift,
                    of_signal[n],
                )


def _cube_root(value: float | np.float32) -> np.float32:
    return np.float32(np.power(np.float32(value), np.float32(1) / np.float32(3)))


def _log2(value: float) -> int:
    return math.ceil(math.log2(value))


def _pooled(sums: NDArray[np.int64], units: tuple[float, ...], area: int, smallest: float) -> float:
    """Cube roots of the bands' sums and of the noise, added up in float32; 0 below ``smallest``."""
    noise = _cube_root(np.float32(area) * np.float32(NOISE_WEIGHT))
    total = np.float32(0)
    for value, unit in zip(sums.tolist(), units, strict=True):
        total = np.float32(total + np.float32(_cube_root(value * unit) + noise))
    return float(total) if total >= smallest else 0.0


def adm(distorted: Plane, reference: Plane, bit_depth: int, gain_limits: Sequence[float] = (100.0,)) -> list[Adm]:
    """ADM of luma planes for each gain limit.

    Args:
        distorted: Samples of ``bit_depth`` bits; at least 33x33, below which libvmaf's result is undefined.
        reference: Of the same shape and type.
        bit_depth: 8 to 16.
        gain_limits: How much contrast may be enhanced and still count; 1 in libvmaf's NEG models, else 100.
    """
    limits = np.array(gain_limits, np.float64)
    levels = []
    for level in range(LEVELS):
        arithmetic = _first(bit_depth) if level == 0 else _finer(level, SENSITIVITY[level])
        height, width = (-(-size // 2) for size in reference.shape)
        top, left = (max(int(0.1 * size - 0.5), 0) for size in (height, width))
        inner_height, inner_width = height - 2 * top, width - 2 * left
        area = inner_height * inner_width
        across, down = [math.ceil(math.log2(width) - less) for less in arithmetic.row_shift], _log2(height)
        if level == 0:
            reference_cube, reference_row = 0, max(0, _log2(area) - 20)
        else:
            reference_cube, reference_row = _log2(inner_width), _log2(inner_height)
        approximations = [np.empty((height, width), np.int32) for _ in range(2)]
        of_signal, of_reference = np.zeros((limits.size, 3), np.int64), np.zeros(3, np.int64)
        _level(
            reference,
            distorted,
            arithmetic,
            46342 << (bit_depth - 1) if level == 0 else 0,
            limits,
            (top, height - top, left, width - left),
            np.array(across),
            down,
            reference_cube,
            reference_row,
            approximations[0],
            approximations[1],
            of_signal,
            of_reference,
        )
        of_h, of_d = (float(np.float32(factor)) for factor in SENSITIVITY[level])
        unit = 2.0 ** -(arithmetic.reference_scale - reference_cube - reference_row)
        units = tuple(2.0 ** -(scale - less - down) for scale, less in zip(arithmetic.scale, across, strict=True))
        smallest = 1e-10 * (width * height) / (1920 * 1080)
        denominator = _pooled(of_reference, (unit * of_h**3, unit * of_h**3, unit * of_d**3), area, smallest)
        levels.append([Level(_pooled(sums, units, area, smallest), denominator) for sums in of_signal])
        reference, distorted = approximations
    return [Adm(of_limit) for of_limit in zip(*levels, strict=True)]
