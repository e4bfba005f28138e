"""The HTML report: the dashboard's own page with its data inside, one file that opens from disk."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, SinkError, UnknownName
from monitor.types import Alert, AlertState
from monitor.web.api import threshold_lines
from monitor.web.assets import Assets
from monitor.web.catalog import Catalog
from monitor.web.charts import POINTS, Charts, Window
from monitor.web.evidence_files import EvidenceFiles
from monitor.web.overview import LatestScores, event, incident, overview
from monitor.web.page import report_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.protocols import History, MetricSpec, RenditionRow

MAX_EVIDENCE_BYTES = 16_000_000
"""Encoded evidence in one report; together with the chart library a report stays near 20 MB."""
_PICTURE_WIDTH, _PICTURE_QUALITY = 960, 82
_TOTAL_POINTS = 400_000
_INCIDENTS = 500
_EVENTS = 1000


def write_report(
    history: History,
    path: Path,
    *,
    specs: Sequence[MetricSpec],
    evidence_dir: Path | None,
    title: str,
    since_ms: int,
    until_ms: int,
    stream: str | None = None,
    max_evidence_bytes: int = MAX_EVIDENCE_BYTES,
) -> None:
    """Write what the dashboard shows of a period as one self-contained HTML file.

    The file appears whole or not at all. It asks no network for anything. Lines are thinned to 1500 points (fewer where
    there are very many lines) with their extremes kept; pictures are scaled to 960 pixels, newest incidents first, until
    ``max_evidence_bytes`` are used up, and a note on the page says how many were left out.

    Args:
        history: The store.
        path: The file to write; replaced where it exists.
        specs: The metrics whose features may occur, in display order.
        evidence_dir: Folder of the alerts' evidence; ``None``: no pictures.
        title: Title of the page.
        since_ms: Start of the period, milliseconds since the Unix epoch.
        until_ms: End of the period, exclusive.
        stream: The only stream to report on; ``None``: all.
        max_evidence_bytes: Room for pictures and per-frame scores, as encoded in the file.

    Raises:
        ConfigError: the period is empty.
        UnknownName: the store has no such stream.
        SinkError: the file can't be written.
    """
    if since_ms >= until_ms:
        raise ConfigError(f"the report's period is empty: it starts at {since_ms} ms and ends at {until_ms} ms")
    catalog = Catalog(specs)
    data = _Collected(history, catalog, Window(since_ms, until_ms), stream)
    data.add_evidence(EvidenceFiles(evidence_dir), max_evidence_bytes)
    write_html(path, report_page(Assets(), catalog, title, data.document))


class _Collected:
    def __init__(self, history: History, catalog: Catalog, window: Window, stream: str | None) -> None:
        self._history, self._window = history, window
        rows = history.renditions()
        names = list(dict.fromkeys(row.stream for row in rows))
        if stream is not None and stream not in names:
            raise UnknownName("stream", stream, names)
        self._chosen = names if stream is None else [stream]
        self._alerts = [alert for alert in self._incidents(stream) if alert.stream in {*self._chosen, ""}]
        then = [_as_of(history, row, window) for row in rows if row.stream in self._chosen]
        shown_rows = [row for row in then if row is not None]
        present = overview(history, catalog, LatestScores(history, catalog), window.until_ms, shown_rows)
        streams = _entries(present["streams"])
        shown = [incident(alert) for alert in self._alerts]
        self.document: dict[str, object] = {
            "since_ms": window.since_ms,
            "until_ms": window.until_ms,
            "overview": {
                **present,
                "active": [each for each in shown if each["ends_ms"] is None],
                "recent": [each for each in shown if each["ends_ms"] is not None],
                "revision": history.revision(),
            },
            "thresholds": threshold_lines(history),
            "incidents": shown,
            "events": self._events(stream),
            "pictures": {},
            "documents": {},
            "notes": [],
        }
        lines = sum(len(_names(each["features"])) for each in streams for row in shown_rows if row.stream == each["stream"])
        points = max(50, min(POINTS, _TOTAL_POINTS // max(lines, 1)))
        self.document["streams"] = {
            str(each["stream"]): self._stream(Charts(history, catalog), each, shown_rows, points) for each in streams
        }

    def add_evidence(self, evidence: EvidenceFiles, room: int) -> None:
        """Put pictures and per-frame scores into the document, newest incidents first, while there is room."""
        pictures: dict[str, object] = {}
        documents: dict[str, object] = {}
        left_out = 0
        for path in dict.fromkeys(path for alert in self._alerts for path in alert.evidence):
            if path.endswith(".json"):
                content = evidence.document(path)
                size = len(json.dumps(content))
                target: dict[str, object] = documents
            else:
                content = evidence.picture(path, max_width=_PICTURE_WIDTH, quality=_PICTURE_QUALITY)
                size = len(content or "")
                target = pictures
            if content is None or size > room:
                left_out += 1
            else:
                target[path] = content
                room -= size
        notes = [f"{left_out} evidence file{'s' * (left_out != 1)} not in this report: no room left, or not readable."]
        self.document |= {"pictures": pictures, "documents": documents, "notes": notes if left_out else []}

    def _stream(
        self, charts: Charts, entry: dict[str, object], shown: Sequence[RenditionRow], points: int
    ) -> dict[str, object]:
        name, features = str(entry["stream"]), _names(entry["features"])
        rows = [row for row in shown if row.stream == name]
        renditions = [row.rendition for row in rows]
        window = self._window
        return {
            "series": {each: charts.series(name, renditions, each, window, points=points) for each in features},
            "segments": charts.delivery(name, renditions, window, points=points),
            "ladders": {each: charts.ladder(name, rows, each, window) for each in features or [""]},
            "summary": charts.summary(name, renditions, features, window),
        }

    def _incidents(self, stream: str | None) -> list[Alert]:
        found = self._history.incidents(since_ms=self._window.since_ms, stream=stream, limit=_INCIDENTS)
        end = self._window.until_ms
        return [alert for alert in found if round(alert.starts_at.timestamp() * 1000) < end and alert.state in _SHOWN]

    def _events(self, stream: str | None) -> list[dict[str, object]]:
        found = self._history.events(since_ms=self._window.since_ms, stream=stream, limit=_EVENTS)
        shown = [event(each) for each in found if each.stream in self._chosen]
        return [each for each in shown if isinstance(each["at_ms"], int) and each["at_ms"] < self._window.until_ms]


_SHOWN = (AlertState.FIRING, AlertState.RESOLVED)


def _entries(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []


def _names(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _as_of(history: History, row: RenditionRow, window: Window) -> RenditionRow | None:
    """The rendition as it was at the end of the period; ``None`` where it had no segment yet."""
    if row.last_start_ms < window.until_ms:
        return row
    last = history.segments(row.stream, row.rendition, since_ms=0, until_ms=window.until_ms, limit=1)
    if not last:
        return None
    return replace(
        row,
        last_start_ms=last[-1].start_ms,
        last_duration_ms=last[-1].duration_ms,
        bitrate_bps=last[-1].bitrate_bps,
        up=True,
    )


def write_html(path: Path, html: str) -> None:
    """Write a page so that it is there whole or not at all; into a pipe or a device, which stays what it is, as it comes.

    Raises:
        SinkError: it can't be written.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_text(html, encoding="utf-8")
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise SinkError(f"the report can't be written to {path}: {(error.strerror or str(error)).lower()}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SinkError(f"the report can't be written to {path}: {(error.strerror or str(error)).lower()}") from error
