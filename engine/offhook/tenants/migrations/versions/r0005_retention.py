"""The daemon deletes what is older than its tenant wants to keep it, and notes that it did."""

from __future__ import annotations

from alembic import op

from offhook.tenants.migrations import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if not postgresql.is_postgresql():
        return
    op.execute(f"GRANT DELETE ON calls, turns TO {postgresql.DAEMON}")
    op.execute(f"GRANT INSERT ON erasures TO {postgresql.DAEMON}")
    op.execute(f"GRANT USAGE ON SEQUENCE erasures_id_seq TO {postgresql.DAEMON}")
