"""Visual information fidelity at four scales in libvmaf's integer arithmetic, bit for bit.

Source: libvmaf feature/integer_vif.c. Pictures stream through by pairs of rows: each pair goes once into a ring of lanes
(see ``monitor.kernels.fir``) that is as high as the filter; two rows of filtered values leave it, are filtered across and
turned into logarithms. Nothing of the picture's size is written but the next scale's pictures.

Values of 16 bits are kept less 32768, so that they are int16: a filter whose taps sum to 65536 then gives its sum less
2**31, modulo 2**32. Products of samples have up to 32 bits and are filtered in two parts; since the sum of the upper parts
is whole after the shift, rounding the sum of the lower ones alone gives exactly what rounding the whole sum would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import BELOW_32, kernel
from monitor.kernels.fir import LANES, Pairs, pair_sums, tap_pairs, two_pair_sums
from monitor.kernels.information import FLAT, OTHERS, QUANTITIES, add_information
from monitor.kernels.vectors import WIDTH
from monitor.types import Plane

TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784, 7455, 6547, 5274, 3896, 2640, 1640, 935, 489),
    (1244, 3663, 7925, 12590, 14692, 12590, 7925, 3663, 1244),
    (3571, 16004, 26386, 16004, 3571),
    (10904, 43728, 10904),
)
"""Filters of the scales, each summing to 65536."""

SCALES = len(TAPS)

PAIRS = 5
"""Pairs of taps of each filter but the first scale's: as many as the second scale's has."""

SMALLEST_BAND = 64
"""Rows that a part of a picture has at least: those that two parts both make at the coarser scales would cost too much."""

DEEPEST = 16
"""Bits of samples that do not fit int16 as they are; pictures at the coarser scales have as many."""

OFFSET = -(1 << 31)
"""What is added to a sum of taps times values less 32768, to make it the sum of taps times values; modulo 2**32."""
HALF = np.uint16(0x8000)
PART = 480
"""Even pixels of a row that are filtered across and counted at a time: what belongs to them fits the nearest cache."""


Totals = NDArray[np.int64]
"""What a part of a picture adds to each scale's totals, see ``add_information``."""


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
    """``taps`` by pairs; half of each that does not fit int16 goes to further pairs for the same lanes.

    Short filters are filled up with zeros to ``PAIRS`` pairs: what runs at the coarser scales is then compiled only once.
    """
    largest = np.iinfo(np.int16).max
    rest = tuple(tap // 2 if tap > largest else 0 for tap in taps)
    parts = [tuple(tap - less for tap, less in zip(taps, rest, strict=True)), *([rest] if any(rest) else [])]
    even, odd = (sum((tap_pairs(part, begin) for part in parts), ()) for begin in (first, 1 - first))
    places, missing = np.tile(np.arange(len(even) // len(parts)), len(parts)), max(PAIRS - len(even), 0)
    zeros = (np.int32(0),) * missing
    return Taps(even + zeros, odd + zeros, np.concatenate([places, np.zeros(missing, np.int64)]))


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
    last = reach + width - 1
    for i in range(1, reach + 1):
        if i < width:
            line[reach - i], line[last + i] = line[reach + i], line[last - i]
        else:
            line[reach - i], line[last + i] = line[reach + mirrored(-i, width)], line[reach + mirrored(width - 1 + i, width)]
    line[last + reach + 1] = 0


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
        high[i] = ((upper >> (shift & BELOW_32)) | ((lower >> (shift & BELOW_32)) << np.uint32(16))) ^ np.uint32(0x8000_8000)
        if shift:
            low[i] = ((upper & mask) | ((lower & mask) << np.uint32(16))) ^ np.uint32(0x8000_8000)


@kernel()
def _store_means(line: NDArray[np.uint16], sums: NDArray[np.uint32], shift: np.uint32, offset: np.uint16) -> None:
    for i in range(np.uint64(line.size)):
        line[i] = np.uint16(sums[i] >> (shift & BELOW_32)) ^ offset


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
        total = np.uint32(np.uint64(high[i]) + np.uint64(low[i] >> (shift & BELOW_32))) if shift else high[i]
        high_line[i] = np.uint16(total >> np.uint32(16))
        low_line[i] = np.uint16(total & np.uint32(0xFFFF)) ^ HALF


@kernel()
def _load_pair(
    ring: NDArray[np.uint32],
    reference: Plane,
    distorted: Plane,
    place: int,
    pairs: int,
    reach: int,
    shift: int,
    offset: np.uint32,
) -> None:
    """Load a pair of rows, whose ``place`` is counted from the first that the filter sees above the picture."""
    height, at = reference.shape[0], place % pairs * (ring.shape[1] // pairs)
    upper, lower = mirrored(2 * place - reach, height), mirrored(2 * place - reach + 1, height)
    x, y, below_x, below_y = reference[upper], distorted[upper], reference[lower], distorted[lower]
    of_square = np.uint32(shift)
    _load_samples(ring[0, at:], x, below_x, offset)
    _load_samples(ring[1, at:], y, below_y, offset)
    _load_products(ring[2, at:], ring[5, at:], x, x, below_x, below_x, of_square)
    _load_products(ring[3, at:], ring[6, at:], y, y, below_y, below_y, of_square)
    _load_products(ring[4, at:], ring[7, at:], x, y, below_x, below_y, of_square)


@kernel()
def _filter_down(
    lines: NDArray[np.uint32],
    ring: NDArray[np.uint32],
    sums: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    taps: Taps,
    width: int,
    reach: int,
    mean_shift: int,
    square_shift: int,
    start: int,
) -> None:
    """Two rows of filtered quantities, with their edges mirrored."""
    of_mean, of_square = np.uint32(mean_shift), np.uint32(square_shift)
    inside = slice(reach, reach + width)
    for quantity in range(2):
        two_pair_sums(sums[0], sums[1], ring[quantity], offsets, taps.even, taps.odd, width, start)
        for row in range(2):
            _store_means(lines[row, quantity].view(np.uint16)[inside], sums[row], of_mean, HALF)
    begin = OFFSET + (1 << (square_shift - 1)) if square_shift else 0
    for quantity in range(2, 5):
        two_pair_sums(sums[0], sums[1], ring[quantity], offsets, taps.even, taps.odd, width, 0)
        if square_shift:
            two_pair_sums(sums[2], sums[3], ring[quantity + 3], offsets, taps.even, taps.odd, width, begin)
        for row in range(2):
            high, low = lines[row, quantity].view(np.uint16)[inside], lines[row, quantity + 3].view(np.uint16)[inside]
            _store_squares(high, low, sums[row], sums[2 + row], of_square)
    for row in range(2):
        for quantity in range(QUANTITIES):
            fill_edges(lines[row, quantity].view(np.uint16), reach, width)


@kernel()
def _add_pixels(
    sums: NDArray[np.uint32],
    count: int,
    limits: tuple[float, ...],
    scratch: NDArray[np.int32],
    totals: NDArray[np.int64],
) -> None:
    padded = (count + WIDTH - 1) // WIDTH * WIDTH
    for quantity in range(QUANTITIES):
        sums[quantity, count:padded] = 0
    add_information(sums, padded, limits, scratch, totals)
    totals[FLAT] -= padded - count


@kernel()
def _add_row(
    line: NDArray[np.uint32],
    across: NDArray[np.uint32],
    taps: Taps,
    width: int,
    limits: tuple[float, ...],
    scratch: NDArray[np.int32],
    totals: NDArray[np.int64],
) -> None:
    """Filter a row across, part by part, and count its information."""
    evens, odds = (width + 1) // 2, width // 2
    for first in range(0, evens, PART):
        count = min(PART, evens - first)
        for quantity in range(QUANTITIES):
            begin = OFFSET + (0x8000 if quantity > 4 else 0)
            both = across[0, quantity], across[1, quantity]
            two_pair_sums(both[0], both[1], line[quantity, first:], taps.places, taps.even, taps.odd, count, begin)
        _add_pixels(across[0], count, limits, scratch, totals)
        _add_pixels(across[1], min(count, odds - first), limits, scratch, totals)


@kernel()
def _halve(
    out: NDArray[np.uint16],
    ring: NDArray[np.uint32],
    sums: NDArray[np.uint32],
    line: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    taps: Taps,
    width: int,
    reach: int,
    skip: int,
    mean_shift: int,
    start: int,
) -> None:
    """A row of the next scale's picture."""
    pair_sums(sums[0], ring, offsets, taps.even, width, start)
    _store_means(line.view(np.uint16)[reach : reach + width], sums[0], np.uint32(mean_shift), HALF)
    fill_edges(line.view(np.uint16), reach, width)
    pair_sums(sums[1], line[skip:], taps.places, taps.even, (width + 1) // 2, OFFSET + 0x8000)
    _store_means(out, sums[1], np.uint32(16), np.uint16(0))


@kernel()
def _scale(
    reference: Plane,
    distorted: Plane,
    mean_shift: int,
    square_shift: int,
    reach: int,
    taps: Taps,
    limits: tuple[float, ...],
    next_reach: int,
    next_taps: Taps,
    next_reference: NDArray[np.uint16],
    next_distorted: NDArray[np.uint16],
    counted: tuple[int, int],
    made: tuple[int, int],
    totals: NDArray[np.int64],
) -> None:
    """Count the information of some pairs of rows, and make some rows of the next scale's pictures: one of each pair."""
    width = reference.shape[1]
    pairs = reach + 1
    lanes = (width + LANES - 1) // LANES * LANES
    ring, sums = np.empty((QUANTITIES, pairs * lanes), np.uint32), np.empty((4, lanes), np.uint32)
    lines, across = (
        np.zeros((2, QUANTITIES, lanes // 2 + pairs + LANES), np.uint32),
        np.empty((2, QUANTITIES, PART + LANES), np.uint32),
    )
    scratch = np.empty((5 + len(limits), PART + LANES), np.int32)
    offsets = np.empty(max(taps.places.size, next_taps.places.size), np.int64)
    skip = (reach - next_reach) // 2
    full = mean_shift == DEEPEST
    offset, start = np.uint32(0x8000_8000 if full else 0), (OFFSET if full else 0) + (1 << (mean_shift - 1))
    first, last = min(counted[0], made[0]), max(counted[1], made[1])
    loaded = first
    for pair in range(first, last):
        while loaded <= pair + reach:
            _load_pair(ring, reference, distorted, loaded, pairs, reach, square_shift, offset)
            loaded += 1
        if counted[0] <= pair < counted[1]:
            for k in range(taps.places.size):
                offsets[k] = (pair + taps.places[k]) % pairs * lanes
            _filter_down(lines, ring, sums, offsets, taps, width, reach, mean_shift, square_shift, start)
            for row in range(min(2, reference.shape[0] - 2 * pair)):
                _add_row(lines[row], across, taps, width, limits, scratch, totals)
        if made[0] <= pair < made[1]:
            for k in range(next_taps.places.size):
                offsets[k] = (pair + skip + next_taps.places[k]) % pairs * lanes
            for picture in range(2):
                out = (next_reference if picture == 0 else next_distorted)[pair]
                _halve(out, ring[picture], sums, lines[0, 0], offsets, next_taps, width, reach, skip, mean_shift, start)


def _rows(heights: Sequence[int], band: int, bands: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of rows, from and to, that a band counts at each scale, and those of which it makes a row of the next scale.

    Bands begin at the same place of the picture at every scale. What filters see beyond a band's end, it makes for itself.
    """
    unit = 1 << SCALES
    begin, end = (part * (heights[0] // unit) // bands * unit for part in (band, band + 1))
    counted: list[tuple[int, int]] = []
    made = [(0, 0)]
    for scale in reversed(range(SCALES)):
        height = heights[scale]
        first, last = begin >> scale, height if band == bands - 1 else end >> scale
        counted.insert(0, (first // 2, (last + 1) // 2))
        if scale:
            below, above = made[0]  # pairs are rows of the next scale
            reach = REACH[scale]
            seen = [first - reach, last + reach]
            if above:
                seen = [min(seen[0], 2 * below - reach), max(seen[1], 2 * above + reach)]
            made.insert(0, (max(seen[0], 0), min(seen[1], height)))
    return counted, made


def vif_bands(
    distorted: Plane, reference: Plane, bit_depth: int, gain_limits: Sequence[float] = (100.0,), bands: int = 1
) -> list[Callable[[], Totals]]:
    """VIF in parts that may be computed at once, in any order: bands of rows, whose totals ``summed`` puts together.

    Args:
        distorted: As for ``vif``.
        reference: As for ``vif``.
        bit_depth: As for ``vif``.
        gain_limits: As for ``vif``.
        bands: How many parts to make at most; pictures of few rows are parted into fewer.
    """
    bands = max(1, min(bands, reference.shape[0] // SMALLEST_BAND))
    limits = tuple(map(float, gain_limits))
    return [partial(_band, distorted, reference, bit_depth, limits, band, bands) for band in range(bands)]


def _band(distorted: Plane, reference: Plane, bit_depth: int, limits: tuple[float, ...], band: int, bands: int) -> Totals:
    shapes = [tuple(side >> scale for side in reference.shape) for scale in range(SCALES)]
    counted, made = _rows([height for height, _ in shapes], band, bands)
    totals = np.zeros((SCALES, OTHERS + 2 + len(limits)), np.int64)
    for scale in range(SCALES):
        last = scale == SCALES - 1
        smaller = (0, 0) if last else shapes[scale + 1]
        next_reference, next_distorted = np.empty(smaller, np.uint16), np.empty(smaller, np.uint16)
        _scale(
            reference,
            distorted,
            bit_depth if scale == 0 else DEEPEST,
            2 * (bit_depth - 8) if scale == 0 else DEEPEST,
            REACH[scale],
            FILTERS[scale],
            limits,
            0 if last else REACH[scale + 1],
            FILTERS[scale] if last else DECIMATION[scale],
            next_reference,
            next_distorted,
            counted[scale],
            made[scale],
            totals[scale],
        )
        reference, distorted = next_reference, next_distorted
    return totals


def summed(parts: Iterable[Totals]) -> list[tuple[Sums, ...]]:
    """What the parts of ``vif_bands`` add up to: the result of ``vif``."""
    scales = []
    for totals in sum(parts, np.int64(0)).tolist():  # type: ignore[union-attr]  # there is at least one part
        low, high, flat, of_reference, of_rest, *logs = totals
        scales.append([Sums(of_reference, low + (high << 16), flat, log - of_rest) for log in logs])
    return list(zip(*scales, strict=True))


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
    return summed(part() for part in vif_bands(distorted, reference, bit_depth, gain_limits))
