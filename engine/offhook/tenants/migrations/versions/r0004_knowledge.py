"""Documents count as changes and are named once; what nothing answered; what callers are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from offhook.tenants.migrations import postgresql, sqlite

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("documents_source", "documents", ["tenant_id", "source"], unique=True)
    for column in ("misses", "disclosure"):
        op.add_column("tenants", sa.Column(column, sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("tenants", sa.Column("consent", sa.Text))
    op.add_column("turns", sa.Column("missed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("erasures", sa.Column("files", sa.Integer, nullable=False, server_default="0"))
    if postgresql.is_postgresql():
        postgresql.count_changes("documents")
    else:
        sqlite.count_changes("documents")
