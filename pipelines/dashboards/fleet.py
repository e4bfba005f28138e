"""Every stream: what the fleet's dashboard shows, as PromQL on the families of ``/metrics``."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.protocols import Feature, MetricSpec
from pipelines.dashboards.panels import (
    GREEN,
    RED,
    UNITS,
    UP,
    YELLOW,
    Json,
    Panel,
    Query,
    Row,
    bar_gauge,
    feature_steps,
    override,
    stat,
    table,
    thresholds,
    time_series,
    values,
)
from pipelines.dashboards.wording import NOT_MEASURED, bounds_in_words, pool_in_words

GOOD_TIME = (
    "avg_over_time(("
    'min by (stream) (vqmon_stream_up) unless on (stream) vqmon_alerts_firing{severity=~"critical|warning"} > 0'
    " or 0 * min by (stream) (vqmon_stream_up)"
    ")[$__range:$__interval])"
)
"""Share of the chosen time in which every rendition was up and vqmon's engine had nothing to say."""
STREAM_LINK = "/d/vqmon-stream-quality?var-stream=${__value.raw:percentencode}&${datasource:queryparam}&${__url_time_range}"


def fleet_rows(metrics: Sequence[MetricSpec]) -> list[Row]:
    """Every stream."""
    judged = [feature for spec in metrics for feature in spec.features if feature.critical is not None]
    return [
        Row("Now", _fleet_now()),
        Row("Streams", [_stream_table(judged), *_firing_tables()]),
        Row("Good time", _good_time()),
        Row("Worst renditions now", [_worst(feature) for feature in judged]),
    ]


def _fleet_now() -> list[Panel]:
    return [
        stat("Streams up", Query("count(max by (stream) (vqmon_stream_up) == 1)"), no_value="none"),
        stat(
            "Streams down",
            Query("count(min by (stream) (vqmon_stream_up) == 0)"),
            steps=[(None, GREEN), (1, RED)],
            no_value="none",
        ),
        stat(
            "Critical alerts",
            Query('sum(vqmon_alerts_firing{severity="critical"})'),
            description="Firing now, by vqmon's own alert engine.",
            steps=[(None, GREEN), (1, RED)],
            no_value="none",
        ),
        stat(
            "Warnings",
            Query('sum(vqmon_alerts_firing{severity="warning"})'),
            description="Firing now, by vqmon's own alert engine.",
            steps=[(None, GREEN), (1, YELLOW)],
            no_value="none",
        ),
        stat(
            "Oldest newest score",
            Query("max(time() - max by (stream) (vqmon_segment_score_timestamp_seconds))"),
            unit="s",
            description="Of the stream that has waited longest for a score.",
            steps=[(None, GREEN), (60, YELLOW), (120, RED)],
        ),
        stat(
            "Monitors up",
            Query("count(max by (instance) (up * on (instance) group_left () vqmon_build_info) == 1)"),
            description="Instances of vqmon that Prometheus reaches.",
            no_value="none",
        ),
    ]


def _stream_table(judged: Sequence[Feature]) -> Panel:
    queries = [
        Query("min by (stream) (vqmon_stream_up)", instant=True),
        Query("sum by (stream) (vqmon_alerts_firing)", instant=True),
        Query("time() - max by (stream) (vqmon_segment_score_timestamp_seconds)", instant=True),
        Query("sum by (stream) (increase(vqmon_segments_missing_total[1h]))", instant=True),
        Query(GOOD_TIME, instant=True),
    ]
    columns = {
        "stream": "Stream",
        "Value #A": "Input",
        "Value #B": "Firing alerts",
        "Value #C": "Newest score",
        "Value #D": "Missing in 1 h",
        "Value #E": "Good time",
    }
    cell: Json = {"type": "color-background", "mode": "basic"}
    overrides = [
        override("Stream", links=[{"title": "Open the stream", "url": STREAM_LINK, "targetBlank": False}]),
        override("Input", mappings=[UP], custom_cellOptions=cell, **thresholds((None, RED), (1, GREEN))),
        override("Firing alerts", custom_cellOptions=cell, **thresholds((None, GREEN), (1, RED)), noValue="none"),
        override("Newest score", unit="s", custom_cellOptions=cell, **thresholds((None, GREEN), (60, YELLOW), (120, RED))),
        override(
            "Missing in 1 h", decimals=0, custom_cellOptions=cell, **thresholds((None, GREEN), (0.5, YELLOW), (3, RED))
        ),
        override("Good time", unit="percentunit", decimals=2),
    ]
    for feature in judged[:_TABLE_FEATURES]:
        reference = chr(ord("A") + len(queries))
        queries.append(Query(f"{_worst_of(feature)} by (stream) ({_shown(feature)})", instant=True))
        columns[f"Value #{reference}"] = feature.title
        look = thresholds(*feature_steps(feature))
        overrides.append(override(feature.title, unit=UNITS[feature.unit], decimals=2, custom_cellOptions=cell, **look))
    return table(
        "Streams now",
        queries,
        description="Worst rendition of each stream. Good time: share of the chosen time in which it was up and silent.",
        shown=columns,
        overrides=overrides,
        sort_by="Firing alerts",
        height=10,
        no_value="none",
    )


_TABLE_FEATURES = 6


def _worst_of(feature: Feature) -> str:
    return "min" if feature.higher_is_better else "max"


def _shown(feature: Feature) -> str:
    return f'vqmon_segment_score{{metric="{feature.name}",stat="{feature.pool}"}}'


def _firing_tables() -> list[Panel]:
    engine = "sum by (severity, alertname, stream) (vqmon_alerts_firing) > 0"
    rules = 'max by (severity, alertname, stream, rendition, feature) (ALERTS{alertstate="firing"})'
    about = "What each means and what to do: deploy/RUNBOOK.md."
    return [
        _firing("Firing alerts: vqmon's engine", engine, ("severity", "alertname", "stream", "Value"), about),
        _firing(
            "Firing alerts: Prometheus rules",
            rules,
            ("severity", "alertname", "stream", "rendition", "feature"),
            f"Only with deploy/prometheus/rules.yml. {about}",
        ),
    ]


def _firing(title: str, expr: str, columns: Sequence[str], description: str) -> Panel:
    color: Json = {"type": "color-text"}
    severities = values({"critical": ("critical", RED), "warning": ("warning", YELLOW), "info": ("info", "blue")})
    headings = {"alertname": "Alert", "Value": "Number"}
    return table(
        title,
        [Query(expr, instant=True)],
        description=description,
        shown={name: headings.get(name, name.capitalize()) for name in columns},
        overrides=[
            override("Severity", mappings=[severities], custom_cellOptions=color),
            override("Stream", links=[{"title": "Open the stream", "url": STREAM_LINK, "targetBlank": False}]),
        ],
        no_value="none firing",
        width=12,
        height=7,
    )


def _good_time() -> list[Panel]:
    minutes = "count_over_time((sum by (stream, alertname) (vqmon_alerts_firing) > 0)[$__range:1m])"
    return [
        bar_gauge(
            "Least good time",
            Query(f"bottomk(10, {GOOD_TIME})", "{{stream}}", instant=True),
            unit="percentunit",
            description="Share of the chosen time in which the stream was up and no warning or critical alert fired for it.",
            steps=[(None, RED), (0.99, YELLOW), (0.999, GREEN)],
            bounds=(0.0, 1.0),
        ),
        bar_gauge(
            "Most time in alert",
            Query(f"topk(10, {minutes})", "{{stream}} {{alertname}}", instant=True),
            unit="m",
            description="Minutes of the chosen time in which the alert fired.",
            steps=[(None, YELLOW), (10, "orange"), (60, RED)],
            no_value="none fired",
        ),
        time_series(
            "Firing alerts",
            [Query("sum by (severity) (vqmon_alerts_firing)", "{{severity}}")],
            description="How many, by severity.",
            bars=True,
            stacked=True,
            no_value="none firing",
        ),
    ]


def _worst(feature: Feature) -> Panel:
    rank = "bottomk" if feature.higher_is_better else "topk"
    return bar_gauge(
        f"Worst {feature.title}",
        Query(
            f"{rank}(10, {_worst_of(feature)} by (stream, rendition) ({_shown(feature)}))",
            "{{stream}} {{rendition}}",
            instant=True,
        ),
        unit=UNITS[feature.unit],
        description=f"{pool_in_words(feature).capitalize()} of the newest segment. {bounds_in_words(feature)}",
        steps=feature_steps(feature),
        bounds=feature.display,
        no_value=NOT_MEASURED,
    )
