"""The schema's history: from nothing, from revision 1 with data, and from the future."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from monitor.errors import ConfigError
from monitor.sinks import schema
from monitor.sinks.database import Database
from monitor.sinks.migrations import VERSIONS, stored_revision, upgrade
from monitor.sinks.sql import SqlStore
from tests.unit.sinks.samples import event, ms, result
from tests.unit.sinks.store_contract import dump

NEXT = '''
"""A revision of tomorrow."""
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{head}"
def upgrade():
    op.add_column("segment", sa.Column("shift_ms", sa.BigInteger, nullable=False, server_default="7"))
'''


def test_migrations_end_at_the_tables_of_today(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "vqmon.db"))
    with database.reading() as connection:
        assert stored_revision(connection) == schema.REVISION
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": lambda name, *_: name != schema.VERSION_TABLE}
        )
        assert compare_metadata(context, schema.metadata) == []
    database.close()


@pytest.mark.parametrize("table", ["segment", "segment_score", "series", "rendition_state", "source_event"])
def test_clustered_tables_have_no_rowid(tmp_path: Path, table: str) -> None:
    with SqlStore(str(tmp_path / "vqmon.db")):
        pass
    plain = sqlite3.connect(tmp_path / "vqmon.db")
    with pytest.raises(sqlite3.OperationalError, match="no such column: rowid"):
        plain.execute(f"SELECT rowid FROM {table}")
    plain.close()


def test_opening_again_migrates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    with SqlStore(str(path)) as store:
        store.write([result()])
        before = dump(store)
    with SqlStore(str(path)) as store:
        assert dump(store) == before
        assert store.revision() == 1


def test_a_store_of_revision_1_is_read_whole(tmp_path: Path) -> None:
    """The dump was written by revision 0001 and stays as it is, whatever the schema becomes."""
    path = tmp_path / "vqmon.db"
    plain = sqlite3.connect(path)
    plain.executescript((Path(__file__).parent / "revision_0001.sql").read_text())
    plain.close()
    with SqlStore(str(path)) as store:
        (row,) = store.renditions()
        assert (row.stream, row.rendition, row.codec, row.width, row.up, row.detail) == (
            "news",
            "720p",
            "h264",
            1280,
            False,
            "refused",
        )
        assert [segment.sequence for segment in store.segments("news", "720p", since_ms=0, until_ms=10**15)] == [100, 101]
        points = store.series("news", "720p", "psnr_y", since_ms=0, until_ms=10**15)
        assert [(point.start_ms, point.pools["mean"]) for point in points] == [(ms(), 40.0), (ms(2), 41.0)]
        assert [incident.name for incident in store.incidents()] == ["BlackPicture"]
        assert [one.detail for one in store.events()] == ["refused"]
        assert store.load_state("alerts") == "{}"
        store.write([result(number=2)])
        assert store.renditions()[0].last_start_ms == ms(4)


def test_an_upgrade_keeps_what_was_stored(tmp_path: Path) -> None:
    store = SqlStore(str(tmp_path / "vqmon.db"))
    store.write([result(number=number) for number in range(3)], [event()])
    before = dump(store)
    store.close()
    versions = tmp_path / "versions"
    shutil.copytree(VERSIONS, versions)
    (versions / "r9999_next.py").write_text(NEXT.format(head=schema.REVISION))
    database = Database(str(tmp_path / "vqmon.db"))
    with database.writing() as connection:
        upgrade(connection, database.place, versions=versions)
    with database.reading() as connection:
        assert stored_revision(connection) == "9999"
        assert connection.exec_driver_sql("SELECT DISTINCT shift_ms FROM segment").all() == [(7,)]
        connection.exec_driver_sql(f"SELECT * FROM {schema.VERSION_TABLE}")
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{schema.REVISION}'")
    database.close()
    with SqlStore(str(tmp_path / "vqmon.db")) as again:
        assert dump(again) == before


def test_a_failed_upgrade_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = SqlStore(str(tmp_path / "vqmon.db"))
    store.write([result()])
    before = dump(store)
    store.close()
    versions = tmp_path / "versions"
    shutil.copytree(VERSIONS, versions)
    (versions / "r9999_next.py").write_text(NEXT.format(head=schema.REVISION) + "    raise RuntimeError('power cut')\n")
    database = Database(str(tmp_path / "vqmon.db"))
    with pytest.raises(RuntimeError, match="power cut"), database.writing() as connection:
        upgrade(connection, database.place, versions=versions)
    database.close()
    with SqlStore(str(tmp_path / "vqmon.db")) as again:
        assert dump(again) == before


@pytest.mark.parametrize("readonly", [False, True])
def test_a_newer_store_is_refused_and_kept(tmp_path: Path, readonly: bool) -> None:
    path = tmp_path / "vqmon.db"
    with SqlStore(str(path)) as store:
        store.write([result()])
    plain = sqlite3.connect(path)
    with plain:
        plain.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"has schema 9999, .*0001"):
        SqlStore(str(path), readonly=readonly).renditions()
    assert plain.execute("SELECT count(*) FROM segment").fetchone() == (1,)
    plain.close()


def test_an_up_to_date_store_opens_without_alembic(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    with SqlStore(str(path)):
        pass
    program = (
        "import sys; from monitor.sinks.sql import SqlStore\n"
        "with SqlStore(sys.argv[1]): pass\n"
        "print('alembic' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
