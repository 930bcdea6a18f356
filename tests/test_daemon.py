"""The daemon's own decisions: whom it takes, what it makes ready for them, when it says that it is busy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.config import Config
from offhook.conversation.base import Policy
from offhook.daemon import Daemon, _agent_name
from offhook.errors import BusyError, ConfigError, ModelError
from tests.support.clock import reached
from tests.support.engines import PlainTemplate


class Offer:
    """A handoff: it is declined, or only has to be taken."""

    def __init__(self, *args: str) -> None:
        self.hello = SimpleNamespace(args=args)
        self.taken = False

    def accepted(self) -> None:
        self.taken = True


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

    async def make(self, agent: Any, rate_hz: int) -> None:
        self.made.append(agent.name)


class House:
    """A daemon without sockets, sound and models, and the calls that it has begun."""

    def __init__(self, model: SlowModel, search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model, self.ready = model, Ready()
        self.calls: list[Policy] = []
        self.hold: asyncio.Event | None = None
        """Calls last until it is set; None: they are over at once."""
        self.daemon = Daemon(Config.model_validate({"agent": {"search": [str(search)]}}))
        self.daemon._services = cast(
            Any,
            SimpleNamespace(
                models=SimpleNamespace(language_model=model, knowledge=None, problem=model.problem),
                voice=SimpleNamespace(problem=lambda: None),
                ready=self.ready,
            ),
        )
        house = self

        class Call:
            def __init__(self, handoff: Offer, policy: Policy, services: Any) -> None:
                assert handoff.taken, "the launcher is told before anything takes long"
                house.calls.append(policy)

            async def run(self) -> None:
                if house.hold is not None:
                    await house.hold.wait()

        monkeypatch.setattr("offhook.daemon.Call", Call)

    async def call(self, *args: str) -> Offer:
        offer = Offer("1.2", *args)
        await self.daemon._on_call(cast(Any, offer))
        return offer

    async def warmed(self) -> None:
        await asyncio.gather(*self.daemon._warming)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    path = tmp_path / "jetty.toml"
    path.write_text('name = "Jetty Kayaks"\ngreeting = "Hello."\nfacts = ["We open at nine."]\n')
    return House(SlowModel(), tmp_path, monkeypatch)


def daemon_with(problem: str | None) -> Daemon:
    daemon = Daemon(Config())
    engine = SimpleNamespace(problem=lambda: problem, language_model=SimpleNamespace(places=8))
    daemon._services = cast(Any, SimpleNamespace(models=engine, voice=engine))
    return daemon


async def test_a_model_that_hangs_makes_new_calls_busy() -> None:
    offer = Offer("1.2")
    with pytest.raises(BusyError, match="one batch for 12 s"):
        await daemon_with("the language model has computed one batch for 12 s")._on_call(cast(Any, offer))
    assert not offer.taken


async def test_a_call_that_the_model_has_no_room_for_is_busy_before_it_is_taken(house: House) -> None:
    house.model.gate.set()
    house.model.places, house.hold = 1, asyncio.Event()
    running = asyncio.create_task(house.call("agent=jetty"))
    await reached(lambda: bool(house.calls), "the first call runs")
    offer = Offer("1.3", "agent=jetty")
    with pytest.raises(BusyError, match="all 1 places of the language model are taken"):
        await house.daemon._on_call(cast(Any, offer))
    assert not offer.taken
    house.hold.set()
    await running
    assert (await house.call("agent=jetty")).taken


async def test_a_stopping_daemon_and_an_unknown_agent_take_no_call() -> None:
    offer = Offer("1.2", "agent=nobody")
    daemon = daemon_with(None)
    with pytest.raises(ConfigError, match=r"no nobody\.toml"):
        await daemon._on_call(cast(Any, offer))
    daemon.stop()
    with pytest.raises(BusyError, match="stopping"):
        await daemon._on_call(cast(Any, offer))
    assert not offer.taken


def test_the_agent_is_an_argument_of_the_dialplan() -> None:
    assert _agent_name(("1795.3", "agent=helpdesk")) == "helpdesk"
    assert _agent_name(("1795.3",)) is None


async def test_another_agents_call_is_taken_before_the_agent_is_ready(house: House) -> None:
    offer = await house.call("agent=jetty")
    assert offer.taken
    await house.model.begun.wait()
    assert not house.ready.made, "it is made ready meanwhile"
    house.model.gate.set()
    await house.warmed()
    assert house.ready.made == ["Jetty Kayaks"]


async def test_two_calls_at_once_make_it_ready_once(house: House) -> None:
    await asyncio.gather(house.call("agent=jetty"), house.call("agent=jetty"))
    house.model.gate.set()
    await house.warmed()
    await house.call("agent=jetty")
    await house.warmed()
    assert (house.model.preloads, house.ready.made) == (1, ["Jetty Kayaks"])
    assert len(house.calls) == 3
    assert len({id(policy) for policy in house.calls}) == 1, "they share what was made"
    assert house.calls[0].name == "grounded"


async def test_what_cannot_be_made_ready_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.model.error = ModelError("out of order")
    house.model.gate.set()
    assert (await house.call("agent=jetty")).taken
    await house.warmed()
    assert "agent=Jetty Kayaks cannot be made ready: out of order" in caplog.text


async def test_a_stopping_daemon_waits_for_nothing_that_is_made_ready(house: House) -> None:
    class Door:
        active_calls = 0

        def stop_accepting(self) -> None:
            pass

        async def close(self) -> None:
            pass

    await house.call("agent=jetty")
    await house.model.begun.wait()
    (task,) = house.daemon._warming
    await house.daemon._drain(cast(Any, Door()))
    assert task.cancelled()
