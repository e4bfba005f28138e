"""Tables of the store, as the newest migration leaves them.

All times are integer milliseconds since the Unix epoch, UTC. A number that is not finite is NULL. Keys are the identities of
the values that they hold, so that writing a thing twice is the same as writing it once. Where a table is read by ranges of
its key it is clustered by that key (``WITHOUT ROWID`` in SQLite): one series is one contiguous run of pages.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text

from monitor.types import POOLS

REVISION = "0001"
"""Revision of the newest migration: what an up-to-date store carries. A test holds it to the migrations."""

VERSION_TABLE = "vqmon_schema"
"""Where alembic notes the revision; not its default name, as a PostgreSQL database may be shared."""

metadata = MetaData()

segment = Table(
    "segment",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("rendition", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("discontinuity", Boolean, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("frames_expected", Integer, nullable=False),
    Column("frames_decoded", Integer, nullable=False),
    Column("frames_sampled", Integer, nullable=False),
    Column("frames_paired", Integer, nullable=False),
    Column("decode_errors", Integer, nullable=False),
    Column("codec", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("pixel_format", Text, nullable=False),
    Column("frame_rate", Double),
    Column("download_seconds", Double),
    Column("score_seconds", Double),
    Column("published_ms", BigInteger),
    Column("failed", Text, nullable=False),  # names of the metrics that failed, separated by spaces
    sqlite_with_rowid=False,
)

segment_score = Table(
    "segment_score",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("rendition", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("coverage", Double),
    *(Column(pool, Double) for pool in POOLS),
    sqlite_with_rowid=False,
)

# Which series exist: what a chart offers and what pruning walks over, without reading every score.
series = Table(
    "series",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("rendition", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# Facts of the newest segment and the newest state report of a rendition; rendition "" holds reports on the whole stream.
rendition_state = Table(
    "rendition_state",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("rendition", Text, primary_key=True),
    Column("codec", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("frame_rate", Double),
    Column("bitrate_bps", Double),
    Column("first_start_ms", BigInteger),
    Column("last_start_ms", BigInteger),
    Column("last_duration_ms", BigInteger),
    Column("state", Text),
    Column("state_ms", BigInteger),
    Column("detail", Text),
    sqlite_with_rowid=False,
)

source_event = Table(
    "source_event",
    metadata,
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Text, primary_key=True),  # of all fields: two different events may share a millisecond
    Column("stream", Text, nullable=False),
    Column("rendition", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("value", Double),
    Index("source_event_by_stream", "stream", "at_ms"),
    sqlite_with_rowid=False,
)

incident = Table(
    "incident",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("starts_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("ends_ms", BigInteger),
    Column("alertname", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("rendition", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("value", Double),
    Column("threshold", Double),
    Column("summary", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("segment_start_ms", BigInteger),
    Column("evidence", Text, nullable=False),  # JSON list of relative paths
    Index("incident_by_start", "starts_ms"),
)

state = Table("state", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)
