"""The daemon's reception without sockets, sound and models."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from types import SimpleNamespace
from typing import Any, cast

from offhook.call.services import Services
from offhook.daemon.daemon import Daemon
from offhook.daemon.profiles import Profiles
from offhook.daemon.reception import Reception
from offhook.doors.base import CallOffer
from offhook.engines.pool import Engines
from offhook.errors import ModelError
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from tests.support.engines.engines import PlainTemplate


class Offer:
    """A line: it is declined, or only has to be taken."""

    def __init__(self, *arguments: str, dialled: str = "", caller: str = "") -> None:
        self.offer = CallOffer("test", "1.2", dialled=dialled, caller=caller, arguments=arguments)
        self.taken = self.closed = self.answered = False
        self.result = ""
        """What the dialplan was told."""
        self.ended = asyncio.Event()

    def accept(self) -> None:
        self.taken = True

    def player(self, on_key: Any) -> Any:
        return SimpleNamespace()

    async def answer(self) -> None:
        assert self.taken
        self.answered = True

    async def finish(self, result: str) -> None:
        self.result = result

    def close(self) -> None:
        self.closed = True


class SlowModel:
    """A language model that takes its time to read a prompt."""

    template = PlainTemplate()
    parameters = 135_000_000

    def __init__(self, problem: str | None = None, places: int = 8) -> None:
        self.says = problem
        self.places = places
        self.preloads = 0
        self.begun, self.gate = asyncio.Event(), asyncio.Event()
        self.error: ModelError | None = None

    def problem(self) -> str | None:
        return self.says

    async def preload(self, prefix: tuple[str, ...]) -> None:
        self.preloads += 1
        self.begun.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error


class Ready:
    """Remembers for whom phrases were made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.closed: list[str] = []

    def of(self, agent: Any, voice: Any) -> Any:
        async def phrase(kind: str, rate_hz: int) -> None:
            self.made.append(f"{agent.name}: {kind}")

        async def make(rate_hz: int) -> None:
            self.made.append(agent.name)

        return SimpleNamespace(phrase=phrase, make=make, close=lambda: self.closed.append(agent.name))


async def _nothing_ahead(clauses: Any, rate_hz: int, **how: Any) -> float:
    return 0.0


def services(judging: Executor | None = None) -> Services:
    return Services(LoadGauge(lambda: (0.0, 0.0)), Metrics(), None, None, cast(Any, judging))


def opened(
    daemon: Daemon, model: Any, ready: Ready, tenancy: Any = None, most_of_tenants: int = 8
) -> Reception:
    """A daemon's reception, where one language model is all that is loaded."""
    models = cast(Any, SimpleNamespace(language_model=model, knowledge=None, problem=model.problem))
    voice = cast(Any, SimpleNamespace(problem=lambda: None, make_ready=_nothing_ahead))
    engines = Engines(models, voice, daemon._config.llm)
    pool = cast(Any, SimpleNamespace(of=lambda agent: engines, ready=lambda agent: engines))
    spawn, searching = daemon._tasks.spawn, daemon._searching
    profiles = Profiles(
        daemon._config, pool, cast(Any, ready), searching, spawn, most_of_tenants=most_of_tenants
    )
    daemon._reception = Reception(daemon._config, pool, profiles, services(), searching, spawn, tenancy)
    daemon._reloads.begin()
    return daemon._reception
