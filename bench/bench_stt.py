"""Recognition time by length of utterance: Moonshine on a person's speech, whisper.cpp on a random model.

``ms`` in extra_info is the median of all rounds, ``rtf`` that over the audio's own length.  The
Moonshine audio is the beginning of a recording in the moonshine-voice wheel, one utterance at a
time, two threads, and its words are checked.  The Whisper model has the smallest possible size and
random weights: its figures show the cost of the plumbing and how the window follows the audio, and
say nothing about a real model.
"""

from __future__ import annotations

import importlib.util
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from offhook.engines.stt.base import STT_RATE_HZ, Transcriber
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.stt.whisper import Whisper
from tests.support.engines.tiny_whisper import write_tiny_whisper
from tests.support.words import recall

SPOKEN = {
    2: "it was the best",
    4: "it was the best of times it was the worst",
    8: "it was the best of times it was the worst of times it was the age of wisdom it was the age of",
}

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None
    assert spec.submodule_search_locations
    with wave.open(str(Path(spec.submodule_search_locations[0]) / "assets" / "two_cities.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getframerate() * 9), np.int16)[:: file.getnchannels()]
        return np.asarray(soxr.resample(samples, file.getframerate(), STT_RATE_HZ), np.int16)


@pytest.fixture(scope="module")
def moonshine() -> Iterator[Moonshine]:
    model = Moonshine(threads=2)
    yield model
    model.close()


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whisper]:
    model = Whisper(write_tiny_whisper(tmp_path_factory.mktemp("whisper") / "ggml-random.bin"), threads=2)
    yield model
    model.close()


def measure(benchmark: Benchmark, model: Transcriber, audio: NDArray[np.int16], seconds: int) -> str:
    benchmark.group = f"stt {seconds} s"
    transcript = benchmark.pedantic(model.transcribe, args=(audio,), rounds=15, warmup_rounds=1)
    milliseconds = benchmark.stats.stats.median * 1000
    benchmark.extra_info["ms"] = round(milliseconds, 1)
    benchmark.extra_info["rtf"] = round(milliseconds / 1000 / seconds, 4)
    return str(transcript.text)


@pytest.mark.parametrize("seconds", [1, 2, 4, 8])
def test_moonshine(
    benchmark: Benchmark, moonshine: Moonshine, speech: NDArray[np.int16], seconds: int
) -> None:
    text = measure(benchmark, moonshine, speech[: seconds * STT_RATE_HZ], seconds)
    assert recall(SPOKEN.get(seconds, ""), text) >= 0.9


@pytest.mark.parametrize("seconds", [1, 2, 4, 8])
def test_whisper_plumbing(
    benchmark: Benchmark, whisper: Whisper, speech: NDArray[np.int16], seconds: int
) -> None:
    assert measure(benchmark, whisper, speech[: seconds * STT_RATE_HZ], seconds)
