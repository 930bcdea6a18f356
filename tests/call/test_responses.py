"""What a call says of its own: phrases, the last of them, and keys pressed meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from offhook import turn_taking
from offhook.agents.loader import load_agent
from offhook.call.output import CallOutput
from offhook.call.responses import Responses
from offhook.call.tasks import Tasks
from offhook.config import Config
from offhook.conversation.history import History
from offhook.core import PlayoutThread
from offhook.doors.eagi.player import EagiPlayer
from offhook.observe.metrics import Metrics
from offhook.playout.folder import PlaybackFolder
from tests.support.agi_side import AsteriskSide, by_hand, soon


class Phrases:
    """Every fixed phrase is half a second of sound."""

    async def phrase(self, kind: str, rate_hz: int) -> Any:
        return SimpleNamespace(text=f"The {kind} phrase.", audio=np.full(rate_hz // 2, 1000, np.int16))


class Scene:
    """The call's side of a conversation, and the test as Asterisk."""

    def __init__(self, side: AsteriskSide, responses: Responses, output: CallOutput) -> None:
        self.side, self.responses, self.output = side, responses, output
        self.events: asyncio.Queue[turn_taking.TurnEvent] = asyncio.Queue()
        self.keys: list[str] = []
        self.speaking = False

    async def stream_file(self) -> None:
        """The next phrase begins; what ends something else is confirmed."""
        while not (line := await self.side.line()).startswith("STREAM FILE") or "/silence" in line:
            if line.startswith("GET FULL VARIABLE"):
                self.side.say(f"200 result=1 ({line.split()[-1]})\n")

    def over(self) -> None:
        """It has been played to its end, however fast the test is."""
        for answer in self.output._said:
            answer.stopped(time.monotonic_ns() + 10**9)
        self.side.say("200 result=0 endpos=4000\n")

    async def event(self) -> turn_taking.TurnEvent:
        return await soon(self.events.get())


@pytest.fixture(params=[True, False], ids=["barge-in", "no barge-in"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    agent = load_agent("receptionist").model_copy(update={"barge_in": request.param})
    folder = PlaybackFolder(tmp_path)
    failures: list[BaseException] = []
    with PlayoutThread() as thread:
        async with by_hand() as (channel, side):
            made: Scene = cast(Any, None)
            tasks = Tasks(lambda error, name: failures.append(error))
            player = EagiPlayer(channel, folder, thread, 8_000, lambda key: made.keys.append(key))
            output = CallOutput(player, 8_000)
            services = SimpleNamespace(metrics=Metrics(), trace=None, transcript=None)
            config = Config()
            profile = SimpleNamespace(
                agent=agent, turn=config.turn, budgets=config.budgets, phrases=Phrases(), on_turn=None
            )
            responses = Responses(
                "call",
                cast(Any, profile),
                cast(Any, services),
                output,
                tasks,
                lambda event: made.events.put_nowait(event),
                History(),
                lambda: made.speaking,
            )
            made = Scene(side, responses, output)
            yield made
            closing = asyncio.create_task(tasks.close())
            side.hang_up()
            await closing
            await output.close()
            responses.close()
    folder.close()
    assert not failures


async def test_a_phrase_is_said_and_its_end_told(scene: Scene) -> None:
    answer = await scene.responses.phrase("still_there")
    started, expecting = scene.responses.prompt("still_there", answer)
    assert (started, type(expecting)) == (turn_taking.PromptStarted(), turn_taking.Expecting)
    await scene.stream_file()
    scene.over()
    assert await scene.event() == turn_taking.PlaybackFinished(0)


async def test_a_goodbye_ends_the_call_unless_the_caller_goes_on(scene: Scene) -> None:
    for speaking, told in ((True, turn_taking.PlaybackFinished(0)), (False, turn_taking.CallEnded())):
        scene.responses.ending, scene.speaking = True, speaking
        scene.responses.prompt("goodbye", await scene.responses.phrase("goodbye"))
        await scene.stream_file()
        scene.over()
        assert await scene.event() == told


async def test_nothing_on_the_line_keeps_the_last_goodbye_from_ending_the_call(scene: Scene) -> None:
    scene.speaking = True
    await scene.responses.leave()
    await scene.stream_file()
    scene.side.say("200 result=53 endpos=100\n")  # a key
    await scene.stream_file()
    assert scene.keys == ["5"]
    assert scene.events.empty()
    scene.over()
    assert await scene.event() == turn_taking.CallEnded()


async def test_what_was_being_said_before_does_not_end_the_call_for_the_last_goodbye(scene: Scene) -> None:
    scene.responses.prompt("greeting", await scene.responses.phrase("greeting"))
    await scene.stream_file()
    scene.responses.stop(turn_taking.StopPlayback(0))
    scene.responses.settle(0)
    await scene.responses.leave()
    await scene.stream_file()  # the goodbye
    assert scene.events.empty()
    scene.over()
    assert await scene.event() == turn_taking.CallEnded()


async def test_how_soon_a_caller_has_silenced_us_is_measured(scene: Scene) -> None:
    """By voice; a key's stop has no such time."""
    for since_ns, counted in ((None, "0.0"), (time.monotonic_ns() - 10**10, "1.0")):
        await scene.responses._cut(since_ns)
        lines = scene.responses._services.metrics.page().decode().splitlines()
        assert f"offhook_barge_in_seconds_count {counted}" in lines
    assert 'offhook_barge_in_seconds_bucket{le="5.0"} 0.0' in lines


async def test_a_goodbye_that_the_caller_interrupts_ends_nothing(scene: Scene) -> None:
    scene.responses.ending = True
    scene.responses.prompt("goodbye", await scene.responses.phrase("goodbye"))
    await scene.stream_file()
    scene.responses.stop(turn_taking.StopPlayback(0))
    scene.responses.settle(0)
    assert not scene.responses.ending


async def test_a_key_cuts_a_phrase_only_where_interrupting_is_allowed(scene: Scene) -> None:
    scene.responses.prompt("still_there", await scene.responses.phrase("still_there"))
    await scene.stream_file()
    scene.side.say("200 result=53 endpos=100\n")
    if scene.responses._barge_in:
        scene.responses.prompt("unclear", await scene.responses.phrase("unclear"))
    await scene.stream_file()
    assert scene.keys == ["5"]
    scene.over()
    assert await scene.event() == turn_taking.PlaybackFinished(0)
    assert scene.events.empty()
