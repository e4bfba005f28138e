"""Small results, events and alerts for tests of sinks and telemetry."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from monitor.types import (
    POOLS,
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

EPOCH = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
FORMAT = VideoFormat(1280, 720, "yuv420p", chroma_width=640, chroma_height=360)


def moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def ms(seconds: float = 0.0) -> int:
    return round(1000 * moment(seconds).timestamp())


def segment(stream: str = "news", rendition: str = "720p", number: int = 0, **facts: object) -> Segment:
    values: dict[str, object] = {
        "sequence": 100 + number,
        "started_at": moment(2 * number),
        "duration": Fraction(2),
        "start": Fraction(2 * number),
        "bytes": 500_000,
        "frames_expected": 50,
        "frames_decoded": 49,
        "frames_sampled": 10,
        "frames_paired": 9,
        "decode_errors": 1,
        "format": FORMAT,
        "codec": "h264",
        "frame_rate": 25.0,
        "download_seconds": 0.25,
        "published_at": moment(2 * number + 3),
    }
    return Segment(stream=stream, rendition=rendition, **{**values, **facts})  # type: ignore[arg-type]


def score(
    of: Segment, feature: str = "psnr_y", mean: float = 40.0, *, model: str = "psnr/1", **pools: float
) -> SegmentScore:
    values = {pool: mean + place / 8 for place, pool in enumerate(POOLS)} | pools
    return SegmentScore(segment=of, feature=feature, model=model, frames=10, coverage=0.2, **values)


def result(
    stream: str = "news",
    rendition: str = "720p",
    number: int = 0,
    *,
    means: dict[str, float] | None = None,
    model: str = "psnr/1",
    frame_values: dict[str, list[float]] | None = None,
    **facts: object,
) -> SegmentResult:
    of = segment(stream, rendition, number, **facts)
    chosen = {"psnr_y": 40.0 + number} if means is None else means
    frames = tuple(
        Score(feature, value, index, of.start + Fraction(index, 25))
        for feature, values in (frame_values or {}).items()
        for index, value in enumerate(values)
    )
    return SegmentResult(
        segment=of,
        scores=tuple(score(of, feature, mean, model=model) for feature, mean in chosen.items()),
        frame_scores=frames,
        score_seconds=0.5,
        failed=("ssim",) if number == 3 else (),
    )


def event(
    kind: EventKind = EventKind.DOWN, stream: str = "news", rendition: str = "720p", at: float = 0.0, **more: object
) -> SourceEvent:
    return SourceEvent(kind=kind, stream=stream, rendition=rendition, at=moment(at), **more)  # type: ignore[arg-type]


def alert(
    name: str = "BlackPicture",
    state: AlertState = AlertState.FIRING,
    at: float = 0.0,
    until: float | None = None,
    **more: object,
) -> Alert:
    values: dict[str, object] = {
        "severity": Severity.CRITICAL,
        "stream": "news",
        "rendition": "720p",
        "feature": "black_ratio",
        "value": 1.0,
        "threshold": 0.98,
        "summary": "the picture is black",
        "description": "for 5 s",
        "segment_start_ms": ms(at),
    }
    return Alert(
        name=name,
        state=state,
        starts_at=moment(at),
        ends_at=None if until is None else moment(until),
        **{**values, **more},  # type: ignore[arg-type]
    )


NOT_FINITE = {"p1": math.nan, "max": math.inf, "harmonic_mean": -math.inf}
