"""Audio whose every sample is known, and files of it as Asterisk reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.audio.audio import RATE_HZ, Samples


def tone(duration_ms: float, rate_hz: int = RATE_HZ, *, level: float = 8_000, hz: float = 440.0) -> Samples:
    """A sine with the peak ``level``."""
    seconds = np.arange(round(duration_ms * rate_hz / 1_000)) / rate_hz
    samples: Samples = np.round(level * np.sin(2 * np.pi * hz * seconds)).astype(np.int16)
    return samples


def silence(duration_ms: float, rate_hz: int = RATE_HZ) -> Samples:
    return np.zeros(round(duration_ms * rate_hz / 1_000), np.int16)


def ramp(samples: int) -> Samples:
    """Every sample differs from its neighbours."""
    return (np.arange(samples) % 20_000 - 10_000).astype(np.int16)


def put(path: Path, audio: Samples) -> str:
    """Write ``audio`` to ``path`` and return the name for STREAM FILE."""
    path.write_bytes(audio.astype("<i2").tobytes())
    return str(path.with_suffix(""))
