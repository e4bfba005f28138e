"""The system of record: SQLite by default, PostgreSQL by URL, the same statements for both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Table, case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.protocols import ThresholdRow
from monitor.sinks import schema
from monitor.sinks.database import Database
from monitor.sinks.history import THRESHOLDS_KEY, SqlHistory
from monitor.sinks.rows import Values, event_row, facts_row, incident_row, report_row, score_row, segment_row
from monitor.types import Alert, AlertState, EventKind, SegmentResult, SourceEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

Insert = sqlite.Insert | postgresql.Insert

_REPORTS = (EventKind.UP, EventKind.DOWN, EventKind.ENDED)
_FACTS = ("codec", "width", "height", "frame_rate", "bitrate_bps", "last_start_ms", "last_duration_ms")
_REPORT = ("state", "state_ms", "detail")


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows ``SqlStore.prune`` deleted."""

    segments: int
    scores: int
    events: int


class SqlStore(SqlHistory):
    """Sink, history and state store in one database.

    Writing a result again, in any order, converges to the same rows: the key of a score is its identity, and the facts of a
    rendition are those of its newest segment. Each write is one transaction. Frame scores are not stored. Safe for one
    writer and many readers, in one process or several; opened by ``with`` or by the first call.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://user:password@host/database``, or the path
            of an SQLite file. A missing file and its folder are made.
        readonly: for readers beside a writing process: never create, migrate or write.
        busy_seconds: how long to wait for another process that holds the store locked.

    Raises:
        ConfigError: from the constructor for a URL of another kind; on opening for a store of a newer vqmon.
        SinkUnavailable: from any call, when the store is locked, full or unreachable; the same call may work later.
        SinkError: from any call, when the store can't be read or written.
    """

    name = "store"

    def __init__(self, url: str, *, readonly: bool = False, busy_seconds: float = 5.0) -> None:
        super().__init__(Database(url, readonly=readonly, busy_seconds=busy_seconds))
        self._statements = Statements(self._database.dialect)

    def __enter__(self) -> Self:
        self._database.open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """What to call the store in messages, without credentials."""
        return self._database.place

    def write(self, results: Sequence[SegmentResult], events: Sequence[SourceEvent] = ()) -> None:
        """Take results and events in one transaction: all of them or, on an error, none."""
        if not results and not events:
            return
        scores = [score for result in results for score in result.scores]
        reports = [event for event in events if event.kind in _REPORTS]
        kinds = {(score.segment.stream, score.segment.rendition, score.feature, score.model) for score in scores}
        with self._database.writing() as connection:
            run = self._statements.run
            run(connection, "segment", [segment_row(result) for result in results])
            run(connection, "score", [score_row(score) for score in scores])
            run(connection, "series", [dict(zip(schema.series.c.keys(), kind, strict=True)) for kind in sorted(kinds)])
            run(connection, "facts", [facts_row(result) for result in results])
            run(connection, "event", [event_row(event) for event in events])
            run(connection, "report", [report_row(event) for event in reports])
            _bump(connection)

    def flush(self) -> None:
        """Return only when all that was written survives a power cut."""
        self._database.sync()

    def close(self) -> None:
        """Make all safe and free the connections; a later call opens the store again."""
        try:
            self._database.sync()
        finally:
            self._database.close()

    def save_alerts(self, alerts: Sequence[Alert]) -> None:
        """Record firing and resolved transitions as incidents: upsert on (fingerprint, starts_at).

        The last word counts, except that evidence once named stays. Pending and inactive alerts are no incidents.
        """
        rows = [incident_row(alert) for alert in alerts if alert.state in (AlertState.FIRING, AlertState.RESOLVED)]
        if not rows:
            return
        with self._database.writing() as connection:
            self._statements.run(connection, "incident", rows)
            _bump(connection)

    def save_state(self, key: str, value: str) -> None:
        """Keep a document (JSON) under a key, replacing the one before."""
        with self._database.writing() as connection:
            self._statements.run(connection, "state", [{"key": key, "value": value}])

    def set_thresholds(self, rows: Sequence[ThresholdRow]) -> None:
        """Keep the thresholds of the rules in force, replacing those before."""
        document = json.dumps([asdict(row) for row in rows])
        with self._database.writing() as connection:
            self._statements.run(connection, "state", [{"key": THRESHOLDS_KEY, "value": document}])
            _bump(connection)

    def prune(self, before_ms: int) -> Pruned:
        """Delete segments, scores and events that began before ``before_ms``, and renditions of which nothing is left.

        Incidents and state stay. One transaction per series, so that a large first pruning does not block the writer for
        long. Freed space is used again; the file does not shrink.
        """
        with self._database.reading() as connection:
            kinds = connection.execute(schema.series.select()).mappings().all()
            renditions = connection.execute(schema.rendition_state.select()).mappings().all()
        scores = segments = 0
        for kind in kinds:
            with self._database.writing() as connection:
                scores += _delete_before(connection, schema.segment_score, before_ms, kind)
                if not _any_left(connection, schema.segment_score, kind):
                    connection.execute(delete(schema.series).where(*_same(schema.series, kind)))
        for rendition in renditions:
            key = {"stream": rendition["stream"], "rendition": rendition["rendition"]}
            with self._database.writing() as connection:
                segments += _delete_before(connection, schema.segment, before_ms, key)
                heard = max(rendition["state_ms"] or 0, rendition["last_start_ms"] or 0)
                if heard < before_ms and not _any_left(connection, schema.segment, key):
                    connection.execute(delete(schema.rendition_state).where(*_same(schema.rendition_state, key)))
        with self._database.writing() as connection:
            table = schema.source_event
            events = connection.execute(delete(table).where(table.c.at_ms < before_ms)).rowcount
            _bump(connection)
        return Pruned(segments, scores, events)


class Statements:
    """The store's upserts, in one dialect: ``sqlite`` or ``postgresql``."""

    def __init__(self, dialect: str) -> None:
        self._insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
        self._by_name: dict[str, Insert] = {
            "segment": self._replace(schema.segment),
            "score": self._replace(schema.segment_score),
            "series": self._insert(schema.series).on_conflict_do_nothing(),
            "facts": self._newest_facts(),
            "report": self._newest_report(),
            "event": self._insert(schema.source_event).on_conflict_do_nothing(),
            "incident": self._replace_incident(),
            "state": self._replace(schema.state),
        }

    def run(self, connection: Connection, name: str, rows: list[Values]) -> None:
        """Execute the upsert called ``name`` for all ``rows``, in order."""
        if rows:
            connection.execute(self._by_name[name], rows)

    def _replace(self, table: Table) -> Insert:
        insert = self._insert(table)
        taken = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=taken)

    def _newest_facts(self) -> Insert:
        table = schema.rendition_state
        insert = self._insert(table)
        new = insert.excluded
        newer = table.c.last_start_ms.is_(None) | (new.last_start_ms >= table.c.last_start_ms)
        taken: Values = {name: case((newer, new[name]), else_=table.c[name]) for name in _FACTS}
        older = table.c.first_start_ms.is_(None) | (new.first_start_ms < table.c.first_start_ms)
        taken["first_start_ms"] = case((older, new.first_start_ms), else_=table.c.first_start_ms)
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=taken)

    def _newest_report(self) -> Insert:
        table = schema.rendition_state
        insert = self._insert(table)
        newer = table.c.state_ms.is_(None) | (insert.excluded.state_ms >= table.c.state_ms)
        taken = {name: insert.excluded[name] for name in _REPORT}
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=taken, where=newer)

    def _replace_incident(self) -> Insert:
        table = schema.incident
        insert = self._insert(table)
        taken: Values = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
        named = insert.excluded.evidence != "[]"
        taken["evidence"] = case((named, insert.excluded.evidence), else_=table.c.evidence)
        return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=taken)


def _bump(connection: Connection) -> None:
    connection.execute(update(schema.revision).values(value=schema.revision.c.value + 1))


def _same(table: Table, key: Any) -> list[Any]:
    return [table.c[name] == value for name, value in key.items()]


def _delete_before(connection: Connection, table: Table, before_ms: int, key: Any) -> int:
    return connection.execute(delete(table).where(*_same(table, key), table.c.start_ms < before_ms)).rowcount


def _any_left(connection: Connection, table: Table, key: Any) -> bool:
    return connection.execute(table.select().where(*_same(table, key)).limit(1)).first() is not None
