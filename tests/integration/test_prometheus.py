"""A real Prometheus scrapes a real exposition: every panel has data, every rule evaluates, annotations render."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from monitor import scorers
from monitor.protocols import Feature
from monitor.sinks.prometheus import PrometheusCollector
from monitor.telemetry import Telemetry
from monitor.types import (
    Alert,
    AlertState,
    EventKind,
    Score,
    Segment,
    SegmentResult,
    SegmentScore,
    Severity,
    SourceEvent,
    VideoFormat,
)
from pipelines import prometheus_rules
from tests.integration.grafana_panels import ask_until_answered, assert_panels_have_data
from tests.integration.services import start_prometheus

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
scrape_configs:
  - job_name: vqmon
    sample_limit: 50000
    static_configs: [{{targets: ['{target}']}}]
"""
SEGMENT = Fraction(1)
LADDER = {"1080p": 5_000_000, "360p": 800_000}


class Channel:
    """Made-up results, a segment at each scrape: ``news`` has every trouble, ``calm`` has none, ``dead`` never comes up."""

    def __init__(self) -> None:
        specs = scorers.specs()
        self.features = [feature for spec in specs for feature in spec.features]
        self.telemetry = Telemetry(specs)
        self.collector = PrometheusCollector(self.telemetry, specs)
        self.metrics = [spec.name for spec in specs]
        self.sequence = 0
        self.lock = threading.Lock()
        self.telemetry.set_build_info("0.1.0", "abc")
        for stream in ("news", "calm"):
            for rendition in LADDER:
                self.telemetry.expect(stream, rendition)
                self.telemetry.observe_event(self.event(EventKind.UP, stream, rendition))
                self.telemetry.observe_event(self.event(EventKind.REFERENCE_BACK, stream, rendition))
        self.telemetry.expect("dead", "main")
        self.telemetry.set_alerts([self.alert(Severity.CRITICAL), self.alert(Severity.WARNING)])
        for metric in self.metrics:
            self.telemetry.count_scorer_failure(metric, "error")

    @staticmethod
    def event(kind: EventKind, stream: str, rendition: str, reason: str = "", value: float = 0.0) -> SourceEvent:
        return SourceEvent(kind, stream, rendition, datetime.now(UTC), reason=reason, value=value)

    @staticmethod
    def alert(severity: Severity) -> Alert:
        now = datetime.now(UTC)
        return Alert("BlackPicture", AlertState.FIRING, severity, "news", "1080p", "", now, None, 1.0, 0.98, "black")

    def exposition(self, accept: str) -> tuple[bytes, str]:
        with self.lock:
            self.step()
            return self.collector.exposition(accept)

    def step(self) -> None:
        self.sequence += 1
        for stream in ("news", "calm"):
            for rendition, bitrate in LADDER.items():
                bad = stream == "news" and rendition == "1080p"
                self.telemetry.observe_result(self.result(stream, rendition, bitrate, bad=bad))
                if not bad:
                    self.telemetry.observe_event(self.event(EventKind.MANIFEST_CHANGED, stream, rendition, value=1.0))
                self.telemetry.set_queue(stream, rendition, 2, 400_000)
            self.telemetry.set_lag(stream, 30.0 if stream == "news" else 1.0)
        for kind, reason in (
            (EventKind.SEGMENT_MISSING, "http_4xx"),
            (EventKind.DISCONTINUITY, "pts_gap"),
            (EventKind.RECONNECT, "eof"),
            (EventKind.DROPPED, "lag"),
            (EventKind.REFERENCE_LOST, ""),
        ):
            self.telemetry.observe_event(self.event(kind, "news", "1080p", reason, 1.0))
        if self.sequence == 1:
            self.telemetry.observe_event(self.event(EventKind.MANIFEST_CHANGED, "news", "1080p", value=1.0))
        for metric in self.metrics:
            self.telemetry.observe_scorer(metric, "cpu", 0.01)
            self.telemetry.count_scorer_failure(metric, "error")
        self.telemetry.count_sink("sql", writes=1)
        self.telemetry.count_sink("ndjson", failures=1)
        self.telemetry.count_notification("webhook", failed=1)

    def result(self, stream: str, rendition: str, bitrate: int, *, bad: bool) -> SegmentResult:
        segment = Segment(
            stream=stream,
            rendition=rendition,
            sequence=self.sequence,
            started_at=datetime.now(UTC) - timedelta(seconds=3),
            duration=SEGMENT,
            bytes=bitrate // 8,
            frames_expected=25,
            frames_decoded=25,
            frames_sampled=5,
            frames_paired=5,
            decode_errors=3 if bad else 0,
            format=VideoFormat(1920, 1080, "yuv420p"),
            codec="h264",
            frame_rate=25.0,
            published_at=datetime.now(UTC),
        )
        scores = tuple(self.score(segment, feature, bad=bad) for feature in self.features)
        frames = tuple(Score(score.feature, score.mean, n, Fraction(n, 25)) for score in scores for n in range(5))
        return SegmentResult(segment, scores, frames, score_seconds=0.1)

    @staticmethod
    def score(segment: Segment, feature: Feature, *, bad: bool) -> SegmentScore:
        low, high = feature.display
        good_end, bad_end = (high, low) if feature.higher_is_better else (low, high)
        value = bad_end if bad else good_end + 0.1 * (bad_end - good_end)
        return SegmentScore(
            segment, feature.name, "test/1", 5, 0.2, value, math.nan, value, value, value, value, value, value, 0.0
        )


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that scrapes the channel once a second and evaluates the shipped rules."""
    channel = Channel()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, content_type = channel.exposition(self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    tmp_path: Path = tmp_path_factory.mktemp("prometheus")
    config = CONFIG.format(rules=prometheus_rules.PATH, target=f"127.0.0.1:{server.server_port}")
    try:
        with start_prometheus(tmp_path, config) as url:
            ask_until_answered(url, 'up{job="vqmon"} == 1')
            yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def firing(url: str) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = httpx.get(f"{url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
    return [alert for alert in alerts if alert["state"] == "firing"]


def wait_for(url: str, wanted: set[str], seconds: float = 90.0) -> list[dict[str, Any]]:
    deadline = time.monotonic() + seconds
    while True:
        found = firing(url)
        if wanted <= {alert["labels"]["alertname"] for alert in found} or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def test_every_panel_has_data(scraped: str) -> None:
    assert_panels_have_data(scraped, stream="news", within_seconds=90)


def test_prometheus_scrapes_without_complaint(scraped: str) -> None:
    targets = httpx.get(f"{scraped}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
    assert [target["lastError"] for target in targets] == [""]


def test_every_rule_evaluates(scraped: str) -> None:
    ask_until_answered(scraped, "vqmon:segment_score:fresh")
    groups = httpx.get(f"{scraped}/api/v1/rules", timeout=10).json()["data"]["groups"]
    states = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert set(states.values()) == {"ok"}


def test_alerts_have_the_engines_identity_and_readable_annotations(scraped: str) -> None:
    picture = {"BlackPicture", "FrozenPicture", "LowScore", "VeryLowScore", "ReferenceLost", "ManifestStale", "DecodeErrors"}
    others = {"SegmentMissing", "SegmentsMissing", "MonitorLagging", "ScorerFailing", "SinkBlocked", "NotifierFailing"}
    expected = picture | others | {"ReconnectStorm", "StreamDown"}
    found = wait_for(scraped, expected)
    assert expected <= {alert["labels"]["alertname"] for alert in found}
    for alert in found:
        labels, texts = alert["labels"], " ".join(alert["annotations"].values())
        assert "<error" not in texts
        assert "<no value>" not in texts
        assert "{{" not in texts
        if labels["alertname"] == "StreamDown":
            assert (labels["stream"], labels["rendition"]) == ("dead", "main")
        elif labels["alertname"] in picture:
            assert set(labels) <= {"alertname", "severity", "stream", "rendition", "feature"}
            assert (labels["stream"], labels["rendition"]) == ("news", "1080p")
            assert alert["annotations"]["summary"].startswith("news/1080p: ")
            assert alert["annotations"]["dashboard_url"] == "/d/vqmon-stream-quality?var-stream=news"


def test_nothing_fires_for_the_stream_without_trouble(scraped: str) -> None:
    wait_for(scraped, {"BlackPicture"})
    assert [alert["labels"] for alert in firing(scraped) if alert["labels"].get("stream") == "calm"] == []


def test_streams_cost_a_bounded_number_of_series(scraped: str) -> None:
    features = sum(len(spec.features) for spec in scorers.specs())
    (count,) = ask_until_answered(scraped, 'count({__name__=~"vqmon_.*",stream="calm",rendition="360p"})')
    assert float(count["value"][1]) <= 6 * features + 60


def test_rule_file_in_use_is_the_committed_one(scraped: str) -> None:
    groups = httpx.get(f"{scraped}/api/v1/rules", timeout=10).json()["data"]["groups"]
    committed = yaml.safe_load(prometheus_rules.PATH.read_text(encoding="utf-8"))["groups"]
    assert {group["name"] for group in groups} == {group["name"] for group in committed}
