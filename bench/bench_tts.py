"""Synthesis time by clause: espeak-ng with a real voice, Piper's plumbing, and Piper's first block.

From the text to all its samples at 8 kHz, resampling included.  ``ms`` in extra_info is the median
of all rounds, ``rtf`` that over the length of the audio.  The Piper voice of ``test_piper_plumbing``
is a table lookup: its figures are phonemes, onnxruntime's call and resampling, without a real network.

``test_piper_first_block`` times a network of the medium size on one thread: the first block of a
sentence, all of its windows, and the uncut network in one run, one after the other in each round.
``first_share`` is the median of first block over uncut run, ``windows_share`` that of all windows.
The network has random weights and no attention.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.base import Synthesizer
from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.piper import Piper
from offhook.engines.tts.slin import to_slin
from tests.support.engines.tiny_piper import write_tiny_piper
from tests.support.engines.tiny_vits import MEDIUM, write_tiny_vits

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


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_vits(tmp_path_factory.mktemp("vits"), shape=MEDIUM)


@pytest.mark.parametrize("length", list(CLAUSES))
def test_piper_first_block(benchmark: Benchmark, medium: Path, length: str) -> None:
    benchmark.group = f"tts first block {medium.stem}"
    voice = Piper(medium)
    assert voice.streams
    (sentence,) = voice._phonemizer.sentences("en-us", CLAUSES[length])
    # Without noise, so that all of them make the same samples.
    feed = voice._feed(sentence) | {"scales": np.array([0, 1, 0], np.float32)}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    uncut = onnxruntime.InferenceSession(str(medium), options, providers=["CPUExecutionProvider"])
    rounds: list[tuple[float, float, float]] = []

    def speak() -> list[NDArray[np.float32]]:
        start = time.perf_counter()
        stream = voice._network.blocks(feed, lambda: False)
        blocks = [next(stream)]
        first = time.perf_counter()
        blocks += stream
        done = time.perf_counter()
        whole = np.asarray(uncut.run(None, feed)[0]).reshape(-1)
        rounds.append((first - start, done - start, time.perf_counter() - done))
        np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-5)
        return blocks

    blocks = benchmark.pedantic(speak, rounds=15, warmup_rounds=2)
    timed = rounds[-15:]
    benchmark.extra_info["first_ms"] = round(statistics.median(first for first, _, _ in timed) * 1000, 1)
    benchmark.extra_info["uncut_ms"] = round(statistics.median(whole for _, _, whole in timed) * 1000, 1)
    benchmark.extra_info["first_share"] = round(statistics.median(a / c for a, _, c in timed), 3)
    benchmark.extra_info["windows_share"] = round(statistics.median(b / c for _, b, c in timed), 3)
    benchmark.extra_info["first_audio_ms"] = round(len(blocks[0]) * 1000 / voice.sample_rate_hz)
    benchmark.extra_info["audio_ms"] = sum(map(len, blocks)) * 1000 // voice.sample_rate_hz
    assert benchmark.extra_info["first_audio_ms"] < 300
    voice.close()
