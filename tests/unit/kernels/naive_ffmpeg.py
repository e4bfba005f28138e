"""Slow and obvious twins of the kernels that follow FFmpeg's filters: SSIM by boxes, XPSNR."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray


def box_ssim(distorted: NDArray[Any], reference: NDArray[Any], depth: int) -> float:
    peak = (1 << depth) - 1
    height, width = (size // 4 * 4 for size in reference.shape)
    d, r = (
        sliding_window_view(plane[:height, :width].astype(np.float64), (8, 8))[::4, ::4] for plane in (distorted, reference)
    )
    axes = (2, 3)
    s1, s2 = d.sum(axes), r.sum(axes)
    squares, products = (d * d + r * r).sum(axes), (d * r).sum(axes)
    c1, c2 = int(0.01**2 * peak**2 * 64 + 0.5), int(0.03**2 * peak**2 * 64 * 63 + 0.5)
    top = (2 * s1 * s2 + c1) * (2 * (64 * products - s1 * s2) + c2)
    return float((top / ((s1**2 + s2**2 + c1) * (64 * squares - s1**2 - s2**2 + c2))).mean())


FINE = np.array([[1, 2, 1], [2, -12, 2], [1, 2, 1]])
COARSE = np.array(
    [
        [0, 1, 1, 1, 1, 0],
        [1, 2, 3, 3, 2, 1],
        [1, 3, -12, -12, 3, 1],
        [1, 3, -12, -12, 3, 1],
        [1, 2, 3, 3, 2, 1],
        [0, 1, 1, 1, 1, 0],
    ]
)


def weighted_errors(
    distorted: list[NDArray[Any]],
    reference: list[NDArray[Any]],
    before: NDArray[Any],
    earlier: NDArray[Any] | None,
    depth: int,
) -> list[float]:
    """Luma of even width and height, unless it is smaller than 2048x1152."""
    dist, ref = ([plane.astype(np.int64) for plane in planes] for planes in (distorted, reference))
    height, width = ref[0].shape
    share = height * width / (3840 * 2160)
    side = 4 * int(32 * math.sqrt(share) + 0.5)
    sums = [float(((d - r) ** 2).sum()) for d, r in zip(dist, ref, strict=True)]
    if side >= 4:
        border = 2 if height * width > 2048 * 1152 else 1
        luma, change = ref[0], ref[0] - before.astype(np.int64)
        if earlier is not None:
            change = change - before.astype(np.int64) + earlier.astype(np.int64)
        if border == 2:
            change = change[::2, ::2] + change[1::2, ::2] + change[::2, 1::2] + change[1::2, 1::2]
        temporal = np.zeros_like(luma)
        temporal[::border, ::border] = np.abs(change)
        kernel = COARSE if border == 2 else FINE
        spatial = np.zeros_like(luma)
        if min(height, width) >= len(kernel):
            found = np.abs(np.einsum("yxij,ij->yx", sliding_window_view(luma, kernel.shape), kernel))[::border, ::border]
            spatial[
                border : border + border * found.shape[0] : border, border : border + border * found.shape[1] : border
            ] = found
        weights: list[float] = []
        tops, lefts = range(0, height, side), range(0, width, side)
        for top in tops:
            for left in lefts:
                here = slice(top, min(top + side, height)), slice(left, min(left + side, width))
                inner = [
                    part.stop - part.start - border * (part.start == 0) - border * (part.stop == size)
                    for part, size in zip(here, (height, width), strict=True)
                ]
                if min(inner) <= 0:
                    weights.append(1.0)
                    continue
                activity = spatial[here].sum() / (inner[0] * inner[1])
                if border == 2 and inner[1] + border * (left == 0) <= 12:
                    activity = 0.0
                activity += 2 * temporal[here].sum() / temporal[here].size
                weights.append(1 / max(activity, 2 ** (depth - 6)))
        if height * width <= 640 * 480:
            across = len(lefts)
            for at in range(1, len(weights)):
                if at % across == 0:
                    limit = weights[at - 2] if at > 1 else 0.0
                else:
                    limit = max(weights[at - 2] if at % across > 1 else 0.0, weights[at])
                if at > across:
                    limit = max(limit, weights[at - 1 - across])
                weights[at - 1] = min(weights[at - 1], limit)
            last = len(weights) - 1
            if last > across:
                weights[last] = min(weights[last], max(weights[last - 1], weights[last - across]))
        scale = math.sqrt(16 * 2 ** (2 * depth - 9) / math.sqrt(max(1e-5, share)))
        for part, (d, r) in enumerate(zip(dist, ref, strict=True)):
            down, across = side * r.shape[0] // height, side * r.shape[1] // width
            blocks = [
                ((d - r)[top : top + down, left : left + across] ** 2).sum()
                for top in range(0, r.shape[0], down)
                for left in range(0, r.shape[1], across)
            ]
            total = sum(error * weights[min(at, len(weights) - 1)] for at, error in enumerate(blocks))
            sums[part] = math.floor(total * scale + 0.5)
    peak = (1 << depth) - 1
    return [total / (plane.size * peak**2) for total, plane in zip(sums, reference, strict=True)]
