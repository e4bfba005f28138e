"""Alertmanager's API: what is sent, and what is sent again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor.errors import NotifyUnavailable
from monitor.notifiers import AlertmanagerNotifier
from tests.unit.notifiers.samples import FIRING, NOON, Receiver, resolved


class Clock:
    def __init__(self) -> None:
        self.now = NOON + timedelta(seconds=20)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


def made(receiver: Receiver, clock: Clock, **options: Any) -> AlertmanagerNotifier:
    return AlertmanagerNotifier("http://am.example:9093/prefix/", transport=receiver.transport, clock=clock, **options)


def entries(receiver: Receiver, number: int = -1) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = json.loads(receiver.requests[number].content)
    return sent


def test_alerts_go_to_the_second_api_with_their_identity_as_labels() -> None:
    receiver, clock = Receiver(), Clock()
    made(receiver, clock, labels={"site": "oslo", "stream": "ours"}, external_url="http://vqmon.example").notify([FIRING])
    assert str(receiver.requests[0].url) == "http://am.example:9093/prefix/api/v2/alerts"
    [entry] = entries(receiver)
    assert entry["labels"] == {**FIRING.labels, "site": "oslo"}
    assert entry["annotations"]["evidence"] == "a.png b.mp4"
    assert entry["startsAt"] == "2026-11-21T12:00:00.000Z"
    assert entry["endsAt"] == "2026-11-21T12:04:20.000Z"
    assert entry["generatorURL"] == "http://vqmon.example"


def test_only_the_newest_state_of_an_alert_is_sent() -> None:
    receiver = Receiver()
    made(receiver, Clock()).notify([FIRING, resolved()])
    assert [entry["endsAt"] for entry in entries(receiver)] == ["2026-11-21T12:00:08.000Z"]


def test_a_stream_whose_clock_is_ahead_ends_now_and_starts_no_later() -> None:
    receiver, clock = Receiver(), Clock()
    ahead = replace(FIRING, starts_at=NOON + timedelta(hours=1))
    made(receiver, clock).notify([resolved(ahead)])
    [entry] = entries(receiver)
    assert (entry["startsAt"], entry["endsAt"]) == ("2026-11-21T12:00:20.000Z",) * 2


def test_what_fires_is_repeated_every_minute_with_its_evidence() -> None:
    receiver, clock = Receiver(), Clock()
    notifier = made(receiver, clock)
    notifier.notify([FIRING])
    bare = replace(FIRING, evidence=())
    for _ in range(40):
        notifier.refresh([bare], clock.later(seconds=5))
    assert len(receiver.requests) == 1 + 4
    [entry] = entries(receiver)
    assert entry["annotations"]["evidence"] == "a.png b.mp4"
    assert entry["endsAt"] == "2026-11-21T12:07:25.000Z"


def test_what_resolved_is_repeated_for_five_minutes() -> None:
    receiver, clock = Receiver(), Clock()
    notifier = made(receiver, clock)
    notifier.notify([FIRING])
    notifier.notify([resolved()])
    for _ in range(15):
        notifier.refresh([], clock.later(minutes=1))
    assert len(receiver.requests) == 2 + 5
    assert [entry["endsAt"] for entry in entries(receiver)] == ["2026-11-21T12:00:08.000Z"]


def test_what_fires_again_is_no_longer_resolved() -> None:
    receiver, clock = Receiver(), Clock()
    notifier = made(receiver, clock)
    notifier.notify([resolved()])
    notifier.refresh([FIRING], clock.later(minutes=1))
    notifier.refresh([], clock.later(minutes=1))
    assert len(receiver.requests) == 2
    assert len(entries(receiver)) == 1


def test_a_refresh_that_failed_is_tried_at_the_next_call() -> None:
    receiver, clock = Receiver(503), Clock()
    notifier = made(receiver, clock)
    with pytest.raises(NotifyUnavailable):
        notifier.refresh([FIRING], clock.later(seconds=5))
    notifier.refresh([FIRING], clock.later(seconds=5))
    assert len(receiver.requests) == 2
    notifier.close()
