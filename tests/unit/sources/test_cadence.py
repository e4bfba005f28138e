"""Constant and variable frame rates, with all that makes one look like the other."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from monitor.sources.cadence import cadence


def even(count: int, rate: Fraction | int, clock: int = 90_000) -> list[Fraction]:
    """``count`` frames at ``rate``, on a clock of so many ticks a second."""
    return [Fraction(round(clock * index / Fraction(rate)), clock) for index in range(count)]


@pytest.mark.parametrize(
    ("rate", "clock"),
    [
        *(
            (rate, clock)
            for rate in (Fraction(24_000, 1001), 25, Fraction(60_000, 1001), 120)
            for clock in (1000, 12_800, 90_000)
        ),
        *((rate, 600) for rate in (24, 25, 30)),
    ],
)
def test_clocks_round(rate: Fraction | int, clock: int) -> None:
    found = cadence(even(300, rate, clock))
    assert found is not None
    assert (found.variable, found.uneven, found.gaps) == (False, 0, 0)
    assert float(1 / found.typical) == pytest.approx(float(rate), rel=0.07)
    assert float(1 / found.mean) == pytest.approx(float(rate), rel=3e-4)


def test_the_rate_is_said() -> None:
    assert str(cadence(even(100, 25))) == "constant frame rate, 25 frames/s"
    assert str(cadence(even(100, Fraction(30_000, 1001)))) == "constant frame rate, 29.97 frames/s"
    assert str(cadence(even(1001, Fraction(60), 1000))) == "constant frame rate, 59.999 frames/s"  # 16, 17 and 17 ms


def test_lost_frames_are_gaps() -> None:
    times = even(300, 25)
    del times[200], times[100:102]
    found = cadence(times)
    assert found is not None
    assert (found.variable, found.uneven, found.gaps, found.intervals) == (False, 0, 2, 296)
    assert (found.shortest, found.longest) == (Fraction(1, 25), Fraction(3, 25))


def test_one_odd_interval_is_no_variable_rate() -> None:
    times = even(10, 25)
    times[5:] = [time + Fraction(1, 60) for time in times[5:]]
    found = cadence(times)
    assert found is not None
    assert (found.variable, found.uneven) == (False, 1)
    assert str(found).startswith("constant frame rate, mostly 25 frames/s: frames last 40 to 56.7 ms, 1 of 9 intervals")


def test_a_capture_that_leaves_out_still_frames_is_variable() -> None:
    kept = np.random.default_rng(1).random(600) < 0.6
    found = cadence([time for time, keep in zip(even(600, 60), kept, strict=True) if keep])
    assert found is not None
    assert found.variable
    assert found.uneven == 0
    assert found.gaps > 100


def test_a_clock_that_wanders_is_variable() -> None:
    random = np.random.default_rng(2)
    times = [time + Fraction(int(random.integers(-360, 361)), 90_000) for time in even(200, 30)]  # as telephones record
    found = cadence(times)
    assert found is not None
    assert found.variable
    assert "variable frame rate, mostly" in str(found)


def test_pulldown_is_variable() -> None:
    frames = [Fraction(index * 5 + index % 2, 120) for index in range(100)]  # 3:2, each frame as long as its fields
    found = cadence(frames)
    assert found is not None
    assert found.variable


def test_order_does_not_matter_and_two_frames_tell_nothing() -> None:
    times = even(50, 25)
    assert cadence(times[::-1]) == cadence(times)
    assert cadence(times[:2]) is None
    assert cadence([]) is None


def test_frames_at_one_time_are_no_division_by_zero() -> None:
    found = cadence([Fraction(0)] * 5 + [Fraction(1)])
    assert found is not None
    assert (found.typical, found.uneven, found.longest) == (0, 1, 1)
    assert "0 frames/s" in str(found)
