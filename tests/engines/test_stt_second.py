"""A second opinion: asked where the first is unsure, and nowhere else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.config import SttConfig
from offhook.engines.chosen import recogniser
from offhook.engines.pool import load_recognizer
from offhook.engines.stt.base import Transcript, recognised
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.engines.stt.second import SecondRecognition, SecondSession
from offhook.errors import BusyError, ConfigError, ModelError, OffhookError
from offhook.workers import Claim
from tests.support.audio.audio import read_wav
from tests.support.clock import reached
from tests.support.engines.pulled import pulled
from tests.support.words import recall

RATE_HZ = 16_000
SECOND = np.full(RATE_HZ, 1_000, np.int16)
SPEECH = Path(__file__).parents[1] / "data" / "speech"
LONG_S, AT_ONCE_S = 60.0, 0.0


class Scripted:
    """A recogniser of whole utterances: each look is a text, doubtful where it ends in "?", or an error."""

    name = "scripted"
    streams = False

    def __init__(self, *looks: Any) -> None:
        self.looks = list(looks)
        self.began = self.stopped = self.closed = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def session(self, rate_hz: int) -> Rerecognition:
        return Rerecognition(rate_hz, self.recognize, lambda text, _voiced_ms: text)

    async def recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, claim: Claim, before: Transcript | None
    ) -> Transcript:
        self.began += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        look = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return Transcript(look.rstrip("?"), 1_000, 1.0, doubtful=look.endswith("?"))

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        self.closed += 1


def listening(
    first: Scripted, second: Scripted, within_s: float = LONG_S
) -> tuple[SecondRecognition, SecondSession]:
    recognition = SecondRecognition(first, second, within_s=within_s)
    session = recognition.session(RATE_HZ)
    session.push(SECOND)
    return recognition, session


@pytest.mark.parametrize(
    ("first", "second", "text", "doubtful", "asked"),
    [
        ("a table for two", "never", "a table for two", False, 0),
        ("a cable for two?", "a table for two", "a table for two", False, 1),
        ("a cable for two?", "", "a cable for two", True, 1),
        ("a cable for two?", BusyError("too many wait"), "a cable for two", True, 1),
        ("a cable for two?", ModelError("it broke"), "a cable for two", True, 1),
    ],
    ids=["sure", "in doubt", "it hears nobody", "it is busy", "it breaks"],
)
async def test_only_doubtful_words_are_asked_about_and_once(
    first: str, second: Any, text: str, doubtful: bool, asked: int
) -> None:
    one, other = Scripted(first), Scripted(second)
    recognition, session = listening(one, other)
    for _ in range(2):  # again without new audio: nobody is asked
        heard = await session.final(900)
        assert (heard.text, heard.doubtful) == (text, doubtful)
    assert (one.began, other.began) == (1, asked)
    session.cancel()
    recognition.close()
    assert (one.closed, other.closed) == (1, 1)


async def test_what_is_late_is_not_waited_for_and_is_stopped() -> None:
    one, other = Scripted("a cable for two?"), Scripted("a table for two")
    other.gate.clear()
    _, session = listening(one, other, AT_ONCE_S)
    assert (await session.final(900)).doubtful
    assert (await session.final(900)).doubtful, "it is not waited for again"
    await reached(lambda: other.stopped == other.began, "the second has stopped")
    assert session.usage_s == 1.0 + other.began
    session.cancel()


async def test_who_goes_on_is_heard_anew_and_a_look_is_stopped() -> None:
    one = Scripted("a cable?", "a cable for two?")
    other = Scripted("a table for two")
    other.gate.clear()
    _, session = listening(one, other)
    waiting = asyncio.create_task(session.final(900))
    await reached(lambda: other.began == 1, "the second is asked")
    waiting.cancel()
    await reached(lambda: other.stopped == 1, "and stopped: the caller has gone on")
    other.gate.set()
    session.push(SECOND)
    assert (await session.final(1_800)).text == "a table for two"
    session.cancel()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"model": "whisper-base", "second": {}}, "where moonshine is unsure, and whisper recognises here"),
        ({"second": {"model": "moonshine-tiny-en"}}, "is what is unsure already: name another"),
        ({"second": {"model": "whisper-bace"}}, r"stt\.second\.model = 'whisper-bace': neither a file nor"),
    ],
)
def test_a_section_that_cannot_work_is_refused(section: dict[str, Any], says: str) -> None:
    for name in ("whisper-base", "moonshine-tiny-en"):
        pulled(name)
    with pytest.raises((ConfigError, OffhookError), match=says):
        recogniser(SttConfig.model_validate(section))


@pytest.mark.timeout(600)  # the first run fetches Whisper
async def test_in_noise_whisper_understands_what_moonshine_does_not() -> None:
    pulled("whisper-base")
    texts = {one["name"]: one["text"] for one in json.loads((SPEECH / "speech.json").read_text())["phrases"]}
    recognition = load_recognizer(SttConfig.model_validate({"second": {"within_ms": 10_000}}))
    assert isinstance(recognition, SecondRecognition)
    for name, snr_db in (("insurance", 0), ("emergency", 5)):
        audio = read_wav(SPEECH / f"{name}.wav", RATE_HZ).astype(np.float64)
        level = np.sqrt((audio[np.abs(audio) > 200] ** 2).mean()) * 10 ** (-snr_db / 20)
        noisy = np.clip(audio + level * np.random.default_rng(1).standard_normal(len(audio)), -32768, 32767)
        alone = await recognised(recognition.first, noisy.astype(np.int16), RATE_HZ, 1_000)
        assert alone.doubtful
        heard = await recognised(recognition, noisy.astype(np.int16), RATE_HZ, 1_000)
        assert not heard.doubtful
        assert recall(texts[name], heard.text) > recall(texts[name], alone.text)
    recognition.close()
