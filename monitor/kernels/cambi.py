"""Banding (CAMBI): how much of a picture shows false contours, from the distorted luma alone.

Source: Tandon, Afonso, Sole and Krasula, PCS 2021; libvmaf feature/cambi.c.

At each of five scales a sample in a flat area is compared with the square around it: how many samples there have its value,
and how many differ by one to four steps of ten bits. Counting goes by runs of equal samples: a run that enters or leaves the
square's rows adds a trapezoid to the counts of its value, and one that is looked at reads its counts side by side.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.kernels.compiler import kernel
from monitor.types import Plane

SCALES = 5
FOOT, HEAD = 64, 940
"""Black and white of limited range at ten bits, which CAMBI takes for granted."""

WEIGHTS = np.array([1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, *[9] * 10], np.float32)
"""Of a contrast of 1 to 32 steps."""

SPEEDUPS = {1080: 1920 * 1080, 1440: 2560 * 1440, 2160: 3840 * 2160}
"""Samples of a picture from which on the first scale is left out, by ``cambi_high_res_speedup``."""

FILTER = 7
"""Side of the square that must be flat enough."""

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


class Settings(NamedTuple):
    """libvmaf's options of CAMBI, by its names."""

    enc_width: int = 0
    """Size of the encoded picture, where the frame was scaled up from it; 0 or more than the frame's: the frame's."""
    enc_height: int = 0
    enc_bitdepth: int = 0
    """Bits of the encoded samples; 0: the frame's. Below ten, dither is removed first."""
    window_size: int = 65
    """Side of the square at 2160p, 15 to 127."""
    topk: float = 0.6
    """Share of the samples, those with most contrast, that a scale's mean is of."""
    tvi_threshold: float = 0.019
    """Smallest visible contrast, as a share of the luminance."""
    cambi_vis_lum_threshold: float = 0.0
    """Luminance in cd/m2 below which nothing is seen."""
    max_log_contrast: int = 2
    """Log2 of the number of contrast steps that count, 0 to 5."""
    cambi_eotf: str = "bt1886"
    """Or ``pq``."""
    cambi_high_res_speedup: int = 0
    """0, 1080, 1440 or 2160: leave out the first scale of pictures of this many lines and more."""
    cambi_max_val: float = 1000.0

    def encoded_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which a frame of a size is looked at."""
        smaller = 0 < self.enc_width <= width and 0 < self.enc_height <= height
        return (self.enc_width, self.enc_height) if smaller else (width, height)


DEFAULTS = Settings()


def luminance(eotf: str) -> NDArray[np.float64]:
    """cd/m2 of every 10-bit sample on a display with this transfer function; 1024 values."""
    signal = (np.clip(np.arange(1024), FOOT, HEAD) - FOOT) / (HEAD - FOOT)
    if eotf == "pq":
        root = signal ** (32 / 2523)
        linear = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
        return np.asarray(10000 * linear ** (16384 / 2610))
    white, black = 300 ** (1 / 2.4), 0.01 ** (1 / 2.4)
    return np.asarray(((white - black) * signal + black) ** 2.4)


def visible(settings: Settings) -> tuple[NDArray[np.int64], int]:
    """Brightest sample at which a contrast of 1, 2 ... steps is seen, and the darkest at which anything is."""
    levels = luminance(settings.cambi_eotf)
    brightest = np.zeros(1 << settings.max_log_contrast, np.int64)
    for at in range(brightest.size):
        step = at + 1
        seen = np.flatnonzero(levels[FOOT + step :] - levels[FOOT:-step] > settings.tvi_threshold * levels[FOOT:-step])
        count = HEAD - step - FOOT
        if seen.size and seen[0] == 0:
            brightest[at] = 1023 if count in seen else FOOT + seen[seen < count][-1]
    lit = np.flatnonzero(levels[FOOT:HEAD] >= settings.cambi_vis_lum_threshold)
    darkest = FOOT + int(lit[0]) if lit.size else HEAD
    return brightest, 0 if darkest == FOOT else darkest


def nearest(of_input: int, of_output: int) -> NDArray[np.int64]:
    """Which samples of a line make a shorter one; positions are added up in single precision, as in libvmaf."""
    steps = np.full(of_output, np.float32(of_input / of_output))
    steps[0] = steps[0] / np.float32(2) - np.float32(0.5)
    return (np.add.accumulate(steps) + np.float32(0.5)).astype(np.int64)


@kernel()
def _ten_bits(source: Plane, up: int, half: int, down: int, out: NDArray[np.uint16]) -> None:
    for y in range(out.shape[0]):
        line, to = source[y], out[y]
        for x in range(np.uint64(to.size)):
            to[x] = np.uint16(((np.uint32(line[x]) << np.uint32(up)) + np.uint32(half)) >> np.uint32(down))


@kernel()
def _without_dither(source: Plane, up: int, half: int, down: int, out: NDArray[np.uint16]) -> None:
    """Mean of each sample, at ten bits, and its neighbours on the right and below."""
    height, width = out.shape
    left, drop, add = np.uint32(up), np.uint32(down), np.uint32(half)
    for y in range(height):
        line, below, to = source[y], source[min(y + 1, height - 1)], out[y]
        for x in range(np.uint64(width - 1)):
            after = x + np.uint64(1)
            a = ((np.uint32(line[x]) << left) + add) >> drop
            b = ((np.uint32(line[after]) << left) + add) >> drop
            c = ((np.uint32(below[x]) << left) + add) >> drop
            d = ((np.uint32(below[after]) << left) + add) >> drop
            to[x] = np.uint16(np.uint32(a + b + c + d) >> np.uint32(2))
        a = ((np.uint32(line[width - 1]) << left) + add) >> drop
        c = ((np.uint32(below[width - 1]) << left) + add) >> drop
        to[width - 1] = np.uint16(np.uint32(a + c) >> np.uint32(1))


@kernel()
def _find_flat(
    picture: Plane, threshold: int, ring: NDArray[np.uint8], columns: NDArray[np.uint8], flat: NDArray[np.uint8]
) -> None:
    """Mark samples with more than ``threshold`` of the 7x7 around them equal to their neighbours right and below."""
    height, width = picture.shape
    ring[:] = 0
    columns[:] = 0
    reach = FILTER // 2
    for y in range(height + reach):
        entering = ring[y % FILTER]
        inner = columns[reach : reach + width]
        if y < height:
            line, below = picture[y], picture[min(y + 1, height - 1)]
            for x in range(np.uint64(width - 1)):
                equal = np.uint8((line[x] == line[x + np.uint64(1)]) & (line[x] == below[x]))
                inner[x] = np.uint8(inner[x] + equal - entering[x])
                entering[x] = equal
            last = width - 1
            equal = np.uint8(line[last] == below[last])
            inner[last] = np.uint8(inner[last] + equal - entering[last])
            entering[last] = equal
        else:
            for x in range(np.uint64(width)):
                inner[x] = np.uint8(inner[x] - entering[x])
        if y >= reach:
            _sum_across(columns, np.uint8(threshold), flat[y - reach])


@kernel()
def _sum_across(columns: NDArray[np.uint8], threshold: np.uint8, flat: NDArray[np.uint8]) -> None:
    c0, c1, c2, c3, c4, c5, c6 = (columns[0:], columns[1:], columns[2:], columns[3:], columns[4:], columns[5:], columns[6:])
    for x in range(np.uint64(flat.size)):
        flat[x] = np.uint8(np.uint8(c0[x] + c1[x] + c2[x] + c3[x] + c4[x] + c5[x] + c6[x]) > threshold)


@kernel()
def _mode(a: np.uint16, b: np.uint16, c: np.uint16) -> np.uint16:
    """The value that occurs twice, else the smallest."""
    least = min(min(a, b), c)
    return a if (a == b) | (a == c) else (b if b == c else least)


@kernel()
def _filter(picture: Plane, step: int, lines: NDArray[np.uint16], out: NDArray[np.uint16]) -> None:
    """Take every ``step``-th sample of every ``step``-th row, then the mode of three across and of three down.

    The first and the last row stay as they are.
    """
    height, width = out.shape
    stride = np.uint64(step)
    for y in range(height):
        source, taken, across = picture[y * step], out[y], lines[y % 3]
        if step == 1:
            for x in range(np.uint64(width)):
                taken[x] = source[x]
        else:
            for x in range(np.uint64(width)):
                taken[x] = source[stride * x]
        across[0], across[width - 1] = taken[0], taken[width - 1]
        if width > 2:
            left, middle, right, inner = taken[: width - 2], taken[1 : width - 1], taken[2:], across[1 : width - 1]
            for x in range(np.uint64(width - 2)):
                inner[x] = _mode(left[x], middle[x], right[x])
        if y >= 2:
            above, level, below, row = lines[(y - 2) % 3], lines[(y - 1) % 3], across, out[y - 1]
            for x in range(np.uint64(width)):
                row[x] = _mode(above[x], level[x], below[x])


@kernel()
def _find_runs(
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
    n = 0
    for y in range(height):
        rows[y] = n
        source, mask = picture[y], flat[y * step]
        for x in range(np.uint64(width)):
            value = np.int32(source[x]) - np.int32(lowest)
            kept = (mask[stride * x] != 0) & (value >= 0) & (value < values)
            line[x] = np.int16(value) if kept else NONE
        before = np.int16(-2)
        for x in range(width):
            if line[x] != before:
                before = line[x]
                starts[n], bins[n] = np.uint16(x), before
                n += 1
        starts[n], bins[n] = np.uint16(width), NONE
        n += 1
    rows[height] = n


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
def _scan(
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


def _part(room: NDArray[Any], *shape: int) -> NDArray[Any]:
    """A contiguous array in the beginning of ``room``."""
    return room.reshape(-1)[: math.prod(shape)].reshape(shape)


class Detector:
    """CAMBI of pictures of one size and depth: tables are made once, and room is used again. For one thread at a time.

    Args:
        width: Of the pictures, at most 65535 samples.
        height: Of the pictures.
        bit_depth: 8 to 16.
        settings: libvmaf's options. libvmaf refuses pictures whose encoded size is below 216 both ways.
    """

    def __init__(self, width: int, height: int, bit_depth: int, settings: Settings = DEFAULTS) -> None:
        self._settings = settings
        self._chosen: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        frame, (width, height) = (width, height), settings.encoded_size(width, height)
        if frame != (width, height):
            self._chosen = nearest(frame[1], height), nearest(frame[0], width)
        up, down = max(10 - bit_depth, 0), max(bit_depth - 10, 0)
        self._shifts = up, (1 << down) >> 1, down
        self._is_dithered = (settings.enc_bitdepth or bit_depth) < 10
        blocks = (width >> 6) * (height >> 6)
        self._flat_above = (49 + 3 * (max(blocks - 1, 0).bit_length() - 11) - 1) >> 1
        self._is_large = width * height >= SPEEDUPS.get(settings.cambi_high_res_speedup, math.inf)
        window = (settings.window_size * (width + height) // 375) >> 4
        self._pad = (((window + 1) >> 1 if self._is_large else window) | 1) >> 1
        reach = 2 * self._pad

        self._lowest, self._smallest_steps = _allowed(settings)
        self._weights = np.concatenate([[0], WEIGHTS[: 1 << settings.max_log_contrast]]).astype(np.float32)
        offsets, lengths = np.arange(LONGEST + reach + LANES), np.arange(1, LONGEST + 1)[:, None]
        shapes = np.minimum(offsets, lengths - 1) - np.maximum(offsets - reach, 0) + 1
        self._entering = np.maximum(shapes, 0).astype(np.int16)
        self._leaving = -self._entering

        self._picture = np.empty((height, width), np.uint16)
        self._flat = np.empty((height, width), np.uint8)
        self._ring, self._columns = np.empty((FILTER, width), np.uint8), np.empty(width + FILTER - 1, np.uint8)
        if self._is_large:
            width, height = -(-width // 2), -(-height // 2)
        self._scaled = [np.empty(height * width, np.uint16) for _ in range(2)]
        self._lines, self._line = np.empty(3 * width, np.uint16), np.empty(width, np.int16)
        self._starts, self._bins = np.empty(height * (width + 1), np.uint16), np.empty(height * (width + 1), np.int16)
        self._rows = np.empty(height + 1, np.int64)
        self._counts = np.empty(self._smallest_steps.size * (width + reach + LANES), np.int16)
        self._contrasts = np.empty(height * width + LANES, np.float32)

    def measure(self, luma: Plane) -> float:
        """CAMBI of one picture: 0 where no false contours are seen, annoying from about 5 on, at most ``cambi_max_val``."""
        picture = self._ten_bit(luma)
        _find_flat(picture, self._flat_above, self._ring, self._columns, self._flat)
        total, step = 0.0, 1
        for scale in range(SCALES):
            stride = 2 if scale or self._is_large else 1
            step *= stride
            height, width = (-(-size // stride) for size in picture.shape)
            filtered: NDArray[np.uint16] = _part(self._scaled[scale % 2], height, width)
            _filter(picture, stride, _part(self._lines, 3, width), filtered)
            wanted = min(max(int(self._settings.topk * filtered.size), 1), filtered.size)
            total += (16 >> scale) * sum_of_largest(self._contrasts_of(filtered, step), wanted) / wanted
            picture = filtered
        return min(total / (2 * self._pad + 1) ** 2, self._settings.cambi_max_val)

    def _ten_bit(self, luma: Plane) -> Plane:
        if self._chosen is not None:
            luma = luma[self._chosen[0][:, None], self._chosen[1]]
        if self._is_dithered:
            _without_dither(luma, *self._shifts, self._picture)
        elif any(self._shifts):
            _ten_bits(luma, *self._shifts, self._picture)
        else:
            return luma
        return self._picture

    def _contrasts_of(self, picture: NDArray[np.uint16], step: int) -> NDArray[np.float32]:
        height, width = picture.shape
        rows, values = self._rows[: height + 1], self._smallest_steps.size
        _find_runs(picture, self._flat, step, self._lowest, values, self._line[:width], self._starts, self._bins, rows)
        counts = _part(self._counts, values, width + 2 * self._pad + LANES)
        found = _scan(
            counts,
            self._starts,
            self._bins,
            rows,
            self._pad,
            self._entering,
            self._leaving,
            self._weights,
            self._smallest_steps,
            self._contrasts,
        )
        return self._contrasts[:found]


def _allowed(settings: Settings) -> tuple[int, NDArray[np.int64]]:
    """The lowest value that matters, and of it and those above the smallest contrast that is seen, in steps."""
    brightest, darkest = visible(settings)
    steps = brightest.size
    lowest = max(darkest - 2 * steps + 1, 0) - steps
    samples = np.arange(lowest, int(brightest.max()) + steps + 1)
    smallest = np.full(samples.size, steps + 1)
    for step in range(steps, 0, -1):
        smallest[(samples >= 0) & (samples <= brightest[step - 1]) & (samples + steps + step > darkest)] = step
    return lowest, smallest


def cambi(luma: Plane, bit_depth: int, settings: Settings = DEFAULTS) -> float:
    """CAMBI of one plane; see ``Detector``, which is faster over many."""
    return Detector(luma.shape[1], luma.shape[0], bit_depth, settings).measure(luma)
