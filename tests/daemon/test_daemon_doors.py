"""Two doors in one daemon: a call by EAGI and one by a door that has no protocol, at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.call.prompts import ReadyPhrases
from offhook.config import Config
from offhook.daemon.daemon import Daemon
from offhook.daemon.profiles import Profiles
from offhook.daemon.reception import Reception
from offhook.doors.base import CallOffer
from offhook.engines.pool import Engines, Models
from offhook.engines.tts.voice import Voice
from offhook.events import SpeechPaused, SpeechStarted, SpeechStopped
from offhook.playout.folder import PlaybackFolder
from tests.support.clock import Clock, reached
from tests.support.eagi_call import EagiCaller
from tests.support.engines.engines import PlainTemplate, ScriptedConversation, ScriptedVoice
from tests.support.line import FakeLine
from tests.support.reception import services
from tests.support.scripted_call import Judge, Words

JETTY = 'name = "Jetty Kayaks"\ngreeting = "Jetty Kayaks, hello."\ngoodbye = "See you on the water."\n'


class House:
    """A daemon with scripted engines, and what it has been asked."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        (folder / "jetty.toml").write_text(JETTY)
        config = Config.model_validate({"agent": {"search": [str(folder)], "default": "jetty"}})
        self.clock, self.words = clock, Words()
        self.conversations: list[ScriptedConversation] = []
        self.playback = PlaybackFolder(folder / "playback")
        self.daemon = Daemon(config)
        self.voice = Voice(ScriptedVoice())
        model = SimpleNamespace(
            conversation=self._open, preload=self._preload, problem=lambda: None, template=PlainTemplate()
        )
        model.places, model.parameters = 2, 8_000_000_000
        models = Models(cast(Any, self.words), cast(Any, model), ScriptedVoice())
        engines = Engines(models, self.voice, config.llm)
        pool = cast(Any, SimpleNamespace(of=lambda agent: engines, ready=lambda agent: engines))
        spawn, searching = self.daemon._tasks.spawn, self.daemon._searching
        self.profiles = Profiles(config, pool, ReadyPhrases(self.playback), searching, spawn)
        self.daemon._reception = Reception(config, pool, self.profiles, services(Judge()), searching, spawn)
        self.daemon._reloads.begin()

    async def _open(self, prefix: Any) -> ScriptedConversation:
        self.conversations.append(ScriptedConversation([["We have twelve kayaks."], ["And four canoes."]]))
        return self.conversations[-1]

    async def _preload(self, prefix: Any) -> None:
        """There is nothing to compute."""

    def caller_says(self, text: str, event: Callable[[Any], None], second: int) -> None:
        """In the ``second``-th second of that line."""
        self.words.said.append(text)
        event(SpeechStarted(8_000 * second, time.monotonic_ns()))
        self.clock.pass_by(1.0)
        paused = (8_000 * (second + 1), time.monotonic_ns(), 900)
        event(SpeechPaused(*paused))
        self.clock.pass_by(1.0)
        event(SpeechStopped(*paused))

    async def close(self) -> None:
        await self.daemon._tasks.close()
        self.profiles.close()
        self.daemon._searching.close()
        self.voice.close()
        self.playback.close()


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    made = House(tmp_path, Clock(monkeypatch))
    yield made
    await made.close()


async def test_two_calls_of_different_doors_at_once(house: House) -> None:
    plain = FakeLine(house.clock, CallOffer("plain", "plain-1", rate_hz=16_000))
    eagi = EagiCaller(house.clock, house.playback)
    house.daemon._media = eagi.media
    calls = [
        asyncio.create_task(house.daemon.take(plain)),
        asyncio.create_task(house.daemon._on_eagi(eagi.handoff())),
    ]
    await reached(lambda: plain.said == ["Jetty Kayaks, hello."], "the plain door's caller is greeted")
    await reached(lambda: len(eagi.asterisk.played) == 1, "EAGI's caller is greeted")
    assert plain.accepted

    plain.hold()
    house.caller_says("How many kayaks do you have?", plain.event, 2)
    await plain.speaks()
    house.caller_says("How many kayaks do you have?", eagi.event, 2)
    await reached(lambda: len(eagi.asterisk.played) == 2, "EAGI's caller is answered while the other is")
    plain.time_passes(0.1)
    house.caller_says("Thank you, goodbye.", eagi.event, 9)
    await calls[1]
    assert eagi.asterisk.variables == {"OFFHOOK_RESULT": "ok"}
    assert not calls[0].done()

    plain.let_go()
    await reached(lambda: plain.said[-1] == "We have twelve kayaks.", "the other hears all of their answer")
    plain.hangs_up()
    await calls[0]
    assert plain.result == "hangup"
    assert len(house.conversations) == 2
    await eagi.close()


async def test_whoever_comes_third_is_declined_before_anything_is_heard(house: House) -> None:
    lines = [FakeLine(house.clock, CallOffer("plain", f"plain-{number}")) for number in range(3)]
    calls = [asyncio.create_task(house.daemon.take(line)) for line in lines[:2]]
    await reached(lambda: all(line.said for line in lines[:2]), "two are greeted")
    with pytest.raises(Exception, match="all 2 places of the language model are taken"):
        await house.daemon.take(lines[2])
    assert (lines[2].accepted, lines[2].said, lines[2].closed) == (False, [], True)
    for line in lines[:2]:
        line.hangs_up()
    await asyncio.gather(*calls)
