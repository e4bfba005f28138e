from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.aggregation import pool_segment, pools
from monitor.types import POOLS, Score, Segment

SEGMENT = Segment("s", "r", 1, datetime(2026, 1, 1, tzinfo=UTC), Fraction(2), frames_expected=50, frames_decoded=50)


def test_pools_are_libvmafs():
    got = pools([1.0, 3.0])
    assert got["mean"] == 2.0
    assert got["harmonic_mean"] == pytest.approx(1 / ((1 / 2 + 1 / 4) / 2) - 1)
    assert (got["min"], got["max"], got["p50"], got["stdev"]) == (1.0, 3.0, 2.0, 1.0)
    assert set(got) == set(POOLS)


def test_harmonic_mean_is_undefined_at_minus_one():
    assert math.isnan(pools([-1.0, 1.0])["harmonic_mean"])


def test_pooling_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        pools([])


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_pools_are_ordered_whatever_the_values(values):
    got = pools(values)
    tolerance = 1e-9 * max(1.0, got["max"])
    order = [got[name] for name in ("min", "p1", "p5", "p50", "p95", "max")]
    assert all(a <= b + tolerance for a, b in itertools.pairwise(order))
    assert got["min"] - tolerance <= got["harmonic_mean"] <= got["mean"] + tolerance <= got["max"] + 2 * tolerance


@given(st.floats(0, 1e6), st.integers(1, 30))
def test_a_constant_pools_to_itself(value, count):
    got = pools([value] * count)
    for name in POOLS:
        assert got[name] == pytest.approx(0.0 if name == "stdev" else value, rel=1e-9, abs=1e-6)


def test_coverage_is_the_share_of_the_segments_frames():
    scores = [Score("a", float(value), value, Fraction(value, 25)) for value in range(5)] + [Score("b", 1.0, 0, Fraction(0))]
    first, second = pool_segment(SEGMENT, scores, {"a": "a/1", "b": "b/2"})
    assert (first.feature, first.model, first.frames, first.coverage) == ("a", "a/1", 5, 0.1)
    assert (second.frames, second.coverage, second.model) == (1, 0.02, "b/2")


def test_a_feature_without_values_is_absent():
    assert pool_segment(SEGMENT, [], {"a": "a/1"}) == ()


def test_infinite_values_are_pooled_as_far_as_that_has_a_meaning():
    pooled = pools([30.0, 40.0] + [math.inf] * 8)
    assert (pooled["min"], pooled["p50"], pooled["p95"], pooled["max"], pooled["mean"]) == (30.0, *[math.inf] * 4)
    assert pooled["harmonic_mean"] == pytest.approx(10 / (1 / 31 + 1 / 41) - 1)
    assert math.isnan(pooled["stdev"])
    assert pools([math.inf] * 3)["harmonic_mean"] == math.inf


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_percentiles_are_numpys(values):
    pooled = pools(values)
    expected = np.percentile(values, (1, 5, 50, 95))
    assert [pooled[name] for name in ("p1", "p5", "p50", "p95")] == pytest.approx(expected.tolist(), rel=1e-9, abs=1e-6)
