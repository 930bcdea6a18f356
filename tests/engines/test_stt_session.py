"""A turn's recognition: what was recognised once is not recognised again."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt.base import SESSION_S, Transcript
from offhook.engines.stt.gate import clean
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.errors import BusyError, ModelError
from offhook.workers import Claim, Urgency
from tests.support.clock import reached

RATE_HZ = 8_000
SECOND = np.ones(RATE_HZ, np.int16)


class Recogniser:
    """Answers when it is let."""

    def __init__(self, *texts: Any) -> None:
        self.texts = list(texts)
        self.looks: list[tuple[int, int, Claim]] = []
        """Samples at 16 kHz, voiced ms, and how soon, of each recognition begun."""
        self.before: list[str | None] = []
        """What each look was told of the one before."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.stopped = 0

    async def recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, claim: Claim, before: Transcript | None
    ) -> Transcript:
        self.before.append(None if before is None else before.text)
        self.looks.append((len(audio), voiced_ms, claim))
        text = self.texts.pop(0)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if isinstance(text, Exception):
            raise text
        return Transcript(text, len(audio) // 16, 0.0)

    def session(self) -> Rerecognition:
        return Rerecognition(RATE_HZ, self.recognize, clean)


async def test_words_grow_with_the_audio_and_cost_nothing_without_more() -> None:
    recogniser = Recogniser("I would", "I would like a cake", "I would like a cake please")
    session = recogniser.session()
    session.push(SECOND)
    assert await session.interim() == "I would"
    session.push(SECOND)
    assert (await session.final(1_800)).text == "I would like a cake"
    assert (await session.final(1_800)).text == "I would like a cake"
    assert await session.interim() == "I would like a cake"
    session.push(SECOND)
    assert (await session.final(2_500)).text == "I would like a cake please"
    assert [samples for samples, _, _ in recogniser.looks] == [16_000, 32_000, 48_000]
    assert recogniser.before == [None, "I would", "I would like a cake"]
    assert (session.audio_s, session.usage_s) == (3, 6)


async def test_a_guess_that_is_wanted_becomes_urgent_and_is_not_begun_anew() -> None:
    recogniser = Recogniser("Yes please")
    recogniser.gate.clear()
    session = recogniser.session()
    session.push(SECOND)
    guess = asyncio.create_task(session.interim())
    await reached(lambda: bool(recogniser.looks), "the guess has begun")
    wanted = asyncio.create_task(session.final(600, Claim(Urgency.PREPARED, since_ns=7)))
    await reached(lambda: recogniser.looks[0][2].rank[0] is Urgency.PREPARED, "it is urgent now")
    guess.cancel()
    recogniser.gate.set()
    assert (await wanted).text == "Yes please"
    assert (len(recogniser.looks), recogniser.stopped) == (1, 0)


async def test_a_guess_of_a_noise_is_no_word_of_a_turn() -> None:
    recogniser = Recogniser("you")
    session = recogniser.session()
    session.push(SECOND)
    assert await session.interim() == "you"
    assert (await session.final(200)).text == "", "so little voice is a noise"
    assert len(recogniser.looks) == 1


async def test_more_voice_than_was_thought_is_looked_at_again() -> None:
    """With too little voice the recogniser is not asked at all."""
    recogniser = Recogniser("", "Yes please")
    session = recogniser.session()
    session.push(SECOND)
    assert (await session.final(100)).text == ""
    assert (await session.final(600)).text == "Yes please"


@pytest.mark.parametrize("by", ["awaiting task", "cancel"])
async def test_what_nobody_wants_is_stopped(by: str) -> None:
    recogniser = Recogniser("late", "Yes please")
    recogniser.gate.clear()
    session = recogniser.session()
    session.push(SECOND)
    waiting = asyncio.create_task(session.final(600))
    await reached(lambda: bool(recogniser.looks), "the recognition has begun")
    if by == "cancel":
        session.cancel()
    else:
        waiting.cancel()
    await asyncio.wait([waiting])
    await reached(lambda: recogniser.stopped == 1, "it is stopped")
    recogniser.gate.set()
    if by == "cancel":
        with pytest.raises(ModelError, match="given up"):
            await session.interim()
    else:
        assert (await session.final(600)).text == "Yes please"


async def test_what_failed_is_tried_again_and_too_much_is_refused() -> None:
    session = Recogniser(ModelError("broken"), "Yes please").session()
    session.push(SECOND)
    with pytest.raises(ModelError, match="broken"):
        await session.final(600)
    assert (await session.final(600)).text == "Yes please"
    with pytest.raises(BusyError, match="more than 60 s"):
        session.push(np.zeros(SESSION_S * RATE_HZ, np.int16))
    assert session.audio_s == 1


async def test_a_guess_that_had_to_make_way_is_begun_anew_for_who_needs_it() -> None:
    recogniser = Recogniser(BusyError("a caller who waits goes first"), "Yes please")
    recogniser.gate.clear()
    session = recogniser.session()
    session.push(SECOND)
    guess = asyncio.create_task(session.interim())
    await reached(lambda: bool(recogniser.looks), "the guess has begun")
    wanted = asyncio.create_task(session.final(600, Claim(Urgency.PREPARED)))
    await asyncio.sleep(0)
    recogniser.gate.set()
    assert (await wanted).text == "Yes please"
    with pytest.raises(BusyError):
        await guess
