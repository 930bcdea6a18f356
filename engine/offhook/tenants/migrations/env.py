"""What alembic runs: the migrations, in the transaction that ``Database.migrate`` has begun."""

from __future__ import annotations

from alembic import context

from offhook.tenants.schema import SCHEMA_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=SCHEMA_TABLE,
    transactional_ddl=False,  # the caller's transaction holds everything, on SQLite as well
)
context.run_migrations()
