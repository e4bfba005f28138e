"""The monitor itself: what its dashboard shows, as PromQL on the families of ``/metrics``."""

from __future__ import annotations

from pipelines.dashboards.panels import GREEN, RATE, RED, Panel, Query, Row, time_series

INSTANCE = 'instance=~"$instance"'


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
            "Dropped segments",
            [
                Query(
                    f"sum by (stream, reason) (rate(vqmon_segments_dropped_total{{{INSTANCE}}}{RATE}))",
                    "{{stream}} {{reason}}",
                )
            ],
            unit="cps",
            description="Segments that were not scored because the monitor was behind. They cost coverage, not truth.",
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
