"""ADM3: detail loss together with additive impairment (AIM), under any contrast sensitivity, in libvmaf's integers.

Source: libvmaf feature/integer_adm.c. Rows are separated, weighed and masked as ``monitor.kernels.adm`` does it for ADM2.
AIM is the same with the roles swapped: what was added, as far as what was restored does not mask it. Several views of one
pair (distances, display heights) share all but the weighing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import adm
from monitor.kernels.compiler import kernel
from monitor.kernels.fir import LANES
from monitor.types import Plane

Sensitivity = tuple[tuple[float, float], ...]
"""Contrast sensitivity by level, finest first: of the bands h and v, and of d."""

BLENDED: dict[tuple[int, float], Sensitivity] = {
    (1080, 3.0): ((0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918), (0.058621, 0.035901)),
    (1080, 5.0): ((0.004212, 0.000984), (0.014809, 0.005852), (0.029642, 0.0146), (0.047464, 0.027574)),
    (2160, 3.0): ((0.00226, 0.000479), (0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918)),
    (2160, 1.5): ((0.01183, 0.004302), (0.025026, 0.011778), (0.04295, 0.023918), (0.058621, 0.035901)),
}
"""libvmaf's blend of Barten and Watson (``adm_csf_mode`` 2), by lines of the display and distance in its heights."""


class View(NamedTuple):
    """How a pair is looked at: libvmaf's defaults."""

    sensitivity: Sensitivity = adm.SENSITIVITY
    noise_weight: float = adm.NOISE_WEIGHT
    """Added to what is left of each band, per sample, before the cube root; AIM has none."""


class Adm3(NamedTuple):
    """Sums over all levels."""

    restored: float
    additive: float
    reference: float

    @property
    def adm2(self) -> float:
        """Share of the detail that is left, 1 where nothing was lost."""
        return self.restored / self.reference if self.reference else 1.0

    @property
    def aim(self) -> float:
        """Impairment that was added, as a share of the detail; 0 where nothing was added."""
        return self.additive / self.reference if self.reference else 0.0

    def adm3(self, weight: float = 0.5, minimum: float = 0.0) -> float:
        """ADM2 and AIM together, 1 for an untouched picture.

        Args:
            weight: Of ADM2 (``adm_dlm_weight``).
            minimum: The result is at least this (``adm_min_val``).
        """
        return max(weight * self.adm2 + (1 - weight) * (1 - self.aim), minimum)


@kernel()
def _weigh_first(
    masker: NDArray[np.int32],
    factors: tuple[int, int, int],
    begin: int,
    end: int,
    neighbour: NDArray[np.int32],
    centre: NDArray[np.int32],
) -> None:
    """``adm._weigh`` at level 0, where 32 bits hold everything."""
    h, v, d = masker[0, begin:end], masker[1, begin:end], masker[2, begin:end]
    of_neighbour, of_centre = neighbour[begin + 1 : end + 1], centre[begin:end]
    factor_h, factor_v, factor_d = np.int32(factors[0]), np.int32(factors[1]), np.int32(factors[2])
    for i in range(np.uint64(h.size)):
        a = np.int32(abs(np.int32(np.int32(factor_h * h[i] + 16384) >> 15)))
        b = np.int32(abs(np.int32(np.int32(factor_v * v[i] + 16384) >> 15)))
        c = np.int32(abs(np.int32(np.int32(factor_d * d[i] + 65535) >> 17)))
        less = np.int32(np.int32(np.int32(4369 * a + 2048) >> 12) + np.int32(np.int32(4369 * b + 2048) >> 12))
        less = np.int32(less + np.int32(np.int32(4369 * c + 2048) >> 12))
        more = np.int32(np.int32(np.int32(8738 * a + 2048) >> 12) + np.int32(np.int32(8738 * b + 2048) >> 12))
        of_neighbour[i] = less
        of_centre[i] = np.int32(np.int32(more + np.int32(np.int32(8738 * c + 2048) >> 12)) - less)


@kernel()
def _level(
    reference: adm.Samples,
    distorted: adm.Samples,
    arithmetic: adm.Arithmetic,
    limit: float,
    factors: NDArray[np.int64],
    window: adm.Window,
    rounding: adm.Rounding,
    next_reference: NDArray[np.int32],
    next_distorted: NDArray[np.int32],
    of_signal: NDArray[np.int64],
    of_reference: NDArray[np.int64],
) -> None:
    """Sums of cubes of one level, ``of_signal`` by view, by what is looked at (restored, additive) and by band."""
    height, width = next_reference.shape
    size = reference.shape[1]
    top, bottom, left, right = window
    begin, end = max(left - 1, 0), min(right + 1, width)
    lanes = (size + LANES - 1) // LANES * LANES
    rings, raw = np.zeros((2, 2 * lanes), np.uint32), np.empty((2, lanes), np.int32)
    lines = np.zeros((2, size + 3 + LANES), np.int32)
    o, t = np.empty((3, width), np.int32), np.empty((3, width), np.int32)
    views = factors.shape[0]
    parts = np.empty((2, 2, 3, width), np.int32)
    neighbour, centre = np.empty((views, 2, 3, width + 2), np.int32), np.empty((views, 2, 2, width), np.int32)
    columns, threshold = np.empty(right - left + 2, np.int32), np.empty(right - left, np.int32)
    for row in range(height + 1):
        if row < height:
            details = top - 1 <= row < bottom + 1
            adm._bands(reference, row, arithmetic, details, rings[0], raw, lines, next_reference[row], o)
            adm._bands(distorted, row, arithmetic, details, rings[1], raw, lines, next_distorted[row], t)
            if details:
                restored, additive = parts[row % 2, 0], parts[row % 2, 1]
                adm._restore(o, t, limit, begin, end, not arithmetic.depth, restored, additive)
                for view in range(views):
                    weights = factors[view, 0], factors[view, 1], factors[view, 2]
                    for part in range(2):
                        masker = parts[row % 2, 1 - part]
                        beside, own = neighbour[view, part, row % 3], centre[view, part, row % 2]
                        if arithmetic.depth:
                            _weigh_first(masker, weights, begin, end, beside, own)
                        else:
                            adm._weigh(masker, weights, begin, end, beside, own)
                        beside[0], beside[width + 1] = beside[min(2, width)], beside[width]
            if top <= row < bottom:
                for band in range(3):
                    cubes = adm._add_reference(o[band, left:right], arithmetic.reference_shift, rounding.reference_cubes)
                    of_reference[band] += adm._rounded(cubes, rounding.reference_rows)
        before = row - 1
        if top <= before < bottom:
            above = before - 1 if before else min(1, height - 1)
            below = row if row < height else before
            for view in range(views):
                for part in range(2):
                    adm._threshold(
                        neighbour[view, part, above % 3, left : right + 2],
                        neighbour[view, part, before % 3, left : right + 2],
                        neighbour[view, part, below % 3, left : right + 2],
                        centre[view, part, before % 2, left:right],
                        columns,
                        threshold,
                    )
                    for band in range(3):
                        signal, factor = parts[before % 2, part, band, left:right], factors[view, band]
                        square, cube = arithmetic.square_shift[band], rounding.cubes[band]
                        if arithmetic.depth:
                            shift = arithmetic.threshold_shift[band]
                            shown = adm._add_masked_first(signal, factor, threshold, shift, square, cube)
                        else:
                            shown = adm._add_masked(signal, factor, threshold, square, cube)
                        of_signal[view, part, band] += adm._rounded(shown, rounding.rows)


def _factors(level: int, sensitivity: Sensitivity) -> tuple[int, ...]:
    """Sensitivity in fixed point, of h, v and d."""
    if level == 0 and sensitivity == adm.SENSITIVITY:
        return adm.FIRST_FACTORS
    of_h, of_d = (float(np.float32(factor)) for factor in sensitivity[level])
    digits = (21, 21, 23) if level == 0 else (32, 32, 32)
    return tuple(int(factor * 2.0**shift) for factor, shift in zip((of_h, of_h, of_d), digits, strict=True))


def _pooled(sums: Sequence[int], units: Sequence[float], noise: float, smallest: float) -> float:
    """Cube roots of the bands' sums and of the noise, added up in float32; 0 below ``smallest``."""
    of_noise, total = adm._cube_root(np.float32(noise)), np.float32(0)
    for value, unit in zip(sums, units, strict=True):
        total = np.float32(total + np.float32(adm._cube_root(value * unit) + of_noise))
    return float(total) if total >= smallest else 0.0


def adm3(
    distorted: Plane, reference: Plane, bit_depth: int, views: Sequence[View] = (View(),), gain_limit: float = 100.0
) -> list[Adm3]:
    """ADM and AIM of luma planes for each view.

    Args:
        distorted: Samples of ``bit_depth`` bits; at least 33x33, below which libvmaf's result is undefined.
        reference: Of the same shape and type.
        bit_depth: 8 to 16.
        views: Sensitivities and noise weights.
        gain_limit: How much contrast may be enhanced and still count; 1 in VMAF v1.
    """
    sums = np.zeros((len(views), 3))
    for level in range(adm.LEVELS):
        arithmetic = adm._first(bit_depth) if level == 0 else adm._finer(level, adm.SENSITIVITY[level])
        height, width = (-(-size // 2) for size in reference.shape)
        top, left = (max(int(0.1 * size - 0.5), 0) for size in (height, width))
        inner_height, inner_width = height - 2 * top, width - 2 * left
        area = inner_height * inner_width
        rounding = adm.Rounding(
            cubes=tuple(math.ceil(math.log2(width) - less) for less in arithmetic.row_shift),
            rows=adm._log2(height),
            reference_cubes=adm._log2(inner_width) if level else 0,
            reference_rows=adm._log2(inner_height) if level else max(0, adm._log2(area) - 20),
        )
        next_reference, next_distorted = (np.empty((height, width), np.int32) for _ in range(2))
        of_signal, of_reference = np.zeros((len(views), 2, 3), np.int64), np.zeros(3, np.int64)
        factors = np.array([_factors(level, view.sensitivity) for view in views], np.int64)
        window = adm.Window(top, height - top, left, width - left)
        _level(
            reference,
            distorted,
            arithmetic,
            gain_limit,
            factors,
            window,
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
        for at, view in enumerate(views):
            of_h, of_d = (float(np.float32(factor)) for factor in view.sensitivity[level])
            noise = float(np.float32(area) * np.float32(view.noise_weight))
            restored, additive = of_signal[at].tolist()
            sums[at] += (
                _pooled(restored, units, noise, smallest),
                _pooled(additive, units, 0.0, smallest),
                _pooled(of_reference.tolist(), [unit * of_h**3, unit * of_h**3, unit * of_d**3], noise, smallest),
            )
        reference, distorted = next_reference, next_distorted
    return [Adm3(*of_view) for of_view in sums.tolist()]
