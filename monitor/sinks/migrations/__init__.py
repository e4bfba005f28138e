"""The store's schema over time: alembic revisions, applied when a store is opened for writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, Table, Text, inspect, select

from monitor.errors import ConfigError
from monitor.sinks.schema import REVISION, VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = Path(__file__).parent / "versions"

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def stored_revision(connection: Connection) -> str | None:
    """The revision that the database carries; ``None`` for one that vqmon never wrote."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version.c.version_num)).scalar()


def upgrade(connection: Connection, place: str, *, versions: Path = VERSIONS, target: str = "head") -> None:
    """Bring a database to revision ``target``, in the transaction that is open on ``connection``.

    Args:
        connection: in a transaction that nobody else can run at the same time.
        place: what to call the store in messages.
        versions: folder of the revisions.
        target: revision to stop at.

    Raises:
        ConfigError: the database belongs to a newer vqmon or to another program.
    """
    # Imported here: alembic costs more than everything else about opening an up-to-date store.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = stored_revision(connection)
    if found is not None and found not in revisions:
        raise ConfigError(
            f"{place} has schema {found}, this vqmon knows up to {REVISION}: upgrade vqmon or name another store"
        )
    if found is None and connection.dialect.name == "sqlite" and (tables := inspect(connection).get_table_names()):
        raise ConfigError(f"{place} is another program's database (it holds {tables[0]!r}): name another file")
    command.upgrade(config, target)
