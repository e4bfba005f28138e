"""What the series, delivery, ladder and summary views show, as JSON-ready values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.types import json_number
from monitor.web.decimation import chart_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.protocols import History, RenditionRow, SegmentRow, SeriesRow
    from monitor.web.catalog import Catalog

POINTS = 1500
"""Points of one line, unless asked otherwise."""
ROWS = 45_000
"""Rows read for one line: a day of 2 s segments. Older ones are left out and the answer says so."""


@dataclass(frozen=True, slots=True)
class Window:
    """A period ``[since_ms, until_ms)``, milliseconds since the Unix epoch."""

    since_ms: int
    until_ms: int


class Charts:
    """Reads the history and shapes it for drawing.

    Args:
        history: The store.
        catalog: What is known about features.
    """

    def __init__(self, history: History, catalog: Catalog) -> None:
        self._history, self._catalog = history, catalog

    def series(
        self, stream: str, renditions: Iterable[str], feature: str, window: Window, *, pool: str = "", points: int = POINTS
    ) -> dict[str, object]:
        """One feature of some renditions over time.

        Args:
            stream: Name of the stream.
            renditions: Names of the renditions, in the order of the answer.
            feature: Name of the feature.
            window: The period.
            pool: One of ``monitor.types.POOLS``; empty means the feature's own.
            points: At most this many per line; extremes survive.

        Returns:
            ``{stream, feature, pool, since_ms, until_ms, series: [{rendition, start_ms, duration_ms, value, frames,
            coverage, rows, truncated}]}``, columns as lists; a ``null`` value is a hole: media missing or without a finite
            value.
        """
        pool = pool or self._catalog.feature(feature).pool
        lines = []
        for rendition in renditions:
            rows = self._scores(stream, rendition, feature, window, (pool,))
            drawn = chart_points(
                [row.start_ms for row in rows],
                [row.duration_ms for row in rows],
                [row.pools.get(pool) for row in rows],
                points,
            )
            lines.append(
                {
                    "rendition": rendition,
                    "start_ms": [point[0] for point in drawn],
                    "duration_ms": [point[1] for point in drawn],
                    "value": [point[2] for point in drawn],
                    "frames": [rows[point[3]].frames if point[3] >= 0 else 0 for point in drawn],
                    "coverage": [round(rows[point[3]].coverage, 4) if point[3] >= 0 else 0 for point in drawn],
                    "rows": len(rows),
                    "truncated": len(rows) >= ROWS,
                }
            )
        return {"stream": stream, "feature": feature, "pool": pool, **_bounds(window), "series": lines}

    def delivery(self, stream: str, renditions: Iterable[str], window: Window, *, points: int = POINTS) -> dict[str, object]:
        """Bitrate of some renditions over time, with what went wrong on the way.

        Returns:
            ``{stream, since_ms, until_ms, series: [{rendition, start_ms, duration_ms, bitrate_bps, rows, truncated,
            decode_errors, discontinuities, slowest_download_ratio}]}``; the ratio is download time over media duration.
        """
        lines = []
        for rendition in renditions:
            rows = self._segments(stream, rendition, window)
            drawn = chart_points(
                [row.start_ms for row in rows],
                [row.duration_ms for row in rows],
                [row.bitrate_bps or None for row in rows],
                points,
            )
            ratios = [1000 * row.download_seconds / row.duration_ms for row in rows if row.duration_ms]
            lines.append(
                {
                    "rendition": rendition,
                    "start_ms": [point[0] for point in drawn],
                    "duration_ms": [point[1] for point in drawn],
                    "bitrate_bps": [point[2] for point in drawn],
                    "rows": len(rows),
                    "truncated": len(rows) >= ROWS,
                    "decode_errors": sum(row.decode_errors for row in rows),
                    "discontinuities": sum(row.discontinuity for row in rows),
                    "slowest_download_ratio": round(max(ratios, default=0.0), 3),
                }
            )
        return {"stream": stream, **_bounds(window), "series": lines}

    def ladder(self, stream: str, renditions: Sequence[RenditionRow], feature: str, window: Window) -> dict[str, object]:
        """Quality over bitrate, one rung a rendition.

        A rung is inverted when another one that needs fewer bits looks at least as good in the same period: its bits are
        wasted.

        Returns:
            ``{stream, feature, since_ms, until_ms, rungs: [{rendition, width, height, frame_rate, codec, bitrate_bps, score,
            segments, beaten_by}]}``, by ascending bitrate; ``score`` is the frame-weighted mean, ``beaten_by`` names the
            cheaper rungs.
        """
        better = self._catalog.feature(feature).higher_is_better
        rungs = [self._rung(stream, row, feature, window) for row in renditions]
        rungs.sort(key=lambda rung: rung.bitrate_bps)
        return {
            "stream": stream,
            "feature": feature,
            **_bounds(window),
            "rungs": [{**rung.described(), "beaten_by": _beaten_by(rung, rungs, better)} for rung in rungs],
        }

    def summary(self, stream: str, renditions: Iterable[str], features: Iterable[str], window: Window) -> dict[str, object]:
        """Each feature of each rendition pooled over the period.

        Returns:
            ``{stream, since_ms, until_ms, rows: [{feature, rendition, segments, frames, mean, harmonic_mean, min, max,
            stdev, low_segments, median_segment}]}``. ``mean``, ``harmonic_mean`` (libvmaf's), ``min``, ``max`` and
            ``stdev`` are over all scored frames; ``low_segments`` and ``median_segment`` are the 5th percentile on the bad
            side and the median of the segments' means (for a descriptor the low side). ``null`` where undefined.
        """
        rows = []
        for feature in features:
            for rendition in renditions:
                scores = self._scores(stream, rendition, feature, window, SUMMARY_POOLS)
                if scores:
                    higher = self._catalog.feature(feature).higher_is_better
                    rows.append({"feature": feature, "rendition": rendition, **_pooled(scores, higher=higher is not False)})
        return {"stream": stream, **_bounds(window), "rows": rows}

    def _rung(self, stream: str, row: RenditionRow, feature: str, window: Window) -> _Rung:
        segments = self._segments(stream, row.rendition, window)
        scores = self._scores(stream, row.rendition, feature, window, ("mean",))
        media_ms = sum(segment.duration_ms for segment in segments)
        bits_ms = sum(segment.bitrate_bps * segment.duration_ms for segment in segments)
        return _Rung(row, bits_ms / media_ms if media_ms else row.bitrate_bps, _weighted(scores, "mean"), len(scores))

    def _scores(
        self, stream: str, rendition: str, feature: str, window: Window, pools: Sequence[str]
    ) -> Sequence[SeriesRow]:
        return self._history.series(
            stream, rendition, feature, since_ms=window.since_ms, until_ms=window.until_ms, limit=ROWS, pools=pools
        )

    def _segments(self, stream: str, rendition: str, window: Window) -> Sequence[SegmentRow]:
        return self._history.segments(stream, rendition, since_ms=window.since_ms, until_ms=window.until_ms, limit=ROWS)


SUMMARY_POOLS = ("mean", "harmonic_mean", "min", "max", "stdev")
"""What ``_pooled`` puts together."""


@dataclass(frozen=True, slots=True)
class _Rung:
    row: RenditionRow
    bitrate_bps: float
    score: float | None
    segments: int

    def described(self) -> dict[str, object]:
        return {
            "rendition": self.row.rendition,
            "width": self.row.width,
            "height": self.row.height,
            "frame_rate": self.row.frame_rate,
            "codec": self.row.codec,
            "bitrate_bps": round(self.bitrate_bps),
            "score": self.score,
            "segments": self.segments,
        }


def _bounds(window: Window) -> dict[str, int]:
    return {"since_ms": window.since_ms, "until_ms": window.until_ms}


def _beaten_by(rung: _Rung, rungs: Iterable[_Rung], higher_is_better: bool | None) -> list[str]:
    if higher_is_better is None or rung.score is None:
        return []
    sign = 1.0 if higher_is_better else -1.0
    return [
        other.row.rendition
        for other in rungs
        if other.score is not None and other.bitrate_bps < rung.bitrate_bps and sign * other.score >= sign * rung.score
    ]


def _weighted(rows: Sequence[SeriesRow], pool: str) -> float | None:
    pairs = [(row.frames, row.pools[pool]) for row in rows if pool in row.pools]
    frames = sum(count for count, _ in pairs)
    return sum(count * value for count, value in pairs) / frames if frames else None


def _pooled(rows: Sequence[SeriesRow], *, higher: bool) -> Mapping[str, object]:
    mean = _weighted(rows, "mean")
    means = sorted((row.pools["mean"] for row in rows if "mean" in row.pools), reverse=not higher)
    figures: dict[str, float | None] = {
        "mean": mean,
        "harmonic_mean": _harmonic_mean(rows),
        "min": min((row.pools["min"] for row in rows if "min" in row.pools), default=None),
        "max": max((row.pools["max"] for row in rows if "max" in row.pools), default=None),
        "stdev": _deviation(rows, mean),
        "low_segments": means[int(0.05 * (len(means) - 1))] if means else None,
        "median_segment": means[(len(means) - 1) // 2] if means else None,
    }
    finite = {name: None if value is None else json_number(value) for name, value in figures.items()}
    return {"segments": len(rows), "frames": sum(row.frames for row in rows), **finite}


def _harmonic_mean(rows: Sequence[SeriesRow]) -> float | None:
    # Undoing libvmaf's 1 / mean(1 / (x + 1)) - 1 per segment gives back sums of reciprocals, which add up over segments.
    pairs = [(row.frames, row.pools["harmonic_mean"]) for row in rows if "harmonic_mean" in row.pools]
    if len(pairs) < len(rows) or any(value <= -1.0 for _, value in pairs):
        return None
    return sum(count for count, _ in pairs) / sum(count / (value + 1.0) for count, value in pairs) - 1.0


def _deviation(rows: Sequence[SeriesRow], mean: float | None) -> float | None:
    # Law of total variance: the variances within the segments plus the variance of their means.
    parts = [row for row in rows if "mean" in row.pools and "stdev" in row.pools]
    frames = sum(row.frames for row in parts)
    if mean is None or not frames:
        return None
    total = sum(row.frames * (row.pools["stdev"] ** 2 + (row.pools["mean"] - mean) ** 2) for row in parts)
    return math.sqrt(total / frames)
