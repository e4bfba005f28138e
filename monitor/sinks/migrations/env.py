"""Alembic's entry: migrates over the connection that ``monitor.sinks.migrations.upgrade`` hands in, in its transaction."""

from alembic import context

from monitor.sinks.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
