"""What tools have done for a tenant's callers stands in the tenants' database; turns have a mood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from offhook.tenants.migrations import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # Turns before this have none: nobody has listened for it.
    op.add_column("turns", sa.Column("mood", sa.Text))
    op.create_table(
        "tool_requests",
        sa.Column(
            "tenant_id",
            sa.Uuid(as_uuid=False),
            sa.ForeignKey("tenants.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False, index=True),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('begun', 'done')"), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("result", sa.Text),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="tool_requests_pkey"),
    )
    if postgresql.is_postgresql():
        everything = "SELECT, INSERT, UPDATE, DELETE"
        postgresql.protect("tool_requests", daemon=everything, console="SELECT, DELETE")
