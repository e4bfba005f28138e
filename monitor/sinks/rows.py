"""Values as the store's rows, and rows as values again: both directions of each, side by side."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitor.protocols import RenditionRow, SegmentRow, SeriesRow
from monitor.types import (
    POOLS,
    Alert,
    AlertState,
    EventKind,
    SegmentResult,
    SegmentScore,
    Severity,
    SourceEvent,
    json_number,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

Values = dict[str, Any]
"""Column name to value."""


def segment_row(result: SegmentResult) -> Values:
    """Row of ``segment``."""
    segment = result.segment
    picture = segment.format
    return {
        "stream": segment.stream,
        "rendition": segment.rendition,
        "start_ms": segment.start_ms,
        "sequence": segment.sequence,
        "duration_ms": round(1000 * segment.duration),
        "discontinuity": segment.discontinuity,
        "bytes": segment.bytes,
        "frames_expected": segment.frames_expected,
        "frames_decoded": segment.frames_decoded,
        "frames_sampled": segment.frames_sampled,
        "frames_paired": segment.frames_paired,
        "decode_errors": segment.decode_errors,
        "codec": segment.codec,
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
        "pixel_format": picture.pixel_format if picture else "",
        "frame_rate": json_number(segment.frame_rate),
        "download_seconds": json_number(segment.download_seconds),
        "score_seconds": json_number(result.score_seconds),
        "published_ms": None if segment.published_at is None else _milliseconds(segment.published_at),
        "failed": " ".join(result.failed),
    }


def score_row(score: SegmentScore) -> Values:
    """Row of ``segment_score``."""
    segment = score.segment
    return {
        "stream": segment.stream,
        "rendition": segment.rendition,
        "feature": score.feature,
        "model": score.model,
        "start_ms": segment.start_ms,
        "duration_ms": round(1000 * segment.duration),
        "frames": score.frames,
        "coverage": json_number(score.coverage),
        **{pool: json_number(score.pool(pool)) for pool in POOLS},
    }


def facts_row(result: SegmentResult) -> Values:
    """What one segment says about its rendition, as a row of ``rendition_state``."""
    segment = result.segment
    picture = segment.format
    return {
        "stream": segment.stream,
        "rendition": segment.rendition,
        "codec": segment.codec,
        "width": picture.width if picture else 0,
        "height": picture.height if picture else 0,
        "frame_rate": json_number(segment.frame_rate),
        "bitrate_bps": json_number(segment.bitrate_bps),
        "first_start_ms": segment.start_ms,
        "last_start_ms": segment.start_ms,
        "last_duration_ms": round(1000 * segment.duration),
    }


def event_row(event: SourceEvent) -> Values:
    """Row of ``source_event``."""
    value = json_number(event.value)
    fields = [event.stream, event.rendition, event.kind, event.at.isoformat(), event.reason, event.detail, value]
    return {
        "at_ms": _milliseconds(event.at),
        "digest": hashlib.blake2b(json.dumps(fields).encode(), digest_size=8).hexdigest(),
        "stream": event.stream,
        "rendition": event.rendition,
        "kind": str(event.kind),
        "reason": event.reason,
        "detail": _storable(event.detail),
        "value": value,
    }


def report_row(event: SourceEvent) -> Values:
    """What a state report says, as a row of ``rendition_state``."""
    return {
        "stream": event.stream,
        "rendition": event.rendition,
        "state": str(event.kind),
        "state_ms": _milliseconds(event.at),
        "detail": _storable(event.detail),
    }


def incident_row(alert: Alert) -> Values:
    """Row of ``incident``."""
    return {
        "fingerprint": alert.fingerprint,
        "starts_ms": _milliseconds(alert.starts_at),
        "ends_ms": None if alert.ends_at is None else _milliseconds(alert.ends_at),
        "alertname": alert.name,
        "severity": str(alert.severity),
        "state": str(alert.state),
        "stream": alert.stream,
        "rendition": alert.rendition,
        "feature": alert.feature,
        "value": None if alert.value is None else json_number(alert.value),
        "threshold": None if alert.threshold is None else json_number(alert.threshold),
        "summary": _storable(alert.summary),
        "description": _storable(alert.description),
        "segment_start_ms": alert.segment_start_ms,
        "evidence": json.dumps(alert.evidence),
    }


def _storable(text: str) -> str:
    """Free text as both databases can hold it: no lone surrogates (undecodable bytes), no NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())


def rendition_from(row: Row[Any], whole: Row[Any] | None) -> RenditionRow:
    """A row of ``rendition_state`` beside the row of its whole stream, where there is one."""
    report = row
    if whole is not None and whole.state_ms is not None and (row.state_ms is None or whole.state_ms > row.state_ms):
        report = whole
    reported_ms = report.state_ms or 0
    return RenditionRow(
        stream=row.stream,
        rendition=row.rendition,
        codec=row.codec or "",
        width=row.width or 0,
        height=row.height or 0,
        frame_rate=row.frame_rate or 0.0,
        bitrate_bps=row.bitrate_bps or 0.0,
        first_start_ms=reported_ms if row.first_start_ms is None else row.first_start_ms,
        last_start_ms=reported_ms if row.last_start_ms is None else row.last_start_ms,
        last_duration_ms=row.last_duration_ms or 0,
        up={EventKind.UP: True, EventKind.DOWN: False}.get(report.state),
        detail=report.detail or "",
    )


POINT_COLUMNS = ("start_ms", "duration_ms", "frames", "coverage")
"""What ``point_from`` needs before the pools, in order."""


def point_from(row: Row[Any], pools: Sequence[str]) -> SeriesRow:
    """A row of ``segment_score``: ``POINT_COLUMNS``, then ``pools``."""
    start_ms, duration_ms, frames, coverage, *values = tuple(row)
    known = {pool: value for pool, value in zip(pools, values, strict=True) if value is not None}
    return SeriesRow(start_ms, duration_ms, frames, coverage or 0.0, known)


def segment_from(row: Row[Any]) -> SegmentRow:
    """A row of ``segment``."""
    return SegmentRow(
        sequence=row.sequence,
        start_ms=row.start_ms,
        duration_ms=row.duration_ms,
        bitrate_bps=8000.0 * row.bytes / row.duration_ms if row.duration_ms > 0 else 0.0,
        download_seconds=row.download_seconds or 0.0,
        frames_expected=row.frames_expected,
        frames_decoded=row.frames_decoded,
        decode_errors=row.decode_errors,
        discontinuity=row.discontinuity,
    )


def alert_from(row: Row[Any]) -> Alert:
    """A row of ``incident``."""
    return Alert(
        name=row.alertname,
        state=AlertState(row.state),
        severity=Severity(row.severity),
        stream=row.stream,
        rendition=row.rendition,
        feature=row.feature,
        starts_at=_utc(row.starts_ms),
        ends_at=None if row.ends_ms is None else _utc(row.ends_ms),
        value=row.value,
        threshold=row.threshold,
        summary=row.summary,
        description=row.description,
        segment_start_ms=row.segment_start_ms,
        evidence=tuple(json.loads(row.evidence)),
    )


def event_from(row: Row[Any]) -> SourceEvent:
    """A row of ``source_event``."""
    return SourceEvent(
        kind=EventKind(row.kind),
        stream=row.stream,
        rendition=row.rendition,
        at=_utc(row.at_ms),
        detail=row.detail,
        reason=row.reason,
        value=row.value or 0.0,
    )


def _utc(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=1000 * rest)
