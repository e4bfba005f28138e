"""Detail loss and additive impairment (ADM) at four levels in libvmaf's integer arithmetic.

Source: libvmaf feature/integer_adm.c. Each level streams by rows: a row of both pictures' wavelet bands, its separation into
a restored and an additive part, and, once the next row is there too, the contrast masking of the row before. Only the
approximation bands, input of the next level, are written to memory.

Where libvmaf multiplies and shifts 64-bit integers and no bit above the 53rd can be set, the same is done in doubles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import wavelet
from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES
from monitor.types import Plane

LEVELS = 4

Samples = Any
"""A plane or, from level 1 on, the approximation of the level before."""

SENSITIVITY = (
    (0.0173815377, 0.005890687),
    (0.0319848284, 0.0142990677),
    (0.0433726609, 0.0243969075),
    (0.0456734113, 0.0313127376),
)
"""Watson's contrast sensitivity by level, of h and v, and of d, at three picture heights of 1080 lines."""

ALIGNED = float(np.float32(math.cos(math.pi / 180) ** 2))
"""Squared cosine of the one degree within which a change of contrast counts as no change of direction."""

FAR = 1e18
"""Beyond every coefficient."""

NOISE_WEIGHT = 1 / 32

FIRST_FACTORS = (36453, 36453, 49417)
"""Contrast sensitivity at level 0 times 2**21 and, of d, 2**23; libvmaf's own numbers, 2 and 3 above what it computes."""


class Arithmetic(NamedTuple):
    """Fixed point of one level. Triples are of the bands h, v and d."""

    depth: int
    """Bits of the samples at level 0; 0 at the others."""
    down: int
    """Shift after the vertical wavelet pass, at levels 1 to 3."""
    across: int
    """Shift after the horizontal one."""
    factors: tuple[int, int, int]
    """Contrast sensitivity."""
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
        depth=bit_depth,
        down=bit_depth,
        across=16,
        factors=FIRST_FACTORS,
        threshold_shift=(10, 10, 12),
        square_shift=(29, 29, 30),
        row_shift=(4, 4, 3),
        scale=(52, 52, 57),
        reference_shift=0,
        reference_scale=18,
    )


def _finer(level: int, factors: tuple[float, float]) -> Arithmetic:
    of_h, of_d = (int(float(np.float32(factor)) * 2.0**32) for factor in factors)
    return Arithmetic(
        depth=0,
        down=(0, 16, 16)[level - 1],
        across=(15, 16, 15)[level - 1],
        factors=(of_h, of_h, of_d),
        threshold_shift=(0, 0, 0),
        square_shift=(30, 30, 30),
        row_shift=(0, 0, 0),
        scale=((45, 39, 36)[level - 1],) * 3,
        reference_shift=(31, 30, 31)[level - 1],
        reference_scale=(32, 27, 23)[level - 1],
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
def _reach(oh: np.float64, ov: np.float64, th: np.float64, tv: np.float64, limit: float) -> tuple[np.float64, np.float64]:
    """How far restored coefficients may go: a gain, and a bound that the distorted coefficient replaces where it is above.

    Where the direction of (h, v) is that of the reference within a degree, they may follow the distorted coefficient up to
    the limit; elsewhere they stay what they are.
    """
    dot = np.float64(np.float32(oh * th + ov * tv)) / 4096
    of_o = np.float64(np.float32(oh * oh + ov * ov)) / 4096
    of_t = np.float64(np.float32(th * th + tv * tv)) / 4096
    aligned = (dot >= 0) & (dot * dot >= ALIGNED * of_o * of_t)
    return np.float64(limit if aligned else 1.0), np.float64(0.0 if aligned else FAR)


@kernel()
def _kept(o: np.float64, t: np.float64, gain: np.float64, bound: np.float64, wide: bool) -> np.float64:
    """The restored part of one coefficient.

    With the sign of ``o`` taken off both, libvmaf's roundings by shifts are: half up where it was positive, half down where
    it was negative. Shares are whole 32768ths, so a bias of a 65536th less tells the two apart.
    """
    sign = np.copysign(1.0, o)
    size, towards = abs(o), t * sign
    scale, divisor = 1 / 32768, max(size, 1.0)
    if wide:
        exponent = max((np.float64(divisor).view(np.int64) >> 52) - np.int64(1023 + 14), np.int64(0))
        unit = np.int64((np.int64(1023) - exponent) << 52).view(np.float64)
        scale, divisor = scale * unit, np.floor(divisor * unit + 0.5)
    share = np.floor(np.floor(1073741824.0 / divisor) * (towards * scale) + 0.5)
    share = min(max(share, 0.0), 32768.0)
    plain = np.floor(share * (size / 32768) + (0.5 - 2.0**-17 + np.copysign(2.0**-17, o)))
    return np.float64(max(min(plain * gain, max(towards, bound)), 0.0) * sign)


@kernel()
def _restore(
    o: NDArray[np.int32],
    t: NDArray[np.int32],
    limit: float,
    begin: int,
    end: int,
    wide: bool,
    restored: NDArray[np.int32],
    additive: NDArray[np.int32],
) -> None:
    """Split distorted coefficients, columns ``begin`` to ``end`` of (3, width), into what is left and what was added.

    ``wide`` says whether they may have more than 16 bits.
    """
    oh_row, ov_row, od_row = o[0, begin:end], o[1, begin:end], o[2, begin:end]
    th_row, tv_row, td_row = t[0, begin:end], t[1, begin:end], t[2, begin:end]
    rh, rv, rd = restored[0, begin:end], restored[1, begin:end], restored[2, begin:end]
    ah, av, ad = additive[0, begin:end], additive[1, begin:end], additive[2, begin:end]
    for i in range(np.uint64(oh_row.size)):
        oh, ov, od = np.float64(oh_row[i]), np.float64(ov_row[i]), np.float64(od_row[i])
        th, tv, td = np.float64(th_row[i]), np.float64(tv_row[i]), np.float64(td_row[i])
        gain, bound = _reach(oh, ov, th, tv, limit)
        if wide:
            kept_h, kept_v = _kept(oh, th, gain, bound, True), _kept(ov, tv, gain, bound, True)
            kept_d = _kept(od, td, gain, bound, True)
        else:
            kept_h, kept_v = _kept(oh, th, gain, bound, False), _kept(ov, tv, gain, bound, False)
            kept_d = _kept(od, td, gain, bound, False)
        rh[i], rv[i], rd[i] = np.int32(kept_h), np.int32(kept_v), np.int32(kept_d)
        ah[i], av[i], ad[i] = np.int32(th - kept_h), np.int32(tv - kept_v), np.int32(td - kept_d)


@kernel()
def _weigh_first(
    masker: NDArray[np.int32], begin: int, end: int, neighbour: NDArray[np.int32], centre: NDArray[np.int32]
) -> None:
    """``_weigh`` at level 0, where 32 bits hold everything."""
    h, v, d = masker[0, begin:end], masker[1, begin:end], masker[2, begin:end]
    of_neighbour, of_centre = neighbour[begin + 1 : end + 1], centre[begin:end]
    for i in range(np.uint64(h.size)):
        a = np.int32(abs(np.int32(np.int32(FIRST_FACTORS[0] * h[i] + 16384) >> 15)))
        b = np.int32(abs(np.int32(np.int32(FIRST_FACTORS[1] * v[i] + 16384) >> 15)))
        c = np.int32(abs(np.int32(np.int32(FIRST_FACTORS[2] * d[i] + 65535) >> 17)))
        less = np.int32(np.int32(np.int32(4369 * a + 2048) >> 12) + np.int32(np.int32(4369 * b + 2048) >> 12))
        less = np.int32(less + np.int32(np.int32(4369 * c + 2048) >> 12))
        more = np.int32(np.int32(np.int32(8738 * a + 2048) >> 12) + np.int32(np.int32(8738 * b + 2048) >> 12))
        of_neighbour[i] = less
        of_centre[i] = np.int32(np.int32(more + np.int32(np.int32(8738 * c + 2048) >> 12)) - less)


@kernel()
def _thirtieth(weighted: np.int64) -> np.int32:
    """A thirtieth of a weighted masker; in every build of libvmaf the rounding constant overflows to this."""
    return np.int32((np.int64(143165577) * weighted - np.int64(1 << 31)) >> 32)


@kernel()
def _fifteenth(weighted: np.int64) -> np.int32:
    return np.int32((np.int64(286331153) * weighted - np.int64(1 << 31)) >> 32)


@kernel()
def _weighted(factor: np.int32, coefficient: np.int32) -> np.int64:
    """A coefficient times its contrast sensitivity, at levels 1 to 3; its size fits 31 bits."""
    return np.int64(abs(np.int32((np.int64(factor) * np.int64(coefficient) + np.int64(1 << 27)) >> 28)))


@kernel()
def _weigh(
    masker: NDArray[np.int32],
    factors: tuple[int, int, int],
    begin: int,
    end: int,
    neighbour: NDArray[np.int32],
    centre: NDArray[np.int32],
) -> None:
    """What each place adds to the threshold of its neighbours, one to the right of it, and to its own beside that."""
    h, v, d = masker[0, begin:end], masker[1, begin:end], masker[2, begin:end]
    of_neighbour, of_centre = neighbour[begin + 1 : end + 1], centre[begin:end]
    factor_h, factor_v, factor_d = np.int32(factors[0]), np.int32(factors[1]), np.int32(factors[2])
    for i in range(np.uint64(h.size)):
        a, b, c = _weighted(factor_h, h[i]), _weighted(factor_v, v[i]), _weighted(factor_d, d[i])
        less = np.int32(np.int32(_thirtieth(a) + _thirtieth(b)) + _thirtieth(c))
        of_neighbour[i] = less
        of_centre[i] = np.int32(np.int32(np.int32(_fifteenth(a) + _fifteenth(b)) + _fifteenth(c)) - less)


@kernel()
def _threshold(
    above: NDArray[np.int32],
    beside: NDArray[np.int32],
    below: NDArray[np.int32],
    centre: NDArray[np.int32],
    columns: NDArray[np.int32],
    threshold: NDArray[np.int32],
) -> None:
    """Add up the neighbours of each place of a row, and its own share. The rows begin one place to the left."""
    for i in range(np.uint64(columns.size)):
        columns[i] = np.int32(np.int32(above[i] + beside[i]) + below[i])
    for i in range(np.uint64(threshold.size)):
        around = np.int32(np.int32(columns[i] + columns[i + np.uint64(1)]) + columns[i + np.uint64(2)])
        threshold[i] = np.int32(around + centre[i])


@kernel()
def _cube(v: np.int32, square_half: np.uint64, square_shift: np.uint64, half: np.uint64, shift: np.uint64) -> np.uint64:
    """A cube of a number of 31 bits, rounded twice; its square is first cut to 32 bits."""
    size = np.uint64(np.uint32(v))
    square = np.uint64(np.uint32((size * size + square_half) >> square_shift))
    return (square * size + half) >> shift


@kernel()
def _add_masked_first(
    signal: NDArray[np.int32], factor: int, threshold: NDArray[np.int32], threshold_shift: int, square: int, cube: int
) -> np.int64:
    """``_add_masked`` at level 0; a threshold that would not fit 32 bits is above every signal."""
    square_shift, shift = np.uint64(square), np.uint64(cube)
    square_half, half = np.uint64(1) << (square_shift - np.uint64(1)), (np.uint64(1) << shift) >> np.uint64(1)
    weight, places = np.int32(factor), np.int32(threshold_shift)
    highest = np.int32(0x7FFF_FFFF >> threshold_shift)
    total = np.uint64(0)
    for i in range(np.uint64(signal.size)):
        shown = np.int32(abs(np.int32(weight * signal[i])))
        hidden = np.int32(min(threshold[i], highest) << places)
        total += _cube(max(np.int32(shown - hidden), np.int32(0)), square_half, square_shift, half, shift)
    return np.int64(total)


@kernel()
def _add_masked(signal: NDArray[np.int32], factor: int, threshold: NDArray[np.int32], square: int, cube: int) -> np.int64:
    """Sum of the cubes of what one band's row shows above its threshold."""
    square_shift, shift = np.uint64(square), np.uint64(cube)
    square_half, half = np.uint64(1) << (square_shift - np.uint64(1)), (np.uint64(1) << shift) >> np.uint64(1)
    weight = np.int32(factor)
    total = np.uint64(0)
    for i in range(np.uint64(signal.size)):
        shown = np.int32(_weighted(weight, signal[i]))
        total += _cube(max(np.int32(shown - threshold[i]), np.int32(0)), square_half, square_shift, half, shift)
    return np.int64(total)


@kernel()
def _add_reference(row: NDArray[np.int32], shift: int, cube: int) -> np.int64:
    """Sum of the cubes of one band's row of the reference."""
    unit, places = np.uint64(1 << shift if shift else 0), np.uint64(shift)
    half, cube_places = np.uint64((1 << cube) >> 1), np.uint64(cube)
    total = np.uint64(0)
    for i in range(np.uint64(row.size)):
        size = np.uint64(np.uint32(abs(np.int32(row[i]))))
        total += (np.uint64(np.uint32((size * size + unit) >> places)) * size + half) >> cube_places
    return np.int64(total)


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
    if arithmetic.depth:
        low, high = lines[0].view(np.int16), lines[1].view(np.int16)
        wavelet.samples_down(picture, row, arithmetic.depth, ring, raw, low[1 : 1 + width], high[1 : 1 + width], details)
        wavelet.extend(low, width)
        wavelet.samples_across(low, raw, approximation, bands[1], details)
        if details:
            wavelet.extend(high, width)
            wavelet.samples_across(high, raw, bands[0], bands[2], details)
    else:
        low_row, high_row = lines[0], lines[1]
        wavelet.down(picture, row, arithmetic.down, low_row[1 : 1 + width], high_row[1 : 1 + width])
        wavelet.extend(low_row, width)
        wavelet.extend(high_row, width)
        wavelet.across(low_row, arithmetic.across, approximation, bands[1])
        wavelet.across(high_row, arithmetic.across, bands[0], bands[2])


@kernel()
def _level(
    reference: Samples,
    distorted: Samples,
    arithmetic: Arithmetic,
    limits: NDArray[np.float64],
    window: Window,
    rounding: Rounding,
    next_reference: NDArray[np.int32],
    next_distorted: NDArray[np.int32],
    of_signal: NDArray[np.int64],
    of_reference: NDArray[np.int64],
) -> None:
    height, width = next_reference.shape
    size = reference.shape[1]
    top, bottom, left, right = window
    begin, end = max(left - 1, 0), min(right + 1, width)
    lanes = (size + LANES - 1) // LANES * LANES
    rings, raw = np.zeros((2, 2 * lanes), np.uint32), np.empty((2, lanes), np.int32)
    lines = np.zeros((2, size + 3 + LANES), np.int32)
    o, t = np.empty((3, width), np.int32), np.empty((3, width), np.int32)
    count = limits.size
    restored, additive = np.empty((count, 2, 3, width), np.int32), np.empty((3, width), np.int32)
    neighbour, centre = np.empty((count, 3, width + 2), np.int32), np.empty((count, 2, width), np.int32)
    columns, threshold = np.empty(right - left + 2, np.int32), np.empty(right - left, np.int32)
    for row in range(height + 1):
        if row < height:
            details = top - 1 <= row < bottom + 1
            _bands(reference, row, arithmetic, details, rings[0], raw, lines, next_reference[row], o)
            _bands(distorted, row, arithmetic, details, rings[1], raw, lines, next_distorted[row], t)
            if details:
                for n in range(count):
                    beside, own = neighbour[n, row % 3], centre[n, row % 2]
                    _restore(o, t, limits[n], begin, end, not arithmetic.depth, restored[n, row % 2], additive)
                    if arithmetic.depth:
                        _weigh_first(additive, begin, end, beside, own)
                    else:
                        _weigh(additive, arithmetic.factors, begin, end, beside, own)
                    beside[0], beside[width + 1] = beside[min(2, width)], beside[width]
            if top <= row < bottom:
                for band in range(3):
                    cubes = _add_reference(o[band, left:right], arithmetic.reference_shift, rounding.reference_cubes)
                    of_reference[band] += _rounded(cubes, rounding.reference_rows)
        before = row - 1
        if top <= before < bottom:
            above = before - 1 if before else min(1, height - 1)
            below = row if row < height else before
            for n in range(count):
                _threshold(
                    neighbour[n, above % 3, left : right + 2],
                    neighbour[n, before % 3, left : right + 2],
                    neighbour[n, below % 3, left : right + 2],
                    centre[n, before % 2, left:right],
                    columns,
                    threshold,
                )
                for band in range(3):
                    signal, factor = restored[n, before % 2, band, left:right], arithmetic.factors[band]
                    square, cube = arithmetic.square_shift[band], rounding.cubes[band]
                    if arithmetic.depth:
                        shift = arithmetic.threshold_shift[band]
                        shown = _add_masked_first(signal, factor, threshold, shift, square, cube)
                    else:
                        shown = _add_masked(signal, factor, threshold, square, cube)
                    of_signal[n, band] += _rounded(shown, rounding.rows)


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
        rounding = Rounding(
            cubes=tuple(math.ceil(math.log2(width) - less) for less in arithmetic.row_shift),
            rows=_log2(height),
            reference_cubes=_log2(inner_width) if level else 0,
            reference_rows=_log2(inner_height) if level else max(0, _log2(area) - 20),
        )
        approximations = [np.empty((height, width), np.int32) for _ in range(2)]
        of_signal, of_reference = np.zeros((limits.size, 3), np.int64), np.zeros(3, np.int64)
        _level(
            reference,
            distorted,
            arithmetic,
            limits,
            Window(top, height - top, left, width - left),
            rounding,
            approximations[0],
            approximations[1],
            of_signal,
            of_reference,
        )
        of_h, of_d = (float(np.float32(factor)) for factor in SENSITIVITY[level])
        unit = 2.0 ** -(arithmetic.reference_scale - rounding.reference_cubes - rounding.reference_rows)
        units = tuple(
            2.0 ** -(scale - cubes - rounding.rows) for scale, cubes in zip(arithmetic.scale, rounding.cubes, strict=True)
        )
        smallest = 1e-10 * (width * height) / (1920 * 1080)
        denominator = _pooled(of_reference, (unit * of_h**3, unit * of_h**3, unit * of_d**3), area, smallest)
        levels.append([Level(_pooled(sums, units, area, smallest), denominator) for sums in of_signal])
        reference, distorted = approximations
    return [Adm(of_limit) for of_limit in zip(*levels, strict=True)]
