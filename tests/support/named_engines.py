"""A daemon whose engines are scripted and have names: everything between a line and an engine is real.

A caller's words travel as the level of their audio, so that whichever recogniser gets it hears the words of
that caller and of nobody else.  A model answers with every mark that it finds in its conversation.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.call.call import Call
from offhook.call.profile import CallProfile
from offhook.call.prompts import ReadyPhrases
from offhook.call.services import Services
from offhook.call.wire import Wire
from offhook.config import Config
from offhook.core import Stream
from offhook.daemon.daemon import Daemon
from offhook.daemon.profiles import Profiles
from offhook.daemon.reception import Reception
from offhook.doors.base import CallOffer, Listening, OnEvent
from offhook.engines import registry
from offhook.engines.engine import Engine, Loading
from offhook.engines.llm.base import Mark
from offhook.engines.pool import EnginePool, load_models
from offhook.engines.stt.base import Transcript
from offhook.engines.tts.base import never
from offhook.events import SpeechPaused, SpeechStarted, SpeechStopped
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.observe.trace import TraceWriter
from offhook.observe.transcript import TranscriptWriter
from offhook.playout.folder import PlaybackFolder
from tests.support.clock import Clock, reached
from tests.support.engines.engines import PlainTemplate, ScriptedConversation, ScriptedGeneration
from tests.support.line import FakeLine
from tests.support.scripted_call import Judge

MARK = re.compile(r"\bzq[a-z]+\b")
"""A word that nobody says by chance."""
_STEP = 8
_LOUD = 2_000
"""Level of a caller's audio; each word of theirs is ``_STEP`` louder."""
PATIENT = {
    "turn": {"max_silence_s": 600, "answer_timeout_s": 300, "max_call_s": 100_000},
    "stt": {"engine": "scripted", "model": "ours", "timeout_s": 300},
    "tts": {"engine": "scripted", "model": "ours", "timeout_s": 300},
    "llm": {"engine": "scripted", "model": "ours"},
}
"""The clock jumps for all calls when one of them needs time."""


class Studio:
    """What was heard, thought and spoken, by the names of the engines."""

    def __init__(self) -> None:
        self.words: list[str] = []
        """Everything that callers have said, in order."""
        self.heard: defaultdict[str, list[str]] = defaultdict(list)
        self.spoken: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """Language and words."""
        self.conversations: defaultdict[str, list[MarkedConversation]] = defaultdict(list)
        self.prompts: list[str] = []
        """Everything that was ever put before a model, piece by piece."""


studio = Studio()


class Ear:
    """Hears by the level what was said."""

    def __init__(self, stt: Any, model: str, _loading: Loading) -> None:
        self.name = model

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Any = never) -> Transcript:
        loud = audio[np.abs(audio) > _LOUD // 2]
        said = studio.words[round((float(np.median(loud)) - _LOUD) / _STEP)] if len(loud) else ""
        studio.heard[self.name].append(said)
        return Transcript(said, len(audio) // 16, 0.0)

    def close(self) -> None: ...


class MarkedConversation(ScriptedConversation):
    """Answers with every mark that is in it."""

    async def append(self, *pieces: str) -> None:
        studio.prompts += pieces
        await super().append(*pieces)

    def generate(self, *given: Any, **more: Any) -> ScriptedGeneration:
        found = sorted(set(MARK.findall(" ".join(self.text))))
        self.answers = [[f"That is {', '.join(found) or 'nothing'}."]]
        return super().generate(*given, **more)


class Mind:
    template = PlainTemplate()
    parameters = None
    places = 64

    def __init__(self, llm: Any, model: str, _loading: Loading) -> None:
        self.name = model

    def problem(self) -> None:
        return None

    async def preload(self, prefix: Sequence[str]) -> int:
        studio.prompts += prefix
        return len(prefix)

    async def conversation(self, prefix: Sequence[str]) -> MarkedConversation:
        made = MarkedConversation([], list(prefix), start=Mark(len(prefix)))
        studio.prompts += prefix
        studio.conversations[self.name].append(made)
        return made

    def close(self) -> None: ...


class Mouth:
    sample_rate_hz = 8_000

    def __init__(self, tts: Any, model: str, _loading: Loading | None, language: str = "") -> None:
        self.name = model
        self._language = language

    def speaking(self, language: str) -> Mouth:
        return Mouth(None, self.name, None, language)

    def synthesize(self, text: str, *, cancelled: Any = never) -> Iterator[NDArray[np.int16]]:
        studio.spoken[self.name].append((self._language, text))
        yield np.full(80 * len(text), 1_000, np.int16)

    def close(self) -> None: ...


class _Voiced:
    """The caller's audio: as loud as their words are."""

    def __init__(self, line: CallerLine) -> None:
        self._line = line
        self.rate_hz = line.offer.rate_hz

    @property
    def written_samples(self) -> int:
        return self._line.position

    def read(self, start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
        audio = np.zeros(max(0, stop - start), np.int16)
        for begun, ended, level in self._line.uttered:
            audio[max(0, begun - start) : max(0, ended - start)] = level
        return start, audio


class CallerLine(FakeLine):
    """A fake line with a caller who speaks; :meth:`says` after :meth:`Rooms.call`."""

    def __init__(self, clock: Clock, offer: CallOffer) -> None:
        super().__init__(clock, offer)
        self.uttered: list[tuple[int, int, int]] = []
        self.call: Call

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        super().hear(on_event, listening)
        return cast(Stream, _Voiced(self))

    async def says(self, words: str) -> str:
        """Says it, and hears the answer to its end."""
        before, turns = len(self.said), self.call.turn_loop.state.revision
        takes_s = max(1.0, len(words) / 15)  # what is said faster was said by nobody
        studio.words.append(words)
        self.time_passes(1.0)
        begun = self.position
        self.event(SpeechStarted(begun, time.monotonic_ns()))
        self.time_passes(takes_s)
        self.uttered.append((begun, self.position, _LOUD + _STEP * (len(studio.words) - 1)))
        paused, voiced_ms = (self.position, time.monotonic_ns()), round(takes_s * 900)
        self.event(SpeechPaused(*paused, voiced_ms))
        self.time_passes(1.0)
        self.event(SpeechStopped(*paused, voiced_ms))
        await reached(lambda: self.call.turn_loop.state.revision > turns, "the caller's turn is taken")
        await reached(lambda: len(self.said) > before and self.listened_to, "the answer is heard")
        return self.said[-1]

    @property
    def exchanges(self) -> list[tuple[str, str]]:
        """What the caller has said, and what was audible to them of each answer."""
        return [(each.caller_text, each.audible_text) for each in self.call.history.exchanges]

    @property
    def listened_to(self) -> bool:
        """Nobody speaks, and we wait for the caller."""
        return isinstance(self.call.turn_loop.state.floor, turn_taking.Listening)


class Rooms:
    """Takes calls as a daemon does."""

    def __init__(self, folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> None:
        """``sections`` of the configuration, beside those that name the scripted engines."""
        self.clock = clock
        self.monkeypatch = monkeypatch
        self.trace_file, self.transcript_file = folder / "trace.jsonl", folder / "transcript.jsonl"
        studio.__init__()  # type: ignore[misc]
        made = (("stt", Ear), ("llm", Mind), ("tts", Mouth))
        brought = tuple(
            Engine("scripted", cast(Any, stage), f"{__name__}:{kind.__name__}", remote=True)
            for stage, kind in made
        )
        monkeypatch.setattr(registry, "_installed", lambda: brought)
        monkeypatch.setattr("offhook.engines.pool.load_knowledge_models", lambda: None)
        self.config = Config.model_validate({**PATIENT, **sections})
        self.daemon = Daemon(self.config)
        self.playback = PlaybackFolder(folder / "playback")
        self.pool = EnginePool(self.config, load_models(self.config))
        self.trace = TraceWriter(self.trace_file)
        self.transcript = TranscriptWriter(self.transcript_file)
        self.services = Services(
            LoadGauge(lambda: (0.0, 0.0)), Metrics(), self.trace, self.transcript, Judge()
        )
        spawn, searching = self.daemon._tasks.spawn, self.daemon._searching
        self.profiles = Profiles(self.config, self.pool, ReadyPhrases(self.playback), searching, spawn)
        self.tenancy: Any = None
        rooms = self

        class Held(Call):
            def __init__(self, wire: Wire, profile: CallProfile, *more: Any) -> None:
                super().__init__(wire, profile, *more)
                cast(CallerLine, wire.line).call = self

        monkeypatch.setattr("offhook.daemon.relay.Call", Held)
        self.reception = Reception(self.config, self.pool, self.profiles, rooms.services, searching, spawn)
        self.daemon._reception = self.reception
        self.daemon._reloads.begin()
        self.lines: list[tuple[CallerLine, asyncio.Task[None]]] = []

    def of(self, tenancy: Any) -> None:
        """Answer for these tenants, too."""
        self.reception._tenancy = tenancy

    async def call(self, *arguments: str, call_id: str = "1.1") -> CallerLine:
        """A call whose greeting has been heard."""
        line = CallerLine(self.clock, CallOffer("test", call_id, arguments=arguments))
        over = asyncio.create_task(self.daemon.take(line))
        self.lines.append((line, over))
        await reached(
            lambda: over.done() or (hasattr(line, "call") and bool(line.said) and line.listened_to),
            "the greeting is heard",
        )
        if over.done():
            over.result()
        return line

    async def hang_up(self, line: CallerLine) -> None:
        line.hangs_up()
        await next(over for each, over in self.lines if each is line)

    async def close(self) -> None:
        for line, over in self.lines:
            if not over.done():
                line.hangs_up()
        await asyncio.gather(*(over for _, over in self.lines), return_exceptions=True)
        await self.daemon._tasks.close()
        self.profiles.close()
        self.daemon._searching.close()
        self.pool.close()
        self.trace.close()
        self.transcript.close()
        self.playback.close()
