"""SpEED-chroma: how much the local entropy of Cb and Cr changed, at a sixteenth of their size.

Source: Bampis, Gupta, Soundararajan and Bovik, SpEED-QA, IEEE Signal Processing Letters 24(9), 2017; libvmaf
feature/speed.c.

Blocks of 5x5 samples of the band-passed picture are taken as draws from a Gaussian scale mixture: one covariance for the
picture, one scale for each block. libvmaf computes in single precision; here pictures, means, covariances and scales are
rounded as there, and what is solved with them is solved in double precision. The two differ by about 1e-5 of the score, and
by 1e-3 where chroma is so smooth that its covariance is nearly singular: there single precision is libvmaf's own noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.kernels.settings import SpeedSettings
from monitor.types import Plane

BLOCK = 5
"""Side of a block."""

VARIABLES = BLOCK * BLOCK

STEP = 16
"""By how much the picture is made smaller."""

REACH = 4
"""Samples of the filter before that on each side of its centre."""


def _gaussian(taps: int, sigma: float) -> NDArray[np.float32]:
    weights = np.exp(-((np.arange(taps) - taps // 2) ** 2) / (2 * sigma * sigma))
    return np.asarray(weights / weights.sum(), np.float32)


LOW_PASS = _gaussian(2 * REACH + 1, 3.6)
NEARBY = _gaussian(3, 0.6)
"""What is taken off a picture to leave its details."""

SINGULAR = 1e-6
"""A covariance with a smaller eigenvalue counts as singular."""

UNIT_ENTROPY = math.log2(2 * math.pi * math.e)

SHARES = {
    0: ((1.0, 0.0), (0.0, 1.0)),
    1: ((1.0, 0.0), (1.0, 0.0)),
    2: ((0.0, 1.0), (0.0, 1.0)),
    3: ((0.5, 0.5), (0.5, 0.5)),
    4: ((1.0, 0.0), (0.5, 0.5)),
    5: ((1.0, 0.0), (0.75, 0.25)),
    6: ((1.0, 0.0), (0.25, 0.75)),
}
"""Shares of the reference's and the distorted's scale in the weight of the reference's and of the distorted's entropy, by
``speed_weight_var_mode``."""


DEFAULTS = SpeedSettings()


def is_too_small(width: int, height: int, settings: SpeedSettings = DEFAULTS) -> bool:
    """Whether a covariance of planes of a size is singular whatever they show, or there is not even one block."""
    across, down = (settings.prescaled(size) // STEP // BLOCK * BLOCK - BLOCK + 1 for size in (width, height))
    return min(across, down) < 1 or across * down <= VARIABLES


class Chroma(NamedTuple):
    """SpEED of Cb, of Cr, and of both."""

    u: float
    v: float
    uv: float


class Statistics(NamedTuple):
    """What one plane is compared by."""

    entropies: NDArray[np.float64]
    """Of each block, in bits."""
    scales: NDArray[np.float32]
    """Of each block, relative to the picture."""
    is_singular: bool


@kernel()
def _mirrored(index: int, size: int) -> int:
    index = abs(index)
    return index if index < size else 2 * size - 2 - index


@kernel()
def _levels(plane: Plane, bit_depth: int, out: NDArray[np.float32]) -> None:
    unit = np.float32(1.0 / (1 << (bit_depth - 8)))
    for y in range(out.shape[0]):
        line, to = plane[y], out[y]
        for x in range(np.uint64(to.size)):
            to[x] = np.float32(line[x]) * unit - np.float32(128)


@kernel()
def _resize(
    picture: NDArray[np.float32],
    rows: NDArray[np.int64],
    below: NDArray[np.float32],
    columns: NDArray[np.int64],
    beyond: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Interpolate the rows that ``_decimate`` reads, nine of sixteen and the last; the others stay as they are.

    Args:
        picture: What to resize.
        rows: The row above and the row below of each new one, ``(2, new height)``.
        below: Share of the latter.
        columns: Likewise.
        beyond: Likewise.
        out: The result.
    """
    one = np.float32(1)
    for y in range(out.shape[0]):
        if (y + REACH) % STEP > 2 * REACH and y < out.shape[0] - 1 - REACH:
            continue
        upper, lower, share = picture[rows[0, y]], picture[rows[1, y]], below[y]
        for x in range(np.uint64(out.shape[1])):
            left, right, other = np.uint64(columns[0, x]), np.uint64(columns[1, x]), beyond[x]
            of_upper = upper[left] * (one - other) + upper[right] * other
            of_lower = lower[left] * (one - other) + lower[right] * other
            out[y, x] = of_upper * (one - share) + of_lower * share


def _places(old: int, new: int, method: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The two samples of a line of ``old`` that each of ``new`` ones lies between, and the share of the second."""
    ratio = np.float32(old / new)
    if method == "nearest":
        index = np.trunc(np.arange(new, dtype=np.float32) * ratio).astype(np.int64)
        return np.stack([index, index]), np.zeros(new, np.float32)
    position = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * ratio - np.float32(0.5)
    around = np.abs(np.stack([np.floor(position), np.ceil(position)]).astype(np.int64))
    around = np.where(around < old, around, 2 * old - 2 - around)
    return around, position - around[0].astype(np.float32)


@kernel()
def _decimate(picture: NDArray[np.float32], taps: NDArray[np.float32], step: int, out: NDArray[np.float32]) -> None:
    """Filter down, then across; keep every ``step``-th sample of every ``step``-th row."""
    height, width = picture.shape
    reach = taps.size // 2
    line = np.empty(width, np.float32)
    for y in range(out.shape[0]):
        line[:] = 0
        for k in range(taps.size):
            source, tap = picture[_mirrored(y * step + k - reach, height)], taps[k]
            for x in range(np.uint64(width)):
                line[x] += tap * source[x]
        for x in range(out.shape[1]):
            total = np.float32(0)
            for k in range(taps.size):
                total += taps[k] * line[_mirrored(x * step + k - reach, width)]
            out[y, x] = total


@kernel()
def _centre(picture: NDArray[np.float32], centred: NDArray[np.float64]) -> None:
    """The 25 samples of each 5x5 window, less their means, which are sums in single precision."""
    height, width = picture.shape[0] - BLOCK + 1, picture.shape[1] - BLOCK + 1
    for variable in range(VARIABLES):
        top, left = variable // BLOCK, variable % BLOCK
        total = np.float32(0)
        for y in range(height):
            for x in range(width):
                total += picture[top + y, left + x]
        mean = np.float64(total / np.float32(height * width))
        for y in range(height):
            for x in range(width):
                centred[variable, y * width + x] = np.float64(picture[top + y, left + x]) - mean


@kernel(reorder=True)
def _covariances(centred: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    count = centred.shape[1]
    for one in range(VARIABLES):
        for other in range(one + 1):
            a, b, product = centred[one], centred[other], 0.0
            for i in range(np.uint64(count)):
                product += a[i] * b[i]
            out[one, other] = out[other, one] = np.float64(np.float32(product / count))


def _details(plane: Plane, bit_depth: int, width: int, height: int, settings: SpeedSettings) -> NDArray[np.float32]:
    """The picture in which entropies are measured: small, without its means, in whole blocks."""
    picture = np.empty((height, width), np.float32)
    _levels(plane, bit_depth, picture)
    size = settings.prescaled(height), settings.prescaled(width)
    if size != picture.shape:
        resized = np.empty(size, np.float32)
        rows, columns = (
            _places(old, new, settings.speed_prescale_method) for old, new in zip(picture.shape, size, strict=True)
        )
        _resize(picture, *rows, *columns, resized)
        picture = resized
    small, mean = (np.empty((size[0] // STEP, size[1] // STEP), np.float32) for _ in range(2))
    _decimate(picture, LOW_PASS, STEP, small)
    _decimate(small, NEARBY, 1, mean)
    return np.ascontiguousarray((small - mean)[: small.shape[0] // BLOCK * BLOCK, : small.shape[1] // BLOCK * BLOCK])


def statistics(plane: Plane, bit_depth: int, width: int, height: int, settings: SpeedSettings = DEFAULTS) -> Statistics:
    """Entropies and scales of a chroma plane's blocks; the same for every picture that it is compared with.

    Args:
        plane: Samples of ``bit_depth`` bits.
        bit_depth: 8 to 16.
        width: Of the part of the plane that is looked at: libvmaf leaves out the last column where a picture's width is odd.
        height: Likewise; at least 80 after resizing, one block at a sixteenth.
        settings: libvmaf's options.
    """
    details = _details(plane, bit_depth, width, height, settings)
    centred = np.empty((VARIABLES, (details.shape[0] - BLOCK + 1) * (details.shape[1] - BLOCK + 1)), np.float64)
    covariance = np.empty((VARIABLES, VARIABLES), np.float64)
    _centre(details, centred)
    _covariances(centred, covariance)
    eigenvalues = np.linalg.eigvalsh(covariance)
    rows, columns = details.shape[0] // BLOCK, details.shape[1] // BLOCK
    blocks = details.reshape(rows, BLOCK, columns, BLOCK).transpose(1, 3, 0, 2).reshape(VARIABLES, -1).astype(np.float64)
    is_singular = bool(eigenvalues[0] < SINGULAR)
    if is_singular:
        scales = np.zeros(blocks.shape[1], np.float32)
    else:
        scales = (np.einsum("ij,ij->j", blocks, np.linalg.solve(covariance, blocks)) / VARIABLES).astype(np.float32)
    noise = float(np.float32(settings.speed_sigma_nn))
    bits = np.log2(np.maximum(eigenvalues, 0)[:, None] * scales + noise) + UNIT_ENTROPY
    return Statistics(bits.sum(0), scales, is_singular)


def _weights(shares: tuple[float, float], reference: Statistics, distorted: Statistics) -> NDArray[np.float64]:
    """Weights of the blocks' entropies.

    libvmaf adds 1 to a scale in single precision and to a mixture of two in double. The difference keeps the score of equal
    planes from being exactly 0, which VMAF v1 takes for a missing value.
    """
    if 1.0 in shares:
        scales = reference.scales if shares[0] else distorted.scales
        return np.log2((np.float32(1) + scales).astype(np.float64))
    mixed = shares[0] * reference.scales.astype(np.float64) + shares[1] * distorted.scales.astype(np.float64)
    return np.log2(1 + mixed)


def difference(distorted: Statistics, reference: Statistics, settings: SpeedSettings = DEFAULTS) -> float | None:
    """SpEED of one plane; ``None`` where only one of the two is singular."""
    if distorted.is_singular != reference.is_singular:
        return None
    noise = (1 + settings.speed_nn_floor) * float(np.float32(settings.speed_sigma_nn))
    base = VARIABLES * (math.log2(noise) + UNIT_ENTROPY)
    of_reference, of_distorted = (
        _weights(shares, reference, distorted) for shares in SHARES[settings.speed_weight_var_mode]
    )
    differences = np.abs(reference.entropies * of_reference - distorted.entropies * of_distorted)
    counted = (reference.entropies >= base) | (distorted.entropies >= base)
    return float((differences * counted).mean())


def combined(u: float | None, v: float | None, most: float) -> Chroma:
    """The scores of both planes and their mean; a plane without a score counts 0 and leaves the mean to the other."""
    values = [value for value in (u, v) if value is not None]
    mean = sum(values) / len(values) if values else 0.0
    return Chroma(*(min(value or 0.0, most) for value in (u, v, mean)))


def speed_chroma(
    distorted: Sequence[Plane],
    reference: Sequence[Plane],
    bit_depth: int,
    size: tuple[int, int],
    settings: SpeedSettings = DEFAULTS,
) -> Chroma:
    """SpEED of the chroma of two pictures.

    Args:
        distorted: Cb and Cr.
        reference: Likewise, of the same shapes and type.
        bit_depth: 8 to 16.
        size: Width and height of the part of the planes that is looked at; see ``statistics``.
        settings: libvmaf's options.
    """
    of_distorted, of_reference = (
        [statistics(plane, bit_depth, *size, settings) for plane in planes] for planes in (distorted, reference)
    )
    u, v = (difference(*both, settings) for both in zip(of_distorted, of_reference, strict=True))
    return combined(u, v, settings.speed_max_val)
