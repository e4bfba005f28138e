"""Alerts as log lines."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from monitor.notifiers import LogNotifier
from monitor.types import Severity
from tests.unit.notifiers.samples import FIRING, resolved


def test_levels_follow_severity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    LogNotifier().notify(
        [FIRING, replace(FIRING, severity=Severity.WARNING), replace(FIRING, severity=Severity.INFO), resolved()]
    )
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "INFO", "INFO"]
    assert caplog.messages[0] == "firing BlackPicture [critical] news/720p: black picture for 6 s"
    assert caplog.messages[3].startswith("resolved BlackPicture")
