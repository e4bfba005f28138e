"""The store's database: its URL, its connections and transactions, and what drivers say in words of ours."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from monitor.errors import ConfigError, SinkError, SinkUnavailable
from monitor.sinks.migrations import stored_revision, upgrade
from monitor.sinks.schema import REVISION, revision

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

SCHEMES = ("sqlite:///relative.db", "sqlite:////absolute.db", "postgresql://user:password@host/database")

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 60
_MIGRATION_LOCK = 0x7671_6D6F_6E  # "vqmon": the advisory lock that PostgreSQL migrations take


def parse_store_url(store: str) -> URL:
    """The SQLAlchemy URL of a store given as a URL or as the path of an SQLite file.

    Raises:
        ConfigError: another scheme, no file name, or not a URL. The message holds no credentials.
    """
    if "://" not in store:
        if not store or store == ":memory:":
            raise ConfigError(f"store {store!r} names no file; expected for example {SCHEMES[0]}")
        return URL.create("sqlite", database=store)
    scheme = store.partition("://")[0]
    if scheme not in ("sqlite", "postgresql"):
        raise ConfigError(f"a store can't be a {scheme}:// URL; known: {', '.join(SCHEMES)}, or the path of an SQLite file")
    try:
        url = make_url(store)
    except (ArgumentError, ValueError):
        raise ConfigError(f"the {scheme}:// URL of the store can't be read; expected for example {SCHEMES[-1]}") from None
    if scheme == "sqlite":
        if url.host or url.query or not url.database or url.database == ":memory:":
            raise ConfigError(f"an sqlite:// store names a file and nothing else, for example {SCHEMES[0]}")
        return url
    return url.set(drivername="postgresql+psycopg")


def describe(url: URL) -> str:
    """What to call a store in messages: the file, or host, port and database without user, password and options."""
    if url.get_backend_name() == "sqlite":
        return f"store {url.database}"
    return f"store postgresql://{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database or ''}"


class Database:
    """One database: opened on first use, used from any thread, one writer of this process at a time.

    SQLite runs in WAL mode with ``synchronous=NORMAL``: a killed process loses nothing, and a commit costs no ``fsync``;
    what a power cut could take back is bounded by ``sync``, which callers invoke when they promise safety. Foreign keys are
    off because there are none: segments and scores may arrive in any order.

    Args:
        store: URL, or path of an SQLite file.
        readonly: never create, migrate or write.
        busy_seconds: how long to wait for other processes' locks.
    """

    def __init__(self, store: str, *, readonly: bool = False, busy_seconds: float = 5.0) -> None:
        self.url = parse_store_url(store)
        self.place = describe(self.url)
        self.readonly = readonly
        self._busy_seconds = busy_seconds
        self._engine: Engine | None = None
        self._opening = threading.Lock()
        self._writing = threading.Lock()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.url.get_backend_name()

    def open(self) -> Engine:
        """Connect, and migrate where needed; does nothing when open.

        Raises:
            ConfigError: a newer schema, another program's database, or no driver.
            SinkUnavailable: locked, full or unreachable for now.
            SinkError: it can't be created, read or written.
        """
        with self._opening:
            if self._engine is None:
                with self._explained():
                    engine = self._sqlite() if self.dialect == "sqlite" else self._postgresql()
                    try:
                        self._prepare(engine)
                    except BaseException:
                        engine.dispose()
                        raise
                self._engine = engine
            return self._engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection with one consistent view."""
        engine = self.open()
        with self._explained(), engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back on any error.

        Raises:
            SinkUnavailable: nothing was written; the same may work later.
            SinkError: nothing was written and it never will be.
        """
        engine = self.open()
        if self.readonly:
            raise SinkError(f"{self.place} was opened for reading only")
        with self._explained(), self._writing, _write_transaction(engine) as connection:
            yield connection

    def sync(self) -> None:
        """Return when everything committed survives a power cut."""
        if self._engine is None or self.dialect != "sqlite":
            return  # PostgreSQL's commit has waited for its own disk already
        # The write-ahead log holds what was committed since the last checkpoint, and a checkpoint syncs what it moves.
        log = Path(f"{self.url.database}-wal")
        for path in (log, log.parent):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                os.fsync(descriptor)
            except OSError as error:
                raise SinkUnavailable(f"{self.place}: {path.name} could not be synced to disk: {error.strerror}") from error
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Give back every connection."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _sqlite(self) -> Engine:
        path = Path(self.url.database or "")
        if self.readonly:
            if not path.is_file():
                raise SinkError(f"there is no {self.place}; `vqmon watch --store {path}` makes one")
        else:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SinkError(f"the folder of {self.place} can't be created: {error.strerror}") from error
        uri = f"file:{quote(str(path))}?mode={'rw' if self.readonly else 'rwc'}"

        def connect() -> sqlite3.Connection:
            # isolation_level None: the driver begins nothing by itself, so that reads and DDL are transactions too.
            connection = sqlite3.connect(
                uri, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=OFF")
            return connection

        engine = create_engine(self.url, creator=connect, poolclass=QueuePool, max_overflow=-1, hide_parameters=True)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A writer takes the lock at once: a transaction that reads first can't wait for it later (SQLITE_BUSY_SNAPSHOT).
            write = connection.get_execution_options().get("vqmon_write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _postgresql(self) -> Engine:
        lock_ms = max(1, round(1000 * self._busy_seconds))
        arguments: dict[str, Any] = {
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "vqmon",
            "tcp_user_timeout": 1000 * _CONNECT_SECONDS,
            "options": f"-c statement_timeout={_STATEMENT_SECONDS}s -c lock_timeout={lock_ms}ms",
        }
        try:
            return create_engine(
                self.url, connect_args=arguments, pool_pre_ping=True, pool_timeout=_CONNECT_SECONDS, hide_parameters=True
            )
        except ImportError as error:
            raise ConfigError(f"{self.place} needs psycopg: pip install 'vqmon[postgres]'") from error

    def _prepare(self, engine: Engine) -> None:
        if self.dialect == "sqlite" and not self.readonly:
            self._write_ahead(engine)
        with engine.connect() as connection:
            found = stored_revision(connection)
        if found == REVISION:
            if not self.readonly:
                with _write_transaction(engine) as connection:
                    # Changes nothing: a store that can't be written is refused now and not after the first segment.
                    connection.execute(update(revision).where(revision.c.id < 0).values(value=0))
            return
        if self.readonly:
            held = f"schema {found}" if found else "no vqmon tables"
            raise ConfigError(
                f"{self.place} has {held}, expected schema {REVISION}: `vqmon watch` brings older ones up to date"
            )
        with _write_transaction(engine) as connection:
            if self.dialect == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            if stored_revision(connection) != REVISION:  # else another process was faster
                upgrade(connection, self.place)

    def _write_ahead(self, engine: Engine) -> None:
        """Switch to WAL once. SQLite does not wait for locks here, so this does."""
        deadline = time.monotonic() + self._busy_seconds
        driver = engine.raw_connection()
        try:
            while True:
                try:
                    row = driver.cursor().execute("PRAGMA journal_mode=WAL").fetchone()
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                        raise
                    time.sleep(0.02)
                    continue
                break
        finally:
            driver.close()
        if row[0] != "wal":
            logger.warning(
                "%s: its file system has no shared memory, so readers and the writer wait for each other", self.place
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error.orig or error) from error
        except sqlite3.Error as error:
            raise self._explain(error) from error
        except PoolTimeout as error:
            raise SinkUnavailable(f"{self.place}: no free connection within {_CONNECT_SECONDS} s") from error
        except (OverflowError, UnicodeError) as error:
            raise SinkError(f"{self.place} can't hold a value: {error}") from error

    def _explain(self, error: BaseException) -> SinkError:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if not isinstance(error, sqlite3.Error):
            lasting = not any(kind.__name__ in ("OperationalError", "InternalError") for kind in type(error).__mro__)
            return SinkError(f"{self.place} refused: {said}") if lasting else SinkUnavailable(f"{self.place}: {said}")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            return SinkUnavailable(f"{self.place} is locked by another process for over {self._busy_seconds:g} s")
        if code == sqlite3.SQLITE_FULL:
            return SinkUnavailable(f"{self.place} can't grow: the disk is full")
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM):
            return SinkUnavailable(f"{self.place} can't be read or written: {said} (disk full or failing?)")
        if code == sqlite3.SQLITE_READONLY:
            return SinkError(f"{self.place} can't be written: the file or its folder is read-only")
        if code == sqlite3.SQLITE_CANTOPEN:
            problem = f"{self.place} can't be opened: {said} (is the path right and its folder writable?)"
            return SinkError(problem) if self._engine is None else SinkUnavailable(problem)
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return SinkError(
                f"{self.place} is not an SQLite database or is damaged ({said}): move it away or name another file"
            )
        return SinkError(f"{self.place}: {said}")


@contextmanager
def _write_transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(vqmon_write=True) as connection, connection.begin():
        yield connection
