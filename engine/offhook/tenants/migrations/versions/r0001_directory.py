"""Tenants, their numbers, agents, documents and calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from offhook.tenants.migrations import postgresql, sqlite

revision = "0001"
down_revision = None

_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TIME = sa.DateTime(timezone=True)
_DIRECTORY = ("tenants", "phone_numbers", "ai_configurations")
_COUNTRY_CHANGE = "UPDATE OF country_code, trunk_prefix"
"""Not of the counter itself, which the triggers change."""


def upgrade() -> None:
    _make_directory()
    _make_documents()
    _make_calls()
    op.execute("INSERT INTO directory_state (id, version) VALUES (1, 1)")
    if not postgresql.is_postgresql():
        for table in _DIRECTORY:
            sqlite.count_changes(table)
        sqlite.count_changes("directory_state", _COUNTRY_CHANGE)
        return
    postgresql.make_roles()
    postgresql.make_change_counter()
    for table in _DIRECTORY:
        postgresql.count_changes(table)
    postgresql.count_changes("directory_state", _COUNTRY_CHANGE)
    postgresql.protect("tenants", "id", console="SELECT")
    # A console must not take a number, or give one away: that is the operator's.
    postgresql.protect(
        "phone_numbers", console="SELECT, UPDATE (ai_configuration_id, language, fallback, recording)"
    )
    everything = "SELECT, INSERT, UPDATE, DELETE"
    for table in ("ai_configurations", "documents", "chunks"):
        postgresql.protect(table, console=everything)
    for table in ("calls", "turns"):
        postgresql.protect(table, daemon="SELECT, INSERT, UPDATE", console="SELECT, DELETE")
    postgresql.protect("erasures", console="SELECT")
    postgresql.make_readings()
    postgresql.make_route("a.body")


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


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", _TIME, nullable=False, server_default=sa.func.now())


def _made_of(column: str, characters: str, *, least: int, most: int) -> sa.CheckConstraint:
    """``column`` has ``least`` to ``most`` of these characters and no others."""
    if postgresql.is_postgresql():
        return sa.CheckConstraint(f"{column} ~ '^[{characters}]{{{least},{most}}}$'")
    return sa.CheckConstraint(
        f"{column} NOT GLOB '*[^{characters}]*' AND length({column}) BETWEEN {least} AND {most}"
    )


def _make_directory() -> None:
    op.create_table(
        "directory_state",
        sa.Column(
            "id", sa.Integer, sa.CheckConstraint("id = 1", name="directory_state_one_row"), primary_key=True
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("country_code", sa.Text, nullable=False, server_default=""),
        sa.Column("trunk_prefix", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "tenants",
        _id(),
        sa.Column("slug", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("max_calls", sa.Integer, sa.CheckConstraint("max_calls > 0")),
        sa.Column(
            "retention_days",
            sa.Integer,
            sa.CheckConstraint("retention_days >= 0"),
            nullable=False,
            server_default="30",
        ),
        sa.Column("transcripts", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("recordings", sa.Boolean, nullable=False, server_default=sa.false()),
        _created_at(),
        _made_of("slug", "a-z0-9-", least=1, most=63),
    )
    op.create_table(
        "ai_configurations",
        _id(),
        _tenant_id(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("body", _JSON, nullable=False),
        _created_at(),
        sa.UniqueConstraint("tenant_id", "name", name="ai_configurations_name"),
        sa.UniqueConstraint("tenant_id", "id", name="ai_configurations_tenant"),
        _made_of("name", "A-Za-z0-9_-", least=1, most=64),
    )
    op.create_table(
        "phone_numbers",
        sa.Column("did", sa.Text, primary_key=True),
        _tenant_id(),
        sa.Column("ai_configuration_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("fallback", sa.Text),
        sa.Column("recording", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ai_configuration_id"], ["ai_configurations.tenant_id", "ai_configurations.id"]
        ),
        _made_of("did", "+0-9", least=2, most=16),
        _made_of(
            "fallback", "+*#0-9", least=2, most=20
        ),  # the dialplan rings it: never a context or a channel
    )


def _make_documents() -> None:
    op.create_table(
        "documents",
        _id(),
        _tenant_id(),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        _created_at(),
        sa.UniqueConstraint("tenant_id", "id", name="documents_tenant"),
    )
    op.create_table(
        "chunks",
        _tenant_id(),
        sa.Column("document_id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("heading", sa.Text, nullable=False, server_default=""),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("embedding", sa.LargeBinary),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"], ["documents.tenant_id", "documents.id"], ondelete="CASCADE"
        ),
    )


def _make_calls() -> None:
    op.create_table(
        "calls",
        _tenant_id(),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("did", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, index=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("agent_version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("started_at", _TIME, nullable=False, index=True),
        sa.Column("ended_at", _TIME),
        sa.Column("result", sa.Text),
        sa.Column("summary", _JSON),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="calls_pkey"),
    )
    op.create_table(
        "turns",
        _tenant_id(),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, sa.CheckConstraint("role IN ('caller', 'agent')"), nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("ms", _JSON),
        sa.PrimaryKeyConstraint("tenant_id", "call_id", "n", name="turns_pkey"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "call_id"], ["calls.tenant_id", "calls.id"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", _TIME, nullable=False, server_default=sa.func.now()),
        sa.Column("tenant_id", sa.Uuid(as_uuid=False)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
    )
