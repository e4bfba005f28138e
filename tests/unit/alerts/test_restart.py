"""Snapshots: nothing is told twice, nothing is forgotten, and a restarted monitor gives its sources time."""

from __future__ import annotations

import json

import pytest

from monitor.alerts import AlertEngine, Instant, default_rules, load_rules
from monitor.errors import ConfigError
from monitor.types import EventKind
from tests.unit.alerts.simulation import EPOCH, Play, instant, lines

BLACK = {"black_ratio": 1.0}
FINE = {"black_ratio": 0.0, "psnr_y": 38.0}


def restarted(stream: Play, text: str | None = None, clock: float = 5.0) -> Play:
    """The same stream on a new engine, in a process whose monotonic clock is elsewhere."""
    document = json.loads(json.dumps(stream.engine.snapshot()))
    engine = AlertEngine(default_rules() if text is None else load_rules(text))
    told = engine.restore(document, Instant(clock, stream.now.utc))

    class Moved(Play):
        @property
        def now(self) -> Instant:
            return Instant(clock + self.position - stream.position, instant(self.position).utc)

    return Moved(engine, position=stream.position, told=told)


def started(live: bool = False) -> Play:
    stream = Play(AlertEngine(default_rules()))
    stream.engine.expect("news", "720p", instant(0), live=live)
    stream.event(EventKind.UP)
    stream.segments(*[FINE] * 5)
    return stream


def test_what_fires_goes_on_without_a_second_notification_and_resolves() -> None:
    stream = started()
    stream.segments(*[BLACK] * 4)
    again = restarted(stream)
    assert again.told == []
    assert again.engine.firing() == stream.engine.firing()
    assert again.segments(BLACK, BLACK) == []
    told = again.segments(FINE)
    assert lines(told) == ["resolved BlackPicture 720p black_ratio"]
    assert told[0].starts_at == instant(10).utc


def test_what_is_pending_goes_on_counting() -> None:
    stream = started()
    stream.segments(BLACK, BLACK)
    assert lines(restarted(stream).segments(BLACK)) == ["firing BlackPicture 720p black_ratio"]


def test_segments_scored_before_the_restart_are_known() -> None:
    stream = started()
    stream.segments(BLACK)
    again = restarted(stream)
    again.position -= 2
    assert again.segments(BLACK) == []
    assert again.segments(BLACK) == []
    assert again.segments(BLACK) != []


def test_until_inputs_are_expected_again_silence_means_nothing() -> None:
    stream = started(live=True)
    stream.event(EventKind.DOWN)
    stream.wait(14)
    again = restarted(stream)
    assert again.wait(600) == []


def test_absence_that_fires_outlives_a_slow_start() -> None:
    stream = started(live=True)
    stream.event(EventKind.DOWN)
    stream.wait(15)
    again = restarted(stream)
    assert again.wait(600) == []
    assert lines(again.engine.firing()) == ["firing StreamDown 720p"]


def test_expect_after_a_restart_gives_sources_time() -> None:
    stream = started(live=True)
    stream.event(EventKind.DOWN)
    stream.wait(14)
    again = restarted(stream)
    again.engine.expect("news", "720p", again.now, live=True)
    assert again.wait(14) == []
    assert lines(again.wait(1)) == ["firing StreamDown 720p"]


def test_expect_after_a_restart_leaves_absence_that_fires_to_a_sign_of_life() -> None:
    stream = started(live=True)
    stream.event(EventKind.DOWN)
    stream.wait(15)
    again = restarted(stream)
    again.engine.expect("news", "720p", again.now, live=True)
    assert again.wait(100) == []
    assert lines(again.event(EventKind.UP)) == ["resolved StreamDown 720p"]


def test_stalled_pictures_stay_stalled_over_a_restart() -> None:
    stream = started(live=True)
    stream.wait(20)
    again = restarted(stream)
    again.engine.expect("news", "720p", again.now, live=True)
    again.event(EventKind.UP)
    assert again.wait(100) == []
    assert lines(again.segments(FINE)) == ["resolved StalledFrames 720p"]


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{name: BlackPicture, enabled: false}]",
        "rules: [{name: BlackPicture, severity: warning}]",
        "rules: [{name: BlackPicture, renditions: [1080p]}]",
        "{defaults: false}",
    ],
)
def test_alerts_of_rules_that_are_gone_resolve(text: str) -> None:
    stream = started()
    fired = stream.segments(*[BLACK] * 4)
    again = restarted(stream, text)
    assert lines(again.told) == ["resolved BlackPicture 720p black_ratio"]
    assert again.told[0].fingerprint == fired[0].fingerprint
    assert again.told[0].ends_at == stream.now.utc


def test_inputs_that_are_no_longer_watched_are_listed() -> None:
    stream = started()
    stream.segments(*[BLACK] * 4)
    again = restarted(stream)
    assert again.engine.scopes == (("news", "720p"),)
    assert lines(again.engine.forget("news", "720p")) == ["resolved BlackPicture 720p black_ratio"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "version None"),
        ({"version": 99}, "version 99"),
        ({"version": 1, "monotonic": 0, "tracks": [{"stream": 3}]}, "tracks.0"),
        ({"version": 1, "monotonic": "soon"}, "monotonic"),
    ],
)
def test_a_document_that_is_none_of_ours_is_refused(document: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AlertEngine(default_rules()).restore(document, Instant(0, EPOCH))


def test_a_fresh_engine_has_an_empty_snapshot() -> None:
    document = json.loads(json.dumps(AlertEngine(default_rules()).snapshot()))
    assert AlertEngine(default_rules()).restore(document, Instant(0, EPOCH)) == []
