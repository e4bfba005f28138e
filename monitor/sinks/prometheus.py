"""The ``/metrics`` page: a telemetry snapshot as Prometheus families, built afresh for each scrape.

Fresh families make a forgotten stream's series vanish at once; no sample carries a timestamp, so staleness works. Labels are
``stream``, ``rendition``, ``metric`` (a feature for scores, a metric for scorers), ``stat`` and closed sets. A gauge without
a value is left out: no data is no series, and never 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from monitor.telemetry import COUNTERS, DISCONTINUITY_KINDS, DROP_REASONS, ERROR_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.protocols import Feature, MetricSpec
    from monitor.telemetry import Histogram, RenditionTelemetry, Status, Telemetry

_COUNTED = {
    "bytes": ("vqmon_bytes_received", "Encoded bytes of scored segments; rate() times 8 is the bitrate."),
    "decode_errors": ("vqmon_decode_errors", "Packets that failed to decode and frames flagged corrupt."),
    "format_changes": ("vqmon_format_changes", "Changes of codec or resolution."),
    "frames_decoded": ("vqmon_frames_decoded", "Frames decoded."),
    "frames_expected": ("vqmon_frames_expected", "Frames that the segments should hold."),
    "frames_paired": ("vqmon_frames_paired", "Sampled frames that found their reference frame."),
    "frames_sampled": ("vqmon_frames_sampled", "Frames chosen for scoring."),
    "segments": ("vqmon_segments", "Segments scored."),
    "segments_bad": ("vqmon_segments_bad", "Segments that were fetched but empty or undecodable."),
    "segments_missing": ("vqmon_segments_missing", "Announced segments that could not be had."),
}
"""Each of ``monitor.telemetry.COUNTERS`` with its family and help."""

_ONE = ("stream", "rendition")


class PrometheusCollector(Collector):
    """Renders telemetry for scrapers.

    Args:
        telemetry: what to show.
        specs: the metrics in use: they say which pools of a feature are worth a series (see ``stats``).
    """

    def __init__(self, telemetry: Telemetry, specs: Iterable[MetricSpec]) -> None:
        self._telemetry = telemetry
        self._stats = {feature.name: stats(feature) for spec in specs for feature in spec.features}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def exposition(self, accept_header: str = "") -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics where the ``Accept`` header asks for it, else Prometheus text."""
        encode, content_type = choose_encoder(accept_header)
        return encode(self._registry), content_type

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: names are unique by construction, and collecting twice at start would be for nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family, from one snapshot."""
        status = self._telemetry.snapshot()
        if status.build:
            yield InfoMetricFamily("vqmon_build", "What is running.", status.build)
        yield from _input_families(status)
        yield from _count_families(status)
        yield from self._score_families(status)
        yield from _monitor_families(status)

    def _score_families(self, status: Status) -> Iterator[Metric]:
        """Scores of the newest segment, and the distribution of frame scores."""
        scores = GaugeMetricFamily(
            "vqmon_segment_score",
            "A feature pooled over the newest scored segment; unit and direction are the feature's.",
            labels=(*_ONE, "metric", "stat"),
        )
        times = GaugeMetricFamily(
            "vqmon_segment_score_timestamp_seconds",
            "End of the segment that the score is of, in the stream's own UTC: a score is fresh while this grows.",
            labels=(*_ONE, "metric"),
        )
        coverage = GaugeMetricFamily(
            "vqmon_segment_score_coverage_ratio", "Share of the newest segment's frames that were scored.", labels=_ONE
        )
        for stream, name, rendition in _renditions(status):
            if rendition.coverage is not None:
                coverage.add_metric((stream, name), rendition.coverage)
            for feature, score in rendition.scores.items():
                times.add_metric((stream, name, feature), score.segment.ended_at.timestamp())
                for stat in self._stats.get(feature, ("mean", "min", "max")):
                    if not math.isnan(value := score.pool(stat)):
                        scores.add_metric((stream, name, feature, stat), value)
        yield from (scores, times, coverage)
        frames = HistogramMetricFamily("vqmon_frame_score", "Frame scores over all renditions.", labels=("stream", "metric"))
        for stream, one in status.streams.items():
            for feature, histogram in one.frame_scores.items():
                frames.add_metric((stream, feature), _buckets(histogram), histogram.total)
        yield frames


def stats(feature: Feature) -> tuple[str, ...]:
    """The pools of a feature that get a series: its mean, its default pool, and the bad end of its distribution."""
    tail = {True: ("p5", "min"), False: ("p95", "max"), None: ("min", "max")}[feature.higher_is_better]
    return tuple(dict.fromkeys(("mean", feature.pool, *tail)))


def _renditions(status: Status) -> Iterator[tuple[str, str, RenditionTelemetry]]:
    """Stream, rendition and what is known; ``""`` only for a stream that has no named one."""
    for stream, one in status.streams.items():
        for name, rendition in one.renditions.items():
            if name or len(one.renditions) == 1:
                yield stream, name, rendition


def _input_families(status: Status) -> Iterator[Metric]:
    """What comes in, and what it is."""
    info = InfoMetricFamily("vqmon_stream", "Format of the newest segment.", labels=_ONE)
    up = GaugeMetricFamily("vqmon_stream_up", "Whether the input delivers; no series once it has ended.", labels=_ONE)
    reference = GaugeMetricFamily("vqmon_reference_up", "Whether there are reference pictures to compare with.", labels=_ONE)
    newest = GaugeMetricFamily(
        "vqmon_stream_last_frame_timestamp_seconds",
        "End of the newest scored segment, in the stream's own UTC.",
        labels=_ONE,
    )
    latency = GaugeMetricFamily(
        "vqmon_live_latency_seconds",
        "From the end of the newest segment by EXT-X-PROGRAM-DATE-TIME to when its playlist first listed it.",
        labels=_ONE,
    )
    changed = GaugeMetricFamily(
        "vqmon_manifest_last_change_timestamp_seconds", "When the playlist last advanced.", labels=_ONE
    )
    target = GaugeMetricFamily("vqmon_manifest_target_duration_seconds", "EXT-X-TARGETDURATION.", labels=_ONE)
    depth = GaugeMetricFamily("vqmon_queue_depth", "Segments that wait to be scored.", labels=_ONE)
    waiting = GaugeMetricFamily("vqmon_queue_bytes", "Memory that waiting segments take.", labels=_ONE)
    lag = GaugeMetricFamily("vqmon_pipeline_lag_seconds", "How far scoring is behind the input.", labels=("stream",))
    for stream, name, rendition in _renditions(status):
        key = (stream, name)
        _add(up, key, rendition.up)
        _add(reference, key, rendition.reference_up)
        _add(changed, key, rendition.manifest_changed_at)
        _add(target, key, rendition.target_duration_seconds)
        depth.add_metric(key, rendition.queue_depth)
        waiting.add_metric(key, rendition.queue_bytes)
        if (segment := rendition.segment) is None:
            continue
        newest.add_metric(key, segment.ended_at.timestamp())
        picture = segment.format
        facts = {
            "codec": segment.codec,
            "width": str(picture.width if picture else 0),
            "height": str(picture.height if picture else 0),
            "frame_rate": f"{segment.frame_rate:.3f}".rstrip("0").rstrip("."),
        }
        info.add_metric(key, facts)
        if segment.published_at is not None:
            delay = (segment.published_at - segment.ended_at).total_seconds()
            if delay >= 0:  # dated by arrival, a segment ends after it was listed: no latency can be told
                latency.add_metric(key, delay)
    for stream, one in status.streams.items():
        _add(lag, (stream,), one.lag_seconds)
    yield from (info, up, reference, newest, latency, changed, target, depth, waiting, lag)


def _count_families(status: Status) -> Iterator[Metric]:
    """What has happened so far; every series of a known rendition is there from the start, at 0."""
    counted = {name: CounterMetricFamily(*_COUNTED[name], labels=_ONE) for name in COUNTERS}
    errors = CounterMetricFamily("vqmon_stream_errors", "Errors of the input, by kind.", labels=(*_ONE, "kind"))
    dropped = CounterMetricFamily(
        "vqmon_segments_dropped", "Segments not scored because the monitor is behind.", labels=(*_ONE, "reason")
    )
    black = CounterMetricFamily("vqmon_black_seconds", "Time of black picture; rate() is its share of time.", labels=_ONE)
    freeze = CounterMetricFamily("vqmon_freeze_seconds", "Time of frozen picture; rate() is its share of time.", labels=_ONE)
    for stream, name, rendition in _renditions(status):
        key = (stream, name)
        for counter, family in counted.items():
            family.add_metric(key, rendition.counts[counter])
        for kind in ERROR_KINDS:
            errors.add_metric((*key, kind), rendition.errors[kind])
        for reason in DROP_REASONS:
            dropped.add_metric((*key, reason), rendition.dropped[reason])
        black.add_metric(key, rendition.black_seconds)
        freeze.add_metric(key, rendition.freeze_seconds)
    reconnects = CounterMetricFamily(
        "vqmon_stream_reconnects",
        "New attempts to open an input, by what the one before was lost to.",
        labels=("stream", "reason"),
    )
    discontinuities = CounterMetricFamily("vqmon_discontinuities", "Breaks of the timeline.", labels=("stream", "kind"))
    for stream, one in status.streams.items():
        for reason in ERROR_KINDS:
            reconnects.add_metric((stream, reason), one.reconnects[reason])
        for kind in DISCONTINUITY_KINDS:
            discontinuities.add_metric((stream, kind), one.discontinuities[kind])
    yield from (*counted.values(), errors, dropped, black, freeze, reconnects, discontinuities)


def _monitor_families(status: Status) -> Iterator[Metric]:
    """The monitor itself."""
    seconds = HistogramMetricFamily(
        "vqmon_scorer_duration_seconds", "Time that a metric took for one segment.", labels=("metric", "device")
    )
    for (metric, device), histogram in status.scorer_seconds.items():
        seconds.add_metric((metric, device), _buckets(histogram), histogram.total)
    failures = CounterMetricFamily("vqmon_scorer_failures", "Segments on which a metric raised.", labels=("metric", "kind"))
    for (metric, kind), count in status.scorer_failures.items():
        failures.add_metric((metric, kind), count)
    writes = CounterMetricFamily("vqmon_sink_writes", "Writes that a sink took.", labels=("sink",))
    unwritten = CounterMetricFamily(
        "vqmon_sink_failures", "Writes that a sink did not take; they are tried again.", labels=("sink",)
    )
    for name, tally in status.sinks.items():
        writes.add_metric((name,), tally.done)
        unwritten.add_metric((name,), tally.failed)
    sent = CounterMetricFamily("vqmon_notifications", "Notifications that a receiver took.", labels=("notifier",))
    unsent = CounterMetricFamily("vqmon_notification_failures", "Notifications that failed.", labels=("notifier",))
    for name, tally in status.notifiers.items():
        sent.add_metric((name,), tally.done)
        unsent.add_metric((name,), tally.failed)
    firing = GaugeMetricFamily("vqmon_alerts_firing", "Alerts that fire now.", labels=("alertname", "severity", "stream"))
    for key, count in status.firing.items():
        firing.add_metric(key, count)
    yield from (seconds, failures, writes, unwritten, sent, unsent, firing)


def _add(family: GaugeMetricFamily, key: Sequence[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(key, float(value))


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative counts by upper edge, as the text formats want them."""
    edges = (*map(floatToGoString, histogram.edges), "+Inf")
    total, found = 0, []
    for edge, count in zip(edges, histogram.counts, strict=True):
        total += count
        found.append((edge, float(total)))
    return found
