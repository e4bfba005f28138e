"""A real watch beside a real Prometheus and a real Alertmanager."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from monitor.scorers import specs
from pipelines.warmup import warm_up
from tests.e2e.channel import Channel, segment
from tests.e2e.receiver import Receiver
from tests.e2e.watch_command import assert_no_traceback, configuration, eventually, rules, watch
from tests.integration.grafana_panels import ask, ask_until_answered, assert_panels_have_data
from tests.integration.services import start_alertmanager, start_prometheus
from tests.unit.sources.origin import Origin

RULES = Path(__file__).resolve().parents[2] / "deploy/prometheus/rules.yml"
PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
scrape_configs:
  - job_name: vqmon
    sample_limit: 50000
    static_configs: [{{targets: ['{target}']}}]
"""
ALERTMANAGER = """
route: {{receiver: hook, group_by: [stream], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}', send_resolved: true}}]}}]
"""
NEVER_HERE = {
    "Scorer failures",  # no metric has a bug to show
    "Dropped segments",  # this machine keeps up
    "Frames",  # its second query is on dropped segments
    "Events",  # its last query is on reconnects
}
"""Panels of which a query stays empty while nothing of the kind happens."""


@pytest.mark.timeout(600)
def test_prometheus_scrapes_a_watch_and_every_panel_has_data(tmp_path: Path) -> None:
    warm_up(specs())  # compiling every metric's kernels, once a machine, would hold up the first scores
    big = (192, 192)
    quick = rules(
        tmp_path,
        {"name": "StreamDown", "for_seconds": 1},
        {"name": "LowScore", "levels": {"psnr_y": {"below": 90}}, "segments": 1, "outranked_by": []},  # a warning at once
    )
    with (
        Origin() as origin,
        Channel(origin, "source", lambda n: segment(n, size=big)) as source,
        Channel(
            origin, "live", lambda n: None if n % 15 == 9 else segment(n, size=big, crf=30), started_at=source.started_at
        ) as channel,
    ):
        config = configuration(
            tmp_path,
            [
                {"name": "news", "url": channel.url, "reference": source.url, "metrics": [spec.name for spec in specs()]},
                {"name": "gone", "url": origin.url("/gone/video.m3u8")},
            ],
            rules=str(quick),
            listen="127.0.0.1:0",
            notifiers=[{"type": "webhook", "url": origin.url("/nobody")}],
        )
        with watch(tmp_path, config) as command:
            prometheus = PROMETHEUS.format(rules=RULES, target=urlsplit(command.url()).netloc)
            with start_prometheus(tmp_path, prometheus) as url:
                ask_until_answered(url, 'vqmon_segment_score{stream="news",metric="psnr_y",stat="mean"}')
                assert_panels_have_data(url, stream="news", allow_empty=NEVER_HERE, within_seconds=90)
                assert ask(url, 'sum by (rendition) (rate(vqmon_frames_sampled_total{stream="news"}[1m]))')
                ask_until_answered(url, 'ALERTS{alertname="StreamDown",stream="gone",alertstate="firing"}')
                [scraped] = ask(url, 'count(vqmon_segments_total{stream="news",rendition="main"})')
                assert scraped["value"][1] == "1"
                groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
                assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"] == []
            command.signal(signal.SIGTERM)
            assert command.wait(20) == 0
    assert_no_traceback(command)


def test_alertmanager_hears_of_an_alert_and_of_its_end(tmp_path: Path) -> None:
    quick = rules(tmp_path, {"name": "BlackPicture", "for_seconds": 1, "keep_firing_for_seconds": 0})
    with (
        Receiver() as hook,
        start_alertmanager(tmp_path, ALERTMANAGER.format(url=hook.url)) as url,
        Origin() as origin,
        Channel(origin, "live", lambda n: segment(n, black=True)) as channel,
        watch(tmp_path, channel.url, "--rules", quick, "--alertmanager", url) as command,
    ):
        eventually("Alertmanager tells of the alert", lambda: hook.alerts("BlackPicture", "firing"))
        [incident] = command.store.incidents("BlackPicture")
        [listed] = httpx.get(f"{url}/api/v2/alerts").raise_for_status().json()
        assert listed["fingerprint"] == incident.fingerprint
        assert listed["labels"]["stream"] == "127.0.0.1/video"
        assert "frame.jpg" in listed["annotations"]["evidence"]
        channel.make = segment
        eventually("Alertmanager tells of its end", lambda: hook.alerts("BlackPicture", "resolved"))
        assert len(hook.alerts("BlackPicture", "firing")) == 1
        command.signal(signal.SIGTERM)
        assert command.wait(20) == 0
    assert_no_traceback(command)
