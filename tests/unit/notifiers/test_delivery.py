"""Delivery: order, retries, what is kept and what is dropped, and that nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from monitor.errors import NotifyError, NotifyUnavailable
from monitor.notifiers import Delivery
from monitor.types import Alert
from tests.unit.notifiers.samples import FIRING, NOON, Recorder, resolved


def alerts(count: int) -> list[Alert]:
    return [replace(FIRING, rendition=f"{number}p") for number in range(count)]


def failing(times: int, error: Exception) -> Callable[[], None]:
    """Raises ``times`` times."""
    left = [times]

    def before() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return before


@contextmanager
def delivery(notifier: Recorder, **options: float) -> Iterator[Delivery]:
    one = Delivery(notifier, backoff_seconds=0.001, **options)  # type: ignore[arg-type]
    yield one
    one.close()
    assert notifier.closed


def test_transitions_arrive_in_order() -> None:
    recorder = Recorder()
    with delivery(recorder) as one:
        for alert in alerts(50):
            one.put([alert, resolved(alert)])
        assert one.flush(10)
        assert recorder.told == [each for alert in alerts(50) for each in (alert, resolved(alert))]
        assert (one.name, one.sent, one.failures, one.dropped, one.queued, one.failing) == ("recorder", 100, 0, 0, 0, False)


def test_a_receiver_that_is_away_for_a_moment_gets_everything() -> None:
    recorder = Recorder(failing(4, NotifyUnavailable("away")))
    with delivery(recorder) as one:
        one.put([FIRING, resolved()])
        assert one.flush(10)
        assert recorder.told == [FIRING, resolved()]
        assert (one.sent, one.failures, one.failing) == (2, 4, False)


def test_the_receiver_may_ask_for_a_pause() -> None:
    recorder = Recorder(failing(1, NotifyUnavailable("wait", retry_after_seconds=0.05)))
    with delivery(recorder) as one:
        one.put([FIRING])
        assert one.flush(10)
        assert recorder.told == [FIRING]


def test_after_five_attempts_the_newest_states_wait_for_the_next_alert() -> None:
    recorder = Recorder(failing(5, NotifyUnavailable("away")))
    with delivery(recorder) as one:
        one.put([FIRING, resolved(), *alerts(1)])
        assert not one.flush(0.3)
        assert (one.failing, one.failures, one.queued) == (True, 5, 2)
        one.put(alerts(2)[1:])
        assert one.flush(10)
        assert recorder.told == [resolved(), *alerts(2)]
        assert (one.failing, one.sent) == (False, 3)


def test_after_a_pause_it_is_tried_again() -> None:
    recorder = Recorder(failing(5, NotifyUnavailable("away")))
    with delivery(recorder, retry_seconds=0.01) as one:
        one.put([FIRING])
        assert one.flush(10)
        assert recorder.told == [FIRING]


@pytest.mark.parametrize("error", [NotifyError("no"), ValueError("a bug")])
def test_what_is_refused_is_dropped_and_the_next_goes_on(error: Exception) -> None:
    recorder = Recorder(failing(1, error))
    with delivery(recorder) as one:
        one.put([FIRING])
        assert one.flush(10)
        assert (one.failing, one.dropped, one.failures) == (True, 1, 1)
        one.put([resolved()])
        assert one.flush(10)
        assert recorder.told == [resolved()]
        assert not one.failing


def test_nobody_waits_for_a_receiver_that_hangs() -> None:
    started, release = threading.Event(), threading.Event()

    def hang() -> None:
        started.set()
        assert release.wait(10)

    recorder = Recorder(hang)
    with delivery(recorder, capacity=10) as one:
        one.put([FIRING])
        assert started.wait(10)
        for alert in alerts(8):
            one.put([alert])
        one.put([resolved(alert) for alert in alerts(8)])
        assert (one.queued, one.dropped) == (1 + 8, 0), "more than fit, and so only the newest states are left"
        one.put([replace(FIRING, stream=f"{number}") for number in range(5)])
        assert (one.queued, one.dropped) == (1 + 10, 3)
        release.set()
        assert one.flush(10)
        assert [alert.state for alert in recorder.told] == ["firing"] + ["resolved"] * 5 + ["firing"] * 5


def test_refresh_is_passed_on_and_its_failure_is_told() -> None:
    recorder = Recorder()
    with delivery(recorder) as one:
        one.refresh([FIRING], NOON)
        assert one.flush(10)
        assert recorder.refreshed == [(FIRING,)]
        for error in (NotifyUnavailable("away"), ValueError("a bug")):
            recorder.before = failing(1, error)
            one.refresh([FIRING], NOON)
            assert one.flush(10)
            assert one.failing
        one.refresh([], NOON)
        assert one.flush(10)
        assert not one.failing
        assert one.failures == 2


def test_closing_delivers_what_waits() -> None:
    recorder = Recorder()
    one = Delivery(recorder)
    one.put(alerts(3))
    one.close()
    assert recorder.told == alerts(3)
    one.put(alerts(1))
    one.refresh([FIRING], NOON)
    assert (one.dropped, one.queued, recorder.refreshed) == (1, 0, [])


def test_closing_interrupts_a_pause_tries_again_and_counts_what_is_lost() -> None:
    recorder = Recorder(failing(100, NotifyUnavailable("away", retry_after_seconds=60)))
    one = Delivery(recorder, backoff_seconds=60)
    one.put(alerts(3))
    assert not one.flush(0.1)
    one.close()
    assert (one.dropped, one.queued, one.failures) == (3, 0, 3)
    assert recorder.closed


def test_closing_does_not_wait_for_ever() -> None:
    release = threading.Event()
    recorder = Recorder(lambda: assert_set(release))
    one = Delivery(recorder)
    one.put([FIRING])
    one.close(0.05)
    assert not recorder.closed
    release.set()
    one.close()
    assert recorder.closed


def assert_set(event: threading.Event) -> None:
    assert event.wait(10)


def test_one_that_was_never_used_closes_too() -> None:
    with delivery(Recorder()) as one:
        assert one.queued == 0
