"""The state of the fleet now: streams, renditions, latest scores, what is alerting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.types import Alert, AlertState, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.protocols import History, RenditionRow
    from monitor.types import SourceEvent
    from monitor.web.catalog import Catalog

SPARK_SEGMENTS = 48
"""Latest segments in a rendition's small chart."""
RECENT_MS = 24 * 3600 * 1000
"""How far back the overview looks for resolved incidents."""
SILENT_AFTER_MS = 60_000
"""A live rendition without a new segment for so long (or six segments, if longer) is called silent: published HLS segments
are 10-40 s old when they are first seen, so less would cry wolf."""

STATES = ("down", "alerting", "silent", "ok", "ended")
"""States of a stream, worst first."""
_SEVERITIES = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


REREAD_MS = 15_000
"""How long a rendition's scores are believed without a new segment: a late reference may still change them."""


class LatestScores:
    """The newest scores of renditions, read again only when there is a new segment: a large fleet has hundreds of them.

    Args:
        history: The store.
        catalog: What is known about features.
    """

    def __init__(self, history: History, catalog: Catalog) -> None:
        self._history, self._catalog = history, catalog
        self._known: dict[tuple[str, str, str], tuple[int, int, dict[str, object]]] = {}

    def of(self, row: RenditionRow, features: Sequence[str], now_ms: int) -> list[dict[str, object]]:
        """The newest score of each feature.

        Returns:
            ``{feature, pool, value, start_ms, spark}``; only the first has a ``spark``: values of its latest segments,
            oldest first.
        """
        return [
            self._score(row, feature, now_ms, 1 if position else SPARK_SEGMENTS) for position, feature in enumerate(features)
        ]

    def _score(self, row: RenditionRow, feature: str, now_ms: int, segments: int) -> dict[str, object]:
        key = (row.stream, row.rendition, feature)
        start, read_ms, answer = self._known.get(key, (-1, 0, {}))
        if start == row.last_start_ms and now_ms - read_ms < REREAD_MS:
            return answer
        pool = self._catalog.feature(feature).pool
        rows = self._history.series(*key, since_ms=0, until_ms=row.last_start_ms + 1, limit=segments, pools=(pool,))
        values = [each.pools.get(pool) for each in rows]
        answer = {
            "feature": feature,
            "pool": pool,
            "value": values[-1] if values else None,
            "start_ms": rows[-1].start_ms if rows else None,
            "spark": [None if value is None else float(f"{value:.5g}") for value in values] if segments > 1 else [],
        }
        self._known[key] = (row.last_start_ms, now_ms, answer)
        return answer


def overview(
    history: History, catalog: Catalog, latest: LatestScores, now_ms: int, rows: Sequence[RenditionRow] | None = None
) -> dict[str, object]:
    """Everything the first screen needs.

    Args:
        history: The store.
        catalog: What is known about features.
        latest: Reads the newest scores.
        now_ms: The present (or a report's end), milliseconds since the Unix epoch.
        rows: The renditions to show; ``None``: all, as they are now.

    Returns:
        ``{now_ms, newest_ms, oldest_ms, fleet: {state: count}, streams: [{stream, state, severity, headline: [feature],
        features: [feature], active: int, renditions: [...]}], active: [incident], recent: [incident]}``; streams worst
        first. A rendition is ``{rendition, state, detail, codec, width, height, frame_rate, bitrate_bps, first_start_ms,
        last_end_ms, segment_ms, scores: [{feature, pool, value, start_ms, spark: [value|null]}]}``; ``state`` is ``ok``,
        ``down``, ``silent`` (up, but nothing new) or ``ended``.
    """
    rows = scored(history.renditions() if rows is None else rows)
    active = [alert for alert in history.incidents(since_ms=now_ms) if is_open(alert, now_ms)]
    seen = {(alert.fingerprint, alert.starts_at) for alert in active}
    recent = [
        alert
        for alert in history.incidents(since_ms=now_ms - RECENT_MS, limit=100)
        if (alert.fingerprint, alert.starts_at) not in seen
    ]
    streams = [
        _stream(history, catalog, latest, name, [row for row in rows if row.stream == name], active, now_ms)
        for name in dict.fromkeys(row.stream for row in rows)
    ]
    streams.sort(key=_worst_first)
    return {
        "now_ms": now_ms,
        "newest_ms": max((row.last_start_ms + row.last_duration_ms for row in rows), default=None),
        "oldest_ms": min((row.first_start_ms for row in rows), default=None),
        "fleet": {state: sum(stream["state"] == state for stream in streams) for state in STATES},
        "streams": streams,
        "active": [incident(alert) for alert in active],
        "recent": [incident(alert) for alert in recent],
    }


def incident(alert: Alert) -> dict[str, object]:
    """An incident as JSON: times in milliseconds, ``ends_ms`` ``null`` while it lasts."""
    return {
        "id": f"{alert.fingerprint}-{_ms(alert.starts_at)}",
        "name": alert.name,
        "state": str(alert.state),
        "severity": str(alert.severity),
        "stream": alert.stream,
        "rendition": alert.rendition,
        "feature": alert.feature,
        "starts_ms": _ms(alert.starts_at),
        "ends_ms": _ms(alert.ends_at) if alert.ends_at else None,
        "value": alert.value,
        "threshold": alert.threshold,
        "summary": alert.summary,
        "description": alert.description,
        "segment_start_ms": alert.segment_start_ms,
        "evidence": list(alert.evidence),
    }


def event(source_event: SourceEvent) -> dict[str, object]:
    """A source event as JSON."""
    return {
        "kind": str(source_event.kind),
        "stream": source_event.stream,
        "rendition": source_event.rendition,
        "at_ms": round(source_event.at.timestamp() * 1000),
        "detail": source_event.detail,
        "reason": source_event.reason,
        "value": source_event.value,
    }


def is_open(alert: Alert, at_ms: int) -> bool:
    """Whether the incident had begun and not ended at a moment."""
    if _ms(alert.starts_at) > at_ms:
        return False
    return alert.state is AlertState.FIRING if alert.ends_at is None else _ms(alert.ends_at) > at_ms


def _stream(
    history: History,
    catalog: Catalog,
    latest: LatestScores,
    name: str,
    rows: Sequence[RenditionRow],
    active: Sequence[Alert],
    now_ms: int,
) -> dict[str, object]:
    features = catalog.ordered(history.features(name))
    headline = catalog.headline(features)
    renditions = [_rendition(row, latest.of(row, headline, now_ms), now_ms) for row in rows]
    alerts = [alert for alert in active if alert.stream == name]
    severity = next((str(level) for level in _SEVERITIES if any(alert.severity is level for alert in alerts)), "")
    return {
        "stream": name,
        "state": _stream_state([str(rendition["state"]) for rendition in renditions], severity),
        "severity": severity,
        "headline": headline,
        "features": features,
        "active": len(alerts),
        "goodness": _worst_goodness(catalog, renditions),
        "renditions": renditions,
    }


def _rendition(row: RenditionRow, scores: Sequence[dict[str, object]], now_ms: int) -> dict[str, object]:
    return {
        "rendition": row.rendition,
        "state": _rendition_state(row, now_ms),
        "detail": row.detail,
        "codec": row.codec,
        "width": row.width,
        "height": row.height,
        "frame_rate": row.frame_rate,
        "bitrate_bps": row.bitrate_bps,
        "first_start_ms": row.first_start_ms,
        "last_end_ms": row.last_start_ms + row.last_duration_ms,
        "segment_ms": row.last_duration_ms,
        "scores": scores,
    }


def scored(rows: Sequence[RenditionRow]) -> list[RenditionRow]:
    """The rows worth a card: without the inputs that work and are never scored, which is what a reference is."""
    streams = {row.stream for row in rows if row.codec}
    return [row for row in rows if row.codec or row.up is False or row.stream not in streams]


def _rendition_state(row: RenditionRow, now_ms: int) -> str:
    if row.up is False:
        return "down"
    if now_ms - (row.last_start_ms + row.last_duration_ms) > max(SILENT_AFTER_MS, 6 * row.last_duration_ms):
        return "silent" if row.up else "ended"
    return "ok"


def _stream_state(renditions: Sequence[str], severity: str) -> str:
    if renditions and all(state == "down" for state in renditions):
        return "down"
    if severity in {"critical", "warning"} or "down" in renditions:
        return "alerting"
    if "silent" in renditions:
        return "silent"
    return "ended" if all(state == "ended" for state in renditions) else "ok"


def _worst_goodness(catalog: Catalog, renditions: Sequence[Mapping[str, object]]) -> float | None:
    shares: list[float] = []
    for rendition in renditions:
        scores = rendition["scores"]
        if isinstance(scores, list) and scores and scores[0]["value"] is not None:
            share = catalog.goodness(scores[0]["feature"], scores[0]["value"])
            if share is not None:
                shares.append(share)
    return round(min(shares), 4) if shares else None


def _worst_first(stream: Mapping[str, object]) -> tuple[int, int, float, str]:
    severity, goodness = str(stream["severity"]), stream["goodness"]
    return (
        STATES.index(str(stream["state"])),
        _SEVERITIES.index(Severity(severity)) if severity else len(_SEVERITIES),
        goodness if isinstance(goodness, float) else 1.0,
        str(stream["stream"]),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
