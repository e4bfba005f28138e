"""Events and silence on the monotonic clock: down, stale, stalled, missing, reference, and the monitor's own health."""

from __future__ import annotations

import pytest

from monitor.alerts import AlertEngine, HealthReport, default_rules, load_rules
from monitor.types import AlertState, EventKind, Severity
from tests.unit.alerts.simulation import Play, firings, instant, lines

GOOD = {"psnr_y": 38.0, "black_ratio": 0.0, "frozen": 0.0}


def watched(text: str | None = None, *, live: bool = True) -> Play:
    stream = Play(AlertEngine(default_rules() if text is None else load_rules(text)))
    stream.engine.expect("news", "720p", instant(0), live=live)
    return stream


def healthy(stream: Play, segments: int = 5) -> None:
    stream.event(EventKind.UP)
    for _ in range(segments):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        stream.segments(GOOD)
    assert stream.told == []


def black(stream: Play, segments: int = 4) -> None:
    for _ in range(segments):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        stream.segments({"black_ratio": 1.0})


def test_an_input_that_never_comes_up_is_down_after_15_seconds() -> None:
    stream = watched()
    assert stream.wait(14) == []
    assert lines(stream.wait(100)) == ["firing StreamDown 720p"]
    fired = stream.told[0]
    assert (fired.starts_at, fired.severity, fired.segment_start_ms) == (instant(0).utc, Severity.CRITICAL, None)
    assert fired.value == 15


def test_an_input_that_goes_down_is_one_alert_however_long() -> None:
    stream = watched()
    healthy(stream)
    stream.event(EventKind.DOWN, detail="connection refused")
    assert stream.wait(14) == []
    assert lines(stream.wait(600)) == ["firing StreamDown 720p"]
    assert stream.told[0].starts_at == instant(10).utc
    assert "connection refused" in stream.told[0].description
    assert lines(stream.event(EventKind.UP)) == ["resolved StreamDown 720p"]
    assert stream.told[1].ends_at == instant(624).utc
    stream.wait(2)
    stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
    assert stream.segments(GOOD) == []
    assert stream.engine.active() == []


def test_a_short_reconnect_is_no_alert() -> None:
    stream = watched()
    healthy(stream)
    for _ in range(10):
        stream.event(EventKind.DOWN)
        stream.wait(9)
        stream.event(EventKind.UP)
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        stream.segments(GOOD, GOOD)
    assert stream.told == []


def test_an_input_that_flaps_without_pictures_does_not_hide_it() -> None:
    stream = watched()
    healthy(stream)
    for _ in range(10):
        stream.event(EventKind.DOWN)
        stream.wait(8)
        stream.event(EventKind.UP)
        stream.wait(2)
    fired = list(firings(stream.told))
    assert fired == ["firing ManifestStale 720p"]


def test_a_playlist_that_stands_still_is_stale_and_nothing_else() -> None:
    stream = watched()
    healthy(stream)
    stream.position -= 2  # the last change was one segment ago
    assert lines(stream.wait(120)) == ["firing ManifestStale 720p"]
    fired = stream.told[0]
    assert (fired.value, fired.threshold) == (6, 6)
    assert lines(stream.event(EventKind.MANIFEST_CHANGED, value=2.0)) == ["resolved ManifestStale 720p"]
    assert stream.wait(4) == []


def test_silence_below_an_alert_counts_from_its_end() -> None:
    stream = watched()
    healthy(stream)
    stream.position -= 2
    stream.wait(60)
    for _ in range(12):  # the playlist moves again, and still no pictures come
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        stream.wait(1)
    assert lines(stream.told) == ["firing ManifestStale 720p", "resolved ManifestStale 720p", "firing StalledFrames 720p"]
    assert stream.told[-1].starts_at == stream.told[1].ends_at


def test_segments_without_pictures_stall() -> None:
    stream = watched()
    healthy(stream)
    for _ in range(4):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        assert stream.segments({}, frames_decoded=0) == []
    stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
    assert lines(stream.segments({}, frames_decoded=0)) == ["firing StalledFrames 720p"]
    stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
    assert lines(stream.segments(GOOD)) == ["resolved StalledFrames 720p"]


def test_the_first_segment_may_take_longer() -> None:
    stream = watched()
    stream.event(EventKind.UP)
    assert stream.wait(29) == []
    assert lines(stream.wait(1)) == ["firing StalledFrames 720p"]


def test_long_segments_get_three_durations() -> None:
    stream = watched()
    stream.event(EventKind.UP)
    stream.seconds = 10
    stream.segments(GOOD)
    assert stream.wait(29) == []
    assert lines(stream.wait(1)) == ["firing StalledFrames 720p"]


@pytest.mark.parametrize("live", [False, True])
def test_silence_after_the_announced_end_or_of_a_file_means_nothing(live: bool) -> None:
    stream = watched(live=live)
    healthy(stream)
    if live:
        stream.event(EventKind.ENDED)
    assert stream.wait(600) == []
    assert stream.engine.active() == []


def test_without_expect_silence_means_nothing() -> None:
    stream = Play(AlertEngine(default_rules()))
    stream.event(EventKind.DOWN)
    stream.segments(GOOD)
    assert stream.wait(600) == []


def test_an_input_that_comes_back_after_its_end_is_watched_again() -> None:
    stream = watched()
    healthy(stream)
    stream.event(EventKind.ENDED)
    stream.wait(600)
    stream.event(EventKind.UP)
    assert stream.wait(29) == []
    assert lines(stream.wait(1)) == ["firing StalledFrames 720p"]


def test_the_end_resolves_what_fires_with_a_note() -> None:
    stream = watched()
    healthy(stream)
    black(stream)
    told = stream.event(EventKind.ENDED)
    assert lines(told) == ["resolved BlackPicture 720p black_ratio"]
    assert told[0].description.endswith("The input ended.")
    assert told[0].ends_at == instant(18).utc
    assert stream.engine.active() == []


def test_the_end_of_a_stream_is_the_end_of_its_renditions() -> None:
    stream = watched()
    healthy(stream)
    black(stream)
    stream.rendition = ""
    assert lines(stream.event(EventKind.ENDED)) == ["resolved BlackPicture 720p black_ratio"]
    assert stream.wait(100) == []


def test_forget_resolves_and_drops() -> None:
    stream = watched()
    healthy(stream)
    black(stream)
    told = stream.engine.forget("news", "720p")
    assert lines(told) == ["resolved BlackPicture 720p black_ratio"]
    assert told[0].description.endswith("The input is no longer watched.")
    assert stream.engine.scopes == ()
    assert stream.wait(100) == []


def test_forgetting_what_concerns_the_stream_as_a_whole_leaves_its_renditions() -> None:
    stream = watched()
    stream.engine.expect("news", "", instant(0), live=True)
    healthy(stream)
    black(stream)
    assert stream.engine.forget("news", "") == []
    assert stream.engine.scopes == (("news", "720p"),)
    assert lines(stream.engine.forget("news")) == ["resolved BlackPicture 720p black_ratio"]


def test_a_stream_that_can_not_be_opened_is_one_alert() -> None:
    stream = watched()
    stream.engine.expect("news", "", instant(0), live=True)
    stream.engine.expect("news", "1080p", instant(0), live=True)
    assert lines(stream.wait(60)) == ["firing StreamDown"]


@pytest.mark.parametrize("kind", [EventKind.SEGMENT_MISSING, EventKind.SEGMENT_BAD])
def test_a_missing_segment_is_told_and_resolves_after_ten_quiet_seconds(kind: EventKind) -> None:
    stream = watched()
    healthy(stream)
    assert lines(stream.event(kind, value=7, detail="segment 7: HTTP 404")) == ["firing SegmentMissing 720p"]
    assert "segment 7: HTTP 404" in stream.told[0].description
    told = []
    for _ in range(5):
        told += stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        told += stream.segments(GOOD)
    assert lines(told) == ["resolved SegmentMissing 720p"]


def test_three_missing_segments_in_five_minutes_are_critical() -> None:
    stream = watched()
    healthy(stream)
    told = []
    for _ in range(3):
        told += stream.event(EventKind.SEGMENT_MISSING)
        for _ in range(30):
            told += stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
            told += stream.segments(GOOD)
    assert lines(told) == ["firing SegmentMissing 720p", "resolved SegmentMissing 720p"] * 2 + [
        "firing SegmentsMissing 720p",
        "resolved SegmentsMissing 720p",
    ]
    assert told[-2].value == 3


def test_missing_segments_while_down_are_not_told() -> None:
    stream = watched()
    healthy(stream)
    stream.event(EventKind.DOWN)
    for _ in range(20):
        stream.event(EventKind.SEGMENT_MISSING)
        stream.wait(1)
    stream.event(EventKind.UP)
    stream.wait(3)
    assert lines(stream.told) == ["firing StreamDown 720p", "resolved StreamDown 720p"]


def test_a_lost_reference_is_told_after_ten_seconds() -> None:
    stream = watched()
    healthy(stream)
    stream.event(EventKind.REFERENCE_LOST, detail="no picture within half a frame")
    told = []
    for _ in range(6):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        told += stream.segments({"black_ratio": 0.0})
    assert lines(told) == ["firing ReferenceLost 720p"]
    assert lines(stream.event(EventKind.REFERENCE_BACK)) == ["resolved ReferenceLost 720p"]


def report(
    stream: Play, lag: float | None = None, sinks: tuple[str, ...] = (), notifiers: tuple[str, ...] = ()
) -> list[str]:
    lags = {} if lag is None else {("news", "720p"): lag}
    return lines(stream.engine.observe_health(HealthReport(stream.now.utc, lags, sinks, notifiers), stream.now))


def test_lag_has_hysteresis_and_speaks_for_stalled_pictures() -> None:
    stream = watched()
    healthy(stream)
    told = report(stream, 6.0)
    for _ in range(30):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        told += lines(stream.wait(1))
    assert told == ["firing MonitorLagging 720p"]
    assert report(stream, 3.1) == []
    stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
    stream.segments(GOOD)
    assert report(stream, 2.9) == []
    for _ in range(5):
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        stream.segments(GOOD)
    assert lines(stream.told[-1:]) == ["resolved MonitorLagging 720p"]


def test_lag_leaves_picture_alerts_alone() -> None:
    stream = watched()
    healthy(stream)
    report(stream, 60.0)
    black(stream, 7)
    assert sorted(firings(stream.told)) == ["firing BlackPicture 720p black_ratio", "firing MonitorLagging 720p"]


def test_frames_dropped_for_ten_seconds_are_lag_and_a_single_drop_is_not() -> None:
    stream = watched()
    healthy(stream)
    told = []
    for second in range(24):
        if second == 0 or second > 11:
            stream.event(EventKind.DROPPED, detail="lag")
        stream.event(EventKind.MANIFEST_CHANGED, value=2.0)
        if second % 2:
            told += stream.segments(GOOD)
    assert lines(told) == ["firing MonitorLagging 720p"]


def test_blocked_sinks_and_failing_notifiers_are_alerts_on_the_monitor() -> None:
    stream = Play(AlertEngine(default_rules()))
    told = report(stream, sinks=("sql", "jsonl"), notifiers=("webhook",))
    told += lines(stream.wait(60))
    assert told == ["firing SinkBlocked", "firing NotifierFailing"]
    assert stream.told[0].summary == "vqmon can't store scores: jsonl, sql"
    assert dict(stream.told[0].labels) == {"alertname": "SinkBlocked", "severity": "critical"}
    assert report(stream) == []
    assert sorted(lines(stream.wait(40))) == ["resolved NotifierFailing", "resolved SinkBlocked"]


def test_without_reports_the_monitors_alerts_stay() -> None:
    stream = Play(AlertEngine(default_rules()))
    report(stream, sinks=("sql",))
    stream.wait(3600)
    assert [alert.state for alert in stream.told] == [AlertState.FIRING]
