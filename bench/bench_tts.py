"""Synthesis time by clause: espeak-ng with a real voice, Piper's plumbing with a random one.

From the text to all its samples at 8 kHz, resampling included.  ``ms`` in extra_info is the median
of all rounds, ``rtf`` that over the length of the audio.  The Piper voice is a table lookup: its
figures are phonemes, onnxruntime's call and resampling, without a real network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.tts.base import Synthesizer
from offhook.tts.espeak import Espeak
from offhook.tts.piper import Piper
from offhook.tts.slin import to_slin
from tests.support.tiny_piper import write_tiny_piper

CLAUSES = {
    "opener": "Yes, of course,",
    "clause": "we are open Monday to Friday,",
    "sentence": "We are located at twelve Harbour Street, next to the library, and parking is free.",
}
RATE_HZ = 8_000

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


@pytest.fixture(scope="module")
def piper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Piper]:
    voice = Piper(write_tiny_piper(tmp_path_factory.mktemp("piper")))
    yield voice
    voice.close()


def measure(benchmark: Benchmark, voice: Synthesizer, text: str) -> NDArray[np.int16]:
    def speak() -> NDArray[np.int16]:
        return np.concatenate(list(to_slin(voice.synthesize(text), voice.sample_rate_hz, RATE_HZ)))

    audio: NDArray[np.int16] = benchmark.pedantic(speak, rounds=30, warmup_rounds=2)
    milliseconds = benchmark.stats.stats.median * 1000
    benchmark.extra_info["ms"] = round(milliseconds, 2)
    benchmark.extra_info["audio_ms"] = len(audio) * 1000 // RATE_HZ
    benchmark.extra_info["rtf"] = round(milliseconds / (len(audio) * 1000 / RATE_HZ), 4)
    return audio


@pytest.mark.parametrize("length", list(CLAUSES))
def test_espeak(benchmark: Benchmark, espeak: Espeak, length: str) -> None:
    benchmark.group = f"tts {length}"
    audio = measure(benchmark, espeak, CLAUSES[length])
    words = len(CLAUSES[length].split())
    assert 0.1 < len(audio) / RATE_HZ / words < 0.9, "a word takes about a third of a second"
    assert np.abs(audio.astype(int)).max() > 2000


@pytest.mark.parametrize("length", list(CLAUSES))
def test_piper_plumbing(benchmark: Benchmark, piper: Piper, length: str) -> None:
    benchmark.group = f"tts {length}"
    assert len(measure(benchmark, piper, CLAUSES[length])) > RATE_HZ // 4
