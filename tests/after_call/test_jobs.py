"""Jobs on both databases: none is lost, none is done by two at once, and each is tried for days."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from offhook.after_call.runner import AGAIN_S, LEASE, JobError, Runner
from offhook.tenants.database import Database
from offhook.tenants.jobs import KEPT, Job, Jobs, NewJob
from offhook.tenants.registry import add_tenant, remove_tenant

NOON = datetime(2026, 12, 3, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, span: timedelta) -> None:
        self.now += span


@pytest.fixture
def tenant(database: Database) -> str:
    with database.writing() as connection:
        return add_tenant(connection, "inn", "Inn").id


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def new(key: str, kind: str = "note", delay: timedelta = timedelta(0)) -> NewJob:
    return NewJob(key, kind, {"of": key}, delay)


def test_one_key_is_one_job_also_when_it_is_done(jobs: Jobs, tenant: str) -> None:
    assert jobs.put(tenant, [new("a"), new("b"), new("a")], NOON) == 2
    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(lambda _: jobs.put(tenant, [new("c")], NOON), range(12))) == 1
    job = jobs.take(NOON, LEASE)
    assert job is not None
    assert (job.key, job.body, job.tries) == ("a", {"of": "a"}, 1)
    jobs.done(job, [], NOON)
    assert jobs.put(tenant, [new("a")], NOON) == 0
    assert jobs.count() == {"waiting": 2, "done": 1}


def test_nobody_takes_what_another_one_has(jobs: Jobs, tenant: str) -> None:
    jobs.put(tenant, [new(f"job {n}") for n in range(20)], NOON)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: jobs.take(NOON, LEASE), range(25)))
    assert sorted(one.key for one in taken if one) == sorted(f"job {n}" for n in range(20))
    assert taken.count(None) == 5


def test_whoever_dies_of_a_job_leaves_it_to_another_and_may_not_speak_of_it_any_more(
    jobs: Jobs, tenant: str
) -> None:
    jobs.put(tenant, [new("a")], NOON)
    dead = jobs.take(NOON, LEASE)
    assert dead is not None
    assert jobs.take(NOON + LEASE - SECOND, LEASE) is None
    assert jobs.next_due() == NOON + LEASE
    heir = jobs.take(NOON + LEASE, LEASE)
    assert heir is not None
    assert (heir.id, heir.tries) == (dead.id, 2)
    jobs.done(dead, [new("b")], NOON)
    jobs.failed(dead, "late")
    assert jobs.count() == {"waiting": 1}
    jobs.done(heir, [new("c")], NOON)
    assert jobs.count() == {"waiting": 1, "done": 1}


def test_what_follows_waits_its_time_and_what_is_over_is_forgotten(
    jobs: Jobs, tenant: str, database: Database
) -> None:
    assert jobs.next_due() is None
    jobs.put(tenant, [new("a")], NOON)
    job = jobs.take(NOON, LEASE)
    assert job is not None
    jobs.done(job, [new("b", delay=30 * SECOND)], NOON)
    assert jobs.take(NOON + 29 * SECOND, LEASE) is None
    follower = jobs.take(NOON + 30 * SECOND, LEASE)
    assert follower is not None
    jobs.failed(follower, "no")
    assert jobs.forget(NOON + KEPT) == 0
    assert jobs.forget(NOON + KEPT + 60 * SECOND) == 2
    jobs.put(tenant, [new("c")], NOON)
    with database.writing() as connection:
        remove_tenant(connection, "inn")
    assert jobs.count() == {}, "they go with their tenant"


async def test_a_job_is_tried_for_days_and_then_given_up(jobs: Jobs, tenant: str) -> None:
    clock, tries = Clock(), list[datetime]()

    async def fail(job: Job) -> list[NewJob]:
        tries.append(clock.now)
        raise JobError("away")

    runner = Runner(jobs, {"note": fail}, clock)
    jobs.put(tenant, [new("a")], NOON)
    for _ in range(400):
        await runner.run_due()
        due = jobs.next_due()
        if due is None:
            break
        clock.now = due
    pauses = [(after - before).total_seconds() for before, after in pairwise(tries)]
    assert len(pauses) == len(AGAIN_S)
    assert all(wanted <= pause <= wanted * 1.1 + 1 for wanted, pause in zip(AGAIN_S, pauses, strict=True))
    assert tries[-1] - tries[0] > timedelta(days=3)
    assert jobs.count() == {"failed": 1}


@pytest.mark.parametrize(
    ("error", "state", "due"),
    [
        (JobError("gone", lasting=True), "failed", None),
        (JobError("busy", after_s=3600), "waiting", NOON + timedelta(hours=1)),
        (JobError("busy", after_s=1e9), "waiting", NOON + timedelta(days=1)),
    ],
)
async def test_what_the_other_side_says_of_trying_again_is_heeded(
    jobs: Jobs, tenant: str, error: JobError, state: str, due: datetime | None
) -> None:
    async def fail(job: Job) -> list[NewJob]:
        raise error

    jobs.put(tenant, [new("a")], NOON)
    await Runner(jobs, {"note": fail}, Clock()).run_due()
    assert jobs.count() == {state: 1}
    assert jobs.next_due() == due


async def test_a_fault_of_one_job_is_no_fault_of_the_next(jobs: Jobs, tenant: str) -> None:
    async def odd(job: Job) -> list[NewJob]:
        if job.key == "a":
            raise ZeroDivisionError
        return [new("c", "unknown")] if job.key == "b" else []

    jobs.put(tenant, [new("a"), new("b")], NOON)
    assert await Runner(jobs, {"note": odd}, Clock()).run_due() == 3
    assert jobs.count() == {"waiting": 2, "done": 1}
