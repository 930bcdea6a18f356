"""What is kept of calls, for as long as their tenant wants it, and how it is deleted.

What was said is kept only for tenants that want transcripts, and without what leads to a person
(:mod:`offhook.privacy`); that is decided here, at the last moment, and not by whoever writes.
An erasure leaves a line that says how much was deleted, and nothing that leads to a caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from phonenumbers import region_code_for_country_code

from offhook.config import clipped
from offhook.errors import ConfigError, RegistryError
from offhook.privacy import redact
from offhook.tenants import schema
from offhook.tenants.number_registry import get_home
from offhook.tenants.numbers import MAX_DIALLED, Home, canonical, forms, of_uri
from offhook.tenants.registry import rows_of
from offhook.tenants.snapshot import StoredAgent, Tenant

_calls, _turns = schema.calls, schema.turns


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One party's turn."""

    role: str
    """``caller`` or ``agent``."""
    text: str | None = None
    ms: dict[str, float] | None = None
    """Where the time went, by stage. [ms]"""
    missed: bool = False
    """Nothing that the agent knows answered it."""
    mood: str | None = None
    """How the caller sounded, by their words: angry, neutral, pleased; None: nothing could tell."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that has ended."""

    id: str
    """Asterisk's unique id."""
    did: str
    caller: str | None
    """As the trunk gave it; None: withheld."""
    agent: StoredAgent
    started_at: datetime
    ended_at: datetime
    result: str
    turns: tuple[TurnRecord, ...] = ()
    language: str = "en"
    """In which it was held: numbers that were said are found by it."""
    cost: float | None = None
    """None: no server of somebody else's was used."""
    currency: str | None = None
    units: Mapping[str, float] | None = None
    """What the cost is of, see :mod:`offhook.observe.bill`."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What one erasure deleted."""

    tenant: str | None
    """None: of whatever tenant."""
    calls: int
    turns: int
    others: int = 0
    """Lines of files, recordings, messages, tickets, appointments and jobs."""


def add_call(connection: sa.Connection, record: CallRecord) -> None:
    """Write a call down; what was said, only if its tenant wants that now."""
    tenant_id = record.agent.tenant_id
    wanted = sa.select(schema.tenants.c.transcripts, schema.tenants.c.misses)
    wants = connection.execute(wanted.where(schema.tenants.c.id == tenant_id)).one_or_none()
    if wants is None:
        return  # the tenant was removed while the call went on, and all that was its own with it
    connection.execute(
        sa.insert(_calls).values(
            tenant_id=tenant_id,
            id=record.id,
            did=record.did,
            caller=_kept(record.caller, get_home(connection)),
            agent=record.agent.name,
            agent_version=record.agent.version,
            started_at=record.started_at,
            ended_at=record.ended_at,
            result=record.result,
            cost=record.cost,
            currency=record.currency,
            units=dict(record.units) if record.units is not None else None,
        )
    )
    region = _region(get_home(connection))
    rows = [
        {
            "tenant_id": tenant_id,
            "call_id": record.id,
            "n": number,
            "role": turn.role,
            "text": redact(turn.text, record.language, region)
            if turn.text and (wants.transcripts or (wants.misses and turn.missed and turn.role == "caller"))
            else None,
            "ms": turn.ms,
            "missed": turn.missed,
            "mood": turn.mood,
        }
        for number, turn in enumerate(record.turns)
    ]
    if rows:
        connection.execute(sa.insert(_turns), rows)


def list_calls(
    connection: sa.Connection,
    tenant: Tenant | None = None,
    caller: str | None = None,
    limit: int | None = None,
    call_id: str | None = None,
) -> list[dict[str, Any]]:
    """The newest first, without their turns; ``caller`` in any form in which a number may be written."""
    query = (
        sa.select(
            _calls.c.id,
            schema.tenants.c.slug.label("tenant"),
            _calls.c.did.label("number"),
            _calls.c.caller,
            _calls.c.agent,
            _calls.c.agent_version,
            _calls.c.started_at,
            _calls.c.ended_at,
            _calls.c.result,
            _calls.c.summary,
            _calls.c.cost,
            _calls.c.currency,
            _calls.c.units,
        )
        .join(schema.tenants, schema.tenants.c.id == _calls.c.tenant_id)
        .where(_wanted(connection, tenant, caller, call_id))
        .order_by(_calls.c.started_at.desc(), _calls.c.id)
        .limit(limit)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def get_call(connection: sa.Connection, call_id: str, tenant: Tenant | None = None) -> dict[str, Any]:
    """One call with its turns; two tenants may have a call of the same id, then ``tenant`` is needed."""
    found = list_calls(connection, tenant, call_id=call_id)
    if not found:
        raise RegistryError(f"call {clipped(call_id)}: there is no such call; offhook calls list shows them")
    if len(found) > 1:
        slugs = ", ".join(sorted(call["tenant"] for call in found))
        raise RegistryError(
            f"call {clipped(call_id)}: several tenants have one, name yours with --tenant: {slugs}"
        )
    return _with_turns(connection, found[0])


def export_calls(
    connection: sa.Connection,
    tenant: Tenant | None = None,
    caller: str | None = None,
    call_id: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Everything that is kept of these calls."""
    for call in list_calls(connection, tenant, caller, call_id=call_id):
        yield _with_turns(connection, call)


def erase_caller(
    connection: sa.Connection,
    caller: str | None,
    tenant: Tenant | None = None,
    others: int = 0,
    call_id: str | None = None,
) -> Erased:
    """Delete all that is kept of calls from ``caller``, or of one call, of one tenant or of all.

    ``others``: what was deleted with them, for the note.
    """
    condition = _wanted(connection, tenant, caller, call_id)
    return _erase(connection, condition, "caller", tenant, others)


def call_ids(
    connection: sa.Connection,
    caller: str | None,
    tenant: Tenant | None = None,
    call_id: str | None = None,
) -> list[str]:
    """The ids of all calls from ``caller``, or of that one call."""
    wanted = _wanted(connection, tenant, caller, call_id)
    return list(connection.execute(sa.select(_calls.c.id).where(wanted)).scalars())


def expired(connection: sa.Connection, now: datetime) -> list[str]:
    """The ids of all calls that are older than their tenants want to keep them."""
    query = sa.select(_calls.c.id, _calls.c.started_at, schema.tenants.c.retention_days)
    query = query.join(schema.tenants, schema.tenants.c.id == _calls.c.tenant_id)
    days = sa.select(sa.func.min(schema.tenants.c.retention_days)).scalar_subquery()
    least = connection.execute(sa.select(days)).scalar_one_or_none()
    if least is None:
        return []
    rows = connection.execute(query.where(_calls.c.started_at < now - timedelta(days=least)))
    return [row.id for row in rows if row.started_at < now - timedelta(days=row.retention_days)]


def sweep(connection: sa.Connection, now: datetime) -> list[Erased]:
    """Delete what is older than each tenant wants to keep it; what was deleted, by tenant."""
    query = sa.select(schema.tenants.c.id, schema.tenants.c.slug, schema.tenants.c.retention_days)
    swept = []
    for row in connection.execute(query.order_by(schema.tenants.c.slug)).all():
        old = _calls.c.started_at < now - timedelta(days=row.retention_days)
        tenant = Tenant(row.id, row.slug, "")
        erased = _erase(connection, (_calls.c.tenant_id == row.id) & old, "retention", tenant)
        if erased.calls:
            swept.append(erased)
    return swept


def _erase(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    reason: str,
    tenant: Tenant | None,
    others: int = 0,
) -> Erased:
    doomed = sa.select(_calls.c.tenant_id, _calls.c.id).where(condition)
    belong = sa.tuple_(_turns.c.tenant_id, _turns.c.call_id).in_(doomed)
    erased = Erased(
        tenant.slug if tenant else None,
        rows_of(connection, _calls, condition),
        rows_of(connection, _turns, belong),
        others,
    )
    if reason == "retention" and not erased.calls:
        return erased  # a day on which nothing was old enough is no event
    connection.execute(sa.delete(_calls).where(condition))  # their turns go with them
    noted = {"reason": reason, "calls": erased.calls, "turns": erased.turns, "files": others}
    connection.execute(sa.insert(schema.erasures).values(tenant_id=tenant.id if tenant else None, **noted))
    return erased


def _with_turns(connection: sa.Connection, call: dict[str, Any]) -> dict[str, Any]:
    query = (
        sa.select(_turns.c.role, _turns.c.text, _turns.c.ms, _turns.c.missed, _turns.c.mood)
        .join(schema.tenants, schema.tenants.c.id == _turns.c.tenant_id)
        .where(schema.tenants.c.slug == call["tenant"], _turns.c.call_id == call["id"])
        .order_by(_turns.c.n)
    )
    return {**call, "turns": [dict(row._mapping) for row in connection.execute(query)]}


def _wanted(
    connection: sa.Connection, tenant: Tenant | None, caller: str | None, call_id: str | None = None
) -> sa.ColumnElement[bool]:
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    if tenant is not None:
        conditions.append(_calls.c.tenant_id == tenant.id)
    if caller is not None:
        conditions.append(_calls.c.caller.in_(caller_forms(connection, caller)))
    if call_id is not None:
        conditions.append(_calls.c.id == call_id)
    return sa.and_(*conditions)


def caller_forms(connection: sa.Connection, caller: str) -> set[str]:
    """How the number of ``caller`` may have been written down.  Raises ConfigError."""
    home = get_home(connection)
    named = of_uri(caller)
    try:
        written = forms(canonical(named, home), home)
    except ConfigError:
        if not named:
            raise
        written = ()
    # As it was given, too: some callers' numbers are none, "anonymous", "unknown".
    return {*written, named, caller.strip(), caller.strip()[:MAX_DIALLED]}


def _region(home: Home) -> str | None:
    """The country whose national numbers callers say; None: the language tells."""
    region = region_code_for_country_code(int(home.country_code)) if home.country_code else ""
    return region if len(region) == 2 and region.isalpha() else None


def _kept(caller: str | None, home: Home) -> str | None:
    if not caller:
        return None
    try:
        return canonical(of_uri(caller), home)
    except ConfigError:
        return caller.strip()[:MAX_DIALLED]
