"""The first schema. Written out in full: a migration must not change when the tables of today do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "segment",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("rendition", sa.Text, primary_key=True),
        sa.Column("start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("discontinuity", sa.Boolean, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("frames_expected", sa.Integer, nullable=False),
        sa.Column("frames_decoded", sa.Integer, nullable=False),
        sa.Column("frames_sampled", sa.Integer, nullable=False),
        sa.Column("frames_paired", sa.Integer, nullable=False),
        sa.Column("decode_errors", sa.Integer, nullable=False),
        sa.Column("codec", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("pixel_format", sa.Text, nullable=False),
        sa.Column("frame_rate", sa.Double),
        sa.Column("download_seconds", sa.Double),
        sa.Column("score_seconds", sa.Double),
        sa.Column("published_ms", sa.BigInteger),
        sa.Column("failed", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "segment_score",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("rendition", sa.Text, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("start_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("coverage", sa.Double),
        sa.Column("mean", sa.Double),
        sa.Column("harmonic_mean", sa.Double),
        sa.Column("min", sa.Double),
        sa.Column("max", sa.Double),
        sa.Column("p1", sa.Double),
        sa.Column("p5", sa.Double),
        sa.Column("p50", sa.Double),
        sa.Column("p95", sa.Double),
        sa.Column("stdev", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "series",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("rendition", sa.Text, primary_key=True),
        sa.Column("feature", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rendition_state",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("rendition", sa.Text, primary_key=True),
        sa.Column("codec", sa.Text),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("frame_rate", sa.Double),
        sa.Column("bitrate_bps", sa.Double),
        sa.Column("first_start_ms", sa.BigInteger),
        sa.Column("last_start_ms", sa.BigInteger),
        sa.Column("last_duration_ms", sa.BigInteger),
        sa.Column("state", sa.Text),
        sa.Column("state_ms", sa.BigInteger),
        sa.Column("detail", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "source_event",
        sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("rendition", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_index("source_event_by_stream", "source_event", ["stream", "at_ms"])
    op.create_table(
        "incident",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("starts_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ends_ms", sa.BigInteger),
        sa.Column("alertname", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("rendition", sa.Text, nullable=False),
        sa.Column("feature", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("segment_start_ms", sa.BigInteger),
        sa.Column("evidence", sa.Text, nullable=False),
    )
    op.create_index("incident_by_start", "incident", ["starts_ms"])
    op.create_table("state", sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
    counter = op.create_table(
        "revision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(counter, [{"id": 1, "value": 0}])
