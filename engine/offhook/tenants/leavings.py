"""What callers leave behind besides their calls, deleted when it is old: the same days after it is over as a
call is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from offhook.tenants import schema

_appointments, _tickets, _jobs = schema.appointments, schema.tickets, schema.jobs
_requests = schema.tool_requests


def sweep_leavings(connection: sa.Connection, now: datetime) -> int:
    """Every tenant's appointments that ended, tickets that were closed, jobs that were over and what tools
    did so long ago that the tenant does not want to keep them; how many rows.  What is open stays.
    """
    gone = 0
    tenants = sa.select(schema.tenants.c.id, schema.tenants.c.retention_days)
    for tenant in connection.execute(tenants).all():
        before = now - timedelta(days=tenant.retention_days)
        for table, over in (
            (_appointments, _appointments.c.ends_at < before),
            (_tickets, (_tickets.c.state == "closed") & (_tickets.c.created_at < before)),
            (_jobs, (_jobs.c.state != "waiting") & (_jobs.c.created_at < before)),
            (_requests, _requests.c.begun_at < before),
        ):
            gone += connection.execute(sa.delete(table).where(table.c.tenant_id == tenant.id, over)).rowcount
    return gone
