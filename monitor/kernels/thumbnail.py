"""Pictures shrunk to a few block means, and how well runs of them agree: what alignment looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

SAMPLED_ROWS = 8
"""Rows of a block that are read, at most about twice as many: a mean over more is no better, and reading costs."""


@kernel()
def _block_means(plane: Plane, top: int, bottom: int, left: int, right: int, means: NDArray[np.float32]) -> None:
    rows, columns = means.shape
    height, width = bottom - top, right - left
    for row in range(rows):
        first = top + row * height // rows
        last = max(first + 1, top + (row + 1) * height // rows)
        step = max(1, (last - first) // SAMPLED_ROWS)
        for column in range(columns):
            start = left + column * width // columns
            end = max(start + 1, left + (column + 1) * width // columns)
            total = np.int64(0)
            count = 0
            for y in range(first, last, step):
                line = plane[y, start:end]
                part = np.int64(0)
                for x in range(line.shape[0]):
                    part += line[x]
                total += part
                count += end - start
            means[row, column] = np.float32(total / count)


def block_means(plane: Plane, top: int, bottom: int, left: int, right: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Means of ``rows`` x ``columns`` equal blocks of ``plane[top:bottom, left:right]``, code values, ``(rows, columns)``.

    Tall blocks are sampled in every n-th row. Where there are more blocks than samples, neighbours share one.
    """
    means = np.empty((rows, columns), np.float32)
    _block_means(plane, top, bottom, left, right, means)
    return means


@kernel(reorder=True, allocates=True)
def pair_costs(
    pictures: NDArray[np.float32], weights: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Weighted squared difference of each picture to each of the others, ``(n, m)``.

    Args:
        pictures: ``(n, samples)``; ``weights`` alike.
        weights: Of each sample.
        others: ``(m, samples)``.
    """
    costs = np.empty((len(pictures), len(others)), np.float32)
    for index in range(len(pictures)):
        for other in range(len(others)):
            total = np.float32(0)
            for sample in range(pictures.shape[1]):
                difference = others[other, sample] - pictures[index, sample]
                total += weights[index, sample] * (difference * difference)
            costs[index, other] = total
    return costs


@kernel(reorder=True, allocates=True)
def group_costs(
    pictures: NDArray[np.float32],
    weights: NDArray[np.float32],
    others: NDArray[np.float32],
    partners: NDArray[np.int64],
    scales: NDArray[np.float32],
    frames: int,
    rows: int,
    columns: int,
) -> NDArray[np.float32]:
    """Weighted squared differences between pictures and their partners, added up by group.

    Args:
        pictures: ``(n, height, width)``; ``weights`` alike.
        weights: Of each sample; also the squared difference of a picture that has no partner.
        others: ``(m, height, width)``.
        partners: For each picture the index of its partner, or -1, ``(n,)``.
        scales: For each picture what its differences are multiplied by, ``(n,)``.
        frames: In a group; the last group may have fewer.
        rows: In a group; divides the height.
        columns: In a group; divides the width.

    Returns:
        ``(groups,)``, in order of time, row and column.
    """
    count, height, width = pictures.shape
    down, across = height // rows, width // columns
    costs = np.zeros(((count + frames - 1) // frames, down, across), np.float32)
    line = np.empty(width, np.float32)
    for index in range(count):
        partner = partners[index]
        for band in range(down):
            line[:] = 0
            for row in range(band * rows, (band + 1) * rows):
                if partner < 0:
                    for column in range(width):
                        line[column] += weights[index, row, column] * weights[index, row, column]
                else:
                    for column in range(width):
                        difference = others[partner, row, column] - pictures[index, row, column]
                        line[column] += weights[index, row, column] * (difference * difference)
            for column in range(width):
                costs[index // frames, band, column // columns] += scales[index] * line[column]
    return costs.ravel()
