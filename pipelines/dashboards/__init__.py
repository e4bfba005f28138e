"""The Grafana dashboards: built from the metric specs, so that units, thresholds and names follow them.

``python -m pipelines.dashboards`` writes ``dashboards/*.json``; a test asserts that what is committed is what this builds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from monitor import scorers
from monitor.grafana import GrafanaClient
from monitor.protocols import MetricSpec
from pipelines.dashboards.fleet import fleet_rows
from pipelines.dashboards.health import health_rows
from pipelines.dashboards.panels import SCHEMA_VERSION, SOURCE, Json, Row, lay_out
from pipelines.dashboards.stream import stream_rows

FOLDER = Path(__file__).parents[2] / "dashboards"
STREAM_QUALITY, FLEET_OVERVIEW, MONITOR_HEALTH = "vqmon-stream-quality", "vqmon-fleet-overview", "vqmon-monitor-health"


def build(specs: Iterable[MetricSpec] | None = None) -> dict[str, Json]:
    """The dashboards by name; the name is also the uid and the stem of the file.

    Args:
        specs: Metrics to show; those that are on by default where not given. Others go by `$feature`.
    """
    metrics = tuple(spec for spec in scorers.specs() if spec.default) if specs is None else tuple(specs)
    return {
        STREAM_QUALITY: _dashboard(
            STREAM_QUALITY,
            "vqmon: stream quality",
            "One stream: picture quality over time by rendition, with the faults and the delivery that explain it.",
            stream_rows(metrics),
            [
                _label_variable("stream", "Stream", "label_values(vqmon_stream_up, stream)"),
                _label_variable(
                    "rendition", "Rendition", 'label_values(vqmon_segment_score{stream="$stream"}, rendition)', several=True
                ),
                _label_variable("feature", "Feature", 'label_values(vqmon_segment_score{stream="$stream"}, metric)'),
            ],
            ["stream:$stream"],
        ),
        FLEET_OVERVIEW: _dashboard(
            FLEET_OVERVIEW,
            "vqmon: fleet overview",
            "Every stream: what is wrong now, who is worst, and how much of the time was good.",
            fleet_rows(metrics),
            [],
            [],
        ),
        MONITOR_HEALTH: _dashboard(
            MONITOR_HEALTH,
            "vqmon: monitor health",
            "The monitor itself: whether it keeps up, and whether its scores and alerts get out. Not the streams' quality.",
            health_rows(),
            [_label_variable("instance", "Instance", "label_values(vqmon_build_info, instance)", several=True)],
            [],
        ),
    }


def push(url: str, token: str, folder: str = "vqmon") -> list[str]:
    """Put all dashboards into a folder of a running Grafana, replacing older ones; return their addresses.

    Args:
        url: Grafana's address.
        token: Service account token with the role Editor.
        folder: Title of a top-level folder; made where there is none; ``""`` for the root.

    Raises:
        ConfigError: address or token can't be one, or the ``grafana`` extra is missing.
        NotifyError: Grafana can't be reached or refused.
    """
    grafana = GrafanaClient(url, token)
    try:
        folder_uid = grafana.ensure_folder(folder)
        return [grafana.put_dashboard(dashboard, folder_uid, "pushed by vqmon") for dashboard in build().values()]
    finally:
        grafana.close()


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every dashboard to ``folder/NAME.json``; return the files."""
    paths = []
    for name, dashboard in build().items():
        path = folder / f"{name}.json"
        path.write_text(to_text(dashboard), encoding="utf-8")
        paths.append(path)
    return paths


def to_text(dashboard: Json) -> str:
    """The dashboard as it is kept in a file."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _dashboard(
    uid: str, title: str, description: str, rows: Sequence[Row], variables: Sequence[Json], incident_tags: Sequence[str]
) -> Json:
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["vqmon"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "weekStart": "",
        "graphTooltip": 1,
        "refresh": "10s",
        "liveNow": False,
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m"]},
        "annotations": {"list": _annotations(bool(incident_tags), incident_tags)},
        "templating": {"list": [_datasource_variable(), *variables]},
        "links": [_link(other, text) for other, text in _LINKS.items() if other != uid],
        "panels": lay_out(rows),
    }


_LINKS = {FLEET_OVERVIEW: "Fleet overview", STREAM_QUALITY: "Stream quality", MONITOR_HEALTH: "Monitor health"}


def _link(uid: str, title: str) -> Json:
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}?${{datasource:queryparam}}",
        "icon": "dashboard",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
    }


def _datasource_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
    }


def _label_variable(name: str, label: str, query: str, *, several: bool = False) -> Json:
    everything = {"text": ["All"], "value": ["$__all"], "selected": True}
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "current": everything if several else {},
        "hide": 0,
        "includeAll": several,
        "multi": several,
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 7,
    }


def _annotations(one_stream: bool, incident_tags: Sequence[str]) -> list[Json]:
    grafana = {"type": "grafana", "uid": "-- Grafana --"}
    selector = '{stream="$stream"}' if one_stream else ""
    firing = '{alertstate="firing",stream="$stream"}' if one_stream else '{alertstate="firing"}'
    return [
        {
            "name": "Annotations & Alerts",
            "builtIn": 1,
            "datasource": grafana,
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
            "type": "dashboard",
        },
        {
            "name": "Incidents",
            "datasource": grafana,
            "enable": True,
            "iconColor": "red",
            "target": {"type": "tags", "tags": ["vqmon", *incident_tags], "matchAny": False, "limit": 100},
        },
        _alert_marks("Alerts", f"sum by (alertname, severity, stream) (vqmon_alerts_firing{selector}) > 0", shown=True),
        _alert_marks(
            "Prometheus rules", f"max by (alertname, severity, stream, rendition, feature) (ALERTS{firing})", shown=False
        ),
    ]


def _alert_marks(name: str, expr: str, *, shown: bool) -> Json:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": shown,
        "iconColor": "orange",
        "expr": expr,
        "step": "10s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{stream}} {{rendition}} {{feature}}",
        "tagKeys": "severity,stream,rendition,feature",
    }
