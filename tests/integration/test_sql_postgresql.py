"""The store's contract on a real PostgreSQL server, started on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from monitor.errors import ConfigError, SinkError, SinkUnavailable
from monitor.sinks import schema
from monitor.sinks.database import Database
from monitor.sinks.sql import SqlStore
from tests.unit.sinks.samples import result
from tests.unit.sinks.store_contract import StoreContract

PASSWORD = "open-sesame"


def _programs() -> Path:
    for folder in (
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        Path(shutil.which("initdb") or "/x").parent,
    ):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    problem = "PostgreSQL (Debian package postgresql) is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server without a database name, up to the last slash."""
    programs = _programs()
    user: dict[str, object] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            user = {"user": "postgres", "group": pwd.getpwnam("postgres").pw_gid, "extra_groups": []}
        except KeyError:
            pytest.skip("running as root, and there is no user postgres to run the server as")
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        if user:
            shutil.chown(folder, "postgres", "postgres")
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()

        def run(*command: str) -> None:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
                **user,  # type: ignore[call-overload]
            )
            assert done.returncode == 0, done.stdout + done.stderr

        run(
            str(programs / "initdb"),
            "-D",
            str(folder / "data"),
            "-U",
            "vqmon",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-N",
        )
        control = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log")]
        run(*control, "-o", f"-k {folder} -h 127.0.0.1 -p {port} -F", "start")
        try:
            yield f"postgresql://vqmon:{PASSWORD}@127.0.0.1:{port}/"
        finally:
            run(*control, "-m", "immediate", "stop")


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """URL of a fresh, empty database."""
    engine = create_engine(f"postgresql+psycopg{server.removeprefix('postgresql')}postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE quality"))
        try:
            yield f"{server}quality"
        finally:
            connection.execute(text("DROP DATABASE quality WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with SqlStore(url) as opened:
        yield opened


class TestPostgresql(StoreContract):
    pass


def test_migrations_end_at_the_tables_of_today(url: str) -> None:
    database = Database(url)
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": lambda name, *_: name != schema.VERSION_TABLE}
        )
        assert compare_metadata(context, schema.metadata) == []
    database.close()


def test_several_may_open_a_new_store_at_once(url: str) -> None:
    def write(number: int) -> int:
        with SqlStore(url) as store:
            store.write([result(rendition=f"r{number}")])
            return store.revision()

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(write, range(4))) == 4


def test_a_newer_store_is_refused(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigError, match=r"has schema 9999"):
        SqlStore(url).renditions()


def test_a_lock_held_elsewhere_is_unavailable(url: str) -> None:
    other = Database(url)
    with SqlStore(url, busy_seconds=0.1) as store, other.writing() as connection:
        connection.execute(text("LOCK TABLE revision IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(SinkUnavailable, match=r"lock timeout"):
            store.write([result()])
    other.close()
    with SqlStore(url) as store:
        assert store.renditions() == []


def test_a_server_that_drops_its_connections_is_reached_again(url: str) -> None:
    other = Database(url)
    with SqlStore(url) as store:
        store.write([result()])
        with other.writing() as connection:
            mine = "pid = pg_backend_pid() OR datname <> current_database()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE NOT ({mine})"))
        store.write([result(number=1)])
        assert len(store.segments("news", "720p", since_ms=0, until_ms=10**15)) == 2
    other.close()


@pytest.mark.parametrize(("old", "new"), [(PASSWORD, "wr0ng"), ("/quality", "/nothing")])
def test_a_refusal_shows_no_password(url: str, old: str, new: str) -> None:
    with pytest.raises(SinkError) as caught:
        SqlStore(url.replace(old, new)).renditions()
    assert "wr0ng" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)
