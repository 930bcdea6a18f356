"""What callers leave besides their calls goes when it is old, and stays while it is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from offhook.tenants import schema
from offhook.tenants.database import Database
from offhook.tenants.erasing import Places, purge
from offhook.tenants.registry import add_tenant

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_what_is_over_for_longer_than_the_tenant_keeps_it_goes(database: Database) -> None:
    with database.writing() as connection:
        ours = {"tenant_id": add_tenant(connection, "inn", "Inn", retention_days=10).id}
        for n, (age, state) in enumerate(((11, "closed"), (11, "open"), (9, "closed"))):
            moment = NOW - age * DAY
            connection.execute(
                schema.tickets.insert().values(
                    **ours, kind="ticket", reference=str(n), state=state, fields={}, request_key=str(n),
                    created_at=moment,
                )
            )  # fmt: skip
            job = {"open": "waiting", "closed": "done"}[state]
            connection.execute(
                schema.jobs.insert().values(
                    **ours, key=str(n), kind="mail", body={}, state=job, due_at=moment, created_at=moment
                )
            )
            connection.execute(
                schema.appointments.insert().values(
                    **ours, resource="x", service="x", state="booked", request_key=str(n),
                    starts_at=moment + n * DAY / 24, ends_at=moment + (n + 1) * DAY / 24,
                    blocked_until=moment + (n + 1) * DAY / 24,
                )
            )  # fmt: skip
    assert purge(database, Places(), NOW) == []
    with database.reading() as connection:
        kept = connection.execute(sa.select(schema.tickets.c.reference).order_by("reference")).scalars().all()
        jobs = connection.execute(sa.select(schema.jobs.c.key).order_by("key")).scalars().all()
        appointments = connection.execute(sa.select(schema.appointments.c.request_key)).scalars().all()
    assert kept == ["1", "2"]
    assert jobs == ["1", "2"]
    assert appointments == ["2"]
