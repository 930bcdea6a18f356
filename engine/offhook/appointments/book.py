"""The book: which times are given, kept in the tenants' database or in a file of one's own.

That no time is given twice is the database's own rule, not ours: an exclusion constraint on PostgreSQL,
triggers on SQLite, whoever writes.  So is that one request makes one appointment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from offhook.appointments.slots import Busy, Slot
from offhook.errors import DatabaseError, TakenError
from offhook.tenants import schema
from offhook.tenants.database import Database

_table = schema.appointments
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Appointment:
    """One that stands in the book; times are in UTC."""

    id: str
    resource: str
    service: str
    start: datetime
    end: datetime
    blocked_until: datetime
    name: str = ""
    phone: str = ""
    notes: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """For whom."""

    name: str = ""
    phone: str = ""
    notes: str = ""


class Book:
    """One tenant's appointments.  Every method blocks for milliseconds: off the event loop.  Any thread.

    Each raises DatabaseError when the database does not answer.
    """

    def __init__(self, database: Database, tenant_id: str) -> None:
        self._database = database
        self._tenant_id = tenant_id

    def busy(self, start: datetime, end: datetime) -> dict[str, list[Busy]]:
        """What is taken of ``start`` to ``end``, by resource."""
        overlapping = sa.and_(
            _table.c.tenant_id == self._tenant_id,
            _table.c.state == "booked",
            _table.c.starts_at < end,
            _table.c.blocked_until > start,
        )
        found: dict[str, list[Busy]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(sa.select(_table).where(overlapping)):
                found.setdefault(row.resource, []).append(Busy(row.starts_at, row.blocked_until, row.id))
        return found

    def add(self, slot: Slot, service: str, person: Person, key: str) -> Appointment:
        """Enter it.  The same ``key`` again gives what it made the first time, cancelled or not.

        Raises TakenError: somebody was quicker.
        """
        appointment = Appointment(
            schema.new_id(),
            slot.resource,
            service,
            slot.start,
            slot.end,
            slot.blocked_until,
            **{key: getattr(person, key)[:_MAX_TEXT] for key in ("name", "phone", "notes")},
        )
        values = {**_row(appointment), "tenant_id": self._tenant_id, "request_key": key}
        try:
            with self._database.writing() as connection:
                self._queue_for(connection, slot.resource)
                connection.execute(sa.insert(_table).values(values))
        except DatabaseError as error:
            return self._made_before(key, error)
        return appointment

    def move(self, appointment_id: str, slot: Slot) -> Appointment:
        """Give it another time or place.  Raises TakenError when that is taken, or it is not booked."""
        changes = {
            "resource": slot.resource,
            "starts_at": slot.start,
            "ends_at": slot.end,
            "blocked_until": slot.blocked_until,
        }
        try:
            self._change(appointment_id, slot.resource, changes)
        except DatabaseError as error:
            if _is_overlap(error):
                raise TakenError("that time is taken") from error
            raise
        return self._found(_table.c.id == appointment_id)

    def cancel(self, appointment_id: str) -> Appointment:
        """Give its time back; one that is cancelled stays so."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(_table).where(*self._mine(_table.c.id == appointment_id)).values(state="cancelled")
            )
        return self._found(_table.c.id == appointment_id)

    def get(self, appointment_id: str) -> Appointment:
        """Raises TakenError when there is none."""
        return self._found(_table.c.id == appointment_id)

    def of_request(self, key: str) -> Appointment | None:
        """What the request ``key`` has made, if it has."""
        try:
            return self._found(_table.c.request_key == key)
        except TakenError:
            return None

    def of_caller(self, phone: str, after: datetime, limit: int = 5) -> list[Appointment]:
        """What is booked for ``phone`` and has not begun at ``after``, the earliest first."""
        if not phone:
            return []
        query = (
            sa.select(_table)
            .where(
                *self._mine(_table.c.phone == phone, _table.c.state == "booked", _table.c.starts_at >= after)
            )
            .order_by(_table.c.starts_at)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_appointment(row) for row in connection.execute(query)]

    def _change(self, appointment_id: str, resource: str, values: dict[str, Any]) -> None:
        wanted = self._mine(_table.c.id == appointment_id, _table.c.state == "booked")
        with self._database.writing() as connection:
            self._queue_for(connection, resource)
            changed = connection.execute(sa.update(_table).where(*wanted).values(values))
            if not changed.rowcount:
                raise TakenError("there is no such appointment any more")

    def _queue_for(self, connection: sa.Connection, resource: str) -> None:
        """One writer a resource at a time: two that wait for each other's row would be a deadlock, which
        PostgreSQL ends only after a second.  The constraint decides all the same.
        """
        if connection.dialect.name == "postgresql":
            name = sa.func.hashtextextended(f"{self._tenant_id} {resource}", 0)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))

    def _made_before(self, key: str, error: DatabaseError) -> Appointment:
        """After an insert that failed: the same request's own, or it is taken, or the database is ill."""
        if not isinstance(error.__cause__, (sa.exc.IntegrityError, sa.exc.OperationalError)):
            raise error
        before = self.of_request(key)
        if before is not None:
            return before
        if _is_overlap(error):
            raise TakenError("that time is taken") from error
        raise error

    def _found(self, condition: sa.ColumnElement[bool]) -> Appointment:
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_table).where(*self._mine(condition))).one_or_none()
        if row is None:
            raise TakenError("there is no such appointment")
        return _appointment(row)

    def _mine(self, *conditions: sa.ColumnElement[bool]) -> tuple[sa.ColumnElement[bool], ...]:
        return (_table.c.tenant_id == self._tenant_id, *conditions)


def _is_overlap(error: DatabaseError) -> bool:
    return schema.NO_OVERLAP in str(error.__cause__)


def _row(appointment: Appointment) -> dict[str, Any]:
    return {
        "id": appointment.id,
        "resource": appointment.resource,
        "service": appointment.service,
        "starts_at": appointment.start.astimezone(UTC),
        "ends_at": appointment.end.astimezone(UTC),
        "blocked_until": appointment.blocked_until.astimezone(UTC),
        "state": "booked",
        "name": appointment.name,
        "phone": appointment.phone,
        "notes": appointment.notes,
    }


def _appointment(row: Any) -> Appointment:
    found = Appointment(
        row.id, row.resource, row.service, row.starts_at, row.ends_at, row.blocked_until, row.name, row.phone
    )
    return replace(found, notes=row.notes, cancelled=row.state == "cancelled")
