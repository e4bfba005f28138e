"""SpEED-chroma: how much the local entropy of Cb and Cr changed, at a sixteenth of their size.

Source: Bampis, Gupta, Soundararajan and Bovik, SpEED-QA, IEEE Signal Processing Letters 24(9), 2017; libvmaf
feature/speed.c.

Blocks of 5x5 samples of the band-passed picture are taken as draws from a Gaussian scale mixture: one covariance for the
picture, one scale for each block. libvmaf computes in single precision, and where chroma is smooth its covariance is so
nearly singular that the rounding decides: whether there is a score at all, and which. So everything is rounded as there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels import speed_rows
from monitor.kernels.compiler import kernel
from monitor.kernels.equations import TINY, eigenvalues, solution
from monitor.kernels.instructions import as_bytes
from monitor.kernels.settings import SpeedSettings
from monitor.kernels.speed_rows import BLOCK, REACH, STEP, TAPS, VARIABLES, WIDTH, Bytes, Doubles
from monitor.types import Plane

MIDDLE = 128
"""Of chroma, in code values of 8 bits: grey."""


def _gaussian(taps: int, deviation: float) -> NDArray[np.float32]:
    """Densities of a normal distribution, made to add up to 1 in single precision."""
    sigma = np.float32(deviation)
    places = np.arange(taps, dtype=np.float64) - taps // 2
    highest = np.float32(1 / (float(sigma) * math.sqrt(2 * math.pi)))
    weights = np.exp(-0.5 * places / float(sigma) * places / float(sigma)).astype(np.float32) / highest
    return np.asarray(weights / np.add.accumulate(weights)[-1])


LOW_PASS = _gaussian(TAPS, 3.6)
NEARBY = _gaussian(3, 0.6)
"""What is taken off a picture to leave its details."""

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

    entropies: NDArray[np.float32]
    """Of each block, in bits."""
    scales: NDArray[np.float32]
    """Of each block, relative to the picture."""
    is_singular: bool


@kernel()
def _resize(
    plane: Plane,
    unit: np.float32,
    rows: NDArray[np.int64],
    below: NDArray[np.float32],
    columns: NDArray[np.int64],
    beyond: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Interpolate the rows that ``_decimate`` reads, nine of sixteen and the last; the others stay as they are.

    Args:
        plane: What to resize.
        unit: Code values of 8 bits that one of its own is worth.
        rows: The row above and the row below of each new one, ``(2, new height)``.
        below: Share of the latter.
        columns: Likewise.
        beyond: Likewise.
        out: The result, in code values of 8 bits about 0.
    """
    one, middle = np.float32(1), np.float32(MIDDLE)
    for y in range(out.shape[0]):
        if (y + REACH) % STEP > 2 * REACH and y < out.shape[0] - 1 - REACH:
            continue
        upper, lower, share = plane[rows[0, y]], plane[rows[1, y]], below[y]
        for x in range(np.uint64(out.shape[1])):
            left, right, other = np.uint64(columns[0, x]), np.uint64(columns[1, x]), beyond[x]
            total = (one - share) * (one - other) * (np.float32(upper[left]) * unit - middle)
            total += (one - share) * other * (np.float32(upper[right]) * unit - middle)
            total += share * (one - other) * (np.float32(lower[left]) * unit - middle)
            out[y, x] = total + share * other * (np.float32(lower[right]) * unit - middle)


def _places(old: int, new: int, method: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The two samples of a line of ``old`` that each of ``new`` ones lies between, and the share of the second."""
    ratio = np.float32(old / new)
    if method == "nearest":
        index = np.trunc(np.arange(new, dtype=np.float32) * ratio).astype(np.int64)
        return np.stack([index, index]), np.zeros(new, np.float32)
    position = ((np.arange(new) + 0.5) * float(ratio) - 0.5).astype(np.float32)
    around = np.abs(np.stack([np.floor(position), np.ceil(position)]).astype(np.int64))
    around = np.where(around < old, around, 2 * old - 2 - around)
    return around, position - around[0].astype(np.float32)


@kernel()
def _decimate(
    picture: Bytes,
    height: int,
    width: int,
    depth: int,
    scale: NDArray[np.float32],
    taps: NDArray[np.float32],
    line: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Filter down, then across; keep every sixteenth sample of every sixteenth row."""
    for row in range(out.shape[0]):
        speed_rows.filter_down(line, picture, row, height, width, depth, scale, taps)
        speed_rows.filter_across(out, row, line, taps)


def _without_means(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is left of a small picture without what is nearby; weights are applied down, then across."""
    around = np.empty([size + 2 for size in picture.shape], np.float32)
    around[1:-1, 1:-1], around[0, 1:-1], around[-1, 1:-1] = picture, picture[1], picture[-2]
    around[:, 0], around[:, -1] = around[:, 2], around[:, -3]
    down = NEARBY[0] * around[:-2] + NEARBY[1] * around[1:-1] + NEARBY[2] * around[2:]
    return np.asarray(picture - (NEARBY[0] * down[:, :-2] + NEARBY[1] * down[:, 1:-1] + NEARBY[2] * down[:, 2:]))


@kernel()
def _covary(
    details: NDArray[np.float32], means: Doubles, centred: Doubles, sums: Doubles, covariance: NDArray[np.float32]
) -> None:
    speed_rows.centre(centred, details, means)
    speed_rows.covary(covariance, centred, sums, (details.shape[0] - BLOCK + 1) * (details.shape[1] - BLOCK + 1))


def _covariance(details: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the samples at the same place of all blocks, wherever these lie."""
    places = math.prod(size - BLOCK + 1 for size in details.shape)
    centred, means = np.empty((VARIABLES, places + 2 * WIDTH)), np.empty(BLOCK * WIDTH)
    sums, covariance = np.zeros((VARIABLES, VARIABLES)), np.empty((VARIABLES, VARIABLES), np.float32)
    _covary(details, means, centred, sums, covariance)
    return covariance


def _details(plane: Plane, bit_depth: int, width: int, height: int, settings: SpeedSettings) -> NDArray[np.float32]:
    """The picture in which entropies are measured: small, without its means, in whole blocks."""
    unit = np.float32(1 / (1 << (bit_depth - 8)))
    size, samples = (settings.prescaled(height), settings.prescaled(width)), as_bytes(plane)
    if size != (height, width):
        resized = np.empty(size, np.float32)
        rows, columns = (
            _places(old, new, settings.speed_prescale_method) for old, new in zip((height, width), size, strict=True)
        )
        _resize(plane, unit, *rows, *columns, resized)
        samples, bit_depth = as_bytes(resized), 0
    scale = np.array([unit, MIDDLE] if bit_depth else [1, 0], np.float32)
    line, small = np.empty(size[1] + REACH, np.float32), np.empty((size[0] // STEP, size[1] // STEP), np.float32)
    _decimate(samples, *size, bit_depth, scale, LOW_PASS, line, small)
    whole = _without_means(small)[: len(small) // BLOCK * BLOCK, : small.shape[1] // BLOCK * BLOCK]
    details = np.zeros(whole.size + WIDTH, np.float32)[: whole.size].reshape(whole.shape)
    details[:] = whole
    return details


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
    covariance = _covariance(details)
    found = eigenvalues(covariance)
    rows, columns = details.shape[0] // BLOCK, details.shape[1] // BLOCK
    blocks = np.ascontiguousarray(details.reshape(rows, BLOCK, columns, BLOCK).transpose(1, 3, 0, 2))
    blocks = blocks.reshape(VARIABLES, rows * columns)
    solved = solution(covariance, blocks)
    if solved is None or not float(found.min()) >= TINY:
        solved = None
        scales = np.zeros(rows * columns, np.float32)
    else:
        scales = np.add.accumulate(solved * blocks / np.float32(VARIABLES), axis=0)[-1]
    seen = np.maximum(found, 0)[:, None] * scales + np.float32(settings.speed_sigma_nn)
    entropies = np.zeros_like(scales)
    with np.errstate(invalid="ignore"):  # see difference
        for bits in np.log2(seen.astype(np.float64)) + UNIT_ENTROPY:
            entropies += bits  # in double precision, then rounded
    return Statistics(entropies, scales, solved is None)


def _weights(shares: tuple[float, float], reference: Statistics, distorted: Statistics) -> NDArray[np.float64]:
    """Weights of the blocks' entropies.

    libvmaf adds 1 to a scale in single precision and to a mixture of two in double. The difference keeps the score of equal
    planes from being exactly 0, which VMAF v1 takes for a missing value.
    """
    if 1.0 in shares:
        scales = reference.scales if shares[0] else distorted.scales
        return np.log2((np.float32(1) + scales).astype(np.float64))
    if shares == (0.5, 0.5):
        mixed = (reference.scales + distorted.scales).astype(np.float64) / 2
    else:
        mixed = shares[0] * reference.scales.astype(np.float64) + shares[1] * distorted.scales.astype(np.float64)
    return np.log2(1 + mixed)


def difference(distorted: Statistics, reference: Statistics, settings: SpeedSettings = DEFAULTS) -> float | None:
    """SpEED of one plane; ``None`` where either is singular.

    Of a covariance that is nearly singular, scales may come out so negative that entropies have no logarithm. Such blocks do
    not count here. libvmaf says the largest score there is of the whole plane, also where both pictures are the same.
    """
    if distorted.is_singular or reference.is_singular:
        return None
    noise = (np.float32(1) + np.float32(settings.speed_nn_floor)) * np.float32(settings.speed_sigma_nn)
    base = np.float32(VARIABLES * (math.log2(noise) + UNIT_ENTROPY))
    with np.errstate(invalid="ignore"):
        of_reference, of_distorted = (
            (of.entropies * _weights(shares, reference, distorted)).astype(np.float32)
            for of, shares in zip((reference, distorted), SHARES[settings.speed_weight_var_mode], strict=True)
        )
    counted = (reference.entropies >= base) | (distorted.entropies >= base)
    counted &= np.isfinite(of_reference) & np.isfinite(of_distorted)
    total = np.add.accumulate(np.where(counted, np.abs(of_reference - of_distorted), np.float32(0)))[-1]
    return float(total / np.float32(counted.size))


def combined(u: float | None, v: float | None, most: float) -> Chroma:
    """The scores of both planes and their mean; a plane without a score counts 0 and leaves the mean to the other."""
    values = [value for value in (u, v) if value is not None]
    mean = float(np.float32(sum(values))) / len(values) if values else 0.0
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
