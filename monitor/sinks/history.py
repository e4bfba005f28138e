"""What the store is asked: the queries behind the dashboard and the report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, func, or_, select

from monitor.protocols import RenditionRow, SegmentRow, SeriesRow, ThresholdRow
from monitor.sinks import schema
from monitor.sinks.rows import POINT_COLUMNS, alert_from, event_from, point_from, rendition_from, segment_from
from monitor.types import POOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.sinks.database import Database
    from monitor.types import Alert, SourceEvent

THRESHOLDS_KEY = "thresholds"
"""Key of the document that holds the rules' thresholds."""


class SqlHistory:
    """``monitor.protocols.History`` over a database. Every call is one consistent read; any thread may call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def renditions(self) -> Sequence[RenditionRow]:
        """Every rendition ever stored, by stream and then descending bitrate.

        A report on a whole stream counts for each of its renditions. Where nothing but reports was ever stored, both starts
        are the report's time, the duration is 0 and the codec empty; a stream of which not even a rendition is known
        (it never opened) is one row with rendition ``""``.
        """
        rows = self._all(select(schema.rendition_state))
        whole = {row.stream: row for row in rows if row.rendition == ""}
        named = {row.stream for row in rows if row.rendition != ""}
        found = [
            rendition_from(row, whole.get(row.stream)) for row in rows if row.rendition != "" or row.stream not in named
        ]
        return sorted(found, key=lambda row: (row.stream, -row.bitrate_bps, row.rendition))

    def features(self, stream: str) -> Sequence[str]:
        """Features that have scores for the stream, by name."""
        feature = schema.series.c.feature
        query = select(feature).distinct().where(schema.series.c.stream == stream).order_by(feature)
        return [row.feature for row in self._all(query)]

    def series(
        self,
        stream: str,
        rendition: str,
        feature: str,
        *,
        since_ms: int,
        until_ms: int,
        limit: int = 5000,
        pools: Sequence[str] | None = None,
    ) -> Sequence[SeriesRow]:
        """Scores of one feature in ``[since_ms, until_ms)`` by time; the newest ``limit`` where there are more.

        Only ``pools`` are read where they are named, else all.

        Scores of different models are different scales and never mix: where the range holds several, these are of the model
        that scored the range's newest segment, the higher version when several did.
        """
        score = schema.segment_score.c
        mine = (score.stream == stream, score.rendition == rendition, score.feature == feature)
        within = (score.start_ms >= since_ms, score.start_ms < until_ms)
        kinds = schema.series.c
        with self._database.reading() as connection:
            models = connection.scalars(
                select(kinds.model).where(kinds.stream == stream, kinds.rendition == rendition, kinds.feature == feature)
            ).all()
            newest: dict[str, int | None] = {
                model: connection.scalar(select(func.max(score.start_ms)).where(*mine, score.model == model, *within))
                for model in models
            }
            present = [(start, len(model), model) for model, start in newest.items() if start is not None]
            if not present:
                return []
            chosen = max(present)[-1]
            wanted = POOLS if pools is None else tuple(pools)
            columns = [score[name] for name in (*POINT_COLUMNS, *wanted)]
            query = select(*columns).where(*mine, score.model == chosen, *within)
            rows = connection.execute(query.order_by(score.start_ms.desc()).limit(limit)).all()
        return [point_from(row, wanted) for row in reversed(rows)]

    def segments(
        self, stream: str, rendition: str, *, since_ms: int, until_ms: int, limit: int = 5000
    ) -> Sequence[SegmentRow]:
        """Segment facts in ``[since_ms, until_ms)`` by time; the newest ``limit`` where there are more."""
        column = schema.segment.c
        query = select(schema.segment).where(
            column.stream == stream, column.rendition == rendition, column.start_ms >= since_ms, column.start_ms < until_ms
        )
        rows = self._all(query.order_by(column.start_ms.desc()).limit(limit))
        return [segment_from(row) for row in reversed(rows)]

    def incidents(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[Alert]:
        """Incidents that were open at or after ``since_ms``, newest first; the state is FIRING or RESOLVED."""
        column = schema.incident.c
        query = select(schema.incident).where(or_(column.ends_ms.is_(None), column.ends_ms >= since_ms))
        if stream is not None:
            query = query.where(column.stream == stream)
        query = query.order_by(column.starts_ms.desc(), column.fingerprint).limit(limit)
        return [alert_from(row) for row in self._all(query)]

    def events(self, *, since_ms: int = 0, stream: str | None = None, limit: int = 500) -> Sequence[SourceEvent]:
        """Source events at or after ``since_ms``, newest first."""
        column = schema.source_event.c
        query = select(schema.source_event).where(column.at_ms >= since_ms)
        if stream is not None:
            query = query.where(column.stream == stream)
        query = query.order_by(column.at_ms.desc(), column.digest).limit(limit)
        return [event_from(row) for row in self._all(query)]

    def thresholds(self) -> Sequence[ThresholdRow]:
        """Absolute thresholds of the rules in force when they were last stored."""
        document = self.load_state(THRESHOLDS_KEY)
        return [ThresholdRow(**row) for row in json.loads(document)] if document else []

    def revision(self) -> int:
        """A number that grows with every write of something that a page shows."""
        return int(self._all(select(schema.revision.c.value))[0].value)

    def load_state(self, key: str) -> str | None:
        """The document kept under a key."""
        rows = self._all(select(schema.state.c.value).where(schema.state.c.key == key))
        return str(rows[0].value) if rows else None

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._database.reading() as connection:
            return connection.execute(query).all()
