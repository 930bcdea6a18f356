"""What calls have cost, by day and tenant: from what is kept of them, so no further back than that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa

from offhook.tenants import schema
from offhook.tenants.snapshot import Tenant

_calls = schema.calls


@dataclass(slots=True)
class DayCosts:
    """One tenant's calls of one day (UTC) in one currency."""

    day: str
    tenant: str
    currency: str
    calls: int = 0
    minutes: float = 0.0
    """That they lasted."""
    cost: float = 0.0
    units: dict[str, float] = field(default_factory=dict)
    """Of price lists, see :mod:`offhook.observe.bill`."""


def costs_by_day(
    connection: sa.Connection, now: datetime, days: int, tenant: Tenant | None = None
) -> list[DayCosts]:
    """The newest day first; today is one of ``days``.  Calls without a bill count, and cost nothing."""
    query = (
        sa.select(
            schema.tenants.c.slug,
            _calls.c.started_at,
            _calls.c.ended_at,
            _calls.c.cost,
            _calls.c.currency,
            _calls.c.units,
        )
        .join(schema.tenants, schema.tenants.c.id == _calls.c.tenant_id)
        .where(_calls.c.started_at >= _midnight(now.astimezone(UTC).date() - timedelta(days=days - 1)))
    )
    if tenant is not None:
        query = query.where(_calls.c.tenant_id == tenant.id)
    found: dict[tuple[str, str, str], DayCosts] = {}
    for row in connection.execute(query):
        key = (row.started_at.astimezone(UTC).date().isoformat(), row.slug, row.currency or "")
        one = found.setdefault(key, DayCosts(*key))
        one.calls += 1
        one.cost += row.cost or 0.0
        if row.ended_at is not None:
            one.minutes += (row.ended_at - row.started_at).total_seconds() / 60
        for unit, count in (row.units or {}).items():
            one.units[unit] = one.units.get(unit, 0.0) + count
    newest_first = sorted(found, key=lambda key: key[1:])
    newest_first.sort(key=lambda key: key[0], reverse=True)
    return [found[key] for key in newest_first]


def spent_today(connection: sa.Connection, now: datetime, currency: str) -> dict[str, float]:
    """What today's calls have cost each tenant, by its slug."""
    rows = costs_by_day(connection, now, 1)
    return {one.tenant: one.cost for one in rows if one.cost and one.currency == currency}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
