"""A local engine behind one on a server: it takes over in the same turn, and the server is left alone.

Above 400 lines because recogniser, model and voice are each tried in the same ways.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.agents.loader import Agent
from offhook.call.prompts import ReadyPhrases
from offhook.config import Config, SttConfig, TtsConfig
from offhook.engines import backing, chosen
from offhook.engines.remote.breaker import ASKED_S, AWAY_S, FAILURES, Breaker
from offhook.engines.stt.backed import BackedRecognition
from offhook.engines.stt.base import Guess, Recognition, Transcript
from offhook.engines.stt.gate import Recognizer
from offhook.engines.tts.backed import BackedVoice
from offhook.engines.tts.base import never
from offhook.engines.tts.voice import Voice
from offhook.errors import BusyError, ConfigError, ModelError, OffhookError
from offhook.playout.folder import PlaybackFolder
from offhook.workers import Claim

RATE_HZ = 16_000
SERVER, LOCAL = 1_000, 2_000
"""Levels of what the two say."""


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_breaker_opens_after_failures_in_a_row_and_sends_one_ahead() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        assert breaker.lets(0.0)
        assert not breaker.failed(0.0)
    assert not breaker.went_well()
    for number in range(FAILURES):
        assert breaker.lets(1.0)
        assert breaker.failed(1.0) == (number == FAILURES - 1)
    assert not breaker.lets(1.0 + AWAY_S - 0.1)
    assert breaker.lets(1.0 + AWAY_S), "one is sent ahead"
    assert not breaker.lets(1.0 + AWAY_S), "and no other one meanwhile"
    assert not breaker.failed(40.0), "that it is away is known"
    assert not breaker.lets(40.0 + AWAY_S - 0.1)
    assert breaker.lets(40.0 + AWAY_S)
    breaker.given_up()
    assert breaker.lets(40.0 + AWAY_S), "who gave up says nothing"
    assert breaker.went_well()
    assert breaker.lets(0.0)


def test_a_service_that_asks_to_be_left_alone_is_at_once_and_not_for_ever() -> None:
    def busy(asks_s: float) -> BusyError:
        error = BusyError("too many")
        error.asks_s = asks_s
        return error

    breaker = Breaker(failures=2, away_s=30.0)
    assert not breaker.failed(0.0, busy(20.0)), "no longer than it would be anyway: one is no reason"
    breaker.went_well()
    assert breaker.failed(0.0, busy(600.0))
    assert not breaker.failed(1.0, busy(0.0)), "one that was on its way"
    assert not breaker.lets(599.0)
    assert breaker.lets(600.0)
    breaker.went_well()
    breaker.failed(700.0, busy(1e6))
    assert not breaker.lets(700.0 + ASKED_S - 1)
    assert breaker.lets(700.0 + ASKED_S)


@dataclass
class SaysOneLevel:
    """A voice: blocks of one level, one for each word; ``script`` may do something else for a text."""

    level: int
    sample_rate_hz: int = RATE_HZ
    script: list[Callable[[Callable[[], bool]], Iterator[None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    name: str = "voice"
    closed: bool = False

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        self.texts.append(text)
        if self.script:
            for _ in self.script.pop(0)(cancelled):
                yield self._block()
            return
        for _ in text.split():
            if cancelled():
                return
            yield self._block()

    def speaking(self, language: str) -> SaysOneLevel:
        return self

    def close(self) -> None:
        self.closed = True

    def _block(self) -> NDArray[np.int16]:
        return np.full(self.sample_rate_hz // 10, self.level, np.int16)


class TestVoice:
    def backed(self) -> tuple[SaysOneLevel, SaysOneLevel, BackedVoice, Clock]:
        clock = Clock()
        server, local = SaysOneLevel(SERVER, name="server"), SaysOneLevel(LOCAL, 8_000, name="local")
        return server, local, BackedVoice(server, local, after_s=0.7, clock=clock), clock

    @staticmethod
    def late(clock: Clock) -> Callable[[Callable[[], bool]], Iterator[None]]:
        """Gives nothing until it is told that nobody waits any more."""

        def work(cancelled: Callable[[], bool]) -> Iterator[None]:
            assert not cancelled()
            clock.now_s += 0.8
            assert cancelled()
            yield from ()

        return work

    @staticmethod
    def fails(error: OffhookError, after: int = 0) -> Callable[[Callable[[], bool]], Iterator[None]]:
        def work(cancelled: Callable[[], bool]) -> Iterator[None]:
            for _ in range(after):
                yield None
            raise error

        return work

    @staticmethod
    def levels(blocks: Iterator[NDArray[np.int16]]) -> set[int]:
        audio = np.concatenate(list(blocks))
        return {round(float(np.median(part)) / 100) * 100 for part in np.array_split(audio, 4)}

    def test_the_server_speaks_while_it_is_well(self) -> None:
        _, local, voice, _ = self.backed()
        assert self.levels(voice.synthesize("one two three")) == {SERVER}
        assert local.texts == []

    def test_a_clause_that_is_late_or_fails_is_said_by_the_local_voice(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        server, local, voice, clock = self.backed()
        server.script = [self.late(clock), self.fails(BusyError("too many"))]
        for text in ("one two", "three four"):
            assert self.levels(voice.synthesize(text)) == {LOCAL}
        assert local.texts == server.texts == ["one two", "three four"]
        assert "left alone for a while: too many" in caplog.text
        assert "one two" not in caplog.text
        assert self.levels(voice.speaking("de").synthesize("five six")) == {LOCAL}
        assert server.texts == ["one two", "three four"], "it is not asked meanwhile, in any language"
        clock.now_s += AWAY_S
        assert self.levels(voice.synthesize("seven eight")) == {SERVER}

    @pytest.mark.parametrize("stalls", [False, True])
    def test_a_clause_that_breaks_off_is_said_again_by_the_local_voice(self, stalls: bool) -> None:
        """And nobody takes a server for well that only ever begins."""
        server, local, voice, clock = self.backed()

        def stall(cancelled: Callable[[], bool]) -> Iterator[None]:
            yield None
            clock.now_s += 0.75  # of which 100 ms are what has just come
            assert not cancelled(), "that is heard by now, and no more is waited than for the first of it"
            clock.now_s += 0.1
            assert cancelled()

        breaks = stall if stalls else self.fails(ModelError("broke"), after=1)
        server.script = [breaks] * FAILURES
        for _ in range(FAILURES):
            audio = np.concatenate(list(voice.synthesize("one two three")))
            assert len(audio) == RATE_HZ * 4 // 10
            assert set(audio[: RATE_HZ // 10]) == {SERVER}
            assert self.levels(iter([audio[RATE_HZ // 8 :]])) == {LOCAL}
        asked = len(server.texts)
        assert self.levels(voice.synthesize("four")) == {LOCAL}
        assert len(server.texts) == asked, "it is left alone"
        assert len(local.texts) == FAILURES + 1

    async def test_what_another_voice_says_is_not_kept(self) -> None:
        """Else an agent would speak with two voices until the next start, its server being away once."""
        server, _, backed, clock = self.backed()
        voice = Voice(backed)
        server.script = [self.fails(BusyError("too many")), self.fails(ModelError("broke"), after=1)]

        async def level() -> set[int]:
            return self.levels(iter([await voice.say("one two", RATE_HZ, known=True)]))

        assert await level() == {LOCAL}
        assert LOCAL in await level()
        clock.now_s += AWAY_S
        for _ in range(2):
            assert await level() == {SERVER}
        assert len(server.texts) == 3, "that was kept"
        await asyncio.to_thread(voice.close)

    async def test_fixed_phrases_are_made_anew_once_the_server_is_back(self, tmp_path: Path) -> None:
        server, _, backed, clock = self.backed()
        voice = Voice(backed)
        agent = Agent(name="Ferry", greeting="Ferry office.", persona="A ferry.", excuse="Once more, please.")
        phrases = ReadyPhrases(PlaybackFolder(tmp_path)).of(agent, voice)
        server.script = [self.fails(BusyError("too many")) for _ in range(FAILURES)]
        await phrases.make(RATE_HZ)
        told = {}
        for moment in ("away", "back", "kept"):
            if moment != "away":
                clock.now_s += AWAY_S
            found = await phrases.phrase("excuse", RATE_HZ)
            told[moment] = self.levels(iter([found.audio]))
        assert told == {"away": {LOCAL}, "back": {SERVER}, "kept": {SERVER}}
        assert server.texts.count(agent.excuse) == 1
        phrases.close()
        await asyncio.to_thread(voice.close)

    def test_what_is_not_wanted_or_has_no_words_is_no_failure(self) -> None:
        server, local, voice, _ = self.backed()
        for _ in range(2 * FAILURES):
            assert list(voice.synthesize("")) == []
            assert list(voice.synthesize("one", cancelled=lambda: True)) == []
            blocks = voice.synthesize("one two")
            next(blocks)
            blocks.close()  # type: ignore[attr-defined]
        assert self.levels(voice.synthesize("one two")) == {SERVER}
        assert local.texts == []
        voice.close()
        assert server.closed
        assert local.closed


class Scripted:
    """A server's recognition; each session gets the next of ``finals``."""

    name = "server"
    streams = True

    def __init__(self, *finals: Any) -> None:
        self.finals = list(finals)
        self.words_so_far: Any = ""
        self.sessions = 0
        self.cancelled = 0

    def session(self, rate_hz: int) -> ScriptedSession:
        self.sessions += 1
        return ScriptedSession(self)

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to free."""


class ScriptedSession:
    turn_over: float | None = None

    def __init__(self, owner: Scripted) -> None:
        self._owner = owner
        self.audio_s = 0.0

    @property
    def usage_s(self) -> float:
        return self.audio_s

    def push(self, audio: NDArray[np.int16]) -> None:
        self.audio_s += len(audio) / RATE_HZ

    async def interim(self) -> str:
        if isinstance(self._owner.words_so_far, Exception):
            raise self._owner.words_so_far
        return str(self._owner.words_so_far)

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        final = self._owner.finals.pop(0)
        if final is None:
            await asyncio.Event().wait()
        if isinstance(final, Exception):
            raise final
        return Transcript(str(final), 0, 1.0)

    def cancel(self) -> None:
        self._owner.cancelled += 1


class LocalEar:
    name = "local"

    def __init__(self) -> None:
        self.looks = 0
        self.doubtful = False

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        self.looks += 1
        return Transcript("a local guess", 0, 1.0, doubtful=self.doubtful)

    def close(self) -> None:
        """Nothing to free."""


class TestRecognition:
    AUDIO = np.full(RATE_HZ, 1_000, np.int16)

    def backed(self, *finals: Any) -> tuple[Scripted, LocalEar, BackedRecognition, Clock]:
        clock, server, ear = Clock(), Scripted(*finals), LocalEar()
        return server, ear, BackedRecognition(server, Recognizer(ear), after_s=0.05, clock=clock), clock

    async def turn(self, recognition: Recognition) -> str:
        session = recognition.session(RATE_HZ)
        session.push(self.AUDIO)
        try:
            return (await session.final(1_000)).text
        finally:
            session.cancel()

    async def test_the_server_has_the_last_word(self) -> None:
        server, ear, recognition, _ = self.backed("what was said")
        session = recognition.session(RATE_HZ)
        session.push(self.AUDIO)
        assert await session.interim() == "a local guess", "it guesses where the server says nothing yet"
        server.words_so_far = "what was"
        assert await session.interim() == "what was"
        assert (await session.final(1_000)).text == "what was said"
        assert (await session.final(1_000)).text == "what was said", "the same without asking again"
        assert session.usage_s == 1.0
        assert ear.looks == 1
        session.cancel()
        recognition.close()

    @pytest.mark.parametrize("trouble", [None, ModelError("broke"), BusyError("too many")])
    async def test_the_local_one_takes_over_in_the_same_turn(self, trouble: Exception | None) -> None:
        server, _, recognition, clock = self.backed(trouble, trouble, "well again")
        for _ in range(FAILURES):
            assert await self.turn(recognition) == "a local guess"
        assert await self.turn(recognition) == "a local guess"
        assert server.sessions == FAILURES, "it is not asked meanwhile"
        clock.now_s += AWAY_S
        assert await self.turn(recognition) == "well again"
        recognition.close()

    async def test_words_that_this_machine_doubts_begin_no_answer(self) -> None:
        server, ear, _, _ = self.backed("what was said")
        for doubtful in (False, True):
            ear.doubtful = doubtful
            recognition = BackedRecognition(server, Recognizer(ear), after_s=60, commits=True)
            session = recognition.session(RATE_HZ)
            session.push(self.AUDIO)
            assert await session.guess(1_000) == Guess("a local guess", sure=not doubtful)
            session.cancel()
            recognition.close()

    async def test_what_one_turn_began_with_it_ends_with(self) -> None:
        server, _, recognition, _ = self.backed(ModelError("broke"), "never asked")
        session = recognition.session(RATE_HZ)
        for seconds in (1, 2):
            session.push(self.AUDIO)
            assert (await session.final(1_000)).text == "a local guess"
            assert session.audio_s == seconds
        assert server.finals == ["never asked"]
        assert session.usage_s == 1.0
        session.cancel()
        recognition.close()

    async def test_trouble_ahead_of_the_end_counts(self) -> None:
        server, _, recognition, _ = self.backed()
        server.words_so_far = ModelError("no connection")
        for _ in range(FAILURES):
            session = recognition.session(RATE_HZ)
            session.push(self.AUDIO)
            assert await session.interim() == "a local guess"
            session.cancel()
        assert server.cancelled == FAILURES
        recognition.session(RATE_HZ).cancel()
        assert server.sessions == FAILURES
        recognition.close()


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"tts": {"engine": "espeak", "fallback": {}}}, "tts.fallback is for engines on servers"),
        ({"stt": {"engine": "moonshine", "fallback": {}}}, "stt.fallback is for engines on servers"),
        ({"stt": {"commit": "interim"}}, "stt.commit is for engines on servers, and moonshine runs here"),
        (
            {"tts": {"engine": "espeak", "base_url": "http://x"}},
            "tts.base_url is set, but tts.engine is espeak",
        ),
        ({"stt": {"api_key_env": "KEY"}}, "stt.api_key_env is set, but stt.engine is moonshine"),
    ],
)
def test_an_engine_of_this_machine_needs_nothing_behind_it(sections: dict[str, Any], says: str) -> None:
    config = Config.model_validate(sections)
    with pytest.raises(ConfigError, match=says):
        _ = (chosen.voice(config.tts), chosen.recogniser(config.stt))


def test_what_is_behind_a_server_runs_here() -> None:
    stt = SttConfig.model_validate(
        {
            "engine": "wyoming",
            "language": "de",
            "terms": ["Kuchen"],
            "fallback": {"engine": "whisper", "model": "x"},
        }
    )
    settings: list[SttConfig] = []

    def load(chosen: SttConfig) -> Recognition:
        settings.append(chosen)
        return Recognizer(LocalEar())

    backing.backed_recognition(stt, Scripted(), load).close()
    assert (settings[0].engine, settings[0].model, settings[0].language) == ("whisper", "x", "de")
    assert settings[0].terms == ("Kuchen",)
    tts = TtsConfig.model_validate({"engine": "xtts", "voice": "v", "fallback": {"engine": "azure"}})
    with pytest.raises(ConfigError, match=r"tts\.fallback: engine azure is on a server itself"):
        backing.backed_voice(tts, SaysOneLevel(SERVER), lambda tts: SaysOneLevel(LOCAL))
