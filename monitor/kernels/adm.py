"""Detail loss (ADM2) and additive impairment (AIM, ADM3) at four levels in libvmaf's integer arithmetic.

Source: libvmaf feature/integer_adm.c. Each level streams by rows: a row of both pictures' wavelet bands, its separation into
a restored and an additive part, and, once the next row is there too, the contrast masking of the row before. Only the
approximation bands, input of the next level, are written to memory. Several distorted pictures may be measured beside one
reference, whose wavelet is then made once: its bands of a row serve one picture after the other.

ADM2 is what was restored, as far as what was added does not mask it; AIM is the same with the roles swapped. Views of one
pair (gain limits, distances, display heights) share all but what follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import adm_masking as masking
from monitor.kernels import wavelet
from monitor.kernels.adm_plan import (
    BANDS,
    CENTRES,
    LEVELS,
    LINE,
    NEIGHBOURS,
    OTHER,
    OWN,
    PARTS,
    RING,
    SMALLEST_BAND,
    THRESHOLD,
    Plan,
    stages,
)
from monitor.kernels.adm_pooling import Adm, Pooling, looks_of
from monitor.kernels.adm_separation import separate, separate_by_parts, separate_first, separate_first_closely
from monitor.kernels.compiler import kernel
from monitor.kernels.instructions import aligned, as_bytes, together
from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import SENSITIVITY, Sensitivity, View
from monitor.kernels.wavelet import MARGIN
from monitor.types import Plane

FIRST_FACTORS = (36453, 36453, 49417)
"""Watson's sensitivity at level 0 times 2**21 and, of d, 2**23; libvmaf's own numbers, 2 and 3 above what it computes."""


@kernel()
def _level(
    reference: NDArray[np.uint8],
    distorted: NDArray[np.uint8],
    room: NDArray[np.int32],
    plan: Plan,
    shifts: NDArray[np.int64],
    limits: NDArray[np.float64],
    wholes: NDArray[np.int64],
    looks: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Add up cubes of one level.

    Args:
        reference: Input of the level: bytes of samples, or of rows of the level before's room.
        distorted: Likewise, of each distorted picture.
        room: Working room, and the next level's input; see ``adm_plan``.
        plan: Of the level.
        shifts: See ``Stage``.
        limits: Gain limits.
        wholes: The same as whole numbers, and for each the second number of ``separate``; 0 where they are not whole.
        looks: Each as: which limit; 0 for what was restored or 1 for what was added; sensitivity to h, v and d.
        sums: The reference's, then each look's of each picture; by wavelet band.
    """
    begin, count, skipped = plan.begin, plan.columns, plan.left % MARGIN
    at, inside, counted = MARGIN + begin, MARGIN + plan.left - skipped, plan.right - plan.left + skipped
    rows_half, reference_half = (1 << plan.rows) >> 1, (1 << plan.reference_rows) >> 1
    for row in range(plan.first, plan.last + 1):
        side, before = row & 1, row - 1
        above, below = before - 1 if before else plan.second, row if row < plan.height else before
        for picture in range(1 + distorted.shape[0]):
            if row < plan.last:
                bands, low = OTHER if picture else BANDS, plan.approximation + picture * plan.height + row
                wavelet.down(
                    reference,
                    distorted,
                    picture,
                    room,
                    LINE,
                    row,
                    plan.source_begin,
                    plan.source_count,
                    plan.depth,
                    plan.down,
                )
                wavelet.across(room, LINE, low, bands, plan.source_width, begin, count, plan.depth, plan.across)
            if picture == 0:
                if not plan.top <= row < plan.bottom:
                    continue
                for band in range(3):
                    signal = BANDS + band
                    if plan.depth:
                        cubes = masking.add_reference_first(room, inside, counted, skipped, signal)
                    else:
                        cubes = masking.add_reference(
                            room, inside, counted, skipped, signal, plan.reference_square, plan.reference_cubes
                        )
                    sums[0, band] += (cubes + reference_half) >> plan.reference_rows
                continue
            parts = OWN + (picture - 1) * plan.own
            neighbours = parts + plan.neighbours
            if plan.top - 1 <= row < plan.bottom + 1 and row < plan.last:
                for n in range(limits.size):
                    kept = parts + (2 * n + side) * PARTS
                    added = kept + 3
                    whole, most = wholes[n, 0], wholes[n, 1]
                    if whole == 0:
                        separate_by_parts(room, at, count, BANDS, OTHER, kept, added, limits[n])
                        continue
                    if plan.depth and whole == 1:
                        again = separate_first_closely(room, at, count, 0, BANDS, OTHER, kept, added)
                    elif plan.depth:
                        again = separate_first(room, at, count, 0, BANDS, OTHER, kept, added, whole)
                    else:
                        again = 1
                    if again:
                        separate(room, at, count, BANDS, OTHER, kept, added, whole, most)
                for look in range(looks.shape[0]):
                    masker = parts + (2 * looks[look, 0] + side) * PARTS + 3 * (1 - looks[look, 1])
                    first = neighbours + look * (NEIGHBOURS + CENTRES)
                    beside, centre = first + (row & RING), first + NEIGHBOURS + side
                    of_h, of_v, of_d = looks[look, 2], looks[look, 3], looks[look, 4]
                    if plan.depth:
                        masking.weigh_first(room, at, count, masker, beside, centre, of_h, of_v, of_d)
                    else:
                        masking.weigh(room, at, count, masker, beside, centre, of_h, of_v, of_d)
                    room[beside, MARGIN - 1] = room[beside, MARGIN + 1]
                    room[beside, MARGIN + plan.width] = room[beside, MARGIN + plan.width - 1]
            if plan.top <= before < plan.bottom:
                for look in range(looks.shape[0]):
                    first = neighbours + look * (NEIGHBOURS + CENTRES)
                    centre = first + NEIGHBOURS + 1 - side
                    masking.threshold(
                        room,
                        inside,
                        counted,
                        first + (above & RING),
                        first + (before & RING),
                        first + (below & RING),
                        centre,
                        THRESHOLD,
                    )
                    for band in range(3):
                        signal = parts + (2 * looks[look, 0] + 1 - side) * PARTS + 3 * looks[look, 1] + band
                        places, square, cube, weight = (
                            shifts[0, band],
                            shifts[1, band],
                            shifts[2, band],
                            looks[look, 2 + band],
                        )
                        if plan.depth:
                            shown = masking.add_masked_first(
                                room,
                                inside,
                                counted,
                                skipped,
                                signal,
                                THRESHOLD,
                                weight,
                                square,
                                cube,
                                places,
                                0x7FFF_FFFF >> places,
                            )
                        else:
                            shown = masking.add_masked(
                                room, inside, counted, skipped, signal, THRESHOLD, weight, square, cube
                            )
                        sums[1 + (picture - 1) * looks.shape[0] + look, band] += (shown + rows_half) >> plan.rows


def _factors(level: int, sensitivity: Sensitivity) -> tuple[int, ...]:
    """Sensitivity in fixed point, of h, v and d."""
    if level == 0 and sensitivity == SENSITIVITY:
        return FIRST_FACTORS
    of_h, of_d = (float(np.float32(factor)) for factor in sensitivity[level])
    digits = (21, 21, 23) if level == 0 else (32, 32, 32)
    return tuple(int(factor * 2.0**shift) for factor, shift in zip((of_h, of_h, of_d), digits, strict=True))


def _whole(limit: float) -> tuple[int, int]:
    """A limit and how much it takes to go beyond int32, if it is a whole number."""
    return (int(limit), min((1 << 31) // int(limit) + 1, (1 << 31) - 1)) if limit == int(limit) else (0, 0)


class _Room:
    """What pictures of a size need for as many distorted ones, views and bands of rows; for one band at a time."""

    def __init__(self, reference: Plane, bit_depth: int, distorted: int, views: Sequence[View], bands: int) -> None:
        limits, looks = list(dict.fromkeys(view.gain_limit for view in views)), looks_of(views)
        size = reference.shape[0], reference.shape[1], bit_depth, distorted, len(limits), len(looks)
        self.stages = [stages(*size, band, bands) for band in range(bands)]
        """Of each band."""
        self.rooms = [aligned(stage.room, np.int32) for stage in self.stages[0]]
        self.beside = aligned((distorted, *reference.shape), reference.dtype)
        """The distorted pictures."""
        self.limits = np.array(limits, np.float64)
        self.wholes = np.array([_whole(limit) for limit in limits], np.int64)
        self.looks = [
            np.array(
                [(limits.index(view.gain_limit), part, *_factors(level, view.sensitivity)) for view, part in looks], np.int64
            )
            for level in range(LEVELS)
        ]
        self.pooling = Pooling.of(self.stages[0], views)


class Part(NamedTuple):
    """What a band of rows adds to the pictures' sums."""

    pooling: Pooling
    sums: NDArray[np.int64]


def adm_bands(
    distorted: Sequence[Plane],
    reference: Plane,
    bit_depth: int,
    views: Sequence[View] = (View(),),
    bands: int = 1,
    rooms: Rooms | None = None,
) -> list[Callable[[], Part]]:
    """ADM of several pictures beside one reference, in parts that may be computed at once, in any order.

    What depends on the reference alone, its wavelet and its detail, is computed once for all of them.

    Args:
        distorted: Each as for ``adm``.
        reference: As for ``adm``.
        bit_depth: As for ``adm``.
        views: As for ``adm``.
        bands: How many parts to make at most: bands of rows, which ``summed`` puts together. Pictures of few rows are parted
            into fewer.
        rooms: As for ``adm``.
    """
    bands = max(1, min(bands, reference.shape[0] // SMALLEST_BAND))
    rooms = rooms or Rooms()
    return [partial(_band, rooms, distorted, reference, bit_depth, tuple(views), band, bands) for band in range(bands)]


def _band(
    rooms: Rooms,
    distorted: Sequence[Plane],
    reference: Plane,
    bit_depth: int,
    views: tuple[View, ...],
    band: int,
    bands: int,
) -> Part:
    kind = "adm", reference.shape, reference.dtype, bit_depth, len(distorted), views, bands
    with rooms.borrowed(kind, lambda: _Room(reference, bit_depth, len(distorted), views, bands)) as room:
        return Part(room.pooling, _measured(room, distorted, reference, band))


def _measured(room: _Room, distorted: Sequence[Plane], reference: Plane, band: int) -> NDArray[np.int64]:
    levels = room.stages[band]
    seen = slice(max(2 * levels[0].plan.first - 1, 0), 2 * levels[0].plan.last + 1)
    sources = as_bytes(reference), together(distorted, room.beside, seen)
    sums = np.zeros((LEVELS, 1 + len(distorted) * len(room.looks[0]), 3), np.int64)
    for stage, working, looks, of_level in zip(levels, room.rooms, room.looks, sums, strict=True):
        _level(*sources, working, stage.plan, stage.shifts, room.limits, room.wholes, looks, of_level)
        low = working[stage.plan.approximation :].reshape(1 + len(distorted), stage.plan.height, -1)
        sources = as_bytes(low[0]), as_bytes(low[1:])
    return sums


def summed(parts: Sequence[Part]) -> list[list[Adm]]:
    """What the parts of ``adm_bands`` add up to: for each distorted picture the result of ``adm``."""
    return parts[0].pooling.pooled(np.sum([part.sums for part in parts], axis=0))


def adm(
    distorted: Plane, reference: Plane, bit_depth: int, views: Sequence[View] = (View(),), rooms: Rooms | None = None
) -> list[Adm]:
    """ADM of luma planes for each view.

    Args:
        distorted: Samples of ``bit_depth`` bits; at least 33x33, below which libvmaf's result is undefined.
        reference: Of the same shape and type.
        bit_depth: 8 to 16.
        views: How they are looked at; gain limits are 1 or more.
        rooms: Where to borrow working room; without, new room is made.
    """
    (found,) = summed([part() for part in adm_bands([distorted], reference, bit_depth, views, 1, rooms)])
    return found
