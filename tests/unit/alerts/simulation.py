"""A stream for the alert engine: segments, events and time, without pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from monitor.alerts import AlertEngine, Instant
from monitor.types import Alert, AlertState, EventKind, Segment, SegmentResult, SegmentScore, SourceEvent

EPOCH = datetime(2026, 11, 21, 12, tzinfo=UTC)


def instant(seconds: float) -> Instant:
    """The moment ``seconds`` after the start of the simulation."""
    return Instant(1000.0 + seconds, EPOCH + timedelta(seconds=seconds))


def score(segment: Segment, feature: str, value: float, model: str = "") -> SegmentScore:
    """A score whose pools are all ``value``."""
    return SegmentScore(
        segment=segment,
        feature=feature,
        model=model or f"{feature}/1",
        frames=50,
        coverage=1.0,
        mean=value,
        harmonic_mean=value,
        min=value,
        max=value,
        p1=value,
        p5=value,
        p50=value,
        p95=value,
        stdev=0.0,
    )


def result(
    scores: Mapping[str, float],
    *,
    start: float = 0.0,
    seconds: float = 2.0,
    stream: str = "news",
    rendition: str = "720p",
    bitrate_bps: float = 2e6,
    decode_errors: int = 0,
    frames_decoded: int = 50,
    failed: Sequence[str] = (),
    model: str = "",
) -> SegmentResult:
    """The result of one segment that begins ``start`` seconds into the simulation."""
    segment = Segment(
        stream=stream,
        rendition=rendition,
        sequence=round(start / seconds),
        started_at=EPOCH + timedelta(seconds=start),
        duration=Fraction(seconds).limit_denominator(90000),
        start=Fraction(start).limit_denominator(90000),
        bytes=round(bitrate_bps * seconds / 8),
        frames_expected=50,
        frames_decoded=frames_decoded,
        decode_errors=decode_errors,
    )
    values = tuple(score(segment, feature, value, model) for feature, value in scores.items())
    return SegmentResult(segment=segment, scores=values, failed=tuple(failed))


def event(
    kind: EventKind, at: float, *, stream: str = "news", rendition: str = "720p", value: float = 0.0, detail: str = ""
) -> SourceEvent:
    """A source event ``at`` seconds into the simulation."""
    return SourceEvent(kind, stream, rendition, EPOCH + timedelta(seconds=at), detail=detail, value=value)


@dataclass
class Play:
    """Feeds one rendition's segments to an engine, in real time with one segment of delay, and keeps the transitions."""

    engine: AlertEngine
    seconds: float = 2.0
    rendition: str = "720p"
    stream: str = "news"
    position: float = 0.0
    told: list[Alert] = field(default_factory=list)

    @property
    def now(self) -> Instant:
        """The moment when the segment at ``position`` has just been published."""
        return instant(self.position)

    def segments(self, *values: Mapping[str, float], **facts: object) -> list[Alert]:
        """One segment for each mapping of feature to value. Returns the transitions."""
        out: list[Alert] = []
        for scores in values:
            one = result(
                scores,
                start=self.position,
                seconds=self.seconds,
                stream=self.stream,
                rendition=self.rendition,
                **facts,  # type: ignore[arg-type]
            )
            self.position += self.seconds
            out += self.engine.observe_result(one, self.now)
        self.told += out
        return out

    def event(self, kind: EventKind, **facts: object) -> list[Alert]:
        """An event now. Returns the transitions."""
        one = event(kind, self.position, stream=self.stream, rendition=self.rendition, **facts)  # type: ignore[arg-type]
        out = self.engine.observe_event(one, self.now)
        self.told += out
        return out

    def wait(self, seconds: float, step: float = 1.0) -> list[Alert]:
        """Let time pass without a segment. Returns the transitions."""
        out: list[Alert] = []
        for _ in range(round(seconds / step)):
            self.position += step
            out += self.engine.tick(self.now)
        self.told += out
        return out


def lines(alerts: Sequence[Alert]) -> list[str]:
    """Alerts as short lines: ``firing ScoreDrop 720p psnr_y``."""
    return [" ".join(part for part in (alert.state, alert.name, alert.rendition, alert.feature) if part) for alert in alerts]


def firings(alerts: Sequence[Alert]) -> Iterator[str]:
    """The lines of those that fire."""
    return (line for line in lines(alerts) if line.startswith(AlertState.FIRING))
