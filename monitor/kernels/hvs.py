"""PSNR-HVS: errors of 8x8 cosine transforms, weighed by how visible they are and masked by what is around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

SIDE = 8
STRIDE = 7
"""Samples from one block to the next, across and down."""

LANES = 32
"""Blocks that are worked on side by side, a value of each beside the other, so that all arithmetic is done on vectors."""

DEEPEST = 12
"""Bits per sample for which the integer transform is defined."""

Line = tuple[np.int32, np.int32, np.int32, np.int32, np.int32, np.int32, np.int32, np.int32]


def _symmetric(*rows: tuple[float, ...]) -> NDArray[np.float32]:
    """A symmetric 8x8 matrix from its upper triangle, as 64 values in rows."""
    matrix = np.zeros((SIDE, SIDE))
    for at, row in enumerate(rows):
        matrix[at, at:] = matrix[at:, at] = row
    return matrix.ravel().astype(np.float32)


VISIBILITY = (
    _symmetric(
        (
            1.6193873005,
            2.2901594831,
            2.08509755623,
            1.48366094411,
            1.00227514334,
            0.678296995242,
            0.466224900598,
            0.3265091542,
        ),
        (1.94321815382, 2.04793073064, 1.68731108984, 1.2305666963, 0.868920337363, 0.61280991668, 0.436405793551),
        (1.34329019223, 1.09205635862, 0.875748795257, 0.670882927016, 0.501731932449, 0.372504254596),
        (0.772819797575, 0.605636379554, 0.48309405692, 0.380429446972, 0.295774038565),
        (0.448996256676, 0.352889268808, 0.283006984131, 0.226951348204),
        (0.27032073436, 0.215017739696, 0.17408067321),
        (0.168869545842, 0.136153931001),
        (0.109083846276,),
    ),
    _symmetric(
        (
            1.91113096927,
            2.46074210438,
            1.18284184739,
            1.14982565193,
            1.05017074788,
            0.898018824055,
            0.74725392039,
            0.615105596242,
        ),
        (1.58529308355, 1.21363250036, 1.38190029285, 1.33100189972, 1.17428548929, 0.996404342439, 0.830890433625),
        (0.978712413627, 1.02624506078, 1.03145147362, 0.960060382087, 0.849823426169, 0.731221236837),
        (0.861317501629, 0.801821139099, 0.751437590932, 0.685398513368, 0.608694761374),
        (0.676555426187, 0.605503172737, 0.55002013668, 0.495804539034),
        (0.514674450957, 0.454353482512, 0.407050308965),
        (0.389234902883, 0.342353999733),
        (0.295530605237,),
    ),
    _symmetric(
        (
            2.03871978502,
            2.62502345193,
            1.26180942886,
            1.11019789803,
            1.01397751469,
            0.867069376285,
            0.721500455585,
            0.593906509971,
        ),
        (1.69112867013, 1.17180569821, 1.3342742857, 1.28513006198, 1.13381474809, 0.962064122248, 0.802254508198),
        (0.944981930573, 0.990876405848, 0.995903384143, 0.926972725286, 0.820534991409, 0.706020324706),
        (0.831632933426, 0.77418706195, 0.725539939514, 0.661776842059, 0.587716619023),
        (0.653238524286, 0.584635025748, 0.531064164893, 0.478717061273),
        (0.496936637883, 0.438694579826, 0.393021669543),
        (0.375820256136, 0.330555063063),
        (0.285345396658,),
    ),
)
"""How visible a unit of each coefficient is: luma, Cb, Cr. The tables for 4:2:0 serve every format, as in libvmaf."""

TINY = np.float32(1e-20)
"""Less than any variance but zero."""

TO_MASK = 0.3885746225901003
"""From visibility to what a coefficient adds to the mask, before squaring."""


@kernel()
def _half(value: np.int32) -> np.int32:
    return np.int32(np.int32(value + np.int32(value < 0)) >> 1)


@kernel()
def _times(value: np.int32, factor: int, shift: int) -> np.int32:
    return np.int32(np.int32(value * np.int32(factor) + np.int32(1 << (shift - 1))) >> shift)


@kernel()
def _transform(line: Line) -> Line:
    """Daala's 8-point integer cosine transform, in lifting steps."""
    x0, x1, x2, x3, x4, x5, x6, x7 = line
    o0 = np.int32(x0 - x7)
    first = _half(o0)
    e0 = np.int32(x0 - first)
    e3 = np.int32(x1 + x6)
    second = _half(e3)
    o2 = np.int32(x6 - second)
    o1 = np.int32(x2 - x5)
    e2 = np.int32(x2 - _half(o1))
    e1 = np.int32(x3 + x4)
    third = _half(e1)
    o3 = np.int32(third - x4)

    e0 = np.int32(e0 + third)
    e1 = np.int32(e0 - e1)
    e2 = np.int32(second - e2)
    e3 = np.int32(e2 - e3)
    e0 = np.int32(e0 - _times(e3, 13573, 15))
    e3 = np.int32(e3 + _times(e0, 11585, 14))
    e0 = np.int32(e0 - _times(e3, 13573, 15))
    e1 = np.int32(e1 - _times(e2, 21895, 15))
    e2 = np.int32(e2 + _times(e1, 15137, 14))
    e1 = np.int32(e1 - _times(e2, 21895, 15))

    o1 = np.int32(o1 + _times(o2, 19195, 15))
    o2 = np.int32(o2 + _times(o1, 11585, 14))
    o1 = np.int32(o1 - _times(o2, 7489, 13))
    o3 = np.int32(_half(o2) - o3)
    o2 = np.int32(o2 - o3)
    o1 = np.int32(first - o1)
    o0 = np.int32(o0 - o1)
    o3 = np.int32(o3 + _times(o0, 3227, 15))
    o0 = np.int32(o0 - _times(o3, 6393, 15))
    o3 = np.int32(o3 + _times(o0, 3227, 15))
    o2 = np.int32(o2 + _times(o1, 2485, 13))
    o1 = np.int32(o1 - _times(o2, 18205, 15))
    o2 = np.int32(o2 + _times(o1, 2485, 13))
    return e0, o0, e2, o1, e3, o2, e1, o3


@kernel(inner=True)
def _transform_lines(source: NDArray[np.int32], target: NDArray[np.int32], along: int, across: int) -> None:
    """Transform eight lines of every lane: samples of a line are ``along`` values apart, lines ``across``."""
    step = np.uintp(along * LANES)
    for line in range(SIDE):
        first = np.uintp(line * across * LANES)
        for lane in range(np.uintp(LANES)):
            at = first + lane
            x0, x1, x2, x3 = source[at], source[at + step], source[at + step * np.uintp(2)], source[at + step * np.uintp(3)]
            at += step * np.uintp(4)
            x4, x5, x6, x7 = source[at], source[at + step], source[at + step * np.uintp(2)], source[at + step * np.uintp(3)]
            y0, y1, y2, y3, y4, y5, y6, y7 = _transform((x0, x1, x2, x3, x4, x5, x6, x7))
            at = first + lane
            target[at] = y0
            target[at + step] = y1
            target[at + step * np.uintp(2)] = y2
            target[at + step * np.uintp(3)] = y3
            at += step * np.uintp(4)
            target[at] = y4
            target[at + step] = y5
            target[at + step * np.uintp(2)] = y6
            target[at + step * np.uintp(3)] = y7


@kernel(inner=True)
def _quarter(k: int) -> np.uintp:
    """Quarter of a block that sample ``k`` lies in: top left, bottom left, top right, bottom right."""
    return np.uintp(k % SIDE // 4 * 2 + k // SIDE // 4)


@kernel(inner=True)
def _contrast_ratios(
    samples: NDArray[np.int32],
    totals: NDArray[np.int32],
    means: NDArray[np.float32],
    quarter_means: NDArray[np.float32],
    squares: NDArray[np.float32],
    quarter_squares: NDArray[np.float32],
    ratios: NDArray[np.float32],
) -> None:
    """Variances of a block's four quarters over that of the whole, in libvmaf's order and rounding."""
    lanes = np.uintp(ratios.size)
    totals[:] = np.int32(0)
    squares[:] = np.float32(0)
    quarter_squares[:] = np.float32(0)
    for k in range(SIDE * SIDE):
        at, quarter = np.uintp(k) * lanes, _quarter(k) * lanes
        for lane in range(lanes):
            totals[quarter + lane] = np.int32(totals[quarter + lane] + samples[at + lane])
    for lane in range(lanes):
        whole = np.int32(totals[lane] + totals[lanes + lane])
        whole = np.int32(whole + np.int32(totals[np.uintp(2) * lanes + lane] + totals[np.uintp(3) * lanes + lane]))
        means[lane] = np.float32(whole) / np.float32(64)
    for each in range(np.uintp(totals.size)):
        quarter_means[each] = np.float32(totals[each]) / np.float32(16)
    for k in range(SIDE * SIDE):
        at, quarter = np.uintp(k) * lanes, _quarter(k) * lanes
        for lane in range(lanes):
            value = np.float32(samples[at + lane])
            from_whole, from_quarter = value - means[lane], value - quarter_means[quarter + lane]
            squares[lane] += from_whole * from_whole
            quarter_squares[quarter + lane] += from_quarter * from_quarter
    whole_scale, quarter_scale = np.float32(1 / 63) * np.float32(64), np.float32(1 / 15) * np.float32(16)
    for lane in range(lanes):
        parts = quarter_squares[lane] * quarter_scale
        parts += quarter_squares[lanes + lane] * quarter_scale
        parts += quarter_squares[np.uintp(2) * lanes + lane] * quarter_scale
        parts += quarter_squares[np.uintp(3) * lanes + lane] * quarter_scale
        ratios[lane] = parts / max(squares[lane] * whole_scale, TINY)


@kernel(inner=True)
def _masks(
    coefficients: NDArray[np.int32], weights: NDArray[np.float32], ratios: NDArray[np.float32], masks: NDArray[np.float32]
) -> None:
    """What a block hides: its weighted energy without the mean, by how uneven it is."""
    lanes = np.uintp(masks.size)  # not a constant: the loops would be unrolled and not vectorised
    masks[:] = np.float32(0)
    for k in range(1, SIDE * SIDE):
        at, weight = np.uintp(k) * lanes, weights[k]
        for lane in range(lanes):
            value = coefficients[at + lane]
            masks[lane] += np.float32(np.int32(value * value)) * weight
    for lane in range(lanes):
        masks[lane] = np.sqrt(masks[lane] * ratios[lane]) / np.float32(32)


@kernel(reorder=True, inner=True)
def _sum(squares: NDArray[np.float32], filled: np.uintp) -> np.float32:
    total = np.float32(0)
    for k in range(np.uintp(SIDE * SIDE)):
        for lane in range(filled):
            total += squares[k * np.uintp(LANES) + lane]
    return total


@kernel(inner=True)
def _sum_in_steps(squares: NDArray[np.float32], filled: np.uintp, steps: np.float32) -> np.int32:
    """Sum of whole numbers of steps, each square rounded to the nearest."""
    total = np.int32(0)
    for k in range(np.uintp(SIDE * SIDE)):
        for lane in range(filled):
            total = np.int32(total + np.int32(np.rint(squares[k * np.uintp(LANES) + lane] * steps)))
    return total


@kernel(inner=True)
def _added(total: np.float32, squares: NDArray[np.float32], filled: np.uintp) -> np.float32:
    """A running sum in single precision after all squares were added to it one by one, block after block.

    While the sum stays below the next power of two, adding a number rounds it to a multiple of the sum's last place: all can
    be rounded at once then. (A half goes to an even multiple, not to an even sum: a few last places in a picture.)
    """
    exponent = np.int32(np.float32(total).view(np.int32) >> 23)
    above = np.float32(total + _sum(squares, filled) * np.float32(1.001))
    if exponent > 30 and exponent == np.int32(above.view(np.int32) >> 23):
        step = np.int32(np.int32(exponent - 23) << 23).view(np.float32)
        return np.float32(total + np.float32(_sum_in_steps(squares, filled, np.float32(1) / step)) * step)
    for lane in range(filled):
        for k in range(np.uintp(SIDE * SIDE)):
            total += squares[k * np.uintp(LANES) + lane]
    return total


@kernel()
def _errors(
    distorted: Plane,
    reference: Plane,
    visibility: NDArray[np.float32],
    weights: NDArray[np.float32],
    numbers: tuple[NDArray[np.int32], ...],
    floats: tuple[NDArray[np.float32], ...],
) -> np.float32:
    """Visible squared error over all blocks, summed in single precision as libvmaf does: that is part of its definition."""
    height, width = reference.shape
    lanes = np.uintp(LANES)
    samples_d, samples_r, between, freq_d, freq_r, totals = numbers
    squares, quarter_means, quarter_squares, mask_d, mask_r, ratios, means, deviations = floats
    blocks = (width - SIDE) // STRIDE + 1
    total = np.float32(0)
    for top in range(0, height - SIDE + 1, STRIDE):
        for first in range(0, blocks, LANES):
            filled = min(LANES, blocks - first)
            for y in range(SIDE):
                dist, ref = distorted[top + y], reference[top + y]
                for x in range(SIDE):
                    at = np.uintp(y * SIDE + x) * lanes
                    start = np.uintp(first * STRIDE + x)
                    for lane in range(np.uintp(filled)):
                        samples_d[at + lane] = dist[start + lane * np.uintp(STRIDE)]
                        samples_r[at + lane] = ref[start + lane * np.uintp(STRIDE)]
            _transform_lines(samples_d, between, SIDE, 1)
            _transform_lines(between, freq_d, 1, SIDE)
            _transform_lines(samples_r, between, SIDE, 1)
            _transform_lines(between, freq_r, 1, SIDE)
            _contrast_ratios(samples_d, totals, means, quarter_means, deviations, quarter_squares, ratios)
            _masks(freq_d, weights, ratios, mask_d)
            _contrast_ratios(samples_r, totals, means, quarter_means, deviations, quarter_squares, ratios)
            _masks(freq_r, weights, ratios, mask_r)
            for lane in range(lanes):
                mask_r[lane] = max(mask_r[lane], mask_d[lane])
            for k in range(SIDE * SIDE):
                at, visible, weight = np.uintp(k) * lanes, visibility[k], weights[k]
                for lane in range(lanes):
                    error = np.float32(abs(np.int32(freq_r[at + lane] - freq_d[at + lane])))
                    if k > 0:
                        error = max(error - mask_r[lane] / weight, np.float32(0))
                    error *= visible
                    squares[at + lane] = error * error
            total = _added(total, squares, np.uintp(filled))
    return total


def visible_error(distorted: Plane, reference: Plane, component: int, bit_depth: int) -> float:
    """Mean squared visible error of a plane, the peak being 1: PSNR-HVS before the logarithm.

    Blocks begin at every seventh sample; those that would reach over the edge are left out.

    Args:
        distorted: At least 8x8; rows may have gaps between them.
        reference: Of the same shape and type.
        component: 0 for luma, 1 for Cb, 2 for Cr.
        bit_depth: Bits per sample, at most ``DEEPEST``.
    """
    height, width = reference.shape
    visibility = VISIBILITY[component]
    weights = ((visibility.astype(np.float64) * TO_MASK) ** 2).astype(np.float32)
    numbers = tuple(np.zeros(size * LANES, np.int32) for size in (64, 64, 64, 64, 64, 4))
    floats = tuple(np.empty(size * LANES, np.float32) for size in (64, 4, 4, 1, 1, 1, 1, 1))
    total = float(_errors(distorted, reference, visibility, weights, numbers, floats))
    blocks: int = ((height - SIDE) // STRIDE + 1) * ((width - SIDE) // STRIDE + 1)
    peak = (1 << bit_depth) - 1
    return total / (SIDE * SIDE * blocks) / (peak * peak)
