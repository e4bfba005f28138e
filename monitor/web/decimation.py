"""Fewer points with the same extremes: what a chart can show of a long series."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Indices = NDArray[np.intp]


def decimate(times: Times, values: Values, limit: int) -> Indices:
    """Choose at most ``limit`` points so that no peak or dip disappears.

    Time is cut into ``limit // 2 - 1`` equal slices; of each slice the smallest and the largest value stay, and the first
    and the last point of the series always do. A slice with only NaN keeps its first point, so that the hole stays visible.

    Args:
        times: ``(n,)`` milliseconds, ascending.
        values: ``(n,)``; NaN means no value.
        limit: Points to keep, at least 4.

    Returns:
        Ascending indices into the inputs, all of them where ``n <= limit``.

    Raises:
        ValueError: the limit is below 4.
    """
    if limit < 4:
        raise ValueError(f"decimation to {limit} points; at least 4 are needed")
    count = len(times)
    if count <= limit:
        return np.arange(count, dtype=np.intp)
    edges = np.linspace(times[0], times[-1] + 1, limit // 2)
    starts = np.searchsorted(times, edges)
    keep = {0, count - 1}
    for begin, end in itertools.pairwise(starts):
        if begin == end:
            continue
        part = values[begin:end]
        if np.isnan(part).all():
            keep.add(int(begin))
        else:
            keep.update((int(begin + np.nanargmin(part)), int(begin + np.nanargmax(part))))
    return np.array(sorted(keep), dtype=np.intp)


def gaps(times: Times, durations: Times) -> NDArray[np.bool_]:
    """Whether media is missing before each point: it starts later than the one before ended.

    Half a segment of slack (at least 250 ms) covers announced durations that differ from the real ones.

    Args:
        times: ``(n,)`` starts in milliseconds, ascending.
        durations: ``(n,)`` milliseconds.

    Returns:
        ``(n,)`` booleans; the first is always false.
    """
    missing = np.zeros(len(times), dtype=np.bool_)
    if len(times) > 1:
        slack = np.maximum(durations[:-1] // 2, 250)
        missing[1:] = times[1:] - (times[:-1] + durations[:-1]) > slack
    return missing


def chart_points(
    times: Sequence[int], durations: Sequence[int], values: Sequence[float | None], limit: int
) -> list[tuple[int, int, float | None, int]]:
    """A series ready to draw: decimated, with holes where media is missing.

    Args:
        times: Segment starts in milliseconds, ascending.
        durations: Segment durations in milliseconds.
        values: One value a segment; ``None`` means no value.
        limit: Points to keep before holes are added.

    Returns:
        Rows of (start in ms, duration in ms, value rounded to six significant digits or ``None``, index of the source row,
        -1 for a hole).
    """
    clock = np.array(times, dtype=np.int64)
    length = np.array(durations, dtype=np.int64)
    level = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    kept = decimate(clock, level, limit)
    holes_before = np.cumsum(gaps(clock, length))
    points: list[tuple[int, int, float | None, int]] = []
    previous = -1
    for index in (int(each) for each in kept):
        if previous >= 0 and holes_before[index] != holes_before[previous]:
            first = int(np.searchsorted(holes_before, holes_before[previous], side="right"))
            points.append((int(clock[first - 1] + length[first - 1]), 0, None, -1))
        value = None if np.isnan(level[index]) else float(f"{level[index]:.6g}")
        points.append((int(clock[index]), int(length[index]), value, index))
        previous = index
    return points
