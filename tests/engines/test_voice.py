"""Speech off the event loop: blocks in order, no silence in front, ready clauses kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts import voice as voice_module
from offhook.engines.tts.base import Synthesizer, never
from offhook.engines.tts.voice import Voice, without_lead
from offhook.errors import ModelError
from offhook.workers import Claim, Urgency
from tests.support.clock import reached
from tests.support.engines.engines import ScriptedVoice


class Blocks:
    """Three blocks a text, numbered; counts what it was asked for."""

    name = "blocks"
    sample_rate_hz = 8_000

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.given = 0

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        self.texts.append(text)
        for number in (1, 2, 3):
            if cancelled():
                return
            self.given += 1
            yield np.full(800, 1000 * number, np.int16)

    def close(self) -> None:
        """Nothing to free."""


async def test_blocks_come_in_order() -> None:
    voice = Voice(Blocks())
    assert [int(block[0]) async for block in voice.stream("Hello.", 8_000)] == [1000, 2000, 3000]


async def test_a_clause_said_again_is_ready() -> None:
    blocks = Blocks()
    voice = Voice(blocks)
    first = await voice.say("How can I help?", 8_000, known=True)
    again = await voice.say("How can I help?", 8_000, known=True)
    np.testing.assert_array_equal(first, again)
    assert blocks.texts == ["How can I help?"]
    assert (voice.hits, voice.misses) == (1, 1)
    await voice.say("How can I help?", 16_000, known=True)
    assert voice.misses == 2


async def test_a_clause_that_was_cut_is_not_kept() -> None:
    blocks = Blocks()
    voice = Voice(blocks)
    stream = voice.stream("Half.", 8_000, known=True)
    await anext(stream)
    await stream.aclose()
    assert len(await voice.say("Half.", 8_000)) == 2400
    assert voice.hits == 0


async def test_the_oldest_clause_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_module, "CACHE_S", 0.7)  # two clauses of 0.3 s
    blocks = Blocks()
    voice = Voice(blocks)
    for text in ("one", "two", "one", "three", "one", "two"):
        await voice.say(text, 8_000, known=True)
    assert blocks.texts == ["one", "two", "three", "two"]


async def test_a_failure_reaches_the_listener_and_the_next_clause_is_fine() -> None:
    broken = ModelError("out of order")
    voice = Voice(ScriptedVoice(lambda text: broken if text == "bad" else None))
    with pytest.raises(ModelError):
        await voice.say("bad", 8_000)
    assert len(await voice.say("good", 8_000)) == 320


async def test_cancelling_ends_the_synthesis() -> None:
    voice = Voice(Blocks())
    task = asyncio.create_task(voice.say("Hello.", 8_000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await voice.say("Hello.", 8_000)) == 2400


def test_silence_in_front_is_cut_and_a_soft_onset_kept() -> None:
    speech = np.full(800, 2_000, np.int16)
    soft = np.full(60, 90, np.int16)
    silence = np.zeros(4_000, np.int16)

    def trimmed(*blocks: NDArray[np.int16]) -> NDArray[np.int16]:
        return np.concatenate(list(without_lead(blocks, 8_000)))

    expected = np.concatenate([np.zeros(20, np.int16), soft, speech])
    np.testing.assert_array_equal(trimmed(np.concatenate([silence, soft, speech])), expected)
    np.testing.assert_array_equal(trimmed(silence, soft, speech), expected)
    np.testing.assert_array_equal(trimmed(speech, silence, speech), np.concatenate([speech, silence, speech]))
    np.testing.assert_array_equal(trimmed(silence), silence)
    assert list(without_lead([], 8_000)) == []


class _Polyglot(ScriptedVoice):
    """Has a voice for German, too."""

    def __init__(self, said: list[tuple[str, str]], tag: str = "en") -> None:
        super().__init__(lambda text: said.append((tag, text)))
        self._said = said

    def speaking(self, language: str) -> Synthesizer:
        return _Polyglot(self._said, language) if language == "de" else self


async def test_an_agents_language_reaches_the_normaliser_and_the_synthesizer() -> None:
    said: list[tuple[str, str]] = []
    voice = Voice(_Polyglot(said))
    for language in (None, "de", "es", "de"):
        await voice.say("Um 9:00.", 8_000, known=True, language=language)
    assert said == [("en", "Um nine o'clock."), ("de", "Um neun Uhr."), ("en", "Um nueve.")]
    assert voice.hits == 1, "the same words sound otherwise in another language"


class _Stepping(Blocks):
    """Waits before each block of "guess" until it may go on; several at once."""

    def __init__(self, concurrency: int) -> None:
        super().__init__()
        self.concurrency = concurrency
        self.may = threading.Semaphore(0)
        self.order: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        for block in super().synthesize(text, cancelled=cancelled):
            if text.startswith("guess"):
                self.may.acquire(timeout=60)
            self.order.append(text)
            yield block
        with self._lock:
            self.at_once -= 1


async def test_a_guess_makes_way_between_two_blocks_for_what_is_waited_for() -> None:
    engine = _Stepping(1)
    voice = Voice(engine)
    claim = Claim(Urgency.PREPARED)
    guess = asyncio.create_task(_audio(voice, "guess", claim))
    await reached(lambda: engine.at_once == 1, "the guess is being made")
    asked = asyncio.create_task(_audio(voice, "asked", Claim()))
    other = asyncio.create_task(_audio(voice, "guess, too", Claim(Urgency.PREPARED)))
    await asyncio.sleep(0)
    engine.may.release()
    await reached(lambda: asked.done(), "the clause that is waited for")
    assert engine.order == ["guess", "asked", "asked", "asked"]
    claim.urgency = Urgency.COMMITTED
    late = asyncio.create_task(_audio(voice, "late", Claim()))
    await asyncio.sleep(0)
    engine.may.release(5)
    assert {len(await each) for each in (guess, asked, other, late)} == {2400}
    assert engine.order[4:] == ["guess"] * 2 + ["late"] * 3 + ["guess, too"] * 3, "committed: no guess now"
    voice.close()


async def test_as_many_clauses_at_once_as_the_engine_takes() -> None:
    engine = _Stepping(2)
    voice = Voice(engine)
    tasks = [asyncio.create_task(_audio(voice, f"guess {n}", Claim())) for n in range(4)]
    await reached(lambda: engine.at_once == 2, "two at once")
    engine.may.release(12)
    assert [len(audio) for audio in await asyncio.gather(*tasks)] == [2400] * 4
    assert engine.most_at_once == 2
    voice.close()


async def _audio(voice: Voice, text: str, claim: Claim) -> NDArray[np.int16]:
    return np.concatenate([block async for block in voice.stream(text, 8_000, claim=claim)])
