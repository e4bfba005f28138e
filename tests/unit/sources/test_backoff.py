from __future__ import annotations

import random

import pytest

from monitor.sources.backoff import Backoff


def failures(backoff: Backoff, count: int, every: float = 1000.0) -> list[float]:
    return [backoff.failed(n * every) for n in range(count)]


def test_the_ceiling_doubles_up_to_the_maximum():
    ceilings = [max(failures(Backoff(random.Random(seed)), 9)[attempt] for seed in range(400)) for attempt in range(9)]
    for ceiling, limit in zip(ceilings, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert 0.95 * limit < ceiling <= limit


def test_jitter_is_full():
    delays = [Backoff(random.Random(seed)).failed(0) for seed in range(2000)]
    assert min(delays) < 0.01
    assert sum(delays) / len(delays) == pytest.approx(0.5, abs=0.03)


def test_the_seed_decides():
    assert failures(Backoff(random.Random("a/main")), 5) == failures(Backoff(random.Random("a/main")), 5)
    assert failures(Backoff(random.Random("a/main")), 5) != failures(Backoff(random.Random("b/main")), 5)


def test_connecting_is_not_success():
    backoff = Backoff(random.Random(1))
    for n in range(6):
        backoff.failed(100 * n)
        backoff.delivered(100 * n + 50)
        backoff.delivered(100 * n + 59.9)  # 9.9 s of pictures
    assert backoff.failures == 6


def test_ten_seconds_of_pictures_are():
    backoff = Backoff(random.Random(1))
    failures(backoff, 6)
    backoff.delivered(7000)
    backoff.delivered(7010)
    assert backoff.failures == 0
    assert backoff.failed(7011) <= 1


def test_a_break_in_delivery_starts_the_count_over():
    backoff = Backoff(random.Random(1))
    backoff.failed(0)
    backoff.delivered(1)
    backoff.failed(9)
    backoff.delivered(10)
    backoff.delivered(12)
    assert backoff.failures == 2


def test_many_failures_in_a_minute_open_the_circuit():
    delays = failures(Backoff(random.Random(1), minimum_seconds=0.001), 9, every=1)
    assert all(delay < 1 for delay in delays[:7])
    assert all(54 <= delay <= 60 for delay in delays[7:])


def test_failures_spread_over_time_do_not():
    delays = failures(Backoff(random.Random(1), minimum_seconds=0.001), 9, every=10)
    assert all(delay < 1 for delay in delays)


def test_a_thousand_failures_do_not_overflow():
    assert 0 <= failures(Backoff(random.Random(1)), 1000)[-1] <= 60
