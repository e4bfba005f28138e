"""Pools by the names that people use."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest

from monitor.aggregation import pool_segment
from monitor.errors import UnknownName
from monitor.types import POOLS, Score, Segment, SegmentResult
from pipelines.pooling import Pooled, heading, parse_pool, parse_pools


def pooled(*values: float, feature: str = "vmaf") -> Pooled:
    frames = tuple(Score(feature, value, index, Fraction(index, 25)) for index, value in enumerate(values))
    facts = Segment("a", "main", 0, datetime(2026, 11, 21, tzinfo=UTC), Fraction(len(values), 25))
    return Pooled(SegmentResult(facts, pool_segment(facts, frames, {feature: f"{feature}/1"}), frames))


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        *((name, name) for name in POOLS),
        ("harmonic", "harmonic_mean"),
        ("median", "p50"),
        ("Mean", "mean"),
        ("average", "mean"),
        ("perc5", "p5"),
        ("percentile10", "p10"),
        ("p10", "p10"),
        ("p05", "p5"),
        ("p0.1", "p0.1"),
        ("p100", "p100"),
    ],
)
def test_a_pool_has_the_names_that_other_tools_give_it(name: str, pool: str) -> None:
    assert parse_pool(name) == pool


@pytest.mark.parametrize(("name", "near"), [("meen", "mean"), ("harmonic-mean", "harmonic_mean"), ("maximum", "max")])
def test_an_unknown_pool_is_refused_with_what_is_near(name: str, near: str) -> None:
    with pytest.raises(UnknownName, match=near):
        parse_pool(name)


@pytest.mark.parametrize("name", ["p101", "p-1", "perc", "p", "p5x", ""])
def test_what_is_no_percentile_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="no pool"):
        parse_pool(name)


def test_pools_may_be_named_one_by_one_or_with_commas() -> None:
    assert parse_pools(["mean,p5", "min", "perc5, median"]) == ("mean", "p5", "min", "p50")
    assert parse_pools([]) == ()


def test_tables_use_plain_names() -> None:
    assert [heading(pool) for pool in ("harmonic_mean", "p50", "p10")] == ["harmonic", "median", "p10"]


def test_any_percentile_comes_from_the_frames() -> None:
    values = np.random.default_rng(5).normal(70, 9, 101)
    found = pooled(*values)
    for share in (0.1, 10, 33, 99.5):
        assert found.value("vmaf", f"p{share:g}") == pytest.approx(np.percentile(values, share))
    assert found.value("vmaf", "p5") == pytest.approx(np.percentile(values, 5))
    assert found.value("vmaf", "mean") == pytest.approx(values.mean())


def test_a_feature_without_values_has_no_pool() -> None:
    assert pooled(1.0).value("psnr_y", "mean") is None
    assert pooled(1.0).worst("psnr_y", higher_is_better=True) is None


def test_between_infinities_there_is_no_percentile() -> None:
    value = pooled(40.0, math.inf, math.inf).value("vmaf", "p90")
    assert value is not None
    assert not math.isfinite(value)


def test_the_worst_frame_depends_on_the_direction() -> None:
    found = pooled(3.0, 1.0, 2.0, 1.0, 5.0)
    lowest, highest = found.worst("vmaf", higher_is_better=True), found.worst("vmaf", higher_is_better=False)
    assert lowest is not None
    assert highest is not None
    assert (lowest.index, highest.index) == (1, 4)
    assert found.worst("vmaf", higher_is_better=None) is None
