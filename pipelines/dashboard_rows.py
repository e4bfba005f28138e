"""What the three Grafana dashboards show: rows of panels, whose PromQL asks for the families of ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.protocols import Feature, MetricSpec, Reference
from pipelines.panels import (
    GREEN,
    GREY,
    RED,
    UNITS,
    YELLOW,
    Json,
    Panel,
    Query,
    Row,
    bar_gauge,
    feature_steps,
    heatmap,
    override,
    stat,
    state_timeline,
    table,
    thresholds,
    time_series,
    values,
)

RENDITION = 'stream="$stream",rendition=~"$rendition"'
INSTANCE = 'instance=~"$instance"'
RATE = "[$__rate_interval]"
UP = values({"0": ("down", RED), "1": ("up", GREEN)})
NOT_MEASURED = "not measured"
GOOD_TIME = (
    "avg_over_time(("
    'min by (stream) (vqmon_stream_up) unless on (stream) vqmon_alerts_firing{severity=~"critical|warning"} > 0'
    " or 0 * min by (stream) (vqmon_stream_up)"
    ")[$__range:$__interval])"
)
"""Share of the chosen time in which every rendition was up and vqmon's engine had nothing to say."""
STREAM_LINK = "/d/vqmon-stream-quality?var-stream=${__value.raw:percentencode}&${datasource:queryparam}&${__url_time_range}"


def stream_rows(metrics: Sequence[MetricSpec]) -> list[Row]:
    """One stream."""
    watched = [(spec, feature) for spec in metrics for feature in spec.features if is_watched(feature)]
    return [
        Row("Now", _stream_now()),
        Row("Faults", [_faults(metrics)]),
        Row("Quality", [_feature_panel(spec, feature) for spec, feature in watched]),
        Row("Delivery", _delivery()),
        Row("Sampling and statistics", _statistics()),
        *(
            Row(f"{spec.title}: other features", [_feature_panel(spec, feature) for feature in rest], folded=True)
            for spec in metrics
            if (rest := [feature for feature in spec.features if not is_watched(feature)])
        ),
    ]


def is_watched(feature: Feature) -> bool:
    """Whether the feature is one to look at first: a level or a fall of it can be told from good."""
    return feature.warning is not None or feature.critical is not None or feature.min_drop is not None


def _stream_now() -> list[Panel]:
    return [
        stat(
            "Input",
            Query('min(vqmon_stream_up{stream="$stream"})'),
            description="Whether the input is open and delivering.",
            steps=[(None, RED), (1, GREEN)],
            mappings=[UP],
        ),
        stat(
            "Firing alerts",
            Query('sum(vqmon_alerts_firing{stream="$stream"})'),
            description="By vqmon's own alert engine.",
            steps=[(None, GREEN), (1, RED)],
            no_value="none",
        ),
        stat(
            "Age of the newest score",
            Query('time() - max(vqmon_segment_score_timestamp_seconds{stream="$stream"})'),
            unit="s",
            description="Since the end of the last scored segment, by its own clock. It holds the live latency too.",
            steps=[(None, GREEN), (60, YELLOW), (120, RED)],
        ),
        stat(
            "Live latency",
            Query('max(vqmon_live_latency_seconds{stream="$stream"})'),
            unit="s",
            description="From a segment's end by its own clock to its place in the playlist.",
            no_value="no clock",
        ),
        stat(
            "Coverage",
            Query('min(vqmon_segment_score_coverage_ratio{stream="$stream"})'),
            unit="percentunit",
            description="Share of frames that were scored in the last segment; small by choice where sampling is.",
        ),
        stat(
            "Missing segments in an hour",
            Query('sum(increase(vqmon_segments_missing_total{stream="$stream"}[1h]))'),
            description="Announced segments that could not be had.",
            steps=[(None, GREEN), (0.5, YELLOW), (3, RED)],
        ),
    ]


def _faults(metrics: Iterable[MetricSpec]) -> Panel:
    features = {feature.name: feature for spec in metrics for feature in spec.features}
    lanes = [Query('min(vqmon_stream_up{stream="$stream"})', "input")]
    texts = {"0": ("down", RED), "1": ("good", GREEN)}
    for code, (name, text, color) in enumerate(_STATES, start=2):
        feature = features.get(name)
        bound = None if feature is None else feature.warning if feature.critical is None else feature.critical
        if feature is not None and bound is not None:
            score = f'vqmon_segment_score{{{RENDITION},metric="{name}",stat="{feature.pool}"}}'
            lanes.append(Query(f"1 + {code - 1} * ({score} >= bool {bound:g})", f"{text}: {{{{rendition}}}}"))
            texts[str(code)] = (text, color)
    stale = (
        f"time() - vqmon_manifest_last_change_timestamp_seconds{{{RENDITION}}} "
        f"> bool 3 * vqmon_manifest_target_duration_seconds{{{RENDITION}}}"
    )
    lanes.append(Query(f"1 + 8 * ({stale})", "playlist: {{rendition}}"))
    texts["9"] = ("stale", "orange")
    return state_timeline(
        "Faults",
        lanes,
        description="One lane per rendition and fault. A gap means that there was nothing to judge.",
        mappings=[values(texts)],
        steps=[(None, GREY)],
    )


_STATES = (("black_ratio", "black", "dark-purple"), ("frozen", "frozen", "blue"))
"""Features that are faults by themselves: name, word, colour."""


def _bound(feature: Feature) -> str:
    direction = {True: "Higher is better.", False: "Lower is better.", None: "Descriptive: neither end is bad."}
    levels = [
        f"{word} at {value:g}"
        for word, value in (("warning", feature.warning), ("critical", feature.critical))
        if value is not None
    ]
    return " ".join([direction[feature.higher_is_better], *([f"{' and '.join(levels).capitalize()}."] if levels else [])])


def _pool(feature: Feature) -> str:
    return feature.pool.replace("_", " ")


def _feature_panel(spec: MetricSpec, feature: Feature) -> Panel:
    unit = f" in {feature.unit}" if feature.unit else ""
    reference = "Compared with the reference." if spec.reference is Reference.FULL else "Needs no reference."
    return time_series(
        f"{feature.title}: {_pool(feature)} of each segment{unit}",
        [Query(f'vqmon_segment_score{{{RENDITION},metric="{feature.name}",stat="{feature.pool}"}}', "{{rendition}}")],
        unit=UNITS[feature.unit],
        description=(
            f"{spec.summary} {reference} {_bound(feature)}\n\n0 means: {feature.zero}. No value means: {feature.no_data}."
        ),
        steps=feature_steps(feature),
        soft=feature.display,
        no_value=NOT_MEASURED,
    )


def _delivery() -> list[Panel]:
    return [
        time_series(
            "Bitrate",
            [Query(f"8 * rate(vqmon_bytes_received_total{{{RENDITION}}}{RATE})", "{{rendition}}")],
            unit="bps",
            description="As received by the monitor.",
        ),
        time_series(
            "Live latency",
            [Query(f"vqmon_live_latency_seconds{{{RENDITION}}}", "{{rendition}}")],
            unit="s",
            description="From a segment's end by its own clock (EXT-X-PROGRAM-DATE-TIME) to its place in the playlist.",
            no_value="the input has no clock",
        ),
        time_series(
            "Playlist: time since the last change",
            [
                Query(f"time() - vqmon_manifest_last_change_timestamp_seconds{{{RENDITION}}}", "{{rendition}}"),
                Query('3 * max(vqmon_manifest_target_duration_seconds{stream="$stream"})', "stale from here"),
            ],
            unit="s",
            description="A live playlist changes at least once a target duration; three without change raise ManifestStale.",
            no_value="not a live playlist",
        ),
        time_series(
            "Events",
            [
                Query(
                    f"sum by (rendition) (increase(vqmon_segments_missing_total{{{RENDITION}}}{RATE}))",
                    "missing {{rendition}}",
                ),
                Query(
                    f'sum by (kind) (increase(vqmon_discontinuities_total{{stream="$stream"}}{RATE}))',
                    "discontinuity {{kind}}",
                ),
                Query(f"sum by (kind) (increase(vqmon_stream_errors_total{{{RENDITION}}}{RATE}))", "error {{kind}}"),
                Query(
                    f'sum by (reason) (increase(vqmon_stream_reconnects_total{{stream="$stream"}}{RATE}))',
                    "reconnect {{reason}}",
                ),
            ],
            description="How often something happened, per step of the graph.",
            bars=True,
            stacked=True,
            width=16,
        ),
        time_series(
            "Black and frozen time",
            [
                Query(f"rate(vqmon_black_seconds_total{{{RENDITION}}}{RATE})", "black {{rendition}}"),
                Query(f"rate(vqmon_freeze_seconds_total{{{RENDITION}}}{RATE})", "frozen {{rendition}}"),
            ],
            unit="percentunit",
            description="Share of time. Its integral is the errored seconds of a broadcast report.",
            soft=(0.0, 1.0),
        ),
    ]


def _statistics() -> list[Panel]:
    return [
        time_series(
            "Pooled statistics of $feature",
            [
                Query(
                    f'vqmon_segment_score{{{RENDITION},metric="$feature",stat=~"min|p5|p50|mean|p95|max"}}',
                    "{{rendition}} {{stat}}",
                )
            ],
            description="How the frames of each segment were spread. Choose the feature above.",
            width=12,
            height=9,
            no_value=NOT_MEASURED,
        ),
        heatmap(
            "Frame scores of $feature, all renditions",
            Query(f'sum by (le) (increase(vqmon_frame_score_bucket{{stream="$stream",metric="$feature"}}{RATE}))', "{{le}}"),
            description="How many frames scored how much.",
            no_value=NOT_MEASURED,
        ),
        time_series(
            "Coverage",
            [Query(f"vqmon_segment_score_coverage_ratio{{{RENDITION}}}", "{{rendition}}")],
            unit="percentunit",
            description="Share of each segment's frames that were scored.",
            soft=(0.0, 1.0),
            width=12,
        ),
        time_series(
            "Frames",
            [
                Query(f"sum by (rendition) (rate(vqmon_frames_sampled_total{{{RENDITION}}}{RATE}))", "scored {{rendition}}"),
                Query(
                    f"sum by (rendition, reason) (rate(vqmon_frames_dropped_total{{{RENDITION}}}{RATE}))",
                    "dropped {{rendition}} {{reason}}",
                ),
            ],
            unit="fps",
            description="Scored, and dropped because the monitor was behind.",
            width=12,
        ),
    ]


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
        description=f"{_pool(feature).capitalize()} of the newest segment. {_bound(feature)}",
        steps=feature_steps(feature),
        bounds=feature.display,
        no_value=NOT_MEASURED,
    )


def health_rows() -> list[Row]:
    """The monitor itself."""
    return [
        Row("Keeping up", _keeping_up()),
        Row("Scoring", _scoring()),
        Row("Getting out", _getting_out()),
        Row("Process", _process()),
    ]


def _keeping_up() -> list[Panel]:
    return [
        time_series(
            "Lag",
            [Query(f"vqmon_pipeline_lag_seconds{{{INSTANCE}}}", "{{stream}}")],
            unit="s",
            description="From a segment's arrival to its scores. Where it grows, sample less or add cores.",
            steps=[(None, GREEN), (30, RED)],
        ),
        time_series(
            "Queued bytes",
            [Query(f"sum by (stream) (vqmon_queue_bytes{{{INSTANCE}}})", "{{stream}}")],
            unit="bytes",
            description="Encoded media waiting. Queues are bounded: at the bound the oldest is dropped and counted.",
            stacked=True,
        ),
        time_series(
            "Queue depth",
            [Query(f"sum by (stream) (vqmon_queue_depth{{{INSTANCE}}})", "{{stream}}")],
            description="Segments that wait to be scored.",
        ),
        time_series(
            "Dropped frames",
            [
                Query(
                    f"sum by (stream, reason) (rate(vqmon_frames_dropped_total{{{INSTANCE}}}{RATE}))",
                    "{{stream}} {{reason}}",
                )
            ],
            unit="fps",
            description="Frames that were not scored because the monitor was behind. They cost coverage, not truth.",
        ),
        time_series(
            "Decode errors",
            [Query(f"sum by (stream) (rate(vqmon_decode_errors_total{{{INSTANCE}}}{RATE}))", "{{stream}}")],
            unit="ops",
            description="Packets or frames that could not be decoded.",
        ),
        time_series(
            "Scored frames",
            [Query(f"sum by (stream) (rate(vqmon_frames_sampled_total{{{INSTANCE}}}{RATE}))", "{{stream}}")],
            unit="fps",
            description="Work done.",
            stacked=True,
        ),
    ]


def _scoring() -> list[Panel]:
    buckets = f"sum by (le, metric) (rate(vqmon_scorer_duration_seconds_bucket{{{INSTANCE}}}{RATE}))"
    return [
        time_series(
            "Scorer time per segment, 95th percentile",
            [Query(f"histogram_quantile(0.95, {buckets})", "{{metric}}")],
            unit="s",
            description="Wall-clock time that each metric takes for one segment.",
            width=6,
        ),
        time_series(
            "Scorer time per segment, median",
            [Query(f"histogram_quantile(0.5, {buckets})", "{{metric}}")],
            unit="s",
            description="Wall-clock time that each metric takes for one segment.",
            width=6,
        ),
        time_series(
            "Scorer load",
            [Query(f"sum by (metric) (rate(vqmon_scorer_duration_seconds_sum{{{INSTANCE}}}{RATE}))", "{{metric}}")],
            unit="percentunit",
            description="Share of one core's time that each metric takes.",
            stacked=True,
            width=6,
        ),
        time_series(
            "Scorer failures",
            [Query(f"sum by (metric) (increase(vqmon_scorer_failures_total{{{INSTANCE}}}{RATE}))", "{{metric}}")],
            description="Segments on which a metric raised.",
            bars=True,
            width=6,
        ),
    ]


def _getting_out() -> list[Panel]:
    return [
        time_series(
            "Sink writes",
            [Query(f"sum by (sink) (rate(vqmon_sink_writes_total{{{INSTANCE}}}{RATE}))", "{{sink}}")],
            unit="ops",
            description="Batches of results kept.",
        ),
        time_series(
            "Sink failures",
            [Query(f"sum by (sink) (increase(vqmon_sink_failures_total{{{INSTANCE}}}{RATE}))", "{{sink}}")],
            description="Writes that failed; they are tried again.",
            bars=True,
        ),
        time_series(
            "Notification failures",
            [Query(f"sum by (notifier) (increase(vqmon_notification_failures_total{{{INSTANCE}}}{RATE}))", "{{notifier}}")],
            description="Alerts that could not be delivered.",
            bars=True,
        ),
    ]


def _process() -> list[Panel]:
    ours = f"on (instance) group_left () max by (instance) (vqmon_build_info{{{INSTANCE}}})"
    return [
        time_series(
            "Resident memory",
            [Query(f"process_resident_memory_bytes * {ours}", "{{instance}}")],
            unit="bytes",
            description="Of the monitor's process. It should be level within minutes of the start.",
        ),
        time_series(
            "Processor",
            [Query(f"rate(process_cpu_seconds_total{RATE}) * {ours}", "{{instance}}")],
            unit="percentunit",
            description="1 (100 %) is one core.",
        ),
        time_series(
            "Open files",
            [Query(f"process_open_fds * {ours}", "{{instance}}")],
            description="Sockets and files. Growing without end: a leak.",
        ),
    ]
