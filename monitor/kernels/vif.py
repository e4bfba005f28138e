"""Visual information fidelity at four scales in libvmaf's integer arithmetic, bit for bit.

Source: libvmaf feature/integer_vif.c. Pictures stream through by pairs of rows: each pair goes once into a ring of lanes
(see ``monitor.kernels.fir``) that is as high as the filter; two rows of filtered values leave it, are filtered across and
turned into logarithms. Nothing of the picture's size is written but the next scale's pictures.

Values of 16 bits are kept less 32768, so that they are int16: a filter whose taps sum to 65536 then gives its sum less
2**31, modulo 2**32. Products of samples have up to 32 bits and are filtered in two parts; since the sum of the upper parts
is whole after the shift, rounding the sum of the lower ones alone gives exactly what rounding the whole sum would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES, Pairs, pair_sums, tap_pairs, two_pair_sums
from monitor.types import Plane

TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784, 7455, 6547, 5274, 3896, 2640, 1640, 935, 489),
    (1244, 3663, 7925, 12590, 14692, 12590, 7925, 3663, 1244),
    (3571, 16004, 26386, 16004, 3571),
    (10904, 43728, 10904),
)
"""Filters of the scales, each summing to 65536."""

SCALES = len(TAPS)

DEEPEST = 16
"""Bits of samples that do not fit int16 as they are; pictures at the coarser scales have as many."""

NOISE = np.int32(131_072)
"""Variance of the visual noise, 2, in units of 1/65536 of an 8-bit level squared."""

OFFSET = -(1 << 31)
"""What is added to a sum of taps times values less 32768, to make it the sum of taps times values; modulo 2**32."""
HALF = np.uint16(0x8000)


LOG_CURVE = tuple(
    np.float32(coefficient)
    for coefficient in (
        2792.06689453125,
        -0.038203950971364975,
        -9.783881978364661e-06,
        1.327375154236421e-10,
        -2.0255236510546013e-15,
        3.249681787756285e-20,
        -5.501969548031838e-25,
        1.1935248166836747e-29,
        -2.136257337406777e-34,
    )
)
"""``32768 * (log2(1 + m / 32768) - m / 32768) + 8`` for m in 0..32767, nearly, as a polynomial in ``m - 16384``.

libvmaf looks logarithms up in a table of ``2048 * log2(i)``, rounded to float32 and then to whole numbers. For each of the
table's 32768 places, this curve in float32 leads to the same number (a test goes through them all).
"""


class Taps(NamedTuple):
    """A filter by pairs: for results at the even samples and at the odd ones."""

    even: Pairs
    odd: Pairs
    places: NDArray[np.int64]
    """Which lane each pair is for, counted from the first that the filter sees."""


class Sums(NamedTuple):
    """What one scale adds up to."""

    denominator_log: int
    outside: int
    """Sum of the distorted variance where the reference is flat."""
    flat: int
    """Pixels where the reference's variance is below the noise."""
    numerator_log: int

    @property
    def numerator(self) -> float:
        """Information that survives, as float32 holds it."""
        return float(np.float32(self.numerator_log / 2048 + (self.flat - (self.outside / 16384) / 65025)))

    @property
    def denominator(self) -> float:
        """Information of the reference, as float32 holds it."""
        return float(np.float32(self.denominator_log / 2048 + self.flat))

    @property
    def ratio(self) -> float:
        """The scale's VIF, at least about 0 and above 1 where contrast was enhanced."""
        return float(np.float32(self.numerator) / np.float32(self.denominator))


def _taps(taps: tuple[int, ...], first: int = 0) -> Taps:
    """``taps`` by pairs; half of each that does not fit int16 goes to further pairs for the same lanes."""
    largest = np.iinfo(np.int16).max
    rest = tuple(tap // 2 if tap > largest else 0 for tap in taps)
    parts = [tuple(tap - less for tap, less in zip(taps, rest, strict=True)), *([rest] if any(rest) else [])]
    even, odd = (sum((tap_pairs(part, begin) for part in parts), ()) for begin in (first, 1 - first))
    return Taps(even, odd, np.tile(np.arange(len(even) // len(parts)), len(parts)))


REACH = tuple(len(taps) // 2 for taps in TAPS)
FILTERS = tuple(_taps(taps) for taps in TAPS)
DECIMATION = tuple(_taps(taps, (reach - len(taps) // 2) % 2) for reach, taps in zip(REACH, TAPS[1:], strict=False))
"""The next scale's filter as it lies in a window of this scale's height."""


@kernel()
def mirrored(index: int, size: int) -> int:
    """Index inside 0..size-1, mirrored at the edges without repeating the edge sample."""
    if size == 1:
        return 0
    period = 2 * size - 2
    index = abs(index) % period
    return min(index, period - index)


@kernel()
def fill_edges(line: NDArray[np.uint16] | NDArray[np.int16], reach: int, width: int) -> None:
    """Mirror a row that begins at place ``reach`` into the places before and after it."""
    for i in range(reach):
        line[i] = line[reach + mirrored(i - reach, width)]
        line[reach + width + i] = line[reach + mirrored(width + i, width)]
    line[width + 2 * reach] = 0


@kernel()
def _load_samples(lanes: NDArray[np.uint32], upper: Plane, lower: Plane, offset: np.uint32) -> None:
    for i in range(np.uint64(upper.size)):
        lanes[i] = (np.uint32(upper[i]) | (np.uint32(lower[i]) << np.uint32(16))) ^ offset


@kernel()
def _load_products(
    high: NDArray[np.uint32],
    low: NDArray[np.uint32],
    one_upper: Plane,
    other_upper: Plane,
    one_lower: Plane,
    other_lower: Plane,
    shift: np.uint32,
) -> None:
    mask = np.uint32((np.uint32(1) << shift) - np.uint32(1))
    for i in range(np.uint64(one_upper.size)):
        upper = np.uint32(np.uint32(one_upper[i]) * np.uint32(other_upper[i]))
        lower = np.uint32(np.uint32(one_lower[i]) * np.uint32(other_lower[i]))
        high[i] = ((upper >> shift) | ((lower >> shift) << np.uint32(16))) ^ np.uint32(0x8000_8000)
        if shift:
            low[i] = ((upper & mask) | ((lower & mask) << np.uint32(16))) ^ np.uint32(0x8000_8000)


@kernel()
def _store_means(line: NDArray[np.uint16], sums: NDArray[np.uint32], shift: np.uint32, offset: np.uint16) -> None:
    for i in range(np.uint64(line.size)):
        line[i] = np.uint16(sums[i] >> shift) ^ offset


@kernel()
def _store_squares(
    high_line: NDArray[np.uint16],
    low_line: NDArray[np.uint16],
    high: NDArray[np.uint32],
    low: NDArray[np.uint32],
    shift: np.uint32,
) -> None:
    """Put both parts of mean products together, 2**31 too low, and split them at the 16th bit."""
    for i in range(np.uint64(high_line.size)):
        total = np.uint32(np.uint64(high[i]) + np.uint64(low[i] >> shift)) if shift else high[i]
        high_line[i] = np.uint16(total >> np.uint32(16))
        low_line[i] = np.uint16(total & np.uint32(0xFFFF)) ^ HALF


@kernel()
def _central_moment(high: np.uint32, low: np.uint32, one: np.uint32, other: np.uint32) -> np.int32:
    """Mean product less product of means: a variance or covariance in units of 1/65536 of an 8-bit level squared."""
    of_products = np.int64(high) + np.int64(low >> np.uint32(16))
    of_means = np.int64((np.uint64(one) * np.uint64(other) + np.uint64(0x8000_0000)) >> np.uint64(32))
    return np.int32(of_products - of_means)


@kernel()
def _moments(
    sums: NDArray[np.uint32], variance: NDArray[np.int32], distorted: NDArray[np.int32], covariance: NDArray[np.int32]
) -> None:
    """Variance of the reference, of the distorted picture, and their covariance, from filtered means and products."""
    mean_x, mean_y = sums[0], sums[1]
    xx_high, yy_high, xy_high = sums[2], sums[3], sums[4]
    xx_low, yy_low, xy_low = sums[5], sums[6], sums[7]
    for i in range(np.uint64(variance.size)):
        x, y = mean_x[i], mean_y[i]
        variance[i] = _central_moment(xx_high[i], xx_low[i], x, x)
        distorted[i] = max(_central_moment(yy_high[i], yy_low[i], y, y), np.int32(0))
        covariance[i] = _central_moment(xy_high[i], xy_low[i], x, y)


@kernel()
def _split(
    variance: NDArray[np.int32],
    distorted: NDArray[np.int32],
    covariance: NDArray[np.int32],
    gain: NDArray[np.float64],
    rest: NDArray[np.int32],
    of_reference: NDArray[np.int32],
    totals: NDArray[np.int64],
) -> None:
    """How the distorted signal is the reference's times ``gain``, and a rest; both variances with the noise's added."""
    outside, flat = np.int64(0), np.int32(0)
    for i in range(np.uint64(variance.size)):
        xx, yy, xy = variance[i], distorted[i], covariance[i]
        seen = xx >= NOISE
        g = np.float64(xy) / (np.float64(xx) + 65536e-10)
        g = np.float64(g if seen & (xy > 0) & (yy > 0) else 0.0)
        gain[i] = g
        rest[i] = np.int32(max(np.float64(yy) - g * np.float64(xy), 0.0)) + NOISE
        of_reference[i] = xx + NOISE if seen else NOISE
        outside += np.int64(np.int32(0) if seen else yy)
        flat = np.int32(flat + np.int32(not seen))
    totals[1] += outside
    totals[2] += flat


@kernel()
def _signal(
    variance: NDArray[np.int32],
    gain: NDArray[np.float64],
    rest: NDArray[np.int32],
    limit: float,
    with_signal: NDArray[np.int32],
) -> None:
    """Variance of the distorted picture's part that is signal, up to a gain limit, and of the rest."""
    for i in range(np.uint64(variance.size)):
        kept = min(gain[i], limit)
        with_signal[i] = np.int32(kept * kept * np.float64(variance[i])) + rest[i]


@kernel()
def _sum_of_logs(values: NDArray[np.int32]) -> np.int64:
    """Sum of ``2048 * log2`` of the upper 16 bits of numbers that have more, each rounded as libvmaf's table has it."""
    c0, c1, c2, c3, c4, c5, c6, c7, c8 = LOG_CURVE
    total = np.int32(0)
    for i in range(np.uint64(values.size)):
        value = values[i]
        value = np.int32(value & ~(value >> np.int32(24)))  # float32 has 24 bits; the 25th would round them up
        bits = np.int32(np.float32(value).view(np.int32) >> np.int32(8))
        t = np.float32(np.int32((bits & np.int32(0x7FFF)) - np.int32(0x4000)))
        t2 = t * t
        t4 = t2 * t2
        upper = c8 * t4 + ((c7 * t + c6) * t2 + (c5 * t + c4))
        curve = ((c3 * t + c2) * t2 + (c1 * t + c0)) + upper * t4
        total = np.int32(total + np.int32(np.int32(np.int32(bits + np.int32(curve)) - np.int32(127 << 15)) >> np.int32(4)))
    return np.int64(total)


@kernel()
def _add_information(
    sums: NDArray[np.uint32],
    limits: NDArray[np.float64],
    width: int,
    scratch: NDArray[np.int32],
    gain: NDArray[np.float64],
    totals: NDArray[np.int64],
) -> None:
    variance, distorted, covariance = scratch[0, :width], scratch[1, :width], scratch[2, :width]
    rest, of_reference, with_signal = scratch[3, :width], scratch[4, :width], scratch[5, :width]
    _moments(sums, variance, distorted, covariance)
    _split(variance, distorted, covariance, gain[:width], rest, of_reference, totals)
    totals[0] += _sum_of_logs(of_reference) - 2048 * 17 * width
    of_rest = _sum_of_logs(rest)
    for n in range(limits.size):
        _signal(variance, gain[:width], rest, limits[n], with_signal)
        totals[3 + n] += _sum_of_logs(with_signal) - of_rest


@kernel()
def _scale(
    reference: Plane,
    distorted: Plane,
    mean_shift: int,
    square_shift: int,
    reach: int,
    taps: Taps,
    limits: NDArray[np.float64],
    next_reach: int,
    next_taps: Taps,
    next_reference: NDArray[np.uint16],
    next_distorted: NDArray[np.uint16],
    totals: NDArray[np.int64],
) -> None:
    height, width = reference.shape
    pairs = reach + 1
    lanes = (width + LANES - 1) // LANES * LANES
    ring, sums = np.zeros((8, pairs * lanes), np.uint32), np.empty((2, 8, lanes), np.uint32)
    lines, across = np.zeros((8, lanes // 2 + pairs + LANES), np.uint32), np.empty((2, 8, lanes), np.uint32)
    scratch, gain = np.empty((6, lanes), np.int32), np.empty(lanes, np.float64)
    offsets = np.empty(max(taps.places.size, next_taps.places.size), np.int64)
    skip = (reach - next_reach) // 2
    of_mean, of_square = np.uint32(mean_shift), np.uint32(square_shift)
    full = mean_shift == DEEPEST
    offset, start = np.uint32(0x8000_8000 if full else 0), (OFFSET if full else 0) + (1 << (mean_shift - 1))
    quantities = 8 if square_shift else 5
    evens, odds = (width + 1) // 2, width // 2
    loaded = 0
    for pair in range((height + 1) // 2):
        while loaded <= pair + reach:
            at = loaded % pairs * lanes
            upper, lower = mirrored(2 * loaded - reach, height), mirrored(2 * loaded - reach + 1, height)
            x, y, below_x, below_y = reference[upper], distorted[upper], reference[lower], distorted[lower]
            _load_samples(ring[0, at:], x, below_x, offset)
            _load_samples(ring[1, at:], y, below_y, offset)
            _load_products(ring[2, at:], ring[5, at:], x, x, below_x, below_x, of_square)
            _load_products(ring[3, at:], ring[6, at:], y, y, below_y, below_y, of_square)
            _load_products(ring[4, at:], ring[7, at:], x, y, below_x, below_y, of_square)
            loaded += 1
        for k in range(taps.places.size):
            offsets[k] = (pair + taps.places[k]) % pairs * lanes
        for quantity in range(quantities):
            begin = start if quantity < 2 else 0 if quantity < 5 else OFFSET + (1 << (square_shift - 1))
            both = sums[0, quantity], sums[1, quantity]
            two_pair_sums(both[0], both[1], ring[quantity], offsets, taps.even, taps.odd, width, begin)
        for row in range(min(2, height - 2 * pair)):
            for quantity in range(2):
                _store_means(lines[quantity].view(np.uint16)[reach : reach + width], sums[row, quantity], of_mean, HALF)
            for quantity in range(2, 5):
                _store_squares(
                    lines[quantity].view(np.uint16)[reach : reach + width],
                    lines[quantity + 3].view(np.uint16)[reach : reach + width],
                    sums[row, quantity],
                    sums[row, quantity + 3],
                    of_square,
                )
            for quantity in range(8):
                fill_edges(lines[quantity].view(np.uint16), reach, width)
                both = across[0, quantity], across[1, quantity]
                begin = OFFSET + (0x8000 if quantity > 4 else 0)
                two_pair_sums(both[0], both[1], lines[quantity], taps.places, taps.even, taps.odd, evens, begin)
            _add_information(across[0], limits, evens, scratch, gain, totals)
            _add_information(across[1], limits, odds, scratch, gain, totals)
        if next_reach and pair < next_reference.shape[0]:
            for quantity in range(2):
                line = lines[quantity]
                for k in range(next_taps.places.size):
                    offsets[k] = (pair + skip + next_taps.places[k]) % pairs * lanes
                pair_sums(sums[0, quantity], ring[quantity], offsets, next_taps.even, width, start)
                _store_means(line.view(np.uint16)[reach : reach + width], sums[0, quantity], of_mean, HALF)
                fill_edges(line.view(np.uint16), reach, width)
                pair_sums(across[0, quantity], line[skip:], next_taps.places, next_taps.even, evens, OFFSET + 0x8000)
                half_size = (next_reference if quantity == 0 else next_distorted)[pair]
                _store_means(half_size, across[0, quantity], np.uint32(16), np.uint16(0))


def vif(
    distorted: Plane, reference: Plane, bit_depth: int, gain_limits: Sequence[float] = (100.0,)
) -> list[tuple[Sums, ...]]:
    """VIF of luma planes for each gain limit, finest scale first.

    Args:
        distorted: Samples of ``bit_depth`` bits.
        reference: Of the same shape and type, at least 16x16.
        bit_depth: 8 to 16.
        gain_limits: How much contrast may be enhanced and still count; 1 in libvmaf's NEG models, else 100.
    """
    limits = np.array(gain_limits, np.float64)
    scales = []
    for scale in range(SCALES):
        height, width = reference.shape
        last = scale == SCALES - 1
        smaller = (height // 2, width // 2) if not last else (0, 0)
        next_reference, next_distorted = np.empty(smaller, np.uint16), np.empty(smaller, np.uint16)
        totals = np.zeros(3 + limits.size, np.int64)
        _scale(
            reference,
            distorted,
            bit_depth if scale == 0 else 16,
            2 * (bit_depth - 8) if scale == 0 else 16,
            REACH[scale],
            FILTERS[scale],
            limits,
            0 if last else REACH[scale + 1],
            FILTERS[scale] if last else DECIMATION[scale],
            next_reference,
            next_distorted,
            totals,
        )
        denominator, outside, flat, *numerators = totals.tolist()
        scales.append([Sums(denominator, outside, flat, numerator) for numerator in numerators])
        reference, distorted = next_reference, next_distorted
    return list(zip(*scales, strict=True))
