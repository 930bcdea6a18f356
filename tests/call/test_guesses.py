"""Answers are prepared on a guess of the caller's words while a server's final ones are on their way, and
nothing is committed before these have come.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.call.recognition import CallerWords
from offhook.call.revision import Confirmation, Final, Words
from offhook.call.said import SaidSoFar
from offhook.call.telling import Telling
from offhook.engines.stt.base import Alternatives, Guess, Otherwise, Transcript, nothing_else
from offhook.errors import ModelError
from offhook.knowledge.own_words import OwnWords
from offhook.observe.trace import TurnTrace
from offhook.workers import Claim
from tests.support.clock import reached

RATE_HZ = 8_000
STOP = 2 * RATE_HZ


class Session:
    """Final words and guesses come when a test lets them."""

    turn_over: float | None = None

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.finals: list[asyncio.Future[str]] = [loop.create_future() for _ in range(2)]
        self.guessed: asyncio.Future[str] = loop.create_future()
        self.asked = 0
        self.cancelled = False
        self.expected: list[OwnWords] = []
        self.others: Alternatives = nothing_else

    def expect(self, own: OwnWords) -> None:
        self.expected.append(own)

    def push(self, audio: NDArray[np.int16]) -> None:
        """Heard."""

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> Guess:
        return Guess(await asyncio.shield(self.guessed))

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        self.asked += 1
        text = await asyncio.shield(self.finals[self.asked - 1])
        return Transcript(text, 2_000, 350.0, others=self.others)

    def cancel(self) -> None:
        self.cancelled = True


class Ear:
    """One call's words, over one session."""

    streams = True
    rate_hz = RATE_HZ
    pre_roll_samples = 0
    written_samples = STOP

    def __init__(self) -> None:
        self.session_ = Session()
        self.own: OwnWords | None = None
        """Of the agent that answers now."""
        self.events: list[turn_taking.TurnEvent] = []
        self.words = CallerWords(
            cast(Any, self),
            cast(Any, self),
            ring_s=25.0,
            anticipate=self._ahead,
            post=self.events.append,
            own_words=lambda: self.own,
        )

    def session(self, rate_hz: int) -> Session:
        return self.session_

    def samples(self, duration_ms: int) -> int:
        return duration_ms * RATE_HZ // 1000

    def only(self, start: int, stop: int) -> NDArray[np.int16]:
        return np.full(stop - start, 3_000, np.int16)

    def read(self, start: int, stop: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        return self.only(start, min(stop, STOP)), np.zeros(1, np.int16)

    def said(self) -> SaidSoFar:
        return self.words.said(0, STOP, 1_500)

    async def _ahead(self, words: str) -> None:
        """Of no interest here."""


async def heard(ear: Ear) -> Words:
    return await ear.said().words(TurnTrace("1.2", 1, voiced_ms=1_500), Claim())


async def test_the_own_words_of_the_agent_that_answers_are_expected() -> None:
    ear = Ear()
    ear.session_.finals[0].set_result("What is the fare?")
    ear.own = OwnWords(["Fares: 3.20"])
    await heard(ear)
    assert ear.session_.expected == [ear.own]
    ear.words.close()


async def test_what_may_have_been_said_instead_is_told_with_the_words() -> None:
    ear = Ear()
    ear.session_.finals[0].set_result("What is the fair?")
    ear.session_.others = lambda: (Otherwise("What is the fare?", -1.0),)
    assert (await heard(ear)).otherwise() == ear.session_.others()
    said = ear.said()
    said._parts = [asyncio.create_task(asyncio.sleep(0, "Good morning."))]
    ear.session_.finals[1].set_result("What is the fair?")
    words = await said.words(TurnTrace("1.2", 1, voiced_ms=1_500), Claim())
    assert words.text == "Good morning. What is the fair?"
    assert [one.text for one in words.otherwise()] == ["Good morning. What is the fare?"], (
        "all of a long turn"
    )
    ear.words.close()


async def test_an_agent_that_is_not_ready_has_no_words_yet() -> None:
    ear = Ear()
    ear.session_.finals[0].set_result("What is the fare?")
    await heard(ear)
    assert ear.session_.expected == []
    ear.words.close()


async def test_final_words_that_are_there_first_are_no_guess() -> None:
    ear = Ear()
    ear.session_.finals[0].set_result("We need two canoes.")
    words = await heard(ear)
    assert (words.text, words.confirming) == ("We need two canoes.", None)
    ear.words.close()
    assert ear.session_.cancelled


@pytest.mark.parametrize(
    ("final", "same"),
    [
        ("we need two canoes", True),
        ("We need 2 canoes?", True),
        ("We need few canoes.", False),
        ("", False),
    ],
)
async def test_a_guess_is_confirmed_as_words(final: str, same: bool) -> None:
    ear = Ear()
    ear.session_.guessed.set_result("We need two canoes.")
    words = await heard(ear)
    assert words.text == "We need two canoes."
    assert words.confirming is not None
    assert not words.confirming.done()
    ear.session_.finals[0].set_result(final)
    assert (await words.confirming).same is same
    again = await heard(ear)
    assert (again.text, again.confirming) == (final, None), "what is final is not asked for again"
    assert ear.session_.asked == 1
    ear.words.close()


async def test_final_words_that_do_not_come_leave_the_guess() -> None:
    ear = Ear()
    ear.session_.guessed.set_result("We need two canoes.")
    words = await heard(ear)
    assert words.confirming is not None
    ear.session_.finals[0].set_exception(ModelError("the server has gone"))
    assert await words.confirming == Final(same=True), "there are none"
    ear.words.close()


async def test_a_guess_that_fails_or_is_empty_is_none() -> None:
    ear = Ear()
    ear.session_.guessed.set_exception(ModelError("no guess"))
    asking = asyncio.create_task(heard(ear))
    await reached(lambda: ear.session_.asked == 1, "final words are asked for")
    ear.session_.finals[0].set_result("We need two canoes.")
    assert (await asking).confirming is None
    ear.words.close()


async def test_who_goes_on_takes_the_looks_along() -> None:
    ear = Ear()
    asking = asyncio.create_task(heard(ear))
    await reached(lambda: ear.session_.asked == 1, "final words are asked for")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    ear.words.close()
    assert ear.session_.cancelled


@pytest.mark.parametrize("came", list(Confirmation))
async def test_nothing_is_told_before_the_words_are_confirmed(came: Confirmation) -> None:
    events: list[turn_taking.TurnEvent] = []
    answer: asyncio.Future[Confirmation] = asyncio.get_running_loop().create_future()

    async def confirm() -> Confirmation:
        return await answer

    confirming = asyncio.create_task(confirm())
    state = {"number": 3, "caller_text": "When does the ferry go?", "ends_call": False}
    revision = cast(Any, SimpleNamespace(**state, held=True, confirming=confirming))
    guess = Words("When does the ferry go?", "")
    telling = Telling(events.append, revision, None, "en", ("", 3), guess)
    telling.begin()
    await telling.when_known(turn_told())
    assert events == []
    answer.set_result(came)
    await confirming
    await asyncio.sleep(0)  # whoever waits for it is told
    told = [event.provisional for event in events if isinstance(event, turn_taking.WordsHeard)]
    assert told == ([] if came is Confirmation.OTHER else [True, False])


async def turn_told() -> float | None:
    return 0.9
