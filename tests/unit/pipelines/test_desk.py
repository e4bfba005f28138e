from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from monitor.errors import SinkError
from monitor.types import Alert
from pipelines.desk import AlertDesk
from tests.unit.notifiers.samples import FIRING, resolved

BARE = replace(FIRING, evidence=())


def handled(desk: AlertDesk, *alerts: Alert) -> None:
    desk.start()
    desk.hand(alerts)
    desk.close()


def test_evidence_is_collected_before_anyone_is_told_and_stays_with_the_incident() -> None:
    told: list[Alert] = []
    desk = AlertDesk(lambda alert: (f"{alert.name}/frame.jpg",), [told.append])
    handled(desk, BARE, resolved(BARE))
    assert told == [
        replace(BARE, evidence=("BlackPicture/frame.jpg",)),
        replace(resolved(BARE), evidence=("BlackPicture/frame.jpg",)),
    ]


def test_an_alert_that_is_not_about_pictures_has_no_evidence() -> None:
    asked: list[Alert] = []
    told: list[Alert] = []

    def collect(alert: Alert) -> tuple[str, ...]:
        asked.append(alert)
        return ()

    down = replace(BARE, name="StreamDown", feature="")
    handled(AlertDesk(collect, [told.append]), down, resolved(down))
    assert asked == []
    assert told == [down, resolved(down)]


@pytest.mark.parametrize("error", [SinkError("the disk is full"), ZeroDivisionError("a bug")])
def test_an_alert_without_evidence_is_told_all_the_same(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Alert] = []

    def collect(_: Alert) -> tuple[str, ...]:
        raise error

    handled(AlertDesk(collect, [told.append]), BARE)
    assert told == [BARE]
    assert str(error) in caplog.text


def test_one_who_can_not_be_told_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Alert] = []

    def refuse(_: Alert) -> None:
        raise RuntimeError("a bug")

    handled(AlertDesk(lambda _: (), [refuse, told.append]), BARE, resolved(BARE))
    assert [alert.state for alert in told] == ["firing", "resolved"]
    assert "could not be told" in caplog.text


def test_handing_over_never_waits() -> None:
    release = threading.Event()
    told: list[Alert] = []

    def collect(_: Alert) -> tuple[str, ...]:
        release.wait(10)
        return ()

    desk = AlertDesk(collect, [told.append])
    desk.start()
    desk.hand([BARE] * 100)
    assert told == []
    release.set()
    desk.close()
    assert told == [BARE] * 100
