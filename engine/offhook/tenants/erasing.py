"""All that is kept of a caller, wherever it lies: handed over, deleted, or deleted when its time has come.

Calls and what was said in them, messages and tickets, appointments, jobs that still have to be done for a
call, and outside the database traces, transcripts and recordings.  Caches hold nothing of callers: what is
kept from call to call are an agent's own words.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from offhook.config import clipped
from offhook.errors import ConfigError
from offhook.observe.forgetting import forget_lines, lines_of
from offhook.recording.places import forget_older, forget_recordings, recordings_of
from offhook.tenants import schema
from offhook.tenants.call_records import (
    Erased,
    call_ids,
    caller_forms,
    erase_caller,
    expired,
    export_calls,
    sweep,
)
from offhook.tenants.database import Database
from offhook.tenants.leavings import sweep_leavings
from offhook.tenants.number_registry import get_home
from offhook.tenants.numbers import canonical, of_uri
from offhook.tenants.registry import Removed, get_tenant, remove_tenant
from offhook.tenants.snapshot import Tenant

_TABLES = ("turns", "calls", "tickets", "appointments", "jobs", "tool_requests")
_WITHHELD = frozenset(
    {"anonymous", "asterisk", "private", "restricted", "unavailable", "unknown", "withheld"}
)
"""What stands in the place of a number that is not shown (RFC 3323, 4.1; Asterisk's words, and trunks')."""
_log = logging.getLogger("offhook.tenants.erasing")


@dataclass(frozen=True, slots=True)
class Places:
    """What lies outside the database; None: there is none."""

    trace: Path | None = None
    transcript: Path | None = None
    recordings: tuple[Path, ...] = ()
    """Folders: ours, and the one that Asterisk records into."""


@dataclass(frozen=True, slots=True)
class Whose:
    """What is asked for: all of a caller, or one call of somebody whose number is not known."""

    caller: str | None = None
    """In any form in which a number may be written."""
    call: str | None = None
    """Asterisk's unique id."""

    def numbers(self, connection: sa.Connection) -> set[str]:
        """How the caller's number may have been written down."""
        return set() if self.caller is None else caller_forms(connection, self.caller)


def check_whose(database: Database, whose: Whose) -> None:
    """Raises ConfigError when ``whose`` can be nobody here, or may be several people; DatabaseError."""
    with database.reading() as connection:
        database.require_schema(connection)
        if whose.caller is None:
            if not call_ids(connection, None, call_id=whose.call):
                raise ConfigError(
                    f"call {clipped(whose.call or '')}: there is no such call; offhook calls list shows them"
                )
            return
        if of_uri(whose.caller).casefold() in _WITHHELD:
            raise ConfigError(
                f"caller {clipped(whose.caller)}: so are all called who do not show their number: name the"
                " one call with offhook erase --call ID; offhook calls list shows them"
            )
        try:
            canonical(of_uri(whose.caller), get_home(connection))
        except ConfigError as error:
            numbers = whose.numbers(connection)
            kept = [mine for _, mine in _by_number(numbers, None)]
            kept.append(schema.calls.c.caller.in_(numbers))
            if not any(connection.execute(sa.select(sa.exists().where(mine))).scalar() for mine in kept):
                raise ConfigError(f"{error}; and nothing is kept of a caller of that name") from error


def export_caller(database: Database, places: Places, whose: Whose, tenant: Tenant | None) -> dict[str, Any]:
    """Everything that is kept of ``whose``.  Raises ConfigError, DatabaseError."""
    with database.reading() as connection:
        database.require_schema(connection)
        calls = list(export_calls(connection, tenant, whose.caller, whose.call))
        numbers = whose.numbers(connection)
        rows = {
            table.name: [dict(row._mapping) for row in connection.execute(sa.select(table).where(mine))]
            for table, mine in _by_number(numbers, tenant)
        }
        ids = {call["id"] for call in calls}
        did = sa.select(schema.tool_requests).where(_requests_of(ids, tenant))
        rows[schema.tool_requests.name] = [dict(row._mapping) for row in connection.execute(did)]
    return {
        "calls": calls,
        **{name: [_plain(row) for row in found] for name, found in rows.items()},
        "traces": lines_of(places.trace, ids),
        "transcripts": lines_of(places.transcript, ids),
        "recordings": [str(path) for path in recordings_of(places.recordings, ids)],
    }


def erase_everywhere(database: Database, places: Places, whose: Whose, tenant: Tenant | None) -> Erased:
    """Delete all that is kept of ``whose``; a line in the database says how much, and nothing of whom.

    Appointments stay without name, number and notes: their time is taken until somebody cancels them.
    Files go first, so that a failure can be repeated.  Raises ConfigError, DatabaseError.
    """
    with database.reading() as connection:
        database.require_schema(connection)
        ids = call_ids(connection, whose.caller, tenant, whose.call)
    others = _forget_files(places, ids)
    with database.writing() as connection:
        numbers = whose.numbers(connection)
        for table, mine in _by_number(numbers, tenant):
            if table is schema.appointments:
                blank = {"name": "", "phone": "", "notes": ""}
                others += connection.execute(sa.update(table).where(mine).values(blank)).rowcount
            else:
                others += connection.execute(sa.delete(table).where(mine)).rowcount
        others += _erase_jobs(connection, {*ids, *numbers}, tenant)
        did = sa.delete(schema.tool_requests).where(_requests_of(ids, tenant))
        others += connection.execute(did).rowcount
        erased = erase_caller(connection, whose.caller, tenant, others, whose.call)
    database.forget(_TABLES)
    _log.info("erased calls=%d turns=%d others=%d", erased.calls, erased.turns, erased.others)
    return erased


def remove_everywhere(database: Database, places: Places, slug: str) -> Removed:
    """Delete a tenant with everything that is its own, and what lies of its calls outside the database.

    Files go first, so that a failure can be repeated.  Raises ConfigError, DatabaseError.
    """
    with database.reading() as connection:
        database.require_schema(connection)
        ids = call_ids(connection, None, get_tenant(connection, slug))
    _forget_files(places, ids)
    with database.writing() as connection:
        removed = remove_tenant(connection, slug)
    database.forget((*_TABLES, "chunks", "documents", "ai_configuration_versions"))
    for folder in places.recordings:  # those of calls that go on are noted nowhere yet
        forget_older(folder / slug, 0, datetime.now(UTC) + timedelta(days=1))
    return removed


def purge(database: Database, places: Places, now: datetime) -> list[Erased]:
    """Delete what is older than each tenant wants to keep it.  Raises ConfigError, DatabaseError."""
    with database.reading() as connection:
        database.require_schema(connection)
        old = expired(connection, now)
    with database.writing() as connection:
        left = sweep_leavings(connection, now)
    if not old:
        if left:
            database.forget()
        return []
    _forget_files(places, old)
    with database.writing() as connection:
        swept = sweep(connection, now)
    database.forget()
    for each in swept:
        _log.info("tenant=%s retention calls=%d turns=%d", each.tenant, each.calls, each.turns)
    return swept


def _forget_files(places: Places, calls: Collection[str]) -> int:
    return (
        forget_lines(places.trace, calls)
        + forget_lines(places.transcript, calls)
        + forget_recordings(places.recordings, calls)
    )


def _by_number(
    numbers: Collection[str], tenant: Tenant | None
) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """The tables in which a caller stands by their number, and which rows are theirs."""
    found: list[tuple[sa.Table, sa.ColumnElement[bool]]] = []
    for table in (schema.tickets, schema.appointments):
        mine = table.c.phone.in_(set(numbers))
        found.append((table, mine if tenant is None else mine & (table.c.tenant_id == tenant.id)))
    return found


def _erase_jobs(connection: sa.Connection, marks: Collection[str], tenant: Tenant | None) -> int:
    """Jobs whose work is about one of these ids or numbers."""
    jobs = schema.jobs
    body = sa.cast(jobs.c.body, sa.Text)
    about = sa.or_(sa.false(), *(body.contains(f'"{mark}"', autoescape=True) for mark in marks if mark))
    mine = about if tenant is None else about & (jobs.c.tenant_id == tenant.id)
    return connection.execute(sa.delete(jobs).where(mine)).rowcount


def _requests_of(ids: Collection[str], tenant: Tenant | None) -> sa.ColumnElement[bool]:
    """What tools did in these calls: results hold what callers told."""
    mine = schema.tool_requests.c.call_id.in_(set(ids))
    return mine if tenant is None else mine & (schema.tool_requests.c.tenant_id == tenant.id)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("id", "tenant_id", "request_key", "key")}
