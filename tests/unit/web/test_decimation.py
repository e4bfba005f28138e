from __future__ import annotations

import numpy as np
import pytest

from monitor.web.decimation import chart_points, decimate, gaps


def test_short_series_stay_whole() -> None:
    times = np.arange(100, dtype=np.int64) * 2000
    assert decimate(times, np.zeros(100), 100).tolist() == list(range(100))


def test_every_extreme_survives() -> None:
    random = np.random.default_rng(5)
    times = np.arange(40_000, dtype=np.int64) * 2000
    values = random.normal(40, 1, 40_000)
    values[12_345], values[31_000] = 3.5, 99.0
    kept = decimate(times, values, 1500)
    assert len(kept) <= 1500
    assert {0, 12_345, 31_000, 39_999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()
    for part in np.array_split(np.arange(40_000), 100):
        inside = kept[(kept >= part[0]) & (kept <= part[-1])]
        assert values[inside].max() >= values[part].max() - 1.5
        assert values[inside].min() <= values[part].min() + 1.5


def test_extremes_of_each_slice_are_exact() -> None:
    times = np.arange(1000, dtype=np.int64)
    values = np.sin(times / 7.0)
    kept = values[decimate(times, values, 202)]
    assert kept.max() == values.max()
    assert kept.min() == values.min()


def test_points_without_value_are_kept_where_a_slice_has_no_other() -> None:
    times = np.arange(1000, dtype=np.int64)
    values = np.where((times >= 400) & (times < 600), np.nan, 1.0)
    kept = decimate(times, values, 40)
    assert np.isnan(values[kept]).any()
    assert np.isfinite(values[kept]).any()


@pytest.mark.parametrize("limit", [3, 0, -1])
def test_too_few_points_are_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 4"):
        decimate(np.arange(10, dtype=np.int64), np.zeros(10), limit)


def test_gaps_are_missing_media_not_jitter() -> None:
    times = np.array([0, 4000, 8010, 11990, 20_000], dtype=np.int64)
    durations = np.full(5, 4000, dtype=np.int64)
    assert gaps(times, durations).tolist() == [False, False, False, False, True]


def test_a_hole_is_drawn_where_media_is_missing() -> None:
    rows = chart_points([0, 4000, 16_000], [4000, 4000, 4000], [1.0, 2.0, 3.0], 100)
    assert rows == [(0, 4000, 1.0, 0), (4000, 4000, 2.0, 1), (8000, 0, None, -1), (16_000, 4000, 3.0, 2)]


def test_holes_survive_thinning() -> None:
    times = [2000 * index for index in range(5000) if index not in (1777, 1778, 4000)]
    rows = chart_points(times, [2000] * len(times), [1.0] * len(times), 300)
    assert [row[0] for row in rows if row[3] == -1] == [1777 * 2000, 4000 * 2000]


def test_missing_values_stay_missing_and_numbers_are_short() -> None:
    rows = chart_points([0, 2000], [2000, 2000], [None, 38.123456789], 100)
    assert [row[2] for row in rows] == [None, 38.1235]


def test_nothing_gives_nothing() -> None:
    assert chart_points([], [], [], 100) == []
