"""Work that follows a call, written down before it is begun: it is done at least once, whatever dies.

Whoever takes a job has it until a moment; who has not said by then what became of it, has died of it, and
somebody else takes it.  What is done twice by that has the job's key as its idempotency key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from offhook.errors import DatabaseError
from offhook.tenants import schema
from offhook.tenants.database import Database

_jobs = schema.jobs
KEPT = timedelta(days=30)
"""A job that is done is remembered so long, by its key and without what it was about."""
_MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class NewJob:
    """Something to be done; the same ``key`` of a tenant is done once."""

    key: str
    kind: str
    body: Mapping[str, Any]
    """JSON."""
    delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Job:
    """One that somebody has taken."""

    id: str
    tenant_id: str
    key: str
    kind: str
    tries: int
    """This one included."""
    created_at: datetime
    body: dict[str, Any] = field(repr=False)


class Jobs:
    """All tenants' jobs.  Blocks for milliseconds: off the event loop.  Any thread.  Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, tenant_id: str, jobs: Iterable[NewJob], now: datetime) -> int:
        """Write them down; how many were not there yet."""
        with self._database.writing() as connection:
            return put_jobs(connection, tenant_id, jobs, now)

    def take(self, now: datetime, lease: timedelta) -> Job | None:
        """The one that has been due longest and that nobody has; None: there is none now."""
        free = sa.and_(
            _jobs.c.state == "waiting",
            _jobs.c.due_at <= now,
            sa.or_(_jobs.c.taken_until.is_(None), _jobs.c.taken_until <= now),
        )
        query = sa.select(_jobs).where(free).order_by(_jobs.c.due_at, _jobs.c.created_at).limit(1)
        with self._database.writing() as connection:
            # SQLite lets one in at a time; PostgreSQL passes over what another one is just taking.
            row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            taken = sa.update(_jobs).where(_jobs.c.id == row.id)
            connection.execute(taken.values(taken_until=now + lease, tries=row.tries + 1))
        return Job(row.id, row.tenant_id, row.key, row.kind, row.tries + 1, row.created_at, row.body)

    def next_due(self) -> datetime | None:
        """When somebody should look again; None: nothing waits."""
        moment = sa.func.coalesce(
            sa.case((_jobs.c.taken_until > _jobs.c.due_at, _jobs.c.taken_until), else_=_jobs.c.due_at),
            _jobs.c.due_at,
            type_=schema.UtcTime(),
        )
        with self._database.reading() as connection:
            found = connection.execute(sa.select(sa.func.min(moment)).where(_jobs.c.state == "waiting"))
            value: datetime | None = found.scalar_one_or_none()
            return value

    def done(self, job: Job, following: Sequence[NewJob], now: datetime) -> None:
        """It is done, and what follows from it is written down with that, or neither is."""
        with self._database.writing() as connection:
            if self._settle(connection, job, state="done", body={}, last_error=""):
                put_jobs(connection, job.tenant_id, following, now)

    def again(self, job: Job, due: datetime, error: str) -> None:
        """It is tried again at ``due``."""
        with self._database.writing() as connection:
            self._settle(connection, job, due_at=due, last_error=error[:_MAX_ERROR])

    def failed(self, job: Job, error: str) -> None:
        """It is not tried any more."""
        with self._database.writing() as connection:
            self._settle(connection, job, state="failed", last_error=error[:_MAX_ERROR])

    def count(self) -> dict[str, int]:
        """How many there are, by state."""
        query = sa.select(_jobs.c.state, sa.func.count()).group_by(_jobs.c.state)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def forget(self, now: datetime) -> int:
        """Delete what has been over for :data:`KEPT`, and failed jobs with what they were about."""
        old = sa.and_(_jobs.c.state != "waiting", _jobs.c.created_at < now - KEPT)
        with self._database.writing() as connection:
            return connection.execute(sa.delete(_jobs).where(old)).rowcount

    @staticmethod
    def _settle(connection: sa.Connection, job: Job, **values: Any) -> bool:
        """Say what became of ``job``, unless its time is over and somebody else has it."""
        ours = sa.and_(_jobs.c.id == job.id, _jobs.c.tries == job.tries, _jobs.c.state == "waiting")
        changed = connection.execute(sa.update(_jobs).where(ours).values(taken_until=None, **values))
        return changed.rowcount == 1


def put_jobs(connection: sa.Connection, tenant_id: str, jobs: Iterable[NewJob], now: datetime) -> int:
    """Write them down with what else the transaction writes; how many were not there yet."""
    made = 0
    for job in jobs:
        there = sa.select(_jobs.c.id).where(_jobs.c.tenant_id == tenant_id, _jobs.c.key == job.key)
        if connection.execute(there).first() is not None:
            continue
        values = {
            "tenant_id": tenant_id,
            "key": job.key,
            "kind": job.kind,
            "body": dict(job.body),
            "state": "waiting",
            "due_at": now + job.delay,
            "created_at": now,
        }
        try:
            with connection.begin_nested():  # another process may have put the same a moment ago
                connection.execute(sa.insert(_jobs).values(values))
        except sa.exc.IntegrityError as error:
            if not _is_duplicate(error):
                raise DatabaseError(
                    f"a job of {job.kind} cannot be written: {type(error).__name__}"
                ) from error
            continue
        made += 1
    return made


def _is_duplicate(error: sa.exc.IntegrityError) -> bool:
    text = str(error.orig)
    return "jobs_key" in text or "jobs.key" in text
