"""A call that is moved to another agent: on the same line, with what was said, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook import turn_taking
from offhook.agents.loader import Agent
from offhook.call.call import Call
from offhook.control.live import LiveCall, LiveCalls
from offhook.conversation.policies.chat import Chat
from offhook.daemon.relay import MOST_MOVES, Relay
from offhook.engines.llm.base import Mark
from offhook.errors import BusyError
from offhook.events import SpeechStarted
from offhook.knowledge.store import Knowledge
from offhook.tools.base import Action
from tests.support.clock import Clock, reached
from tests.support.engines.engines import PlainTemplate, ScriptedConversation
from tests.support.scripted_call import RATE_HZ, ScriptedCall, scripted_call

FRONT = Agent(name="Harbour boats", greeting="Harbour boats, hello.", persona="A boat hire.")
DESK = Agent(name="Harbour bookings", greeting="Bookings, hello.", persona="Books boats.")
LONG = ["We have rowing boats and sailing boats, and a ferry that goes over at noon."]


class Moved:
    """A scripted call under a relay, with a second agent to move to."""

    def __init__(self, scripted: ScriptedCall, answers: list[Any]) -> None:
        self.scripted = scripted
        self.there = ScriptedConversation(answers)
        self.there.text.append("<prefix of the desk>")
        self.there.start = Mark(1)
        self.held = 0
        self.seats: list[str] = []
        self.problem: Exception | None = None
        calls = LiveCalls()
        offer = scripted.line.offer
        self.live = LiveCall(offer, scripted.profile, "front", calls.feed, calls.recent_ms, words=False)
        self.turns: list[tuple[str, str, int]] = []
        self.first = replace(
            scripted.profile, on_turn=lambda said, heard, trace: self.turns.append((said, heard, trace.turn))
        )
        self.relay = Relay(cast(Any, scripted.line), self.live, scripted.services, self._seat)

    async def _open(self, prefix: Any) -> ScriptedConversation:
        return self.there

    async def _seat(self, name: str, holding: ExitStack) -> Any:
        self.seats.append(name)
        if self.problem is not None:
            raise self.problem
        self.held += 1
        holding.callback(self._given_back)
        own = self.scripted
        model = SimpleNamespace(conversation=self._open, problem=lambda: None, template=PlainTemplate())
        phrases = own.phrases_of(DESK)
        profile = replace(
            own.profile,
            policy=Chat(DESK, PlainTemplate(), Knowledge(DESK)),
            models=replace(own.models, language_model=cast(Any, model)),
            phrases=phrases,
        )
        return SimpleNamespace(profile=profile), None

    def _given_back(self) -> None:
        self.held -= 1

    @property
    def call(self) -> Call:
        return self.relay._call

    async def begin(self) -> None:
        await self.scripted.phrases.make(RATE_HZ)
        self.scripted.over = asyncio.create_task(self.relay.run(self.first, None))
        await reached(lambda: hasattr(self.relay, "_call"), "somebody answers")
        self.scripted.call = self.call
        await self.scripted.listening()

    async def move(self) -> None:
        """An operator's wish; returns when the next agent has greeted."""
        before = self.call
        before.end(Action("agent", "desk"))
        await reached(lambda: self.call is not before, "another agent has it")
        self.scripted.call = self.call
        self.scripted.line.let_go()
        await reached(lambda: DESK.greeting in self.scripted.line.said, "it greets")
        await self.scripted.listening()


@pytest.fixture
async def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Moved]:
    clock = Clock(monkeypatch)
    async with scripted_call(tmp_path, clock, [LONG, LONG], agent=FRONT, greeted=False) as scripted:
        yield Moved(scripted, [["Two seats are booked."]])


async def test_the_next_agent_goes_on_with_what_was_said_on_the_same_line(moved: Moved) -> None:
    scripted = moved.scripted
    await moved.begin()
    await scripted.says("what boats do you have")
    scripted.line.hold()
    await scripted.says("and a ferry", wait=False)
    await scripted.line.speaks()
    scripted.line.time_passes(0.5)  # of the answer so much is heard when the operator moves the call
    first = moved.call
    await moved.move()
    assert (moved.seats, moved.live.agent, moved.held) == (["desk"], "desk", 1)
    assert scripted.line.said[-1] == DESK.greeting
    assert not scripted.line.closed
    assert scripted.line.result is None

    await scripted.says("two seats on it then")
    assert scripted.line.said[-1] == "Two seats are booked."
    texts = "".join(moved.there.text)
    cut = first.history.exchanges[-1].audible_text
    assert LONG[0].startswith(cut)
    assert 3 < len(cut.split()) < len(LONG[0].split()), "what is remembered is what was audible"
    for said in (
        "what boats do you have",
        LONG[0],
        "and a ferry",
        cut,
        DESK.greeting,
        "two seats on it then",
    ):
        assert said in texts
    assert texts.index("and a ferry") < texts.index(DESK.greeting) < texts.index("two seats on it then")
    assert [turn for _, _, turn in moved.turns] == [1, 2, 3], "turns are counted over the whole call"

    scripted.line.hangs_up()
    assert await scripted.ended() == "hangup"
    assert moved.held == 0
    assert scripted.line.closed


async def test_what_the_caller_does_between_two_agents_is_told_to_the_next(moved: Moved) -> None:
    scripted = moved.scripted
    await moved.begin()
    gate, seat = asyncio.Event(), moved._seat

    async def slow(name: str, holding: ExitStack) -> Any:
        made = await seat(name, holding)
        wire = moved.relay._wire
        leave = wire.leave

        async def left(*how: Any, **more: Any) -> None:
            await leave(*how, **more)
            scripted.line.event(SpeechStarted(scripted.line.position, 0))
            scripted.line.presses("7")

        wire.leave = left  # type: ignore[method-assign]
        gate.set()
        return made

    moved.relay._seat = slow
    first = moved.call
    first.end(Action("agent", "desk"))
    await gate.wait()
    await reached(lambda: moved.call is not first, "another agent has it")
    second = moved.call
    await reached(lambda: second.turn_loop.state.voice.start_samples is not None, "the caller is heard")
    assert first.turn_loop.state.voice.start_samples is None
    assert second._responses.entries.press("#", 0, None) == "7"
    assert isinstance(first.turn_loop.state.floor, turn_taking.Ended)


async def test_who_cannot_take_over_leaves_it_to_the_dialplan(moved: Moved) -> None:
    moved.problem = BusyError("all places of the language model are taken")
    await moved.begin()
    moved.call.end(Action("agent", "desk", "wants a boat"))
    assert await moved.scripted.ended() == "agent"
    assert moved.scripted.line.result == "agent"
    assert moved.scripted.line.variables["OFFHOOK_TARGET"] == "desk"
    assert moved.held == 0


async def test_a_caller_who_hangs_up_meanwhile_is_gone(moved: Moved) -> None:
    await moved.begin()

    async def never(name: str, holding: ExitStack) -> Any:
        holding.callback(moved._given_back)
        moved.held += 1
        await asyncio.Event().wait()

    moved.relay._seat = never
    moved.call.end(Action("agent", "desk"))
    await reached(lambda: moved.held == 1, "it is looked for")
    moved.scripted.line.hangs_up()
    assert await moved.scripted.ended() == "hangup"
    assert moved.held == 0


async def test_agents_do_not_send_a_caller_round_for_ever(moved: Moved) -> None:
    await moved.begin()
    moved.relay._moves = MOST_MOVES
    moved.call.end(Action("agent", "desk"))
    assert await moved.scripted.ended() == "agent"
    assert moved.seats == []
    assert moved.held == 0
