"""A pause in a sentence, heard by a real recogniser behind a server: the words are those of the sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.core import resample
from offhook.engines.stt.base import STT_RATE_HZ, Piecewise
from offhook.engines.stt.whisper import Whisper
from tests.engines.test_stt_whisper_real import spoken
from tests.support.engines.hearing_servers import SECRET, hearing_server
from tests.support.engines.pulled import pulled
from tests.support.words import recall

pytestmark = pytest.mark.timeout(600)  # the first run fetches and converts
PAUSE_MS = 140


@pytest.fixture(scope="module")
def model() -> Iterator[Whisper]:
    model = Whisper(pulled("whisper-tiny.en"))
    yield model
    model.close()


def halves(audio: NDArray[np.int16]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """``[samples]`` at 16 kHz, parted where the middle third is quietest, with a pause there."""
    third, frame = len(audio) // 3, STT_RATE_HZ // 50
    middle = np.abs(audio[third : 2 * third].astype(np.int32))
    loudness = np.convolve(middle, np.ones(frame), "valid")
    at = third + int(loudness.argmin()) + frame // 2
    silence = np.zeros(PAUSE_MS * STT_RATE_HZ // 1000, np.int16)
    return np.concatenate([audio[:at], silence]), audio[at:]


@pytest.mark.parametrize("kind", ["openai", "wyoming"])
async def test_a_short_pause_does_not_halve_a_sentence(
    kind: str, model: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARING_KEY", SECRET)
    text, audio = spoken()["book"]
    first, rest = halves(audio)
    pieces: list[int] = []

    def understands(samples: NDArray[np.int16], rate_hz: int) -> str:
        pieces.append(round(len(samples) / rate_hz * 1000))
        return model.transcribe(
            resample(samples, rate_hz, STT_RATE_HZ) if rate_hz != STT_RATE_HZ else samples
        ).text

    async with hearing_server(kind) as server:
        server.understands = understands
        ear = server.recognition()
        session = ear.session(STT_RATE_HZ)
        assert isinstance(session, Piecewise)
        session.push(first)
        await session.final(3_000)
        session.went_on(PAUSE_MS)
        session.push(rest)
        heard = await session.final(3_000)
        session.cancel()
        await asyncio.to_thread(ear.close)
    assert recall(text, heard.text) >= 0.8
    assert len(heard.text.split()) <= len(text.split()) + 1
    assert len(pieces) == 2
    assert pieces[1] >= (len(first) + len(rest)) * 1000 // STT_RATE_HZ, "the second time it hears all of it"
