"""What was said on both sides, on one timeline: left the caller, right the agent."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.simulator.audible import Samples


class Track:
    """One side's audio, written at sample positions; gaps are silence."""

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(8000, np.int16)
        self.length_samples = 0

    def put(self, position_samples: int, block: Samples) -> None:
        """Write ``block`` at a position; what lies before the recording's start is cut."""
        if position_samples < 0:
            block = block[-position_samples:]
            position_samples = 0
        stop = position_samples + len(block)
        if stop > len(self._samples):
            grown = np.zeros(max(stop, 2 * len(self._samples)), np.int16)
            grown[: self.length_samples] = self._samples[: self.length_samples]
            self._samples = grown
        self._samples[position_samples:stop] = block
        self.length_samples = max(self.length_samples, stop)

    def audio(self, length_samples: int | None = None) -> Samples:
        """A copy of the track, padded or cut to ``length_samples``."""
        length = self.length_samples if length_samples is None else length_samples
        out = np.zeros(length, np.int16)
        have = min(length, self.length_samples)
        out[:have] = self._samples[:have]
        return out


def save_stereo(path: Path, stereo: NDArray[np.int16], rate_hz: int) -> None:
    """Write ``[samples, 2]`` int16 as a WAV file.  Raises OSError."""
    with path.open("wb") as file, wave.open(file, "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(np.ascontiguousarray(stereo, dtype="<i2").tobytes())
