"""Tickets, messages and wishes to be called back, in the tenants' database or a file of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from offhook.errors import RegistryError
from offhook.tenants import schema
from offhook.tenants.database import Database
from offhook.tenants.jobs import NewJob, put_jobs

_tickets = schema.tickets
_FIRST = 1001
"""A number that is told on the telephone is short, and does not look like the first one."""
_MAX_TEXT = 4_000
KINDS = ("ticket", "message", "callback")


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a caller has left."""

    kind: str
    """One of :data:`KINDS`."""
    name: str = ""
    phone: str = ""
    subject: str = ""
    text: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    """To be called back then, and not before."""


class Tickets:
    """One tenant's.  Blocks for milliseconds: off the event loop.  Any thread.  Raises DatabaseError."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    def add(self, ticket: Ticket, key: str, now: datetime, following: Sequence[NewJob] = ()) -> str:
        """Write it down, and with it what has to be done about it; its number.

        The same ``key`` gives the number that it got the first time.
        """
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Numbers are given one after the other.
                name = sa.func.hashtextextended(f"tickets {self._tenant_id}", 0)
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))
            ours = _tickets.c.tenant_id == self._tenant_id
            before = connection.execute(
                sa.select(_tickets.c.reference).where(ours, _tickets.c.request_key == key)
            ).scalar_one_or_none()
            if before is not None:
                return str(before)
            highest = connection.execute(
                sa.select(sa.func.max(sa.cast(_tickets.c.reference, sa.Integer))).where(ours)
            ).scalar_one_or_none()
            reference = str(_FIRST if highest is None else highest + 1)
            values = {
                "tenant_id": self._tenant_id,
                "kind": ticket.kind,
                "reference": reference,
                "name": ticket.name[:_MAX_TEXT],
                "phone": ticket.phone[:_MAX_TEXT],
                "subject": ticket.subject[:_MAX_TEXT],
                "text": ticket.text[:_MAX_TEXT],
                "fields": dict(ticket.fields),
                "due_at": ticket.due_at,
                "request_key": key,
                "created_at": now,
            }
            connection.execute(sa.insert(_tickets).values(values))
            put_jobs(connection, self._tenant_id, following, now)
        return reference

    def open(self, limit: int = 100) -> list[dict[str, Any]]:
        """What is open, the oldest first."""
        query = (
            sa.select(_tickets)
            .where(_tickets.c.tenant_id == self._tenant_id, _tickets.c.state == "open")
            .order_by(_tickets.c.created_at, _tickets.c.reference)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def close(self, reference: str) -> None:
        """It is done.  Raises RegistryError when there is none of that number."""
        this = (_tickets.c.tenant_id == self._tenant_id, _tickets.c.reference == reference)
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(_tickets).where(*this).values(state="closed"))
            if not changed.rowcount:
                raise RegistryError(f"there is no ticket {reference!r}")
