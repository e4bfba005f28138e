"""The monitor's loop in this process: what comes in, what is stored, who is told."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.errors import ConfigError, ServerError, SinkError, UnknownName
from monitor.sinks.sql import SqlStore
from monitor.types import Alert, AlertState, EventKind, SegmentResult, SourceEvent
from pipelines import live
from pipelines.config import check_config
from pipelines.live import ALERT_STATE, LiveMonitor, Summary
from pipelines.notifying import build_notifiers
from tests.unit.sources.clips import ts_segment
from tests.unit.sources.media import clip
from tests.unit.sources.origin import LivePlaylist, Origin, playlist

ALWAYS = "levels: {luma_mean: {above: 0}}, kind: threshold, summary: 'light', keep_firing_for_seconds: 0"
WAIT_SECONDS = 20.0


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "movie.mp4", seconds=10)


def monitor(folder: Path, *streams: dict[str, object], rules: str = "", **settings: object) -> LiveMonitor:
    """One that runs in this process, with no rules but the given ones."""
    callbacks = {key: settings.pop(key) for key in tuple(settings) if key.startswith("on_")}
    path = folder / "rules.yaml"
    path.write_text(f"defaults: false\nrules: [{rules}]\n", encoding="utf-8")
    document = {
        "streams": [{"metrics": ["exposure"], **stream} for stream in streams],
        "store": f"sqlite:///{folder}/vqmon.db",
        "evidence": {"dir": str(folder / "evidence")},
        "rules": str(path),
        "isolate": False,
        **settings,
    }
    return LiveMonitor(check_config(document, where="test"), **callbacks)  # type: ignore[arg-type]


def run(watcher: LiveMonitor) -> Summary:
    return watcher.run(threading.Event())


@contextmanager
def running(watcher: LiveMonitor) -> Iterator[list[Summary]]:
    """It runs in a thread; its summary is in the list after the ``with``."""
    stop = threading.Event()
    summaries: list[Summary] = []
    thread = threading.Thread(target=lambda: summaries.append(watcher.run(stop)))
    thread.start()
    try:
        yield summaries
    finally:
        stop.set()
        thread.join(WAIT_SECONDS)
    assert summaries


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_is_scored_stored_told_and_summed_up(movie: Path, tmp_path: Path) -> None:
    seen: list[SegmentResult | SourceEvent | Alert] = []
    watcher = monitor(
        tmp_path,
        {"name": "movie", "url": str(movie)},
        rules=f"{{name: Light, {ALWAYS}}}",
        out=str(tmp_path / "out.ndjson"),
        on_result=seen.append,
        on_event=seen.append,
        on_alert=seen.append,
    )
    summary = run(watcher)
    assert (summary.segments, summary.frames, summary.failures, summary.lost) == (3, 20, [], 0)
    firing, over = summary.alerts
    assert (firing.name, firing.state, firing.stream) == ("Light", AlertState.FIRING, "movie")
    assert over.state is AlertState.RESOLVED  # the end of the input
    assert firing.evidence == over.evidence != ()
    assert len([one for one in seen if isinstance(one, SegmentResult)]) == 3
    assert [one.kind for one in seen if isinstance(one, SourceEvent)] == [EventKind.UP, EventKind.ENDED]
    assert [one for one in seen if isinstance(one, Alert)] == summary.alerts == list(watcher.alerts)
    with watcher.store as store:
        assert [row.sequence for row in store.segments("movie", "main", since_ms=0, until_ms=1 << 50)] == [0, 1, 2]
        assert [incident.evidence for incident in store.incidents()] == [firing.evidence]
        assert [row.alert for row in store.thresholds()] == ["Light"]
    kinds = [json.loads(line)["type"] for line in (tmp_path / "out.ndjson").read_text(encoding="utf-8").splitlines()]
    assert sorted(kinds) == ["alert"] * 2 + ["event"] * 2 + ["segment"] * 3


def test_what_can_not_be_read_is_a_failure_and_the_rest_goes_on(movie: Path, tmp_path: Path) -> None:
    summary = run(
        monitor(tmp_path, {"name": "movie", "url": str(movie)}, {"name": "none", "url": str(tmp_path / "none.mp4")})
    )
    assert summary.segments == 3
    assert summary.failures == [f"{tmp_path}/none.mp4: no such file"]


def test_the_playlists_pulse_is_not_stored(tmp_path: Path) -> None:
    with Origin() as origin:
        recording = LivePlaylist(origin)
        for number in range(4):
            recording.publish(ts_segment(number))
        recording.end()
        watcher = monitor(tmp_path, {"name": "news", "url": recording.url})
        assert run(watcher).segments == 4
    with watcher.store as store:
        assert {event.kind for event in store.events()} == {EventKind.UP, EventKind.ENDED}


def test_an_alert_that_fires_goes_on_after_a_restart_and_is_told_once(tmp_path: Path) -> None:
    rules = f"{{name: Light, {ALWAYS}}}"
    with Origin() as origin:
        feed = LivePlaylist(origin)
        feed.publish(ts_segment(0))
        stream = {"name": "news", "url": feed.url}
        first = monitor(tmp_path, stream, rules=rules)
        with running(first) as summaries:
            until(lambda: first.alerts)
        assert [alert.state for alert in summaries[0].alerts] == [AlertState.FIRING]
        feed.publish(ts_segment(1))
        results: list[SegmentResult] = []
        with running(monitor(tmp_path, stream, rules=rules, on_result=results.append)) as summaries:
            until(lambda: len(results) == 2)
        assert summaries[0].alerts == []
        other = monitor(tmp_path, {**stream, "name": "other"}, rules=rules)  # the stream is not watched any more
        with running(other) as summaries:
            until(lambda: len(other.alerts) == 2)
        states = {(alert.stream, alert.state) for alert in summaries[0].alerts}
        assert states == {("news", AlertState.RESOLVED), ("other", AlertState.FIRING)}


def test_a_rung_that_left_the_ladder_between_two_runs_takes_its_alerts_along(tmp_path: Path) -> None:
    rules = f"{{name: Light, {ALWAYS}}}"
    variant = "#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION={0}x{1}\n{2}\n"
    with Origin() as origin:
        feeds = {name: LivePlaylist(origin, path=f"/{name}/index.m3u8") for name in ("high", "low")}
        for feed in feeds.values():
            feed.publish(ts_segment(0))
        high = variant.format(1280, 720, feeds["high"].url)
        low = variant.format(640, 360, feeds["low"].url)
        origin.pages["/master.m3u8"] = playlist(f"#EXTM3U\n{high}{low}")
        stream = {"name": "news", "url": origin.url("/master.m3u8")}
        first = monitor(tmp_path, stream, rules=rules)
        with running(first):
            until(lambda: {alert.rendition for alert in first.alerts} == {"720p", "360p"})
        origin.pages["/master.m3u8"] = playlist(f"#EXTM3U\n{high}")
        second = monitor(tmp_path, stream, rules=rules)
        with running(second) as summaries:
            until(lambda: second.alerts)
        assert [(alert.rendition, alert.state) for alert in summaries[0].alerts] == [("360p", AlertState.RESOLVED)]


@pytest.mark.parametrize("state", ["{broken", '{"version": 99}', "[]"])
def test_a_state_that_can_not_be_read_is_left_aside(
    movie: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    watcher = monitor(tmp_path, {"name": "movie", "url": str(movie)})
    with watcher.store as store:
        store.save_state(ALERT_STATE, state)
    assert run(watcher).segments == 3
    assert "the alert state of the last run is not used" in caplog.text
    with watcher.store as store:
        assert json.loads(store.load_state(ALERT_STATE) or "") != state


def test_old_results_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monitor(tmp_path, {"name": "old", "url": str(clip(tmp_path / "short.mp4", seconds=1))}))
    monkeypatch.setattr(live, "PRUNE_SECONDS", 0.0)
    with Origin() as origin:
        feed = LivePlaylist(origin)
        feed.publish(ts_segment(0))
        watcher = monitor(tmp_path, {"name": "news", "url": feed.url}, retention_days=1e-9)

        def left() -> list[str]:
            with SqlStore(str(tmp_path / "vqmon.db"), readonly=True) as store:
                return [row.stream for row in store.renditions()]

        with running(watcher):
            until(lambda: "old" not in left())


def test_a_dashboard_that_can_not_listen_leaves_nothing_running(movie: Path, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Origin() as taken:
        watcher = monitor(tmp_path, {"name": "movie", "url": str(movie)}, listen=f"127.0.0.1:{taken.port}")
        with pytest.raises(ServerError, match="address already in use"):
            run(watcher)
    until(lambda: set(threading.enumerate()) <= before)
    assert run(monitor(tmp_path, {"name": "movie", "url": str(movie)})).segments == 3


def test_a_store_or_file_that_can_not_be_written_is_an_error_at_once(movie: Path, tmp_path: Path) -> None:
    stream = {"name": "movie", "url": str(movie)}
    (tmp_path / "text.db").write_text("no database\n" * 100, encoding="utf-8")
    with pytest.raises(SinkError, match="not an SQLite database"):
        run(monitor(tmp_path, stream, store=f"sqlite:///{tmp_path}/text.db"))
    with pytest.raises(SinkError, match="can't be opened"):
        run(monitor(tmp_path, stream, out=str(tmp_path)))


def test_wrong_settings_are_found_before_anything_is_opened(movie: Path, tmp_path: Path) -> None:
    stream = {"name": "movie", "url": str(movie)}
    with pytest.raises(UnknownName, match="no metric or feature"):
        monitor(tmp_path, {**stream, "metrics": ["exposer"]})
    with pytest.raises(ConfigError, match="luma_mena"):
        monitor(tmp_path, stream, rules="{name: X, kind: threshold, levels: {luma_mena: {above: 1}}, summary: x}")
    hook = {"type": "webhook", "url": "http://127.0.0.1:1/", "secret": {"env": "NOT_SET_1"}}
    with pytest.raises(ConfigError, match="NOT_SET_1"):
        monitor(tmp_path, stream, notifiers=[hook])
    assert not (tmp_path / "vqmon.db").exists()


def test_a_callback_that_fails_in_telling_costs_no_notification(
    movie: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Alert) -> None:
        raise BrokenPipeError("the terminal has gone")

    caplog.set_level(logging.INFO)
    watcher = monitor(tmp_path, {"name": "movie", "url": str(movie)}, rules=f"{{name: Light, {ALWAYS}}}", on_alert=fail)
    summary = run(watcher)
    assert len(summary.alerts) == 2
    with watcher.store as store:
        assert [incident.state for incident in store.incidents()] == [AlertState.RESOLVED]


def test_notifiers_of_one_kind_have_names_of_their_own() -> None:
    document = {
        "streams": [{"name": "a", "url": "a.mp4"}],
        "notifiers": [
            {"type": "webhook", "url": "http://127.0.0.1:1/a"},
            {"type": "alertmanager", "url": "http://127.0.0.1:1"},
            {"type": "webhook", "url": "http://127.0.0.1:1/b"},
            {"type": "alertmanager", "url": "http://127.0.0.1:2"},
        ],
    }
    found = build_notifiers(check_config(document, where="test"), log_alerts=True)
    assert [one.name for one in found] == ["log", "webhook", "alertmanager", "webhook-2", "alertmanager-2"]
    for one in found:
        one.close()
