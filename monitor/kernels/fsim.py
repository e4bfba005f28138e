"""Feature similarity: whether two pictures have the same features, and are as steep there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.phase import PhaseDetector, Picture
from monitor.types import Plane

PHASE, GRADIENT = np.float32(0.85), np.float32(160.0)
"""The paper's stabilisers T1 and T2."""

NATIVE = 256
"""Samples of the shorter side that pictures are reduced to, or what is nearest by a whole factor."""


@kernel(reorder=True)
def _box_means(plane: Plane, factor: int, weight: np.float32, columns: NDArray[np.uint32], reduced: Picture) -> None:
    for y in range(reduced.shape[0]):
        columns[:] = 0
        for k in range(factor):
            row = plane[y * factor + k]
            for x in range(columns.size):
                columns[x] += np.uint32(row[x])
        for x in range(reduced.shape[1]):
            total = np.uint32(0)
            for k in range(factor):
                total = np.uint32(total + columns[x * factor + k])
            reduced[y, x] = np.float32(total) * weight


@kernel(reorder=True, inner=True)
def _gradient(above: Picture, row: Picture, below: Picture, lengths: Picture) -> None:
    """Squared length of Scharr's gradient along a row."""
    near, far = np.float32(10 / 16), np.float32(3 / 16)
    for x in range(np.uintp(lengths.size)):
        middle, right = x + np.uintp(1), x + np.uintp(2)
        across = near * (row[right] - row[x]) + far * ((above[right] + below[right]) - (above[x] + below[x]))
        down = near * (below[middle] - above[middle]) + far * ((below[x] + below[right]) - (above[x] + above[right]))
        lengths[x] = across * across + down * down


@kernel(reorder=True)
def _similarity_sums(
    distorted: Picture, reference: Picture, phase_d: Picture, phase_r: Picture, lengths: NDArray[np.float32]
) -> tuple[float, float]:
    """Sums of the similarity, weighted by the larger phase congruency, and of the weights; pictures have a zero border."""
    total, weights = 0.0, 0.0
    two = np.float32(2)
    of_d, of_r = lengths[0], lengths[1]
    for y in range(phase_r.shape[0]):
        _gradient(distorted[y], distorted[y + 1], distorted[y + 2], of_d)
        _gradient(reference[y], reference[y + 1], reference[y + 2], of_r)
        row_d, row_r = phase_d[y], phase_r[y]
        for x in range(of_d.size):
            d, r = row_d[x], row_r[x]
            phase = (two * d * r + PHASE) / (d * d + r * r + PHASE)
            gradient = (two * np.sqrt(of_d[x] * of_r[x]) + GRADIENT) / (of_d[x] + of_r[x] + GRADIENT)
            weight = max(d, r)
            total += np.float64(phase * gradient * weight)
            weights += np.float64(weight)
    return total, weights


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What FSIM compares of a picture."""

    reduced: Picture
    """The picture in 8-bit code values, made smaller, with a border of one zero."""
    congruency: Picture
    """Phase congruency of its samples, 0 to 1, without border."""


def reduction(height: int, width: int) -> int:
    """Factor by which planes of a size are reduced; halves are rounded to even, as piq does."""
    return max(1, round(min(height, width) / NATIVE))


def detector(height: int, width: int) -> PhaseDetector:
    """What ``features`` needs for planes of a size, at least 2x2."""
    factor = reduction(height, width)
    return PhaseDetector.of_size(height // factor, width // factor)


def features(plane: Plane, bit_depth: int, phases: PhaseDetector) -> Features:
    """What is compared of one plane.

    Args:
        plane: Code values.
        bit_depth: Bits per sample.
        phases: ``detector`` for the plane's size.
    """
    factor = reduction(*plane.shape)
    height, width = (size // factor for size in plane.shape)
    reduced, columns = np.empty((height, width), np.float32), np.empty(width * factor, np.uint32)
    _box_means(plane, factor, np.float32(1 / (factor**2 << (bit_depth - 8))), columns, reduced)
    return Features(np.pad(reduced, 1), phases.congruency(reduced))


def fsim(distorted: Features, reference: Features) -> float:
    """Feature similarity of two planes (Zhang et al. 2011), as the authors' ``FeatureSIM.m`` and piq have it for luma.

    Planes are reduced by a whole factor to about 256 rows as piq does: means of boxes, what fills no box is left out.

    Args:
        distorted: Of a plane.
        reference: Of a plane of the same size.

    Returns:
        From 0 to 1; 1 for equal planes.
    """
    lengths = np.empty((2, reference.congruency.shape[1]), np.float32)
    total, weights = _similarity_sums(
        distorted.reduced, reference.reduced, distorted.congruency, reference.congruency, lengths
    )
    return min(float(total) / float(weights), 1.0)
