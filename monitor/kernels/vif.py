"""Visual information fidelity at four scales in libvmaf's integer arithmetic, bit for bit.

Source: libvmaf feature/integer_vif.c. Pictures stream through by pairs of rows: each pair goes once into a ring of lanes
(see ``monitor.kernels.fir``) that is as high as the filter; two rows of filtered values leave it, are filtered across and
turned into logarithms. Nothing of the picture's size is written but the next scale's pictures.
Several distorted pictures may be measured beside one reference, whose part of the work is then done once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.fir import Places, Taps, mirrored, tap_pairs
from monitor.kernels.information import OTHERS, ROWS, add_distorted, add_reference
from monitor.kernels.instructions import BLOCK, aligned, as_bytes, together
from monitor.kernels.rooms import Rooms
from monitor.kernels.vif_rows import (
    PARTS,
    QUANTITIES,
    Bytes,
    Lanes,
    Words,
    filter_across,
    filter_down,
    halve,
    load_distorted,
    load_reference,
)
from monitor.types import Plane

TAPS = (
    (489, 935, 1640, 2640, 3896, 5274, 6547, 7455, 7784, 7455, 6547, 5274, 3896, 2640, 1640, 935, 489),
    (1244, 3663, 7925, 12590, 14692, 12590, 7925, 3663, 1244),
    (3571, 16004, 26386, 16004, 3571),
    (10904, 43728, 10904),
)
"""Filters of the scales, each summing to 65536."""

SCALES = len(TAPS)

SMALLEST_BAND = 64
"""Rows that a part of a picture has at least: those that two parts both make at the coarser scales would cost too much."""

DEEPEST = 16
"""Bits of samples that do not fit int16 as they are; pictures at the coarser scales have as many."""

PART = 480
"""Even pixels of a row that are filtered across and counted at a time: what belongs to them fits the nearest cache."""


Totals = NDArray[np.int64]
"""What a part of the pictures adds to each scale's totals, see ``add_reference`` and ``add_distorted``."""


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


REACH = tuple(len(taps) // 2 for taps in TAPS)


def _taps(taps: tuple[int, ...], first: int = 0) -> tuple[Taps, Places]:
    """``taps`` by pairs, and which lane each pair is for, counted from the first that the filter sees.

    Half of each that does not fit int16 goes to further pairs for the same lanes.
    """
    largest = np.iinfo(np.int16).max
    rest = [tap // 2 if tap > largest else 0 for tap in taps]
    parts = [[tap - less for tap, less in zip(taps, rest, strict=True)], *([rest] if any(rest) else [])]
    pairs = [tap_pairs(part, first) for part in parts]
    return np.concatenate(pairs, dtype=np.int32), np.tile(np.arange(len(pairs[0])), len(pairs))


def _padded(samples: int) -> int:
    """Lanes or samples to allocate for a row: an odd number of cache lines, so that rows don't compete for places there."""
    return samples // BLOCK * BLOCK + BLOCK + BLOCK // 2


class Scale(NamedTuple):
    """Tables and room of one scale; see ``monitor.kernels.vif_rows``."""

    smaller: Words
    """Pictures of the next scale."""
    ring: Lanes
    taps: Taps
    places: Places
    down: Places
    next_taps: Taps
    next_places: Places
    next_down: Places
    edges: Places
    rows: Places
    """Which rows make each pair, by the pair's place counted from the first that the filter sees above the picture."""

    @classmethod
    def of(cls, number: int, height: int, width: int, pictures: int) -> Scale:
        """Tables and room for pictures of a size."""
        reach, stride = REACH[number], _padded(width)
        pairs = reach + 1
        even, places = _taps(TAPS[number])
        odd, _ = _taps(TAPS[number], 1)
        next_taps, next_places = even, places
        if number + 1 < SCALES:
            # The next scale's filter as it lies in a window of this scale's height.
            missing = reach - REACH[number + 1]
            next_taps, next_places = _taps(TAPS[number + 1], missing % 2)
            next_places += missing // 2
        phases = np.arange(pairs)[:, None]
        outside = np.concatenate([np.arange(-reach, 0), np.arange(width, width + reach)])
        first = np.arange((height + 1) // 2 + reach) * 2 - reach
        return cls(
            aligned((pictures, height >> 1, _padded(width >> 1)), np.uint16),
            aligned((pictures, PARTS, pairs * stride), np.uint32),
            np.stack([even, odd]),
            places,
            (phases + places) % pairs * stride,
            next_taps,
            next_places,
            (phases + next_places) % pairs * stride,
            np.stack([outside, mirrored(outside, width)]) + reach,
            mirrored(np.stack([first, first + 1]), height),
        )


class VifRoom:
    """Tables and room for one band of a reference of a size and some distorted pictures."""

    def __init__(self, reference: Plane, distorted: int, limits: int) -> None:
        height, width = reference.shape
        self.beside = aligned((distorted, height, width), reference.dtype)
        """The distorted pictures."""
        self.samples = aligned((4, _padded(width)), np.uint16)
        self.lines = aligned((1 + distorted, 2, PARTS, 2 * _padded(width)), np.uint16)
        self.across = aligned((2, QUANTITIES, 2, PART), np.uint32)
        self.scratch = aligned((ROWS + limits, PART), np.int32)
        self.scales = [Scale.of(scale, height >> scale, width >> scale, 1 + distorted) for scale in range(SCALES)]


@kernel()
def _scale(
    reference: Bytes,
    distorted: Bytes,
    smaller: Words,
    ring: Lanes,
    samples: Words,
    lines: Words,
    across: Lanes,
    scratch: NDArray[np.int32],
    taps: Taps,
    places: Places,
    down: Places,
    next_taps: Taps,
    next_places: Places,
    next_down: Places,
    edges: Places,
    rows: Places,
    limits: NDArray[np.float64],
    totals: NDArray[np.int64],
    width: int,
    height: int,
    depth: int,
    counted_from: int,
    counted_to: int,
    made_from: int,
    made_to: int,
) -> None:
    """Count the information of some pairs of rows, and make some rows of the next scale's pictures: one of each pair."""
    pairs, pictures = down.shape[0], ring.shape[0]
    reach, evens, stride = pairs - 1, (width + 1) >> 1, ring.shape[2] // pairs
    part = across.shape[3]
    loaded = min(counted_from, made_from)
    for pair in range(loaded, max(counted_to, made_to)):
        phase = pair % pairs
        while loaded <= pair + reach:
            at, upper, lower = loaded % pairs * stride, rows[0, loaded], rows[1, loaded]
            load_reference(ring, at, samples, reference, upper, lower, width, depth)
            for number in range(pictures - 1):
                load_distorted(ring, at, samples, distorted, number, upper, lower, width, depth)
            loaded += 1
        if counted_from <= pair < counted_to:
            for picture in range(pictures):
                filter_down(lines, ring, down, taps, edges, picture, phase, width, reach, depth)
            for row in range(min(2, height - 2 * pair)):
                for first in range(0, evens, part):
                    count = min(part, evens - first)
                    odds = min(count, (width >> 1) - first)
                    for picture in range(pictures):
                        filter_across(across, lines, places, taps, picture, row, first, count)
                        for odd in range(2):
                            pixels = odds if odd else count
                            if picture:
                                add_distorted(across, picture, odd, pixels, limits, scratch, totals)
                            else:
                                add_reference(across, odd, pixels, scratch, totals)
        if made_from <= pair < made_to:
            for picture in range(pictures):
                halve(smaller, lines, ring, next_down, next_places, next_taps, edges, picture, phase, pair, width, reach)


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
    distorted: Sequence[Plane],
    reference: Plane,
    bit_depth: int,
    gain_limits: Sequence[float] = (100.0,),
    bands: int = 1,
    rooms: Rooms | None = None,
) -> list[Callable[[], Totals]]:
    """VIF of several pictures beside one reference, in parts that may be computed at once, in any order.

    What depends on the reference alone, a quarter of the work on one picture, is done once for all of them.

    Args:
        distorted: Each as for ``vif``.
        reference: As for ``vif``.
        bit_depth: As for ``vif``.
        gain_limits: As for ``vif``.
        bands: How many parts to make at most: bands of rows, whose totals ``summed`` puts together. Pictures of few rows are
            parted into fewer.
        rooms: Where parts find room that earlier ones are done with.
    """
    bands = max(1, min(bands, reference.shape[0] // SMALLEST_BAND))
    limits, rooms = np.array(gain_limits, np.float64), rooms or Rooms()
    return [partial(_band, rooms, distorted, reference, bit_depth, limits, band, bands) for band in range(bands)]


def _band(
    rooms: Rooms,
    distorted: Sequence[Plane],
    reference: Plane,
    bit_depth: int,
    limits: NDArray[np.float64],
    band: int,
    bands: int,
) -> Totals:
    kind = "vif", reference.shape, reference.dtype, len(distorted), len(limits)
    with rooms.borrowed(kind, lambda: VifRoom(reference, len(distorted), len(limits))) as room:
        return _measured(room, distorted, reference, bit_depth, limits, band, bands)


def _measured(
    room: VifRoom,
    distorted: Sequence[Plane],
    reference: Plane,
    bit_depth: int,
    limits: NDArray[np.float64],
    band: int,
    bands: int,
) -> Totals:
    shapes = [tuple(side >> scale for side in reference.shape) for scale in range(SCALES)]
    counted, made = _rows([height for height, _ in shapes], band, bands)
    totals = np.zeros((SCALES, 1 + len(distorted), OTHERS + 1 + len(limits)), np.int64)
    first, last = min(counted[0][0], made[0][0]), max(counted[0][1], made[0][1])
    seen = slice(max(2 * first - REACH[0], 0), 2 * (last + REACH[0]))
    pictures = as_bytes(reference), together(distorted, room.beside, seen)
    for number, (scale, (height, width)) in enumerate(zip(room.scales, shapes, strict=True)):
        _scale(
            *pictures,
            scale.smaller,
            scale.ring,
            room.samples,
            room.lines,
            room.across,
            room.scratch,
            scale.taps,
            scale.places,
            scale.down,
            scale.next_taps,
            scale.next_places,
            scale.next_down,
            scale.edges,
            scale.rows,
            limits,
            totals[number],
            width,
            height,
            bit_depth if number == 0 else DEEPEST,
            *counted[number],
            *made[number],
        )
        pictures = as_bytes(scale.smaller[0]), as_bytes(scale.smaller[1:])
    return totals


def summed(parts: Iterable[Totals]) -> list[list[tuple[Sums, ...]]]:
    """What the parts of ``vif_bands`` add up to: for each distorted picture the result of ``vif``."""
    of_scales = np.sum(list(parts), axis=0).tolist()

    def of_picture(picture: int) -> list[tuple[Sums, ...]]:
        scales = []
        for totals in of_scales:
            (flat, of_reference, *_), (low, high, of_rest, *logs) = totals[0], totals[picture]
            scales.append([Sums(of_reference, low + (high << 16), flat, log - of_rest) for log in logs])
        return list(zip(*scales, strict=True))

    return [of_picture(picture) for picture in range(1, len(of_scales[0]))]


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
    (scales,) = summed(part() for part in vif_bands([distorted], reference, bit_depth, gain_limits))
    return scales
