"""The tables, as the newest migration leaves them, for queries that are the same on PostgreSQL and SQLite.

Every table of a tenant carries ``tenant_id``, and every reference between two of them carries it as well: a
number cannot name another tenant's agent, whatever a program writes.  What only PostgreSQL has (row-level
security, roles, the dialplan's function) stands in the migrations.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA_TABLE = "offhook_schema"
"""Where alembic keeps the revision."""
CHANNEL = "offhook_directory"
"""PostgreSQL's notifications of changes; the payload is the change counter."""


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A moment: with its zone on PostgreSQL, in UTC without one on SQLite, always with UTC in Python."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def json_type() -> sa.types.TypeEngine[Any]:
    """JSON that PostgreSQL keeps parsed."""
    return sa.JSON().with_variant(JSONB(), "postgresql")


def new_id() -> str:
    import uuid  # nobody else here needs it

    return str(uuid.uuid4())


metadata = sa.MetaData()

directory_state = sa.Table(
    "directory_state",
    metadata,
    sa.Column(
        "id", sa.Integer, sa.CheckConstraint("id = 1", name="directory_state_one_row"), primary_key=True
    ),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("country_code", sa.Text, nullable=False, server_default=""),
    sa.Column("trunk_prefix", sa.Text, nullable=False, server_default=""),
)
"""One row: how often the directory was changed (triggers count), and the country of national numbers."""

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("max_calls", sa.Integer),
    sa.Column("retention_days", sa.Integer, nullable=False, server_default="30"),
    sa.Column("transcripts", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("recordings", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("misses", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("disclosure", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("consent", sa.Text),
    sa.Column("created_at", UtcTime, nullable=False, server_default=sa.func.now()),
)


def _tenant_id() -> sa.Column[str]:
    return sa.Column(
        "tenant_id",
        sa.Uuid(as_uuid=False),
        sa.ForeignKey("tenants.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


def _within_tenant(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column], [f"{target}.tenant_id", f"{target}.id"], ondelete="CASCADE"
    )


ai_configurations = sa.Table(
    "ai_configurations",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    _tenant_id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("current_version", sa.Integer, nullable=False, server_default="1"),
    sa.UniqueConstraint("tenant_id", "name", name="ai_configurations_name"),
    sa.UniqueConstraint("tenant_id", "id", name="ai_configurations_tenant"),
)
"""A tenant's agents; which of its versions answers calls."""

ai_configuration_versions = sa.Table(
    "ai_configuration_versions",
    metadata,
    _tenant_id(),
    sa.Column("ai_configuration_id", sa.Uuid(as_uuid=False), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("body", json_type(), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False, server_default=sa.func.now()),
    _within_tenant("ai_configuration_id", "ai_configurations"),
)
"""The agents' files as JSON.  Rows are added, never changed."""

phone_numbers = sa.Table(
    "phone_numbers",
    metadata,
    sa.Column("did", sa.Text, primary_key=True),
    _tenant_id(),
    sa.Column("ai_configuration_id", sa.Uuid(as_uuid=False), nullable=False),
    sa.Column("language", sa.Text),
    sa.Column("fallback", sa.Text),
    sa.Column("recording", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.ForeignKeyConstraint(
        ["tenant_id", "ai_configuration_id"],
        ["ai_configurations.tenant_id", "ai_configurations.id"],
    ),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    _tenant_id(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("tenant_id", "id", name="documents_tenant"),
    sa.Index("documents_source", "tenant_id", "source", unique=True),
)
"""A tenant's documents; one that is added again is a new row with a new id."""

chunks = sa.Table(
    "chunks",
    metadata,
    _tenant_id(),
    sa.Column("document_id", sa.Uuid(as_uuid=False), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("heading", sa.Text, nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("model", sa.Text),
    sa.Column("embedding", sa.LargeBinary),
    _within_tenant("document_id", "documents"),
)
"""Pieces of documents that can be spoken; ``embedding`` (``offhook.knowledge.vectors``) is by the network
that ``model`` names."""

calls = sa.Table(
    "calls",
    metadata,
    _tenant_id(),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("did", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, index=True),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("agent_version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("started_at", UtcTime, nullable=False, index=True),
    sa.Column("ended_at", UtcTime),
    sa.Column("result", sa.Text),
    sa.Column("summary", json_type()),
    sa.Column("cost", sa.Float),
    sa.Column("currency", sa.Text),
    sa.Column("units", json_type()),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="calls_pkey"),
)
"""Calls that have ended.  ``id`` is Asterisk's unique id, which two servers may give to two calls.  ``cost``
is empty where no server of somebody else's was used; ``units``: of their price lists."""

turns = sa.Table(
    "turns",
    metadata,
    _tenant_id(),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("ms", json_type()),
    sa.Column("missed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("mood", sa.Text),
    sa.PrimaryKeyConstraint("tenant_id", "call_id", "n", name="turns_pkey"),
    _within_tenant("call_id", "calls"),
)
"""``text`` is empty unless the tenant wants transcripts, or this is a question that nothing known answered
(``missed``) and it wants those; ``mood`` is how the caller sounded, where something could tell; ``ms`` is
where the time went, by stage. [ms]"""

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False, server_default=sa.func.now()),
    sa.Column("tenant_id", sa.Uuid(as_uuid=False)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("files", sa.Integer, nullable=False, server_default="0"),
)
"""What was deleted, when and why; nothing here leads back to a caller or their number."""


def _moment(name: str, *, now: bool = False, index: bool = False) -> sa.Column[datetime]:
    return sa.Column(
        name, UtcTime, nullable=False, index=index, server_default=sa.func.now() if now else None
    )


def _words(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="", index=index)


appointments = sa.Table(
    "appointments",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    _tenant_id(),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    _moment("starts_at", index=True),
    _moment("ends_at"),
    _moment("blocked_until"),
    sa.Column("state", sa.Text, nullable=False),
    _words("name"),
    _words("phone", index=True),
    _words("notes"),
    sa.Column("request_key", sa.Text, nullable=False),
    _moment("created_at", now=True),
    sa.UniqueConstraint("tenant_id", "request_key", name="appointments_request"),
)
"""``blocked_until`` is the end with the time that has to follow.  Two that are booked and overlap on one
resource of a tenant cannot be: the constraint :data:`NO_OVERLAP` (an exclusion on PostgreSQL, triggers on
SQLite) stands in the migration."""
NO_OVERLAP = "appointments_no_overlap"

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    _tenant_id(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    _words("name"),
    _words("phone", index=True),
    _words("subject"),
    _words("text"),
    sa.Column("fields", json_type(), nullable=False),
    sa.Column("due_at", UtcTime),
    sa.Column("request_key", sa.Text, nullable=False),
    _moment("created_at", now=True, index=True),
    sa.UniqueConstraint("tenant_id", "request_key", name="tickets_request"),
    sa.UniqueConstraint("tenant_id", "reference", name="tickets_reference"),
)
"""Tickets, messages for somebody, and wishes to be called back (``due_at``: not before)."""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True, default=new_id),
    _tenant_id(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", json_type(), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _moment("due_at", index=True),
    sa.Column("taken_until", UtcTime),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    _words("last_error"),
    _moment("created_at", now=True),
    sa.UniqueConstraint("tenant_id", "key", name="jobs_key"),
)
"""What has to be done after a call, at least once.  Whoever works on one has it until ``taken_until``."""

tool_requests = sa.Table(
    "tool_requests",
    metadata,
    _tenant_id(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False, index=True),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _moment("begun_at", index=True),
    sa.Column("result", sa.Text),
    sa.PrimaryKeyConstraint("tenant_id", "key", name="tool_requests_pkey"),
)
"""What tools have done, so that each request is done once (:mod:`offhook.tools.ledger`)."""
