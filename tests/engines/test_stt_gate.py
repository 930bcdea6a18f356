"""What a recogniser says of noise does not become the caller's words."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt.backed import BackedRecognition
from offhook.engines.stt.base import STT_RATE_HZ, Recognition, Transcript, never
from offhook.engines.stt.base import Expectant as ExpectantSession
from offhook.engines.stt.gate import Recognizer, clean, is_repetition, normalize
from offhook.engines.stt.second import SecondRecognition
from offhook.errors import BusyError, ModelError
from offhook.knowledge.own_words import OwnWords
from tests.support.waiting import eventually

SECOND = np.zeros(STT_RATE_HZ, np.int16)


class Scripted:
    """A transcriber that says what it is told, when it is told."""

    name = "scripted"

    def __init__(self, text: str = "hello", *, wait: bool = False) -> None:
        self.text = text
        self.heard: list[NDArray[np.int16]] = []
        self.go = threading.Event()
        self.started = threading.Event()
        self.stopped = threading.Event()
        self.closed = False
        if not wait:
            self.go.set()

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        self.heard.append(audio)
        self.started.set()
        while not self.go.wait(0.005):
            if cancelled():
                self.stopped.set()
                return Transcript("", 0, 0.0)
        if self.text == "fail":
            raise ModelError("it failed")
        return Transcript(self.text, len(audio) // 16, 1.0)

    def close(self) -> None:
        self.closed = True


class Expectant(Scripted):
    """One that can weigh an agent's own words."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, OwnWords | None]] = []

    def expecting(
        self,
        audio: NDArray[np.int16],
        before: Transcript | None,
        own: OwnWords | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Transcript:
        self.asked.append(("" if before is None else before.text, own))
        return self.transcribe(audio, cancelled=cancelled)


@pytest.mark.parametrize("behind", ["itself", "a doubt", "a server"])
async def test_a_recogniser_that_can_weigh_an_agents_own_words_gets_them(behind: str) -> None:
    scripted, own = Expectant(), OwnWords(["Fares: 3.20"])
    recognition: Recognition = Recognizer(scripted)
    if behind == "a doubt":
        recognition = SecondRecognition(recognition, Recognizer(Scripted()), within_s=60.0)
    elif behind == "a server":
        recognition = BackedRecognition(Recognizer(Scripted("fail")), recognition, after_s=60.0)
    session = recognition.session(STT_RATE_HZ)
    assert isinstance(session, ExpectantSession)
    session.expect(own)
    session.push(SECOND + 1)
    await session.final(600)
    session.push(SECOND + 1)
    await session.final(1_200)
    session.cancel()
    assert scripted.asked == [("", own), ("hello", own)]
    recognition.close()


async def test_a_recogniser_that_cannot_is_asked_as_ever() -> None:
    scripted = Scripted("Hello there.")
    session = Recognizer(scripted).session(STT_RATE_HZ)
    session.expect(OwnWords(["Fares: 3.20"]))
    session.push(SECOND + 1)
    assert (await session.final(600)).text == "Hello there."
    session.cancel()


async def test_words_pass_and_zeros_are_appended() -> None:
    scripted = Scripted("Hello there.")
    recognizer = Recognizer(scripted)
    transcript = await recognizer.recognize(SECOND + 1, 600)
    assert transcript.text == "Hello there."
    assert transcript.audio_ms == 1000
    (heard,) = scripted.heard
    assert len(heard) == STT_RATE_HZ * 1200 // 1000
    assert not heard[STT_RATE_HZ:].any()
    assert heard[:STT_RATE_HZ].all()
    recognizer.close()
    assert scripted.closed


@pytest.mark.parametrize(("audio", "voiced_ms"), [(SECOND, 159), (SECOND, 0), (SECOND[:0], 500)])
async def test_too_little_voice_is_not_even_recognised(audio: NDArray[np.int16], voiced_ms: int) -> None:
    scripted = Scripted("You")
    recognizer = Recognizer(scripted, min_voiced_ms=160)
    assert (await recognizer.recognize(audio, voiced_ms)).text == ""
    assert scripted.heard == []
    recognizer.close()


async def test_a_cancelled_wait_stops_the_recognition() -> None:
    scripted = Scripted(wait=True)
    recognizer = Recognizer(scripted)
    task = asyncio.create_task(recognizer.recognize(SECOND, 600))
    await asyncio.to_thread(scripted.started.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(scripted.stopped.wait, 20)
    scripted.go.set()
    assert (await recognizer.recognize(SECOND, 600)).text == "hello"
    recognizer.close()


async def test_a_full_queue_says_busy() -> None:
    scripted = Scripted(wait=True)
    recognizer = Recognizer(scripted, workers=1, queue=1)
    tasks = [asyncio.create_task(recognizer.recognize(SECOND, 600)) for _ in range(2)]
    await asyncio.to_thread(scripted.started.wait, 20)
    with pytest.raises(BusyError, match=r"stt\.workers"):
        await recognizer.recognize(SECOND, 600)
    scripted.go.set()
    assert [transcript.text for transcript in await asyncio.gather(*tasks)] == ["hello", "hello"]
    recognizer.close()


async def test_workers_run_at_once() -> None:
    scripted = Scripted(wait=True)
    recognizer = Recognizer(scripted, workers=2)
    tasks = [asyncio.create_task(recognizer.recognize(SECOND, 600)) for _ in range(2)]
    await eventually(lambda: len(scripted.heard) == 2, "both utterances begin")
    scripted.go.set()
    await asyncio.gather(*tasks)
    recognizer.close()


async def test_a_models_error_reaches_the_caller() -> None:
    recognizer = Recognizer(Scripted("fail"))
    with pytest.raises(ModelError, match="it failed"):
        await recognizer.recognize(SECOND, 600)
    recognizer.close()


@pytest.mark.parametrize(
    ("text", "voiced_ms", "kept"),
    [
        ("You", 399, ""),
        ("Thank you.", 300, "Thank you."),
        ("Thank you.", 180, ""),
        ("Thanks.", 240, "Thanks."),
        ("Bye.", 200, "Bye."),
        ("No, no, no.", 350, "No, no, no."),
        ("Thanks for watching!", 3000, ""),
        ("Please subscribe to my channel.", 2500, ""),
        ("Subtitles by the Amara.org community", 3000, ""),
        ("[MUSIC PLAYING]", 2000, ""),
        ("My number is (212) 555-0187.", 4000, "My number is (212) 555-0187."),
        ("I left it (the big one) with you.", 3000, "I left it (the big one) with you."),
        ("Thank you.", 400, "Thank you."),
        ("Thanks for watching!", 350, ""),
        ("Yes.", 200, "Yes."),
        ("No", 170, "No"),
        ("[Music]", 2000, ""),
        ("(coughs) Hello", 700, "Hello"),
        ("*sighs*", 700, ""),
        ("...", 700, ""),
        ("I will be there. " * 4, 4000, ""),
        ("ha ha ha ha ha ha", 4000, ""),
        ("one one one one one one", 4000, "one one one one one one"),
        ("5 5 5 5 5 5 5", 3000, "5 5 5 5 5 5 5"),
        ("very very good", 900, "very very good"),
        ("a sentence that nobody could have said in so little time at all", 300, ""),
        ("What are your opening hours?", 1200, "What are your opening hours?"),
    ],
)
def test_clean(text: str, voiced_ms: int, kept: str) -> None:
    assert clean(text, voiced_ms) == kept


def test_normalize() -> None:
    assert normalize("  It\u2019s 5, O'Clock! ") == "it's 5 o'clock"


@pytest.mark.parametrize(("words", "answer"), [("", False), ("a b c a b c a b c", True), ("a b a b", False)])
def test_is_repetition(words: str, answer: bool) -> None:
    assert is_repetition(words) is answer
