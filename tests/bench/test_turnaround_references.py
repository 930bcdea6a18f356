"""The listening half of the reference that follows the guides: what it takes for an utterance."""

from __future__ import annotations

import asyncio
import os
import time

import numpy as np
from numpy.typing import NDArray

from bench.turnaround.references.frame import SILENCE_MS
from bench.turnaround.references.guides import LOUD, listen
from tests.support.audio.audio import Samples
from tests.support.sip.tones import silence, tone


async def heard(*parts: Samples) -> tuple[NDArray[np.int16], int, int]:
    """What it hears of a pipe that holds ``parts``."""
    read, write = os.pipe()
    try:
        os.set_blocking(read, False)
        data = np.concatenate(parts).astype("<i2").tobytes()
        assert len(data) < 65_536, "the pipe has to hold it"
        os.write(write, data)
        async with asyncio.timeout(10):
            return await listen(read)
    finally:
        os.close(read)
        os.close(write)


async def test_an_utterance_ends_after_500_ms_of_silence_and_not_in_a_shorter_pause() -> None:
    before_ns = time.monotonic_ns()
    samples, ended_ns, voiced_ms = await heard(
        silence(400), tone(300), silence(SILENCE_MS - 100), tone(200), silence(SILENCE_MS + 100), tone(400)
    )
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 1_000)
    assert voiced_ms == 500, "both parts, and nothing of what came after the silence"
    assert (loud[-1] - loud[0]) // 8 == 300 + SILENCE_MS - 100 + 200 - 1
    assert (len(samples) - loud[-1]) // 8 in range(SILENCE_MS, SILENCE_MS + 21)
    assert 150 * 8 <= loud[0] <= 220 * 8, "200 ms before the onset are kept"
    assert ended_ns >= before_ns


async def test_a_click_is_no_utterance() -> None:
    _, _, voiced_ms = await heard(tone(60), silence(SILENCE_MS + 60), tone(400), silence(SILENCE_MS + 60))
    assert voiced_ms == 400


async def test_quiet_noise_is_silence() -> None:
    hiss = tone(SILENCE_MS + 100, level=LOUD // 2)
    _, _, voiced_ms = await heard(hiss, tone(300), hiss)
    assert voiced_ms == 300
