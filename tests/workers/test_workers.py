"""Threads for engines: work that hangs takes its own thread with it, and nobody else's call."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from offhook.errors import BusyError, DeadlineError, ModelError
from offhook.workers import MOST_LOST, Claim, Job, Urgency, Workers
from tests.support.clock import Clock, reached

LIMIT_S = 8.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers("test", "the engine", limit_s=LIMIT_S, setting="engine.timeout_s")
    yield workers
    workers.close()


class Hanging:
    """Work that does not come back until :meth:`let_go`."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._gate = threading.Event()

    def __call__(self, job: Job[str]) -> str:
        self.begun.set()
        self._gate.wait(60)
        return "late"

    def let_go(self) -> None:
        self._gate.set()


async def hang(workers: Workers, clock: Clock) -> Hanging:
    """Some work hangs, and its limit passes."""
    hanging = Hanging()
    waiting = asyncio.create_task(workers.run(hanging))
    await reached(hanging.begun.is_set, "the work has begun")
    clock.pass_by(LIMIT_S + 0.5)
    with pytest.raises(DeadlineError, match=r"the engine has given nothing within 8 s \(engine\.timeout_s\)"):
        await waiting
    return hanging


async def test_what_work_gives_and_what_it_raises(workers: Workers) -> None:
    assert await workers.run(lambda job: 7) == 7

    def broken(job: Job[int]) -> int:
        raise ModelError("out of order")

    with pytest.raises(ModelError, match="out of order"):
        await workers.run(broken)
    assert await workers.run(lambda job: 8) == 8


async def test_a_hung_thread_is_replaced_and_ends_when_it_comes_back(workers: Workers, clock: Clock) -> None:
    hanging = await hang(workers, clock)
    assert workers.lost == 1
    assert await workers.run(lambda job: "others go on") == "others go on"
    assert workers.problem() is None
    hanging.let_go()
    await reached(lambda: workers.lost == 0, "the thread ends")


async def test_work_that_nobody_waits_for_any_more_does_not_block_others(
    workers: Workers, clock: Clock
) -> None:
    hanging = Hanging()
    waiting = asyncio.create_task(workers.run(hanging))
    await reached(hanging.begun.is_set, "the work has begun")
    waiting.cancel()
    await asyncio.wait([waiting])
    clock.pass_by(LIMIT_S + 0.5)
    assert await workers.run(lambda job: "others go on") == "others go on"
    hanging.let_go()


async def test_waiting_behind_others_work_is_no_hang(workers: Workers, clock: Clock) -> None:
    first, second = Hanging(), Hanging()
    tasks = [asyncio.create_task(workers.run(work)) for work in (first, second)]
    last = asyncio.create_task(workers.run(lambda job: "in its turn"))
    for work, task in zip((first, second), tasks, strict=True):
        await reached(work.begun.is_set, "its turn has come")
        clock.pass_by(LIMIT_S - 1)
        work.let_go()
        assert await task == "late"
    assert await last == "in its turn"
    assert workers.lost == 0


async def test_work_that_gets_on_is_never_given_up(workers: Workers, clock: Clock) -> None:
    steps = [threading.Event() for _ in range(3)]
    done: list[int] = []

    def work(job: Job[str]) -> str:
        for number, step in enumerate(steps):
            step.wait(60)
            job.beat()
            done.append(number)
        return "whole"

    job = workers.submit(work)
    for number, step in enumerate(steps):
        clock.pass_by(LIMIT_S - 1)
        step.set()
        await reached(lambda number=number: number in done, "the next step")  # type: ignore[misc]
        workers.replace_hung()
    assert await job.result == "whole"
    assert workers.lost == 0


async def test_an_engine_that_hangs_again_and_again_is_a_problem_until_it_comes_back(
    workers: Workers, clock: Clock
) -> None:
    hanging = [await hang(workers, clock) for _ in range(MOST_LOST)]
    assert workers.problem() == f"the engine hangs in {MOST_LOST} threads; restart the daemon"
    waiting = asyncio.create_task(workers.run(lambda job: "never begun"))
    await asyncio.sleep(0)
    clock.pass_by(LIMIT_S + 0.5)
    with pytest.raises(DeadlineError):
        await waiting
    for each in hanging:
        each.let_go()
    await reached(lambda: workers.lost == 0, "the threads end")
    assert workers.problem() is None
    assert await workers.run(lambda job: "well again") == "well again"


async def test_closing_waits_for_work_but_not_for_what_hangs(clock: Clock) -> None:
    workers = Workers("test", "the engine", limit_s=LIMIT_S, setting="engine.timeout_s")
    assert workers.close(), "nothing was begun"
    workers = Workers("test", "the engine", limit_s=LIMIT_S, setting="engine.timeout_s")
    hanging = await hang(workers, clock)
    assert not workers.close(), "the engine must not be freed"
    hanging.let_go()


async def test_who_waits_longest_goes_first_and_guesses_last(workers: Workers) -> None:
    """The order of everything that waits for one thread, a change of mind included."""
    done: list[str] = []
    first = Hanging()
    tasks = [asyncio.create_task(workers.run(first))]
    await reached(first.begun.is_set, "the thread is busy")

    def add(name: str, claim: Claim) -> None:
        def work(job: Job[str]) -> str:
            done.append(name)
            return name

        tasks.append(asyncio.create_task(workers.run(work, claim)))

    taken_back, promoted = Claim(Urgency.PREPARED, since_ns=1), Claim(Urgency.PREPARED, since_ns=9)
    add("ahead", Claim(Urgency.AHEAD))
    add("prepared late", Claim(Urgency.PREPARED, since_ns=6))
    add("prepared", Claim(Urgency.PREPARED, since_ns=5))
    add("committed late", Claim(since_ns=4))
    add("committed", Claim(since_ns=3))
    add("promoted", promoted)
    add("taken back", taken_back)
    await asyncio.sleep(0)  # all of them are submitted
    promoted.others.append(Claim(since_ns=2))
    tasks.pop().cancel()
    await asyncio.sleep(0)
    first.let_go()
    await asyncio.gather(*tasks)
    assert done == ["promoted", "committed", "committed late", "prepared", "prepared late", "ahead"]


async def test_what_is_tried_ahead_gives_its_thread_up(workers: Workers) -> None:
    begun = threading.Event()

    def patient(job: Job[str]) -> str:
        begun.set()
        while not job.cancelled:
            threading.Event().wait(0.001)
        return "half a word"

    ahead = asyncio.create_task(workers.run(patient, Claim(Urgency.AHEAD)))
    await reached(begun.is_set, "the thread is busy")
    prepared = Claim(Urgency.PREPARED)
    assert await workers.run(lambda job: "the answer", prepared) == "the answer"
    with pytest.raises(BusyError, match="a caller who waits goes first"):
        await ahead
    assert set(prepared.cpu_s) == {"test"}


async def test_work_that_is_not_tried_ahead_is_never_displaced(workers: Workers) -> None:
    first = Hanging()
    prepared = asyncio.create_task(workers.run(first, Claim(Urgency.PREPARED)))
    await reached(first.begun.is_set, "the thread is busy")
    committed = asyncio.create_task(workers.run(lambda job: "then", Claim()))
    await asyncio.sleep(0)
    first.let_go()
    assert (await prepared, await committed) == ("late", "then")


async def test_processor_time_is_charged_to_whom_it_was_for(workers: Workers) -> None:
    claim = Claim()

    def work(job: Job[int]) -> int:
        began_s = time.thread_time()
        while time.thread_time() == began_s:
            pass
        return 1

    await workers.run(work, claim)
    await workers.run(work, claim)
    assert claim.cpu_s["test"] > 0
