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

NOISE = 131_072
"""Variance of the visual noise, 2, in units of 1/65536 of an 8-bit level squared."""

SIGN = np.uint32(0x8000_0000)
HALF = np.uint16(0x8000)


def log_table() -> NDArray[np.int32]:
    """``2048 * log2(i)`` for i in 32768..65535, the logarithm rounded to float32 first as libvmaf's table has it."""
    logs = np.log2(np.arange(32768, 65536, dtype=np.float64)).astype(np.float32).astype(np.float64)
    return np.floor(2048.0 * logs + 0.5).astype(np.int32)


LOGS = log_table()


class Taps(NamedTuple):
    """A filter by pairs: for results at the even samples and at the odd ones."""

    even: Pairs
    odd: Pairs
    doubled: int
    """1 where the taps were halved, to fit int16."""


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
    doubled = int(max(taps) > np.iinfo(np.int16).max)
    halved = [tap >> doubled for tap in taps]
    return Taps(tap_pairs(halved, first), tap_pairs(halved, 1 - first), doubled)


FILTERS = tuple(_taps(taps) for taps in TAPS)
REACH = tuple(len(taps) // 2 for taps in TAPS)
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
def _fill_edges(line: NDArray[np.uint16], reach: int, width: int) -> None:
    for i in range(reach):
        line[i] = line[reach + mirrored(i - reach, width)]
        line[reach + width + i] = line[reach + mirrored(width + i, width)]
    line[width + 2 * reach] = 0


@kernel()
def _load_samples(lanes: NDArray[np.uint32], upper: Plane, lower: Plane) -> None:
    for i in range(np.uint64(upper.size)):
        lanes[i] = (np.uint32(upper[i]) | (np.uint32(lower[i]) << np.uint32(16))) ^ np.uint32(0x8000_8000)


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
def _store_means(line: NDArray[np.uint16], sums: NDArray[np.uint32], doubled: np.uint32, shift: np.uint32) -> None:
    half = np.uint32(np.uint32(1) << np.uint32(shift - np.uint32(1)))
    for i in range(np.uint64(line.size)):
        total = np.uint32(np.uint32(sums[i] << doubled) ^ SIGN)
        line[i] = np.uint16(np.uint32(total + half) >> shift) ^ HALF


@kernel()
def _store_squares(
    high_line: NDArray[np.uint16],
    low_line: NDArray[np.uint16],
    high: NDArray[np.uint32],
    low: NDArray[np.uint32],
    doubled: np.uint32,
    shift: np.uint32,
) -> None:
    half = np.uint32(np.uint32(1) << np.uint32(shift - np.uint32(1)))
    for i in range(np.uint64(high_line.size)):
        total = np.uint32(np.uint32(high[i] << doubled) ^ SIGN)
        if shift:
            rest = np.uint32(np.uint32(low[i] << doubled) ^ SIGN)
            total = np.uint32(total + (np.uint32(rest + half) >> shift))
        high_line[i] = np.uint16(total >> np.uint32(16)) ^ HALF
        low_line[i] = np.uint16(total & np.uint32(0xFFFF)) ^ HALF


@kernel()
def _central_moment(high: np.uint32, low: np.uint32, doubled: np.uint32, one: np.uint32, other: np.uint32) -> np.int32:
    """Mean product less product of means: a variance or covariance in units of 1/65536 of an 8-bit level squared."""
    total = np.uint32(np.uint32(high << doubled) ^ SIGN)
    rest = np.uint32(np.uint32(low << doubled) ^ SIGN)
    of_products = np.uint32(total + (np.uint32(rest + np.uint32(0x8000)) >> np.uint32(16)))
    of_means = np.uint32((np.uint64(one) * np.uint64(other) + np.uint64(0x8000_0000)) >> np.uint64(32))
    return np.int32(np.int64(of_products) - np.int64(of_means))


@kernel()
def _log(value: np.int64, logs: NDArray[np.int32]) -> np.int64:
    """``2048 * log2(value)`` of the upper 16 bits of a number of at least that many."""
    bits = np.float64(value).view(np.int64)
    return np.int64(logs[np.uint64((bits >> 37) & 0x7FFF)]) + (((bits >> 52) - (1023 + 15)) << 11)


@kernel()
def _add_logs(
    sums: NDArray[np.uint32],
    doubled: np.uint32,
    limits: NDArray[np.float64],
    logs: NDArray[np.int32],
    width: int,
    totals: NDArray[np.int64],
) -> None:
    denominator = outside = flat = np.int64(0)
    mean_x, mean_y = sums[0], sums[1]
    xx_high, yy_high, xy_high = sums[2], sums[3], sums[4]
    xx_low, yy_low, xy_low = sums[5], sums[6], sums[7]
    for i in range(np.uint64(width)):
        x = np.uint32(np.uint32(mean_x[i] << doubled) ^ SIGN)
        y = np.uint32(np.uint32(mean_y[i] << doubled) ^ SIGN)
        xx = _central_moment(xx_high[i], xx_low[i], doubled, x, x)
        yy = max(_central_moment(yy_high[i], yy_low[i], doubled, y, y), np.int32(0))
        xy = _central_moment(xy_high[i], xy_low[i], doubled, x, y)
        if xx < NOISE:
            outside += np.int64(yy)
            flat += 1
            continue
        denominator += _log(np.int64(xx) + NOISE, logs) - 2048 * 17
        if xy > 0 and yy > 0:
            variance, covariance = np.float64(xx), np.float64(xy)
            gain = covariance / (variance + 65536e-10)
            rest = max(np.int64(np.float64(yy) - gain * covariance), np.int64(0)) + NOISE
            noise = _log(rest, logs)
            for n in range(limits.size):
                kept = min(gain, limits[n])
                totals[3 + n] += _log(np.int64(kept * kept * variance) + rest, logs) - noise
    totals[0] += denominator
    totals[1] += outside
    totals[2] += flat


@kernel()
def _scale(
    reference: Plane,
    distorted: Plane,
    mean_shift: int,
    square_shift: int,
    reach: int,
    taps: Taps,
    limits: NDArray[np.float64],
    logs: NDArray[np.int32],
    next_reach: int,
    next_taps: Taps,
    next_reference: NDArray[np.uint16],
    next_distorted: NDArray[np.uint16],
    totals: NDArray[np.int64],
) -> None:
    height, width = reference.shape
    pairs = reach + 1
    lanes = (width + LANES - 1) // LANES * LANES
    line_lanes = lanes // 2 + pairs + LANES
    ring = np.zeros((8, pairs * lanes), np.uint32)
    sums = np.empty((2, 8, lanes), np.uint32)
    lines = np.zeros((8, line_lanes), np.uint32)
    across = np.empty((2, 8, lanes), np.uint32)
    down_offsets = np.empty(pairs, np.int64)
    across_offsets = np.arange(pairs)
    skip = (reach - next_reach) // 2
    doubled, of_mean, of_square = np.uint32(taps.doubled), np.uint32(mean_shift), np.uint32(square_shift)
    quantities = 8 if square_shift else 5
    evens, odds = (width + 1) // 2, width // 2
    loaded = 0
    for pair in range((height + 1) // 2):
        while loaded <= pair + reach:
            start = loaded % pairs * lanes
            upper, lower = mirrored(2 * loaded - reach, height), mirrored(2 * loaded - reach + 1, height)
            x, y, below_x, below_y = reference[upper], distorted[upper], reference[lower], distorted[lower]
            _load_samples(ring[0, start:], x, below_x)
            _load_samples(ring[1, start:], y, below_y)
            _load_products(ring[2, start:], ring[5, start:], x, x, below_x, below_x, of_square)
            _load_products(ring[3, start:], ring[6, start:], y, y, below_y, below_y, of_square)
            _load_products(ring[4, start:], ring[7, start:], x, y, below_x, below_y, of_square)
            loaded += 1
        for k in range(pairs):
            down_offsets[k] = (pair + k) % pairs * lanes
        for quantity in range(quantities):
            two_pair_sums(sums[0, quantity], sums[1, quantity], ring[quantity], down_offsets, taps.even, taps.odd, width)
        for row in range(min(2, height - 2 * pair)):
            for quantity in range(2):
                _store_means(lines[quantity].view(np.uint16)[reach : reach + width], sums[row, quantity], doubled, of_mean)
            for quantity in range(2, 5):
                _store_squares(
                    lines[quantity].view(np.uint16)[reach : reach + width],
                    lines[quantity + 3].view(np.uint16)[reach : reach + width],
                    sums[row, quantity],
                    sums[row, quantity + 3],
                    doubled,
                    of_square,
                )
            for quantity in range(8):
                line = lines[quantity]
                _fill_edges(line.view(np.uint16), reach, width)
                two_pair_sums(across[0, quantity], across[1, quantity], line, across_offsets, taps.even, taps.odd, evens)
            _add_logs(across[0], doubled, limits, logs, evens, totals)
            _add_logs(across[1], doubled, limits, logs, odds, totals)
        if next_reach and pair < next_reference.shape[0]:
            next_doubled = np.uint32(next_taps.doubled)
            for quantity in range(2):
                line = lines[quantity]
                pair_sums(sums[0, quantity], ring[quantity], down_offsets[skip:], next_taps.even, width)
                _store_means(line.view(np.uint16)[reach : reach + width], sums[0, quantity], next_doubled, of_mean)
                _fill_edges(line.view(np.uint16), reach, width)
                pair_sums(across[0, quantity], line, across_offsets[skip:], next_taps.even, evens)
                half_size = (next_reference if quantity == 0 else next_distorted)[pair]
                _store_means(half_size, across[0, quantity], next_doubled, np.uint32(16))
                for i in range(half_size.size):
                    half_size[i] ^= HALF


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
            LOGS,
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
