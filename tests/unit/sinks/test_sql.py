"""The store on SQLite: the contract, and what can go wrong with a file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql

from monitor.errors import ConfigError, SinkError, SinkUnavailable
from monitor.sinks import schema
from monitor.sinks.database import Database, describe, parse_store_url
from monitor.sinks.sql import SqlStore, Statements
from tests.unit.sinks.samples import result
from tests.unit.sinks.store_contract import ALWAYS, StoreContract


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(str(tmp_path / "vqmon.db")) as opened:
        yield opened


class TestSqlite(StoreContract):
    pass


@pytest.mark.parametrize(
    ("given", "file"),
    [
        ("vqmon.db", "vqmon.db"),
        ("sqlite:///relative.db", "relative.db"),
        ("sqlite:////var/a.db", "/var/a.db"),
        ("a b/%41#?.db", "a b/%41#?.db"),
    ],
)
def test_sqlite_urls_and_paths(given: str, file: str) -> None:
    assert parse_store_url(given).database == file


@pytest.mark.parametrize(
    "given",
    ["", ":memory:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/a.db", "sqlite:///a.db?mode=ro"],
)
def test_a_store_needs_a_file(given: str) -> None:
    with pytest.raises(ConfigError, match=r"file"):
        parse_store_url(given)


@pytest.mark.parametrize("given", ["mysql://joe:s3cret@host/db", "s3cret://x", "postgresql+asyncpg://joe:s3cret@host/db"])
def test_other_schemes_are_refused_with_the_known_ones(given: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///relative\.db.*postgresql://") as caught:
        parse_store_url(given)
    assert ":s3cret@" not in str(caught.value)


def test_credentials_stay_out_of_names_and_messages() -> None:
    url = parse_store_url("postgresql://joe:s3cret@db.example:5433/quality?sslpassword=s3cret")
    assert describe(url) == "store postgresql://db.example:5433/quality"
    with pytest.raises(ConfigError) as caught:
        parse_store_url("postgresql://joe:s3cret@host:notaport/db")
    assert "s3cret" not in str(caught.value)


def test_an_unreachable_server_is_unavailable_without_its_password() -> None:
    store = SqlStore("postgresql://joe:s3cret@127.0.0.1:1/quality")
    with pytest.raises(SinkUnavailable, match=r"^store postgresql://127\.0\.0\.1:1/quality: .*refused") as caught:
        store.write([result()])
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_constructing_touches_nothing(tmp_path: Path) -> None:
    SqlStore(str(tmp_path / "vqmon.db"))
    assert list(tmp_path.iterdir()) == []


def test_missing_folders_are_made_and_odd_names_work(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "100% #1?.db"
    with SqlStore(str(path)) as store:
        store.write([result()])
    assert path.is_file()
    with SqlStore(f"sqlite:///{path.parent}/other.db") as store:
        assert store.renditions() == []


def test_the_file_is_in_wal_mode_with_normal_sync(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    database = Database(str(path))
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
    database.close()


@pytest.mark.parametrize("table", [schema.segment, schema.segment_score], ids=str)
def test_ranges_are_read_through_the_key(tmp_path: Path, table: object) -> None:
    key = [column.name for column in table.primary_key if column.name != "start_ms"]  # type: ignore[attr-defined]
    where = " AND ".join(f"{name} = 'x'" for name in key)
    with SqlStore(str(tmp_path / "vqmon.db")), sqlite3.connect(tmp_path / "vqmon.db") as plain:
        plan = plain.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {where} AND start_ms > 5 ORDER BY start_ms DESC"
        ).fetchall()
    plain.close()
    assert len(plan) == 1, plan
    assert "USING PRIMARY KEY" in plan[0][-1]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"^the folder of store .*file/vqmon\.db can't be created: "):
        SqlStore(str(tmp_path / "file" / "vqmon.db")).write([result()])


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"can't be opened: unable to open database file"):
        SqlStore(str(tmp_path)).renditions()


def test_a_text_file_is_no_store_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 100)
    with pytest.raises(SinkError, match=r"is not an SQLite database or is damaged") as caught:
        SqlStore(str(path)).write([result()])
    assert not isinstance(caught.value, SinkUnavailable)
    assert path.read_text() == "not a database, " * 100


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as plain:
        plain.execute("CREATE TABLE moz_places (id INTEGER)")
    plain.close()
    with pytest.raises(ConfigError, match=r"another program's database \(it holds 'moz_places'\)"):
        SqlStore(str(path)).write([result()])


def test_a_locked_store_is_unavailable_until_released(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    with SqlStore(str(path), busy_seconds=0.05) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SinkUnavailable, match=r"vqmon\.db is locked by another process for over 0\.05 s$"):
            store.write([result()])
        assert store.renditions() == [], "readers do not wait for a writer"
        other.execute("ROLLBACK")
        other.close()
        store.write([result()])
        assert len(store.renditions()) == 1


def test_a_reader_needs_a_store_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    with pytest.raises(SinkError, match=r"^there is no store .*vqmon\.db; `vqmon watch --store "):
        SqlStore(str(path), readonly=True).renditions()
    assert list(tmp_path.iterdir()) == []
    sqlite3.connect(path).close()
    with pytest.raises(ConfigError, match=r"has no vqmon tables, expected schema"):
        SqlStore(str(path), readonly=True).renditions()
    with SqlStore(str(path)) as writer, SqlStore(str(path), readonly=True) as reader:
        writer.write([result()])
        assert len(reader.renditions()) == 1
        with pytest.raises(SinkError, match=r"was opened for reading only"):
            reader.write([result()])


UNPRIVILEGED = """
    import os, sys
    from monitor.errors import SinkError, SinkUnavailable
    from monitor.sinks.sql import SqlStore
    from tests.unit.sinks.samples import result
    if os.geteuid() == 0:
        os.setegid(65534); os.seteuid(65534)
    try:
        with SqlStore(sys.argv[1]):
            print("opened")
    except SinkError as error:
        print(type(error).__name__, error)
    try:
        with SqlStore(sys.argv[1], readonly=True) as store:
            print(len(store.renditions()))
    except SinkError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize("folder_mode", [0o555, 0o755])
def test_a_store_that_may_not_be_written(folder_mode: int) -> None:
    with tempfile.TemporaryDirectory() as outside:  # pytest's own folders are closed to other users
        folder = Path(outside) / "theirs"
        folder.mkdir()
        path = folder / "vqmon.db"
        with SqlStore(str(path)) as writer:
            writer.write([result()])
            Path(outside).chmod(0o755)
            path.chmod(0o444)
            folder.chmod(folder_mode)
            opened, read = run_python(UNPRIVILEGED, str(path)).splitlines()
            folder.chmod(0o755)
    assert opened.startswith("SinkError "), opened
    assert "read-only" in opened
    assert read == "1"


def run_python(program: str, *arguments: str, ends: int = 0) -> str:
    """What a program prints, run by this interpreter from the repository."""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ends, done.stderr
    return done.stdout


FULL = """
    import resource, sys
    from pathlib import Path
    from monitor.errors import SinkUnavailable
    from monitor.sinks.sql import SqlStore
    from tests.unit.sinks.samples import result
    from tests.unit.sinks.store_contract import ALWAYS
    path = sys.argv[1]
    with SqlStore(path) as store:
        store.write([result()])
        limit = Path(path + "-wal").stat().st_size + 8192
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        stored = 1
        many = [result(number=number) for number in range(stored, stored + 500)]
        try:
            store.write(many)
        except SinkUnavailable as error:
            print(error)
        print(len(store.segments("news", "720p", **ALWAYS)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.write(many)
        print(len(store.segments("news", "720p", **ALWAYS)))
"""


def test_a_file_that_may_not_grow_takes_nothing_and_then_everything(tmp_path: Path) -> None:
    message, before, after = run_python(FULL, str(tmp_path / "vqmon.db")).splitlines()
    assert message.startswith("store ")
    assert "disk" in message
    assert (before, after) == ("1", "501")


def test_a_full_disk_takes_nothing_and_then_everything(tiny_disk: Path) -> None:
    filler = tiny_disk / "filler"
    with SqlStore(str(tiny_disk / "vqmon.db")) as store:
        store.write([result()])
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(2**20))
        many = [result(number=number) for number in range(1, 200)]
        for _ in range(2):
            with pytest.raises(SinkUnavailable, match=r"disk (is )?full"):
                store.write(many)
        assert len(store.segments("news", "720p", **ALWAYS)) == 1
        filler.unlink()
        store.write(many)
        assert len(store.segments("news", "720p", **ALWAYS)) == 200


def test_a_killed_writer_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "vqmon.db"
    program = """
        import os, signal, sys
        from monitor.sinks.sql import SqlStore
        from tests.unit.sinks.samples import result
        store = SqlStore(sys.argv[1])
        for number in range(20):
            store.write([result(number=number)])
        store.flush()
        print("flushed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_python(program, str(path), ends=-signal.SIGKILL) == "flushed\n"
    with SqlStore(str(path)) as store:
        assert len(store.segments("news", "720p", **ALWAYS)) == 20


def _write_from_a_process(path: str, rendition: str, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with SqlStore(path, busy_seconds=30) as store:
        for number in range(10):
            store.write([result(rendition=rendition, number=number)])


def test_processes_open_and_write_one_new_store_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "vqmon.db")
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    workers = [context.Process(target=_write_from_a_process, args=(path, f"r{number}", start)) for number in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with SqlStore(path) as store:
        assert [len(store.segments("news", f"r{number}", **ALWAYS)) for number in range(3)] == [10, 10, 10]
        assert store.revision() == 30


def test_every_upsert_compiles_for_postgresql() -> None:
    statements = Statements("postgresql")
    for name, statement in statements._by_name.items():
        sql = str(statement.compile(dialect=postgresql.dialect()))
        assert "ON CONFLICT" in sql, name
