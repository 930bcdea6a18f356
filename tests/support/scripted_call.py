"""A whole call on scripted engines: a line that plays files in no time, a caller who says what the test says.

Real are the call, its turn-taking, its answers and their files, the AGI session and the playout thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.agents.loader import Agent
from offhook.call.call import Call
from offhook.call.profile import CallProfile
from offhook.call.prompts import ReadyPhrases
from offhook.call.services import Services
from offhook.config import Config
from offhook.conversation.policies.chat import Chat
from offhook.core import PlayoutThread
from offhook.doors.eagi.lifeline import HandoffState
from offhook.doors.eagi.line import EagiLine
from offhook.doors.eagi.player import EagiPlayer
from offhook.doors.media import Media
from offhook.engines.llm.base import LanguageModel, Limits, Mark
from offhook.engines.pool import Models
from offhook.engines.stt.base import Transcript
from offhook.engines.tts.base import Synthesizer
from offhook.engines.tts.voice import Voice
from offhook.events import SpeechPaused, SpeechStarted, SpeechStopped
from offhook.knowledge.store import Knowledge
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.playout.folder import PlaybackFolder, Shelf
from tests.support.agi_side import StdioAsterisk
from tests.support.clock import Clock, reached
from tests.support.engines.engines import PlainTemplate, ScriptedConversation, ScriptedVoice

RATE_HZ = 8_000
AGENT = Agent(name="Miller's bakery", greeting="Miller's bakery, hello.", persona="A bakery.")


class Line(StdioAsterisk):
    """Asterisk and the caller's ear: a file is heard to its end at once; the clock moves by its length."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.played: list[str] = []
        """Names of the files that were heard, silence aside, without their folder's."""
        self.variables: dict[str, str] = {}
        self._clock = clock

    async def _execute(self, words: list[str]) -> None:
        match words:
            case ["STREAM", "FILE", name, _, offset] if "silence" not in name:
                *_, folder, file = name.split("/")
                self.played.append(f"{folder.partition('-')[0]}/{file}")
                length_s = _size_bytes(f"{name}.sln") / 2 / RATE_HZ
                new_s = length_s - int(offset) / RATE_HZ
                self._clock.pass_by(new_s + 0.1 if new_s > 0.02 else 1.0)  # silence, while more is made
                self.say("200 result=0 endpos=8000\n")
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                self.say("200 result=1\n")
            case ["GET", "VARIABLE", _]:
                self.say("200 result=0\n")
            case _:
                await super()._execute(words)


def _size_bytes(file: str) -> int:
    return Path(file).stat().st_size


class Words:
    """A recogniser that hears what the caller is to have said; an error is raised, a callable called."""

    name = "scripted"

    def __init__(self) -> None:
        self.said: list[Any] = []

    def problem(self) -> str | None:
        return None

    async def recognize(self, audio: NDArray[np.int16], voiced_ms: int) -> Transcript:
        said = self.said.pop(0)
        if callable(said):
            said = await said()
        if isinstance(said, Exception):
            raise said
        return Transcript(said, len(audio) // 16, 0.0)

    def close(self) -> None:
        """Nothing to free."""


class ScriptedCall:
    """One call; made by :func:`scripted_call`."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        answers: list[Any],
        config: Config,
        agent: Agent,
        voice: Synthesizer,
        recognizer: Any,
        model: LanguageModel | None,
    ) -> None:
        self.clock = clock
        self.line = Line(clock)
        self.words = recognizer or Words()
        self.conversation = ScriptedConversation(answers)
        self.conversation.text.append("<prefix>")
        self.conversation.start = Mark(1)
        self.playout = PlayoutThread()
        self.playback = PlaybackFolder(folder)
        self.voice = Voice(voice)
        self.agent = agent
        scripted = SimpleNamespace(conversation=self._open, problem=lambda: None, template=PlainTemplate())
        model = model or cast(Any, scripted)
        self.models = Models(cast(Any, self.words), model, voice)
        self.closed = asyncio.Event()
        self._null = os.open("/dev/null", os.O_RDONLY)
        self._handoff = SimpleNamespace(
            closed=self.closed,
            hello=SimpleNamespace(args=()),
            state=HandoffState.FINISHED,
            descriptors=SimpleNamespace(
                take_agi=lambda: self.line.channel_fds, audio=self._null, take_audio=lambda: None
            ),
            refuse=lambda reason: None,
        )
        self._position = 0
        stream = SimpleNamespace(rate_hz=RATE_HZ, read=self._read, written_samples=0, close=lambda: None)
        hearing = SimpleNamespace(add=lambda *what, **how: stream, remove=lambda stream: None)
        self._media = Media(cast(Any, hearing), self.playout, self.playback)
        self.judging = ThreadPoolExecutor(1)
        self.services = Services(LoadGauge(lambda: (0.0, 0.0)), Metrics(), None, None, self.judging)
        self.policy = Chat(agent, model.template, Knowledge(agent))
        self.phrases = ReadyPhrases(self.playback).of(agent, self.voice)
        self.profile = CallProfile(
            self.policy,
            self.models,
            self.voice,
            self.phrases,
            config.turn,
            Limits(max_tokens=config.llm.max_tokens),
            None,
            config.budgets,
        )
        self.call: Call
        self.over: asyncio.Task[str] | None = None

    @property
    def shelf(self) -> Shelf:
        """Where what is said lies, once something has been said."""
        player = self.call._output._player
        assert isinstance(player, EagiPlayer)
        assert player._shelf is not None
        return player._shelf

    @property
    def remembered(self) -> str:
        """What the language model holds."""
        return "".join(self.conversation.text)

    @property
    def played(self) -> list[str]:
        """What was heard, without the greeting."""
        return self.line.played[1:]

    async def begin(self) -> None:
        """Make the phrases, pick up, and hear the greeting to its end."""
        await self.phrases.make(RATE_HZ)
        line = await EagiLine.open(cast(Any, self._handoff), self._media)
        self.call = Call(line, self.profile, self.services)
        self.over = asyncio.create_task(self.call.run())
        await self.listening()

    async def listening(self) -> None:
        """Until whatever is said has been said, or the call is over."""
        over = self.over
        assert over is not None

        def quiet() -> bool:
            state = self.call._state
            return over.done() or (isinstance(state.floor, turn_taking.Listening) and bool(self.line.played))

        await reached(quiet, "silence after an answer")

    async def says(self, heard: Any, *, wait: bool = True) -> None:
        """The caller says something, is understood as ``heard``, and listens to what comes back."""
        turns = self.call._state.revision
        if isinstance(self.words, Words):
            self.words.said.append(heard)
        start, end = self._position + RATE_HZ, self._position + 2 * RATE_HZ
        self._position = end
        self.call._post(SpeechStarted(start, time.monotonic_ns()))
        self.clock.pass_by(1.0)
        at_ns = time.monotonic_ns()
        self.call._post(SpeechPaused(end, at_ns, 900))
        self.clock.pass_by(1.0)
        self.call._post(SpeechStopped(end, at_ns, 900))
        await reached(lambda: self._taken(turns), "the caller's turn is taken")
        if wait:
            await self.listening()

    async def answering(self) -> None:
        """Until an answer is waited for that nobody hears yet."""

        def waits() -> bool:
            return isinstance(self.call._state.floor, turn_taking.Committed)

        await reached(waits, "an answer is waited for")

    async def ended(self) -> str:
        """How the call ended."""
        assert self.over is not None
        await reached(self.over.done, "the end of the call")
        return self.over.result()

    def _taken(self, turns: int) -> bool:
        assert self.over is not None
        return self.over.done() or self.call._state.revision > turns

    async def _open(self, prefix: Any) -> ScriptedConversation:
        return self.conversation

    def _read(self, start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
        return start, np.zeros(max(0, stop - start), np.int16)

    async def close(self) -> None:
        """Hang up, if the call is not over, and give everything back."""
        if self.over is not None:
            self.closed.set()
            await self.over
        self.playout.stop()
        self.playback.close()
        self.voice.close()
        self.judging.shutdown()
        os.close(self._null)


@contextlib.asynccontextmanager
async def scripted_call(
    folder: Path,
    clock: Clock,
    answers: list[Any],
    *,
    agent: Agent = AGENT,
    voice: Synthesizer | None = None,
    recognizer: Any = None,
    model: LanguageModel | None = None,
    fill: Callable[[ScriptedCall], None] | None = None,
    **turn: Any,
) -> AsyncIterator[ScriptedCall]:
    """A call in which the greeting has just been heard; ``turn`` are settings of ``[turn]``.

    ``answers`` are the pieces that the language model writes, turn by turn; an exception among them
    is raised; ``model`` takes its place.  ``fill`` is called before the call begins.
    """
    config = Config.model_validate({"turn": turn})
    made = ScriptedCall(folder, clock, answers, config, agent, voice or ScriptedVoice(), recognizer, model)
    asterisk = asyncio.create_task(made.line.run())
    try:
        if fill is not None:
            fill(made)
        await made.begin()
        yield made
    finally:
        await made.close()
        await asterisk
        made.line.hang_up()
