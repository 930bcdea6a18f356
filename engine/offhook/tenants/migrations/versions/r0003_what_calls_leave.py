"""What calls leave behind: appointments, tickets and messages, and the jobs that follow a call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from offhook.tenants.migrations import postgresql

revision = "0003"
down_revision = "0002"

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
NO_OVERLAP = "appointments_no_overlap"
"""The constraint's name: whoever books finds it in the error and knows that somebody was quicker."""


def upgrade() -> None:
    _make_appointments()
    _make_tickets()
    _make_jobs()
    if not postgresql.is_postgresql():
        _forbid_overlap_on_sqlite("INSERT")
        _forbid_overlap_on_sqlite("UPDATE")
        return
    _forbid_overlap_on_postgresql()
    everything = "SELECT, INSERT, UPDATE, DELETE"
    for table in ("appointments", "tickets"):
        postgresql.protect(table, daemon=everything, console=everything)
    postgresql.protect("jobs", daemon=everything, console="SELECT")


def _id() -> sa.Column[str]:
    generated = "gen_random_uuid()" if postgresql.is_postgresql() else "(lower(hex(randomblob(16))))"
    return sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, server_default=sa.text(generated))


def _tenant_id() -> sa.Column[str]:
    return sa.Column(
        "tenant_id",
        sa.Uuid(as_uuid=False),
        sa.ForeignKey("tenants.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


def _time(name: str, *, now: bool = False, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, _TIME, nullable=False, index=index, server_default=sa.func.now() if now else None)


def _make_appointments() -> None:
    op.create_table(
        "appointments",
        _id(),
        _tenant_id(),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        _time("starts_at", index=True),
        _time("ends_at"),
        _time("blocked_until"),
        sa.Column("state", sa.Text, sa.CheckConstraint("state IN ('booked', 'cancelled')"), nullable=False),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("phone", sa.Text, nullable=False, server_default="", index=True),
        sa.Column("notes", sa.Text, nullable=False, server_default=""),
        sa.Column("request_key", sa.Text, nullable=False),
        _time("created_at", now=True),
        sa.CheckConstraint("starts_at < ends_at AND ends_at <= blocked_until", name="appointments_order"),
        sa.UniqueConstraint("tenant_id", "request_key", name="appointments_request"),
    )


def _forbid_overlap_on_postgresql() -> None:
    bind = op.get_bind()
    has_it = bind.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'").first()
    if has_it is None:
        # PostgreSQL's own, which the database's owner may make; its functions are nobody's business.
        op.execute("CREATE SCHEMA IF NOT EXISTS offhook_extensions")
        op.execute("CREATE EXTENSION btree_gist SCHEMA offhook_extensions")
    op.execute(
        f"ALTER TABLE appointments ADD CONSTRAINT {NO_OVERLAP} EXCLUDE USING gist"
        " (tenant_id WITH =, resource WITH =, tstzrange(starts_at, blocked_until) WITH &&)"
        " WHERE (state = 'booked')"
    )


def _forbid_overlap_on_sqlite(what: str) -> None:
    op.execute(
        f"CREATE TRIGGER {NO_OVERLAP}_{what.lower()} BEFORE {what} ON appointments"
        " WHEN NEW.state = 'booked' AND EXISTS (SELECT 1 FROM appointments AS other"
        " WHERE other.tenant_id = NEW.tenant_id AND other.resource = NEW.resource"
        " AND other.id <> NEW.id AND other.state = 'booked'"
        " AND other.starts_at < NEW.blocked_until AND other.blocked_until > NEW.starts_at)"
        f" BEGIN SELECT RAISE(ABORT, '{NO_OVERLAP}'); END"
    )


def _make_tickets() -> None:
    op.create_table(
        "tickets",
        _id(),
        _tenant_id(),
        sa.Column(
            "kind", sa.Text, sa.CheckConstraint("kind IN ('ticket', 'message', 'callback')"), nullable=False
        ),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="open"),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("phone", sa.Text, nullable=False, server_default="", index=True),
        sa.Column("subject", sa.Text, nullable=False, server_default=""),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("request_key", sa.Text, nullable=False),
        _time("created_at", now=True, index=True),
        sa.UniqueConstraint("tenant_id", "request_key", name="tickets_request"),
        sa.UniqueConstraint("tenant_id", "reference", name="tickets_reference"),
    )


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        _id(),
        _tenant_id(),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column(
            "state", sa.Text, sa.CheckConstraint("state IN ('waiting', 'done', 'failed')"), nullable=False
        ),
        _time("due_at", index=True),
        sa.Column("taken_until", _TIME),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text, nullable=False, server_default=""),
        _time("created_at", now=True),
        sa.UniqueConstraint("tenant_id", "key", name="jobs_key"),
    )
