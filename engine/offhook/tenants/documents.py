"""A tenant's documents in the database: their passages, with the vectors that find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from offhook.documents.passage import Passage
from offhook.errors import RegistryError
from offhook.tenants import schema
from offhook.tenants.registry import nearest
from offhook.tenants.snapshot import Tenant

_documents, _chunks = schema.documents, schema.chunks
MAX_PASSAGES = 20_000
"""Of one tenant: some 300 MB of vectors, and no longer a business's papers but a library."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One document."""

    source: str
    """The file's path or the page's address, as it was named when it was added."""
    title: str
    passages: int
    created_at: datetime
    sha256: str
    """Of the file."""


def put_document(
    connection: sa.Connection,
    tenant: Tenant,
    source: str,
    title: str,
    sha256: str,
    passages: Sequence[Passage],
) -> None:
    """The document takes the place of what was added from ``source`` before.  Raises RegistryError."""
    ours = _documents.c.tenant_id == tenant.id
    connection.execute(sa.delete(_documents).where(ours, _documents.c.source == source))
    held = sa.select(sa.func.count()).select_from(_chunks).where(_chunks.c.tenant_id == tenant.id)
    count = connection.execute(held).scalar_one() + len(passages)
    if count > MAX_PASSAGES:
        raise RegistryError(
            f"{source}: {tenant.slug!r} would have {count:,} passages, {MAX_PASSAGES:,} are the most: remove"
            " documents that callers do not ask about"
        )
    document_id = schema.new_id()
    row = {"id": document_id, "tenant_id": tenant.id, "title": title, "source": source, "sha256": sha256}
    connection.execute(sa.insert(_documents).values(row))
    rows = [
        {
            "tenant_id": tenant.id,
            "document_id": document_id,
            "ordinal": number,
            "heading": passage.heading,
            "text": passage.text,
            "model": passage.model,
            "embedding": passage.vectors,
        }
        for number, passage in enumerate(passages)
    ]
    if rows:
        connection.execute(sa.insert(_chunks), rows)


def list_documents(connection: sa.Connection, tenant: Tenant) -> list[Stored]:
    """By source."""
    query = (
        sa.select(
            _documents.c.source,
            _documents.c.title,
            sa.func.count(_chunks.c.ordinal),
            _documents.c.created_at,
            _documents.c.sha256,
        )
        .outerjoin(_chunks, _chunks.c.document_id == _documents.c.id)
        .where(_documents.c.tenant_id == tenant.id)
        .group_by(_documents.c.id)
        .order_by(_documents.c.source)
    )
    return [Stored(*row) for row in connection.execute(query)]


def remove_document(connection: sa.Connection, tenant: Tenant, source: str) -> Stored:
    """What was removed; ``source`` as it is listed, or the end of it behind a "/".  Raises RegistryError."""
    held = list_documents(connection, tenant)
    found = [each for each in held if each.source == source]
    found = found or [each for each in held if each.source.endswith(f"/{source}")]
    if len(found) > 1:
        raise RegistryError(
            f"document {source!r}: several end so: {', '.join(each.source for each in found)}"
        )
    if not found:
        known = nearest(source, [each.source for each in held])
        raise RegistryError(f"document {source!r} of {tenant.slug!r}: there is none of that name; {known}")
    ours = _documents.c.tenant_id == tenant.id
    connection.execute(sa.delete(_documents).where(ours, _documents.c.source == found[0].source))
    return found[0]


def read_passages(connection: sa.Connection, tenant_id: str) -> list[Passage]:
    """All that a tenant's documents say, in their order."""
    query = (
        sa.select(
            _chunks.c.text, _chunks.c.heading, _documents.c.source, _chunks.c.embedding, _chunks.c.model
        )
        .join(_documents, _documents.c.id == _chunks.c.document_id)
        .where(_chunks.c.tenant_id == tenant_id)
        .order_by(_documents.c.source, _chunks.c.ordinal)
    )
    return [Passage(*row) for row in connection.execute(query)]


def list_misses(connection: sa.Connection, tenant: Tenant, limit: int | None = None) -> list[Miss]:
    """What nothing known answered, the most frequent first; without words where the tenant keeps none."""
    turns, calls = schema.turns, schema.calls
    times = sa.func.count()
    query = (
        sa.select(turns.c.text, times, sa.func.max(calls.c.started_at, type_=schema.UtcTime))
        .join(calls, (calls.c.tenant_id == turns.c.tenant_id) & (calls.c.id == turns.c.call_id))
        .where(turns.c.tenant_id == tenant.id, turns.c.missed, turns.c.role == "caller")
        .group_by(turns.c.text)
        .order_by(times.desc(), turns.c.text)
        .limit(limit)
    )
    return [Miss(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Miss:
    """A question to which the agent knew no answer."""

    text: str | None
    """Without what leads to a person; None: its tenant keeps no words."""
    times: int
    last: datetime
