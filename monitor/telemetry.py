"""What the monitor knows about itself and its streams right now: counters and newest values, for a scrape or a status page.

Nothing here is history (the store has that), and nothing has a format (an exposition has that).
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from monitor.types import AlertState, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.protocols import MetricSpec
    from monitor.types import Alert, Score, Segment, SegmentResult, SegmentScore, SourceEvent

ERROR_KINDS = (
    "auth", "decode", "demux", "dns", "eof", "http_4xx", "http_5xx", "no_video", "open", "playlist", "protocol", "refused",
    "timeout", "other",
)  # fmt: skip
"""What can go wrong with an input: the reasons of ``monitor.errors.SourceError``, and ``other``."""
DISCONTINUITY_KINDS = ("flagged", "pts_gap", "pts_back", "wrap", "other")
DROP_REASONS = ("lag", "memory", "other")
COUNTERS = (
    "bytes", "decode_errors", "format_changes", "frames_decoded", "frames_expected", "frames_paired", "frames_sampled",
    "segments", "segments_bad", "segments_missing",
)  # fmt: skip
"""What is counted for each rendition."""

BLACK_SHARE = 0.98
"""A frame is black when this share of it is: the usual alarm level (FFmpeg ``blackframe``, broadcast multiviewers)."""
DURATION_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bucket edges of scorer durations, in seconds."""

_STATES = {EventKind.UP: True, EventKind.DOWN: False, EventKind.ENDED: None}
_FAULTS = (
    EventKind.DOWN,
    EventKind.MANIFEST_ERROR,
    EventKind.SEGMENT_BAD,
    EventKind.SEGMENT_MISSING,
    EventKind.DECODE_ERROR,
)


@dataclass(slots=True)
class Histogram:
    """Numbers counted by size; ``counts`` has one place more than ``edges``, for what is above the last."""

    edges: tuple[float, ...]
    """Upper edges, inclusive, ascending."""
    counts: list[int]
    total: float = 0.0
    """Sum of the numbers; one beyond the edges counts as the nearest edge, so that an infinite PSNR does not spoil it."""

    @classmethod
    def over(cls, edges: Sequence[float]) -> Histogram:
        """An empty one."""
        return cls(tuple(edges), [0] * (len(edges) + 1))

    def observe(self, value: float) -> None:
        """Count one number."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += min(max(value, self.edges[0]), self.edges[-1])


@dataclass(slots=True)
class RenditionTelemetry:
    """One rendition, or with the name ``""`` a stream of which no rendition is known."""

    up: bool | None = False
    """Newest state report; ``None`` when the input has ended; ``False`` before the first one."""
    reference_up: bool | None = None
    """Whether there are reference pictures; ``None`` where nobody said."""
    segment: Segment | None = None
    """The newest by media time."""
    coverage: float | None = None
    """Share of the newest segment's frames that were scored."""
    scores: dict[str, SegmentScore] = field(default_factory=dict)
    """Feature to its newest score by media time."""
    counts: Counter[str] = field(default_factory=Counter)
    """By the names of ``COUNTERS``."""
    errors: Counter[str] = field(default_factory=Counter)
    """By ``ERROR_KINDS``."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By ``DROP_REASONS``."""
    black_seconds: float = 0.0
    freeze_seconds: float = 0.0
    manifest_changed_at: float | None = None
    """Unix time, seconds."""
    target_duration_seconds: float | None = None
    queue_depth: int = 0
    queue_bytes: int = 0


@dataclass(slots=True)
class StreamTelemetry:
    """One stream."""

    renditions: dict[str, RenditionTelemetry] = field(default_factory=dict)
    reconnects: Counter[str] = field(default_factory=Counter)
    """By ``ERROR_KINDS``: what the connection before was lost to."""
    discontinuities: Counter[str] = field(default_factory=Counter)
    """By ``DISCONTINUITY_KINDS``."""
    lag_seconds: float | None = None
    frame_scores: dict[str, Histogram] = field(default_factory=dict)
    """By feature, over all renditions."""
    failure: str = "other"
    """Reason of the newest DOWN."""


@dataclass(slots=True)
class Tally:
    """How often something worked and failed."""

    done: int = 0
    failed: int = 0


@dataclass(slots=True)
class Status:
    """Everything at one moment."""

    streams: dict[str, StreamTelemetry] = field(default_factory=dict)
    sinks: dict[str, Tally] = field(default_factory=dict)
    notifiers: dict[str, Tally] = field(default_factory=dict)
    scorer_seconds: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    """By metric and device."""
    scorer_failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By metric and kind."""
    firing: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Number of firing alerts by alert name, severity and stream."""
    build: dict[str, str] = field(default_factory=dict)


class Telemetry:
    """The live state, told by the pipeline and read by anybody; safe for any number of threads.

    Its size is bounded by streams, renditions and features; a stream that is forgotten leaves nothing behind.

    Args:
        specs: metrics whose frame scores are counted by size, in ten steps over the feature's display range.
    """

    def __init__(self, specs: Iterable[MetricSpec] = ()) -> None:
        self._edges = {feature.name: _edges(*feature.display) for spec in specs for feature in spec.features}
        self._status = Status()
        self._lock = threading.Lock()

    def snapshot(self) -> Status:
        """A copy that nobody changes."""
        with self._lock:
            now = self._status
            return Status(
                streams={name: _copy(stream) for name, stream in now.streams.items()},
                sinks={name: replace(tally) for name, tally in now.sinks.items()},
                notifiers={name: replace(tally) for name, tally in now.notifiers.items()},
                scorer_seconds={key: replace(one, counts=list(one.counts)) for key, one in now.scorer_seconds.items()},
                scorer_failures=now.scorer_failures.copy(),
                firing=now.firing.copy(),
                build=dict(now.build),
            )

    def set_build_info(self, version: str, revision: str = "") -> None:
        """What is running."""
        with self._lock:
            self._status.build = {"version": version, "revision": revision}

    def expect(self, stream: str, rendition: str) -> None:
        """A rendition will be watched: its series exist from now on, counters at 0 and the input down."""
        with self._lock:
            self._rendition(stream, rendition)

    def forget(self, stream: str, rendition: str | None = None) -> None:
        """A stream, or one rendition of it, is no longer watched: its series vanish."""
        with self._lock:
            if rendition is not None and stream in self._status.streams:
                self._status.streams[stream].renditions.pop(rendition, None)
                if self._status.streams[stream].renditions:
                    return
            self._status.streams.pop(stream, None)
            self._status.firing = Counter({key: count for key, count in self._status.firing.items() if key[2] != stream})

    def observe_result(self, result: SegmentResult) -> None:
        """Count a scored segment, and make it the newest of its rendition unless a later one was seen."""
        segment = result.segment
        with self._lock:
            rendition = self._rendition(segment.stream, segment.rendition)
            rendition.counts.update(
                bytes=segment.bytes,
                decode_errors=segment.decode_errors,
                frames_decoded=segment.frames_decoded,
                frames_expected=segment.frames_expected,
                frames_paired=segment.frames_paired,
                frames_sampled=segment.frames_sampled,
                segments=1,
            )
            if rendition.segment is None or segment.started_at >= rendition.segment.started_at:
                rendition.segment = segment
                rendition.coverage = max((score.coverage for score in result.scores), default=0.0)
            for score in result.scores:
                newest = rendition.scores.get(score.feature)
                if newest is None or segment.started_at >= newest.segment.started_at:
                    rendition.scores[score.feature] = score
                if score.feature == "black_ratio":
                    rendition.black_seconds += float(segment.duration) * _black_share(score, result.frame_scores)
                elif score.feature == "frozen":
                    rendition.freeze_seconds += float(segment.duration) * score.mean
            histograms = self._status.streams[segment.stream].frame_scores
            for frame_score in result.frame_scores:
                if edges := self._edges.get(frame_score.feature):
                    histograms.setdefault(frame_score.feature, Histogram.over(edges)).observe(frame_score.value)

    def observe_event(self, event: SourceEvent) -> None:
        """Count an event, and take over what a state report says; one on the whole stream counts for each rendition."""
        with self._lock:
            stream = self._status.streams.setdefault(event.stream, StreamTelemetry())
            if not event.rendition and event.kind in _STATES:
                for each in stream.renditions.values():
                    each.up = _STATES[event.kind]
            rendition = self._rendition(event.stream, event.rendition)
            if event.kind in _FAULTS:
                amount = max(1, round(event.value)) if event.kind is EventKind.DECODE_ERROR else 1
                rendition.errors[_closed(event.reason or "decode", ERROR_KINDS)] += amount
            match event.kind:
                case EventKind.UP | EventKind.DOWN | EventKind.ENDED:
                    rendition.up = _STATES[event.kind]
                    if event.kind is EventKind.DOWN:
                        stream.failure = _closed(event.reason, ERROR_KINDS)
                case EventKind.RECONNECT:
                    stream.reconnects[_closed(event.reason, ERROR_KINDS) if event.reason else stream.failure] += 1
                case EventKind.MANIFEST_CHANGED:
                    rendition.manifest_changed_at = event.at.timestamp()
                    rendition.target_duration_seconds = event.value
                case EventKind.SEGMENT_MISSING:
                    rendition.counts["segments_missing"] += 1
                case EventKind.SEGMENT_BAD:
                    rendition.counts["segments_bad"] += 1
                case EventKind.FORMAT_CHANGED:
                    rendition.counts["format_changes"] += 1
                case EventKind.DISCONTINUITY:
                    stream.discontinuities[_closed(event.reason, DISCONTINUITY_KINDS)] += 1
                case EventKind.DROPPED:
                    rendition.dropped[_closed(event.reason, DROP_REASONS)] += max(1, round(event.value))
                case EventKind.REFERENCE_LOST | EventKind.REFERENCE_BACK:
                    rendition.reference_up = event.kind is EventKind.REFERENCE_BACK
                case _:
                    pass

    def set_queue(self, stream: str, rendition: str, depth: int, bytes_: int) -> None:
        """Segments that wait to be scored, and the memory that they take."""
        with self._lock:
            waiting = self._rendition(stream, rendition)
            waiting.queue_depth, waiting.queue_bytes = depth, bytes_

    def set_lag(self, stream: str, seconds: float) -> None:
        """How far scoring is behind the input."""
        with self._lock:
            self._status.streams.setdefault(stream, StreamTelemetry()).lag_seconds = seconds

    def count_sink(self, name: str, writes: int = 0, failures: int = 0) -> None:
        """Writes that a sink took, and writes that failed; ``count_sink(name)`` makes both known at 0."""
        with self._lock:
            _add(self._status.sinks.setdefault(name, Tally()), writes, failures)

    def count_notification(self, name: str, sent: int = 0, failed: int = 0) -> None:
        """Notifications that a receiver took, and that failed; ``count_notification(name)`` makes both known at 0."""
        with self._lock:
            _add(self._status.notifiers.setdefault(name, Tally()), sent, failed)

    def observe_scorer(self, metric: str, device: str, seconds: float) -> None:
        """Time that a metric took for one segment."""
        with self._lock:
            self._status.scorer_seconds.setdefault((metric, device), Histogram.over(DURATION_EDGES)).observe(seconds)

    def count_scorer_failure(self, metric: str, kind: str) -> None:
        """A metric raised; ``kind`` is from a closed set of the caller's."""
        with self._lock:
            self._status.scorer_failures[metric, kind] += 1

    def set_alerts(self, alerts: Sequence[Alert]) -> None:
        """All alerts as they stand; only those that fire count."""
        firing = [alert for alert in alerts if alert.state is AlertState.FIRING]
        with self._lock:
            self._status.firing = Counter((alert.name, str(alert.severity), alert.stream) for alert in firing)

    def _rendition(self, stream: str, rendition: str) -> RenditionTelemetry:
        known = self._status.streams.setdefault(stream, StreamTelemetry()).renditions
        return known.setdefault(rendition, RenditionTelemetry())


def _copy(stream: StreamTelemetry) -> StreamTelemetry:
    return replace(
        stream,
        renditions={
            name: replace(
                rendition,
                scores=dict(rendition.scores),
                counts=rendition.counts.copy(),
                errors=rendition.errors.copy(),
                dropped=rendition.dropped.copy(),
            )
            for name, rendition in stream.renditions.items()
        },
        reconnects=stream.reconnects.copy(),
        discontinuities=stream.discontinuities.copy(),
        frame_scores={name: replace(one, counts=list(one.counts)) for name, one in stream.frame_scores.items()},
    )


def _add(tally: Tally, done: int, failed: int) -> None:
    tally.done += done
    tally.failed += failed


def _closed(value: str, known: tuple[str, ...]) -> str:
    return value if value in known else "other"


def _edges(low: float, high: float) -> tuple[float, ...]:
    """Eleven edges over a display range, short in print."""
    return tuple(float(f"{low + step * (high - low) / 10:.6g}") for step in range(11))


def _black_share(score: SegmentScore, frame_scores: Iterable[Score]) -> float:
    """Share of a segment's scored frames that are black; by the mean alone where frame scores are absent."""
    values = [one.value for one in frame_scores if one.feature == score.feature]
    if values:
        return sum(value >= BLACK_SHARE for value in values) / len(values)
    return 1.0 if score.mean >= BLACK_SHARE else 0.0
