"""XPSNR: squared errors of blocks, weighed by how little spatial and temporal activity hides them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

UHD = 3840 * 2160
LARGE = 2048 * 1152
"""Samples above which activity is taken over two by two samples."""

SMALL = 640 * 480
"""Samples up to which the weights of blocks are smoothed."""

NARROW = 12
"""Bits per sample up to which squared errors down a column of a block fit 32 bits."""


@kernel()
def _squares(distorted: Plane, reference: Plane, top: int, bottom: int, columns: NDArray[np.integer]) -> None:
    """Squared errors of rows, summed by column."""
    columns[:] = 0
    for y in range(top, bottom):
        dist, ref = distorted[y], reference[y]
        for x in range(columns.size):
            error = np.int32(np.int32(dist[x]) - np.int32(ref[x]))
            columns[x] += error * error


@kernel(inner=True)
def _activity(
    luma: Plane,
    before: Plane,
    earlier: Plane,
    second: bool,
    top: int,
    bottom: int,
    spatial: NDArray[np.int32],
    temporal: NDArray[np.int32],
) -> None:
    """Absolute high-pass in space and in time, summed by column; the picture's outermost samples have none in space."""
    height, width = luma.shape
    spatial[:] = 0
    temporal[:] = 0
    inside = spatial[1 : width - 1]
    for y in range(top, bottom):
        row = luma[y]
        if 0 < y < height - 1:
            above, below = luma[y - 1], luma[y + 1]
            for x in range(np.uintp(inside.size)):
                right = x + np.uintp(2)
                at = x + np.uintp(1)
                centre = np.int32(12 * np.int32(row[at]))
                near = np.int32(np.int32(row[x]) + np.int32(row[right]))
                near = np.int32(near + np.int32(np.int32(above[at]) + np.int32(below[at])))
                far = np.int32(np.int32(above[x]) + np.int32(above[right]))
                far = np.int32(far + np.int32(np.int32(below[x]) + np.int32(below[right])))
                inside[x] += abs(np.int32(centre - np.int32(np.int32(2 * near) + far)))
        one = before[y]
        if second:
            two = earlier[y]
            for x in range(width):
                change = np.int32(np.int32(row[x]) - np.int32(2 * np.int32(one[x])))
                temporal[x] += abs(np.int32(change + np.int32(two[x])))
        else:
            for x in range(width):
                temporal[x] += abs(np.int32(np.int32(row[x]) - np.int32(one[x])))


@kernel(inner=True)
def _coarse_activity(
    luma: Plane,
    before: Plane,
    earlier: Plane,
    second: bool,
    top: int,
    bottom: int,
    rows: NDArray[np.int32],
    spatial: NDArray[np.int32],
    temporal: NDArray[np.int32],
) -> None:
    """The same over two by two samples, at the left one of each two columns; the other's sums mean nothing."""
    height, width = luma.shape
    spatial[:] = 0
    temporal[:] = 0
    inside = spatial[2 : width - 3]
    near, middle, far = rows[0], rows[1], rows[2]
    for y in range(top, bottom - 1, 2):
        row, below = luma[y], luma[y + 1]
        if 2 <= y < height - 3:
            above, beyond, highest, lowest = luma[y - 1], luma[y + 2], luma[y - 2], luma[y + 3]
            for x in range(width):
                near[x] = np.int32(np.int32(row[x]) + np.int32(below[x]))
                middle[x] = np.int32(np.int32(above[x]) + np.int32(beyond[x]))
                far[x] = np.int32(np.int32(highest[x]) + np.int32(lowest[x]))
            for x in range(np.uintp(inside.size)):
                x1, x2, x3 = x + np.uintp(1), x + np.uintp(2), x + np.uintp(3)
                x4, x5 = x + np.uintp(4), x + np.uintp(5)
                value = np.int32(12 * np.int32(near[x2] + near[x3]))
                value = np.int32(
                    value - np.int32(3 * np.int32(np.int32(middle[x2] + middle[x3]) + np.int32(near[x1] + near[x4])))
                )
                value = np.int32(value - np.int32(2 * np.int32(middle[x1] + middle[x4])))
                outer = np.int32(np.int32(far[x1] + far[x2]) + np.int32(far[x3] + far[x4]))
                outer = np.int32(outer + np.int32(np.int32(near[x] + middle[x]) + np.int32(near[x5] + middle[x5])))
                inside[x] += abs(np.int32(value - outer))
        one, one_below, two, two_below = before[y], before[y + 1], earlier[y], earlier[y + 1]
        times = np.int32(2 if second else 1)
        for x in range(width):
            change = np.int32(np.int32(row[x]) + np.int32(below[x]))
            change = np.int32(change - np.int32(times * np.int32(np.int32(one[x]) + np.int32(one_below[x]))))
            near[x] = change
        if second:
            for x in range(width):
                near[x] = np.int32(near[x] + np.int32(np.int32(two[x]) + np.int32(two_below[x])))
        for x in range(np.uintp(width - 1)):
            temporal[x] += abs(np.int32(near[x] + near[x + np.uintp(1)]))


@kernel(inner=True)
def _block_sums(columns: NDArray[np.integer], side: int, step: int, sums: NDArray[np.int64]) -> None:
    """Sums of every ``step``-th column of each block."""
    for block in range(sums.size):
        total = np.int64(0)
        for x in range(block * side, min((block + 1) * side, columns.size), step):
            total += np.int64(columns[x])
        sums[block] = total


@kernel(allocates=True)
def _weigh(
    luma: Plane,
    before: Plane,
    earlier: Plane,
    second: bool,
    coarse: bool,
    side: int,
    floor: float,
    rows: NDArray[np.int32],
    weights: NDArray[np.float64],
) -> None:
    """One over the activity of each block of the reference."""
    height, width = luma.shape
    border = 2 if coarse else 1
    spatial, temporal = rows[0], rows[1]
    of_space, of_time = np.empty(weights.shape[1], np.int64), np.empty(weights.shape[1], np.int64)
    for row in range(weights.shape[0]):
        top, bottom = row * side, min((row + 1) * side, height)
        if coarse:
            _coarse_activity(luma, before, earlier, second, top, bottom, rows[2:], spatial, temporal)
        else:
            _activity(luma, before, earlier, second, top, bottom, spatial, temporal)
        _block_sums(spatial, side, border, of_space)
        _block_sums(temporal, side, border, of_time)
        inside_height = bottom - top - (border if top == 0 else 0) - (border if bottom == height else 0)
        for column in range(weights.shape[1]):
            left, right = column * side, min((column + 1) * side, width)
            inside_width = right - left - (border if left == 0 else 0) - (border if right == width else 0)
            if inside_width <= 0 or inside_height <= 0:
                weights[row, column] = 1.0
                continue
            narrow = coarse and right - left - (border if right == width else 0) <= 12
            activity = 0.0 if narrow else of_space[column] / (inside_width * inside_height)
            activity += 2 * of_time[column] / ((right - left) * (bottom - top))
            weights[row, column] = 1.0 / max(activity, floor)


@kernel(allocates=True)
def _limit(weights: NDArray[np.float64]) -> None:
    """Limit each weight to the largest of its neighbours': left, right and above, those before it limited already."""
    columns = weights.shape[1]
    flat = weights.ravel()
    for at in range(1, flat.size):
        column = at % columns
        if column == 0:
            highest = flat[at - 2] if at > 1 else 0.0
        else:
            highest = max(flat[at - 2], flat[at]) if column > 1 else flat[at]
        if at > columns:
            highest = max(highest, flat[at - 1 - columns])
        flat[at - 1] = min(flat[at - 1], highest)
    if flat.size - 1 > columns:
        flat[-1] = min(flat[-1], max(flat[-2], flat[flat.size - 1 - columns]))


@kernel(allocates=True)
def _weighted_error(
    distorted: Plane, reference: Plane, across: int, down: int, columns: NDArray[np.integer], weights: NDArray[np.float64]
) -> float:
    """Weighted squared error of a plane in blocks of a size; chroma's take the weights of luma's in reading order."""
    height, width = reference.shape
    flat, block = weights.ravel(), 0
    sums = np.empty(-(-width // across), np.int64)
    total = 0.0
    for top in range(0, height, down):
        _squares(distorted, reference, top, min(top + down, height), columns)
        _block_sums(columns, across, 1, sums)
        for column in range(sums.size):
            total += sums[column] * flat[min(block, flat.size - 1)]
            block += 1
    return total


def _summed(distorted: Plane, reference: Plane, columns: NDArray[np.int64]) -> float:
    _squares(distorted, reference, 0, reference.shape[0], columns)
    return float(columns.sum())


def weighted_errors(
    distorted: Sequence[Plane], reference: Sequence[Plane], before: Plane, earlier: Plane | None, bit_depth: int
) -> list[float]:
    """Perceptually weighted mean squared error of each plane, the peak being 1: XPSNR before the logarithm.

    As FFmpeg's ``xpsnr`` computes it, with sums rounded to integers. Above 2048x1152 samples FFmpeg reads past planes of odd
    size; here their last column or row has no activity.

    Args:
        distorted: Luma and, where the format has them, Cb and Cr.
        reference: Of the same shapes and type.
        before: Luma of the reference frame before this one.
        earlier: Of the frame before that, for 32 frames a second and more: activity is the change of changes then.
        bit_depth: Bits per sample.
    """
    height, width = reference[0].shape
    share = height * width / UHD
    side = 4 * int(32.0 * math.sqrt(share) + 0.5)
    narrow = np.int32 if bit_depth <= NARROW else np.int64
    peak = (1 << bit_depth) - 1
    if side < 4:
        sums = [
            _summed(*planes, np.empty(planes[1].shape[1], np.int64)) for planes in zip(distorted, reference, strict=True)
        ]
    else:
        weights = np.empty((-(-height // side), -(-width // side)))
        _weigh(
            reference[0],
            before,
            before if earlier is None else earlier,
            earlier is not None,
            height * width > LARGE,
            side,
            2.0 ** (bit_depth - 6),
            np.empty((5, width), np.int32),
            weights,
        )
        if height * width <= SMALL:
            _limit(weights)
        scale = math.sqrt(16.0 * 2.0 ** (2 * bit_depth - 9) / math.sqrt(max(0.00001, share)))
        sums = []
        for dist, ref in zip(distorted, reference, strict=True):
            across, down = side * ref.shape[1] // width, side * ref.shape[0] // height
            total = _weighted_error(dist, ref, across, down, np.empty(ref.shape[1], narrow), weights)
            sums.append(math.floor(total * scale + 0.5))
    return [total / (plane.size * peak * peak) for total, plane in zip(sums, reference, strict=True)]
