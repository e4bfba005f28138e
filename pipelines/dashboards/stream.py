"""One stream: what its dashboard shows, as PromQL on the families of ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.protocols import Feature, MetricSpec, Reference
from pipelines.dashboards.panels import (
    GREEN,
    GREY,
    RATE,
    RED,
    UNITS,
    UP,
    YELLOW,
    Panel,
    Query,
    Row,
    feature_steps,
    heatmap,
    stat,
    state_timeline,
    time_series,
    values,
)
from pipelines.dashboards.wording import NOT_MEASURED, bounds_in_words, is_watched, pool_in_words

RENDITION = 'stream="$stream",rendition=~"$rendition"'


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


def _feature_panel(spec: MetricSpec, feature: Feature) -> Panel:
    unit = f" in {feature.unit}" if feature.unit else ""
    reference = "Compared with the reference." if spec.reference is Reference.FULL else "Needs no reference."
    return time_series(
        f"{feature.title}: {pool_in_words(feature)} of each segment{unit}",
        [Query(f'vqmon_segment_score{{{RENDITION},metric="{feature.name}",stat="{feature.pool}"}}', "{{rendition}}")],
        unit=UNITS[feature.unit],
        description=(
            f"{spec.summary} {reference} {bounds_in_words(feature)}\n\n"
            f"0 means: {feature.zero}. No value means: {feature.no_data}."
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
                Query(
                    f"sum by (rendition) (rate(vqmon_frames_sampled_total{{{RENDITION}}}{RATE}))",
                    "frames scored {{rendition}}",
                ),
                Query(
                    f"sum by (rendition, reason) (rate(vqmon_segments_dropped_total{{{RENDITION}}}{RATE}))",
                    "segments dropped {{rendition}} {{reason}}",
                ),
            ],
            unit="fps",
            description="Frames scored, and segments dropped because the monitor was behind.",
            width=12,
        ),
    ]
