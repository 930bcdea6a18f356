"""PostgreSQL's row-level security seen from a connection: who is let through to all tenants.

A role without a policy sees empty tables and no error.  Taken for the truth, that would tell every caller
that their number does not exist; therefore it is asked before anything is believed.
"""

from __future__ import annotations

import sqlalchemy as sa

from offhook.tenants import schema

_BLIND = sa.text(
    """
    SELECT row_security_active('tenants') AND NOT EXISTS (
        SELECT FROM pg_policies AS policy, unnest(policy.roles) AS role
        WHERE policy.schemaname = current_schema() AND policy.tablename = 'tenants'
          AND policy.policyname IN ('owner', 'daemon', 'web') AND pg_has_role(current_user, role, 'USAGE'))
    """
)
_OWNER = sa.text(
    "SELECT tableowner = current_user FROM pg_tables"
    " WHERE schemaname = current_schema() AND tablename = 'tenants'"
)
_USER = sa.text("SELECT current_user")


def blind_user(connection: sa.Connection) -> str | None:
    """The connection's role when it sees no tenants, whatever there is; None: it sees all."""
    if connection.dialect.name != "postgresql" or not connection.execute(_BLIND).scalar_one():
        return None
    return str(connection.execute(_USER).scalar_one())


def renew_owner(connection: sa.Connection) -> None:
    """Let the tables' present owner through: a restored copy belongs to somebody else than the original."""
    if connection.dialect.name != "postgresql" or not connection.execute(_OWNER).scalar():
        return
    for table in schema.metadata.tables.values():
        if table is not schema.directory_state:
            connection.execute(sa.text(f"ALTER POLICY owner ON {table.name} TO CURRENT_USER"))
