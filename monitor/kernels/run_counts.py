"""How many samples around each one of a flat area have its value, and how many differ by a few steps: the heart of CAMBI.

Counting goes by runs of equal samples. A run that enters or leaves the rows of the squares adds a trapezoid to the counts of
its value, and one that is looked at reads its counts, and those of the values beside its own, in vectors.

Source: libvmaf feature/cambi.c, which goes by samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel

LANES = 16
"""Samples that are computed together; what lies past the end of a run is overwritten or adds nothing."""

LONGEST = 64
"""Samples of the longest run that is counted at once."""

NONE = np.int16(-1)
"""In place of a value: not in a flat area, or too far from all values whose contrast is visible."""

LEAST = 0x3F000000
"""0.5 as single precision's bits: the contrast of one sample beside one other. Larger numbers have larger bits."""

BUCKET, BUCKETS = 12, (20 << 23) >> 12
"""Contrasts are ranked by their bits but the last ``BUCKET``; all are below ``2**20 * 0.5``."""


@kernel()
def find_runs(
    picture: NDArray[np.uint16],
    flat: NDArray[np.uint8],
    step: int,
    lowest: int,
    values: int,
    line: NDArray[np.int16],
    starts: NDArray[np.uint16],
    bins: NDArray[np.int16],
    rows: NDArray[np.int64],
) -> None:
    """Part each row into runs of equal bins: the value less ``lowest``, or ``NONE``. Each row ends with an empty run."""
    height, width = picture.shape
    stride = np.uint64(step)
    n = np.uint64(0)
    for y in range(height):
        rows[y] = np.int64(n)
        source, mask = picture[y], flat[y * step]
        for x in range(np.uint64(width)):
            value = np.int32(source[x]) - np.int32(lowest)
            kept = (mask[stride * x] != 0) & (value >= 0) & (value < values)
            line[x] = np.int16(value) if kept else NONE
        before = np.int16(-2)
        for x in range(np.uint64(width)):
            if line[x] != before:
                before = line[x]
                starts[n], bins[n] = np.uint16(x), before
                n += np.uint64(1)
        starts[n], bins[n] = np.uint16(width), NONE
        n += np.uint64(1)
    rows[height] = np.int64(n)


@kernel()
def _count(
    counts: NDArray[np.int16],
    starts: NDArray[np.uint16],
    bins: NDArray[np.int16],
    first: int,
    last: int,
    shapes: NDArray[np.int16],
    reach: int,
) -> None:
    """Add a row's runs to the counts of all columns whose square they lie in; with negative ``shapes`` take them away."""
    for run in range(np.uint64(first), np.uint64(last)):
        if bins[run] < 0:
            continue
        row = np.uint64(bins[run])
        at, end = np.uint64(starts[run]), np.uint64(starts[run + np.uint64(1)])
        while at < end:
            length = min(end - at, np.uint64(LONGEST))
            shape = length - np.uint64(1)
            for chunk in range(np.uint64(0), length + np.uint64(reach), np.uint64(LANES)):
                for i in range(np.uint64(LANES)):
                    counts[row, at + chunk + i] = np.int16(counts[row, at + chunk + i] + shapes[shape, chunk + i])
            at += length


@kernel()
def _contrasts(
    counts: NDArray[np.int16],
    starts: NDArray[np.uint16],
    bins: NDArray[np.int16],
    first: int,
    last: int,
    pad: int,
    weights: NDArray[np.float32],
    smallest_steps: NDArray[np.int64],
    best: NDArray[np.float32],
    among: NDArray[np.float32],
    contrasts: NDArray[np.float32],
    n: np.int64,
) -> np.int64:
    """Append the contrast of every sample of a row whose value allows any; ``n`` are there already."""
    filled = np.uint64(n)
    steps = np.uint64(weights.size - 1)
    one = np.float32(1)
    for run in range(np.uint64(first), np.uint64(last)):
        if bins[run] < 0:
            continue
        row = np.uint64(bins[run])
        smallest = np.uint64(smallest_steps[row])
        if smallest > steps:
            continue
        end = np.uint64(starts[run + np.uint64(1)])
        for at in range(np.uint64(starts[run]), end, np.uint64(LANES)):
            column = at + np.uint64(pad)
            for i in range(np.uint64(LANES)):
                best[i], among[i] = np.float32(0), one
            for step in range(smallest, steps + np.uint64(1)):
                weight = weights[step]
                above, below = row + step, row - step
                for i in range(np.uint64(LANES)):
                    other = np.float32(max(counts[above, column + i], counts[below, column + i]))
                    both = other + np.float32(counts[row, column + i])
                    weighted = weight * other
                    better = weighted * among[i] > best[i] * both
                    best[i] = weighted if better else best[i]
                    among[i] = both if better else among[i]
            for i in range(np.uint64(LANES)):
                contrasts[filled + i] = np.float32(counts[row, column + i]) * best[i] * (one / among[i])
            filled += min(end - at, np.uint64(LANES))
    return np.int64(filled)


@kernel()
def scan(
    counts: NDArray[np.int16],
    starts: NDArray[np.uint16],
    bins: NDArray[np.int16],
    rows: NDArray[np.int64],
    pad: int,
    entering: NDArray[np.int16],
    leaving: NDArray[np.int16],
    weights: NDArray[np.float32],
    smallest_steps: NDArray[np.int64],
    contrasts: NDArray[np.float32],
) -> np.int64:
    """Contrasts of a whole picture, in no particular place; returns how many."""
    height = rows.size - 1
    counts[:] = 0
    best, among = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    n = np.int64(0)
    for y in range(-pad, height):
        if y + pad < height:
            _count(counts, starts, bins, rows[y + pad], rows[y + pad + 1], entering, 2 * pad)
        if y - pad > 0:
            _count(counts, starts, bins, rows[y - pad - 1], rows[y - pad], leaving, 2 * pad)
        if y >= 0:
            n = _contrasts(
                counts, starts, bins, rows[y], rows[y + 1], pad, weights, smallest_steps, best, among, contrasts, n
            )
    return n


@kernel(reorder=True)
def _total(contrasts: NDArray[np.float32]) -> tuple[float, int]:
    """Sum of contrasts, and how many are not 0."""
    total, count = 0.0, 0
    for i in range(np.uint64(contrasts.size)):
        total += np.float64(contrasts[i])
        count += 1 if contrasts[i] > 0 else 0
    return total, count


@kernel()
def _split(
    contrasts: NDArray[np.float32], wanted: int, buckets: NDArray[np.int32], around: NDArray[np.float32]
) -> tuple[float, int, np.int64]:
    """Sum and number of contrasts surely among the ``wanted`` largest; those that may be are put into ``around``."""
    buckets[:] = 0
    bits = contrasts.view(np.uint32)
    for i in range(np.uint64(bits.size)):
        if bits[i]:
            buckets[(np.int64(bits[i]) - LEAST) >> BUCKET] += 1
    bucket = buckets.size
    above = 0
    while above < wanted:
        bucket -= 1
        above += buckets[bucket]
    total, surely, maybe = 0.0, 0, np.uint64(0)
    for i in range(np.uint64(bits.size)):
        rank = (np.int64(bits[i]) - LEAST) >> BUCKET
        if rank > bucket:
            total += np.float64(contrasts[i])
            surely += 1
        elif rank == bucket:
            around[maybe] = contrasts[i]
            maybe += np.uint64(1)
    return total, surely, np.int64(maybe)


def sum_of_largest(contrasts: NDArray[np.float32], wanted: int) -> float:
    """Sum of the ``wanted`` largest contrasts, each 0 or at least 0.5; of all where there are fewer."""
    total, count = _total(contrasts)
    if count <= wanted:
        return total
    around = np.empty_like(contrasts)
    total, surely, maybe = _split(contrasts, wanted, np.empty(BUCKETS, np.int32), around)
    return total + float(np.sort(around[:maybe])[maybe - (wanted - surely) :].sum(dtype=np.float64))


def shapes(pad: int) -> NDArray[np.int16]:
    """What a run of 1, 2 ... ``LONGEST`` samples adds to the counts of the columns around, from ``pad`` before it on."""
    offsets, lengths = np.arange(LONGEST + 2 * pad + LANES), np.arange(1, LONGEST + 1)[:, None]
    inside = np.minimum(offsets, lengths - 1) - np.maximum(offsets - 2 * pad, 0) + 1
    added: NDArray[np.int16] = np.maximum(inside, 0).astype(np.int16)
    return added
