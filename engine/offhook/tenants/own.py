"""What agents without tenants leave behind: a SQLite file of the same schema, with one tenant in it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from offhook.tenants import schema
from offhook.tenants.database import Database, newest_revision
from offhook.tenants.registry import add_tenant, get_tenant, tenant_or_none

OWN_FILE = Path("/var/lib/offhook/box.db")
"""Appointments, tickets and jobs of the box's own agents."""
OWN_TENANT = "own"


def own_tenant(database: Database) -> str:
    """The id of the one tenant in such a file; file and tenant are made where they are not there yet.

    Raises DatabaseError.
    """
    _bring_up(database)
    with database.writing() as connection:
        tenant = tenant_or_none(connection, OWN_TENANT) or add_tenant(connection, OWN_TENANT, "This machine")
    return tenant.id


def _bring_up(database: Database) -> None:
    """The box's own file has no operator who migrates it: it is brought to this offhook's schema."""
    if not database.is_missing():
        with database.reading() as connection:
            if database.revision(connection) == newest_revision():
                return
    database.migrate()


def tenant_id(database: Database, tenant: str) -> str:
    """By slug or id.  Raises DatabaseError, RegistryError."""
    table = schema.tenants
    with database.reading() as connection:
        database.require_schema(connection)
        wanted = (table.c.slug == tenant) | (sa.cast(table.c.id, sa.Text) == tenant)
        known: str | None = connection.execute(sa.select(table.c.id).where(wanted)).scalar_one_or_none()
        return known or get_tenant(connection, tenant).id


def opened(database: str | None, tenant: str | None, file: Path | None = None) -> tuple[Database, str]:
    """Where to write for ``tenant``, or for the box's own, and the id to write there.  Blocks.

    ``database`` is the tenants', or the box's own; without one ``file`` is, or :data:`OWN_FILE`.
    Raises DatabaseError, RegistryError.
    """
    if tenant is not None and database is not None:
        found = Database(database)
        return found, tenant_id(found, tenant)
    found = Database(database if database is not None and file is None else f"sqlite:///{file or OWN_FILE}")
    return found, own_tenant(found)
