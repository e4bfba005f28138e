"""Detail loss (ADM2) and additive impairment (AIM, ADM3) at four levels in libvmaf's integer arithmetic.

Source: libvmaf feature/integer_adm.c. Each level streams by rows: a row of both pictures' wavelet bands, its separation into
a restored and an additive part, and, once the next row is there too, the contrast masking of the row before. Only the
approximation bands, input of the next level, are written to memory.

ADM2 is what was restored, as far as what was added does not mask it; AIM is the same with the roles swapped. Views of one
pair (gain limits, distances, display heights) share all but what follows from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import adm_masking as masking
from monitor.kernels import wavelet
from monitor.kernels.adm_plan import (
    BANDS,
    CENTRES,
    LINE,
    NEIGHBOURS,
    PARTS,
    PARTS_ROWS,
    SMALLEST_BAND,
    THRESHOLD,
    Plan,
    Stage,
    stages,
)
from monitor.kernels.adm_separation import separate, separate_by_parts, separate_first, separate_first_closely
from monitor.kernels.compiler import kernel
from monitor.kernels.instructions import aligned, as_bytes
from monitor.kernels.rooms import Rooms
from monitor.kernels.settings import SENSITIVITY, Sensitivity, View
from monitor.kernels.wavelet import MARGIN
from monitor.types import Plane

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
        distorted: Likewise.
        room: Working room, and the next level's input; see ``adm_plan``.
        plan: Of the level.
        shifts: See ``Stage``.
        limits: Gain limits.
        wholes: The same as whole numbers, and for each the second number of ``separate``; 0 where they are not whole.
        looks: Each as: which limit; 0 for what was restored or 1 for what was added; sensitivity to h, v and d.
        sums: Each look's, then the reference's; by wavelet band.
    """
    stride, begin, count, skipped = room.shape[1], plan.begin, plan.columns, plan.left % MARGIN
    at, inside, counted = MARGIN + begin, MARGIN + plan.left - skipped, plan.right - plan.left + skipped
    rows_half, reference_half = (1 << plan.rows) >> 1, (1 << plan.reference_rows) >> 1
    for row in range(plan.first, plan.last + 1):
        side = row % 2
        if row < plan.last:
            for picture in range(2):
                source = reference if picture == 0 else distorted
                low = (plan.approximation + picture * plan.height + row) * stride + MARGIN
                bands = (BANDS + 3 * picture) * stride + MARGIN
                wavelet.down(source, room, LINE * stride, row, plan.source_begin, plan.source_count, plan.depth, plan.down)
                wavelet.across(room, LINE * stride, low, bands, plan.source_width, begin, count, plan.depth, plan.across)
            if plan.top - 1 <= row < plan.bottom + 1:
                o, t = BANDS * stride + at, (BANDS + 3) * stride + at
                for n in range(limits.size):
                    kept = (PARTS + (2 * n + side) * PARTS_ROWS) * stride + at
                    added = kept + 3 * stride
                    whole, most = wholes[n, 0], wholes[n, 1]
                    if whole == 0:
                        separate_by_parts(room, count, o, t, kept, added, limits[n])
                        continue
                    if plan.depth and whole == 1:
                        again = separate_first_closely(room, count, 0, o, t, kept, added)
                    elif plan.depth:
                        again = separate_first(room, count, 0, o, t, kept, added, whole)
                    else:
                        again = 1
                    if again:
                        separate(room, count, o, t, kept, added, whole, most)
                for look in range(looks.shape[0]):
                    masker = PARTS + (2 * looks[look, 0] + side) * PARTS_ROWS + 3 * (1 - looks[look, 1])
                    beside = plan.neighbours + look * (NEIGHBOURS + CENTRES) + row % 3
                    own = plan.neighbours + look * (NEIGHBOURS + CENTRES) + NEIGHBOURS + side
                    of_h, of_v, of_d = looks[look, 2], looks[look, 3], looks[look, 4]
                    places = masker * stride + at, beside * stride + at, own * stride + at
                    if plan.depth:
                        masking.weigh_first(room, count, places[0], places[1], places[2], of_h, of_v, of_d)
                    else:
                        masking.weigh(room, count, places[0], places[1], places[2], of_h, of_v, of_d)
                    room[beside, MARGIN - 1] = room[beside, MARGIN + 1]
                    room[beside, MARGIN + plan.width] = room[beside, MARGIN + plan.width - 1]
            if plan.top <= row < plan.bottom:
                for band in range(3):
                    place = (BANDS + band) * stride + inside
                    if plan.depth:
                        cubes = masking.add_reference_first(room, counted, skipped, place)
                    else:
                        cubes = masking.add_reference(
                            room, counted, skipped, place, plan.reference_square, plan.reference_cubes
                        )
                    sums[looks.shape[0], band] += (cubes + reference_half) >> plan.reference_rows
        before = row - 1
        if plan.top <= before < plan.bottom:
            above = before - 1 if before else plan.second
            below = row if row < plan.height else before
            for look in range(looks.shape[0]):
                first = (plan.neighbours + look * (NEIGHBOURS + CENTRES)) * stride + inside
                masking.threshold(
                    room,
                    counted,
                    first + above % 3 * stride - 1,
                    first + before % 3 * stride - 1,
                    first + below % 3 * stride - 1,
                    first + (NEIGHBOURS + 1 - side) * stride,
                    THRESHOLD * stride + inside,
                )
                signal = PARTS + (2 * looks[look, 0] + 1 - side) * PARTS_ROWS + 3 * looks[look, 1]
                for band in range(3):
                    place, hidden, weight = (
                        (signal + band) * stride + inside,
                        THRESHOLD * stride + inside,
                        looks[look, 2 + band],
                    )
                    places, square, cube = shifts[0, band], shifts[1, band], shifts[2, band]
                    if plan.depth:
                        shown = masking.add_masked_first(
                            room, counted, skipped, place, hidden, weight, square, cube, places, 0x7FFF_FFFF >> places
                        )
                    else:
                        shown = masking.add_masked(room, counted, skipped, place, hidden, weight, square, cube)
                    sums[look, band] += (shown + rows_half) >> plan.rows


def _cube_root(value: float | np.float32) -> np.float32:
    return np.float32(np.power(np.float32(value), np.float32(1) / np.float32(3)))


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


class Part(NamedTuple):
    """What a band of rows adds to a picture's sums."""

    stages: list[Stage]
    sums: NDArray[np.int64]
    """By level; each look's and then the reference's; by wavelet band."""


class _Room(NamedTuple):
    """What pictures of a size need for as many limits, looks and bands of rows."""

    stages: list[list[Stage]]
    """Of each band."""
    rooms: list[NDArray[np.int32]]

    @classmethod
    def of(cls, height: int, width: int, bit_depth: int, limits: int, looks: int, bands: int) -> _Room:
        """For one band at a time."""
        made = [stages(height, width, bit_depth, limits, looks, band, bands) for band in range(bands)]
        return cls(made, [aligned(stage.room, np.int32) for stage in made[0]])


def _looked(views: Sequence[View]) -> list[tuple[View, int]]:
    """What is looked at: of each view what was restored and, where that is wanted, what was added."""
    return [(view, part) for view in views for part in range(1 + view.additive)]


def _whole(limit: float) -> tuple[int, int]:
    """A limit and how much it takes to go beyond int32, if it is a whole number."""
    return (int(limit), min((1 << 31) // int(limit) + 1, (1 << 31) - 1)) if limit == int(limit) else (0, 0)


def adm_bands(
    distorted: Plane,
    reference: Plane,
    bit_depth: int,
    views: Sequence[View] = (View(),),
    bands: int = 1,
    rooms: Rooms | None = None,
) -> list[Callable[[], Part]]:
    """ADM in parts that may be computed at once, in any order: bands of rows, which ``summed`` puts together.

    Args:
        distorted: As for ``adm``.
        reference: As for ``adm``.
        bit_depth: As for ``adm``.
        views: As for ``adm``.
        bands: How many parts to make at most; pictures of few rows are parted into fewer.
        rooms: As for ``adm``.
    """
    bands = max(1, min(bands, reference.shape[0] // SMALLEST_BAND))
    return [partial(_band, distorted, reference, bit_depth, views, band, bands, rooms or Rooms()) for band in range(bands)]


def _band(
    distorted: Plane, reference: Plane, bit_depth: int, views: Sequence[View], band: int, bands: int, rooms: Rooms
) -> Part:
    limits = list(dict.fromkeys(view.gain_limit for view in views))
    looked = _looked(views)
    size = *reference.shape, bit_depth, len(limits), len(looked), bands
    with rooms.borrowed(("adm", *size), lambda: _Room.of(*size)) as room:
        levels, sources = room.stages[band], [as_bytes(plane) for plane in (reference, distorted)]
        sums = np.zeros((len(levels), len(looked) + 1, 3), np.int64)
        for level, (stage, working) in enumerate(zip(levels, room.rooms, strict=True)):
            _level(
                sources[0],
                sources[1],
                working,
                stage.plan,
                stage.shifts,
                np.array(limits, np.float64),
                np.array([_whole(limit) for limit in limits], np.int64),
                np.array(
                    [(limits.index(view.gain_limit), part, *_factors(level, view.sensitivity)) for view, part in looked],
                    np.int64,
                ),
                sums[level],
            )
            height, first = stage.plan.height, stage.plan.approximation
            sources = [as_bytes(working[start : start + height]) for start in (first, first + height)]
    return Part(levels, sums)


def summed(parts: Sequence[Part], views: Sequence[View]) -> list[Adm]:
    """What the parts of ``adm_bands`` add up to: the result of ``adm``."""
    found: list[list[Level]] = [[] for _ in views]
    total = np.sum([part.sums for part in parts], axis=0).tolist()
    for level, (stage, (*of_signal, of_reference)) in enumerate(zip(parts[0].stages, total, strict=True)):
        sums = dict(zip(_looked(views), of_signal, strict=True))
        for view, of_view in zip(views, found, strict=True):
            of_view.append(_level_of(stage, level, view, sums, of_reference))
    return [Adm(tuple(of_view)) for of_view in found]


def _level_of(
    stage: Stage, level: int, view: View, sums: Mapping[tuple[View, int], Sequence[int]], of_reference: Sequence[int]
) -> Level:
    of_h, of_d = (float(np.float32(factor)) for factor in view.sensitivity[level])
    noise = float(np.float32(stage.area) * np.float32(view.noise_weight))
    of_bands = [stage.reference_unit * factor**3 for factor in (of_h, of_h, of_d)]
    return Level(
        _pooled(sums[view, 0], stage.units, noise, stage.smallest),
        _pooled(sums[view, 1], stage.units, 0.0, stage.smallest) if view.additive else 0.0,
        _pooled(of_reference, of_bands, noise, stage.smallest),
    )


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
    return summed([part() for part in adm_bands(distorted, reference, bit_depth, views, 1, rooms)], views)
