"""One policy for the cores: what several engines do at once, in the order in which callers need it.

The engines are scripted, the cores real ones of the compiled core.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from offhook.core import CorePlace, Cores
from offhook.workers import Claim, Job, Urgency, Workers, cores_given
from tests.support.clock import Clock, reached

LIMIT_S = 8.0


class House:
    """Engines on so many cores, and what they have done, in order."""

    def __init__(self, cores: int) -> None:
        self.cores = Cores(cores)
        self.done: list[str] = []
        self.engines: dict[str, Workers] = {}

    def engine(self, name: str, *, threads: int = 1, count: int = 1) -> Workers:
        made = Workers(
            name,
            name,
            count=count,
            limit_s=LIMIT_S,
            place=lambda: CorePlace(self.cores),
            threads=threads,
        )
        self.engines[name] = made
        return made

    def give(self, engine: str, what: str, claim: Claim) -> Job[None]:
        return self.engines[engine].submit(lambda job: self.done.append(f"{engine} {what}"), claim)

    def is_waiting(self, places: int) -> Callable[[], bool]:
        return lambda: self.cores.stats()["waiting"] == places

    def close(self) -> None:
        for engine in self.engines.values():
            engine.close()


class Held:
    """Work that goes on until it is let go, and gives its core away between two steps."""

    def __init__(self, house: House, engine: Workers, name: str = "") -> None:
        self.begun = threading.Event()
        self._house, self._engine, self._name = house, engine, name
        self._gate = threading.Event()
        self.cores: int | None = None

    def __call__(self, job: Job[None]) -> None:
        self.cores = cores_given()
        self.begun.set()
        self._gate.wait(60)
        self._engine.give_core(job)
        self._house.done.append(self._name)

    def let_go(self) -> None:
        self._gate.set()


@pytest.fixture
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(getattr(request, "param", 1))
    yield made
    made.close()


async def test_all_engines_serve_the_caller_who_is_late_first(house: House) -> None:
    ears, mind, voice = house.engine("stt"), house.engine("knowledge"), house.engine("voice")
    assert len({ears, mind, voice}) == 3
    held = Held(house, ears)
    jobs = [ears.submit(held, Claim())]
    await reached(held.begun.is_set, "the core is taken")
    promoted = Claim(Urgency.PREPARED, since_ns=9)
    jobs += [
        house.give("voice", "prepared", Claim(Urgency.PREPARED, since_ns=1)),
        house.give("knowledge", "committed", Claim(since_ns=4)),
        house.give("stt", "ahead", Claim(Urgency.AHEAD)),
    ]
    await reached(house.is_waiting(2), "the two that are free wait for the core")
    jobs += [
        house.give("voice", "committed first", Claim(since_ns=3)),
        house.give("knowledge", "of a commit", promoted),
    ]
    promoted.since_ns = 2
    promoted.urgency = Urgency.COMMITTED
    held.let_go()
    await asyncio.gather(*(job.result for job in jobs))
    assert house.done == [
        "",
        "knowledge of a commit",
        "voice committed first",
        "knowledge committed",
        "voice prepared",
        "stt ahead",
    ]
    assert house.cores.stats()["most"] == 1
    await reached(lambda: house.cores.stats()["running"] == 0, "all cores are free")


async def test_a_guess_gives_its_core_away_between_two_steps(house: House) -> None:
    ears, voice = house.engine("stt"), house.engine("voice")
    assert voice.lost == 0
    held = Held(house, ears, "the guess")
    guess = ears.submit(held, Claim(Urgency.AHEAD))
    await reached(held.begun.is_set, "the guess has begun")
    asked = house.give("voice", "for a caller", Claim(since_ns=1))
    await reached(house.is_waiting(1), "the voice waits")
    assert not house.done
    held.let_go()
    await asyncio.gather(guess.result, asked.result)
    assert house.done == ["voice for a caller", "the guess"]


async def test_work_that_is_given_up_while_it_waits_for_a_core_is_not_begun(house: House) -> None:
    ears, voice = house.engine("stt"), house.engine("voice")
    held = Held(house, ears, "held")
    job = ears.submit(held, Claim())
    await reached(held.begun.is_set, "the core is taken")
    unwanted = asyncio.create_task(voice.run(lambda job: house.done.append("unwanted"), Claim(since_ns=1)))
    await reached(house.is_waiting(1), "it waits for the core")
    unwanted.cancel()
    await asyncio.wait([unwanted])
    held.let_go()
    await job.result
    await reached(lambda: house.cores.stats()["running"] == 0, "the core is free")
    wanted = house.give("voice", "wanted", Claim())
    await wanted.result
    assert house.done == ["held", "voice wanted"]


async def test_a_thread_that_hangs_gives_its_cores_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    ears, voice = house.engine("stt"), house.engine("voice")
    held = Held(house, ears, "came back")
    hanging = ears.submit(held, Claim())
    await reached(held.begun.is_set, "the core is taken")
    clock.pass_by(LIMIT_S + 1)
    assert ears.is_hopeless(hanging)
    assert await voice.run(lambda job: "spoken") == "spoken"
    held.let_go()
    await hanging.result
    await reached(lambda: ears.lost == 0, "the thread ends")
    await reached(lambda: house.cores.stats()["running"] == 0, "all cores are free")


@pytest.mark.parametrize(
    ("house", "claim", "threads", "given"),
    [
        (4, Claim(), 2, 2),
        (2, Claim(), 2, 2),
        (2, Claim(Urgency.PREPARED), 2, 1),
        (1, Claim(), 2, 1),
    ],
    indirect=["house"],
)
async def test_work_learns_how_many_threads_it_may_use(
    house: House, claim: Claim, threads: int, given: int
) -> None:
    ears = house.engine("stt", threads=threads)
    assert await ears.run(lambda job: cores_given(), claim) == given
    assert cores_given() is None, "nobody counts what runs elsewhere"


async def test_work_that_only_waits_takes_no_core(house: House) -> None:
    tools = Workers("tools", "a tool", limit_s=LIMIT_S)
    busy = Held(house, house.engine("stt"))
    job = house.engines["stt"].submit(busy, Claim())
    await reached(busy.begun.is_set, "the core is taken")
    assert await tools.run(lambda job: cores_given()) is None
    busy.let_go()
    await job.result
    tools.close()
