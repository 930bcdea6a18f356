"""A whole call on scripted engines: a line without a protocol, a caller who says what the test says.

Real are the call, its turn-taking, its output and its answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.agents.loader import Agent
from offhook.barge_in import Judgement, Verdict
from offhook.call.call import Call
from offhook.call.profile import CallProfile
from offhook.call.prompts import AgentPhrases, ReadyPhrases
from offhook.call.resumption import Kept
from offhook.call.services import Services
from offhook.config import Config
from offhook.conversation.policies.chat import Chat
from offhook.doors.base import Line
from offhook.engines.llm.base import LanguageModel, Limits, Mark
from offhook.engines.pool import Models
from offhook.engines.stt.base import Transcript
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.engines.tts.base import Synthesizer
from offhook.engines.tts.voice import Voice
from offhook.errors import ModelError
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.knowledge.store import Knowledge
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.playout.folder import PlaybackFolder
from offhook.workers import Claim
from tests.support.clock import Clock, reached
from tests.support.eagi_call import EagiCaller
from tests.support.engines.engines import PlainTemplate, ScriptedConversation, ScriptedVoice
from tests.support.line import FakeLine

RATE_HZ = 8_000
AGENT = Agent(name="Miller's bakery", greeting="Miller's bakery, hello.", persona="A bakery.")


class Words:
    """A recogniser that hears what the caller is to have said; an error is raised, a callable called.

    Asked once more than there is something to hear, it hears the last again.
    """

    name = "scripted"

    def __init__(self) -> None:
        self.said: list[Any] = []
        self._last: Any = ""

    def problem(self) -> str | None:
        return None

    streams = False

    def session(self, rate_hz: int) -> Rerecognition:
        return Rerecognition(rate_hz, self.recognize, lambda text, voiced_ms: text)

    async def recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, claim: Claim | None = None, *more: object
    ) -> Transcript:
        self._last = said = self.said.pop(0) if self.said else self._last
        if callable(said):
            said = await said()
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Transcript):
            return said
        return Transcript(said, len(audio) // 16, 0.0)

    def close(self) -> None:
        """Nothing to free."""


class Judge(Executor):
    """Judges whatever is on the caller's line while we speak as the test says, and at once."""

    def __init__(self) -> None:
        self.verdict = Verdict.WAIT
        self.asked = 0

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        self.asked += 1
        judged: Future[Any] = Future()
        judged.set_result(Judgement(self.verdict, 300, 300, 300, 0.0, 120.0))
        return judged


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
        door: str,
    ) -> None:
        self.clock = clock
        self.words = recognizer or Words()
        self.conversation = ScriptedConversation(answers)
        self.conversation.text.append("<prefix>")
        self.conversation.start = Mark(1)
        self.playback = PlaybackFolder(folder)
        self.voice = Voice(voice)
        self.agent = agent
        scripted = SimpleNamespace(conversation=self._open, problem=lambda: None, template=PlainTemplate())
        model = model or cast(Any, scripted)
        self.models = Models(cast(Any, self.words), model, voice)
        self.judge = Judge()
        self.metrics = Metrics()
        self.services = Services(LoadGauge(lambda: (0.0, 0.0)), self.metrics, None, None, self.judge)
        self.policy = Chat(agent, model.template, Knowledge(agent))
        self._ready = ReadyPhrases(self.playback)
        self.phrases = self.phrases_of(agent)
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
        self.line = FakeLine(clock)
        self.eagi = EagiCaller(clock, self.playback) if door == "eagi" else None
        self.call: Call
        self.back: Kept | None = None
        """What the caller has talked about before."""
        self.over: asyncio.Task[str] | None = None
        self.utterance_open = False
        """The caller has begun to speak, and may have paused."""

    def phrases_of(self, agent: Agent) -> AgentPhrases:
        """Those of another agent, in the same voice."""
        return self._ready.of(agent, self.voice)

    @property
    def remembered(self) -> str:
        """What the language model holds."""
        return "".join(self.conversation.text)

    @property
    def exchanges(self) -> list[tuple[str, str]]:
        """What the caller has said, and what was audible to them of each answer."""
        return [(each.caller_text, each.audible_text) for each in self.call.history.exchanges]

    @property
    def spoken(self) -> list[str]:
        """The answers that were audible, in order."""
        return [audible for _, audible in self.exchanges]

    @property
    def state(self) -> turn_taking.TurnState:
        """What turn-taking remembers."""
        return self.call.turn_loop.state

    # --- its course ------------------------------------------------------------------------------

    async def pick_up(self) -> None:
        """Make the phrases, as far as the voice can, and begin."""
        with contextlib.suppress(ModelError):
            await self.phrases.make(RATE_HZ)
        line: Line = self.line if self.eagi is None else await self.eagi.pick_up()
        self.call = Call(line, self.profile, self.services, self.back)
        self.over = asyncio.create_task(self.call.run())

    async def begin(self) -> None:
        """Pick up, and hear the greeting to its end."""
        await self.pick_up()
        await self.listening()

    async def listening(self) -> None:
        """Until whatever is said has been said, or the call is over."""
        over = self.over
        assert over is not None

        def quiet() -> bool:
            begun = bool(self.line.said if self.eagi is None else self.eagi.asterisk.played)
            return over.done() or (isinstance(self.state.floor, turn_taking.Listening) and begun)

        await reached(quiet, "silence after an answer")

    async def floor(self, kind: type[turn_taking.Floor]) -> None:
        """Until turn-taking is there."""
        await reached(lambda: isinstance(self.state.floor, kind), f"the floor is {kind.__name__}")

    async def looks_around(self) -> None:
        """Until the call has looked at the clock once more, as it has to when time has passed, or is over."""
        over, looked = self.over, asyncio.Event()
        assert over is not None
        attend = self.call.turn_loop._attend

        def once() -> None:
            del self.call.turn_loop._attend
            looked.set()
            attend()

        self.call.turn_loop._attend = once  # type: ignore[method-assign]
        await reached(lambda: looked.is_set() or over.done(), "the call looks around")

    async def understood(self) -> None:
        """Until the words of a turn that may be over are known."""

        def known() -> bool:
            state = self.state
            return not isinstance(state.floor, turn_taking.Preparing) or state.look_at_ns is not None

        await reached(known, "the words are known")

    async def floor_over(self, turns: int) -> None:
        """Until another turn than the first ``turns`` is answered, and the caller has the floor."""
        over = self.over
        assert over is not None
        await reached(lambda: over.done() or len(self.spoken) > turns, "another turn is answered")
        await self.listening()

    async def answering(self) -> None:
        """Until an answer is waited for that nobody hears yet."""

        def waits() -> bool:
            return isinstance(self.state.floor, turn_taking.Committed)

        await reached(waits, "an answer is waited for")

    async def ended(self) -> str:
        """How the call ended."""
        assert self.over is not None
        await reached(self.over.done, "the end of the call")
        return self.over.result()

    # --- the caller ------------------------------------------------------------------------------

    def begins(self, heard: Any, *, resumes: bool = False) -> None:
        """The caller begins to speak, or goes on, and will be understood as ``heard``."""
        if isinstance(self.words, Words):
            self.words.said.append(heard)
        event = SpeechResumed if resumes else SpeechStarted
        self.utterance_open = True
        self._event(event(self.line.position, time.monotonic_ns()))

    def pauses(self, after_s: float = 1.0) -> None:
        """They have spoken so long, and fall silent."""
        self.line.time_passes(after_s)
        self._paused = (self.line.position, time.monotonic_ns())
        self._event(SpeechPaused(*self._paused, 900))

    def stops(self, after_s: float = 1.0) -> None:
        """They have been silent so long."""
        self.line.time_passes(after_s)
        self.utterance_open = False
        self._event(SpeechStopped(*self._paused, 900))

    async def says(self, heard: Any, *, wait: bool = True) -> None:
        """The caller says something, is understood as ``heard``, and listens to what comes back."""
        turns = self.state.revision
        self.line.time_passes(1.0)
        self.begins(heard)
        self.pauses()
        self.stops()
        await reached(lambda: self._taken(turns), "the caller's turn is taken")
        if wait:
            await self.listening()

    def _event(self, event: Any) -> None:
        (self.line if self.eagi is None else self.eagi).event(event)

    def _taken(self, turns: int) -> bool:
        assert self.over is not None
        return self.over.done() or self.state.revision > turns

    async def _open(self, prefix: Any) -> ScriptedConversation:
        return self.conversation

    async def close(self) -> None:
        """Hang up, if the call is not over, and give everything back."""
        if self.over is not None:
            self.line.hangs_up()
            if self.eagi is not None:
                self.eagi.hangs_up()
            await self.over
        if self.eagi is not None:
            await self.eagi.close()
        self.playback.close()
        self.voice.close()


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
    door: str = "fake",
    greeted: bool = True,
    **turn: Any,
) -> AsyncIterator[ScriptedCall]:
    """A call in which the greeting has just been heard, if it is ``greeted``; ``turn`` are of ``[turn]``.

    ``answers`` are the pieces that the language model writes, turn by turn; an exception among them
    is raised; ``model`` takes its place.  ``fill`` is called before the call begins.  ``door`` "eagi": by an
    AGI session and real files.
    """
    config = Config.model_validate({"turn": turn})
    made = ScriptedCall(
        folder, clock, answers, config, agent, voice or ScriptedVoice(), recognizer, model, door
    )
    try:
        if fill is not None:
            fill(made)
        if greeted:
            await made.begin()
        yield made
    finally:
        await made.close()
