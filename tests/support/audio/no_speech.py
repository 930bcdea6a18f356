"""What a line carries when nobody speaks, at 16 kHz: silence, noise, the network's tones, hold music."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
_LOUD = 6_000
Signal = NDArray[np.float64]


def no_speech(seconds: float, seed: int = 1) -> dict[str, NDArray[np.int16]]:
    """``[samples]`` int16 at 16 kHz of each kind, by its name."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[[float], Signal]] = {
        "silence": lambda length: np.zeros(int(length * RATE_HZ)),
        "faint hiss": lambda length: rng.normal(0, 20, int(length * RATE_HZ)),
        "white noise": lambda length: rng.normal(0, 2_000, int(length * RATE_HZ)),
        "pink noise": partial(pink, rng=rng),
        "dial tone": partial(tone, hz=(350, 440)),
        "ringing": partial(tone, hz=(440, 480), on_s=2.0, off_s=4.0),
        "busy": partial(tone, hz=(480, 620), on_s=0.5, off_s=0.5),
        "European tone": partial(tone, hz=(425,)),
        "fax": partial(tone, hz=(1_100,), on_s=0.5, off_s=3.0),
        "keys": partial(tone, hz=(770, 1_336), on_s=0.1, off_s=0.1),
        "mains hum": partial(tone, hz=(50, 100, 150)),
        "hold music": partial(music, rng=rng),
    }
    made = {name: make(seconds) for name, make in kinds.items()}
    return {name: np.clip(signal, -32_000, 32_000).astype(np.int16) for name, signal in made.items()}


def tone(seconds: float, hz: tuple[float, ...], on_s: float = 1.0, off_s: float = 0.0) -> Signal:
    """Sines of ``hz``, ``on_s`` at a time."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sines = np.sum([np.sin(2 * np.pi * one * at) for one in hz], axis=0)
    sounding: Signal = sines * _LOUD * (at % (on_s + off_s) < on_s)
    return sounding


def pink(seconds: float, rng: np.random.Generator) -> Signal:
    """Noise with the same power in every octave."""
    size = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    hz[0] = hz[1]
    signal: Signal = np.fft.irfft(spectrum / np.sqrt(hz), size)
    signal *= 2_000 / signal.std()
    return signal


def music(seconds: float, rng: np.random.Generator) -> Signal:
    """Plucked strings (Karplus and Strong) over a wavering chord, four notes a second."""
    out = np.zeros(int(seconds * RATE_HZ))
    for begin in range(0, len(out), RATE_HZ // 4):
        hz = rng.choice([220, 261.6, 293.7, 329.6, 392, 440, 523.3])
        string = rng.normal(0, 1, int(RATE_HZ / hz))
        note: list[Signal] = []
        while len(note) * len(string) < min(RATE_HZ, len(out) - begin):
            note.append(string)
            string = 0.498 * (string + np.roll(string, -1))
        sounding = np.concatenate(note)[: len(out) - begin] * _LOUD
        out[begin : begin + len(sounding)] += sounding
    at = np.arange(len(out)) / RATE_HZ
    for part in (0.5, 1.25, 1.5):
        out += 1_500 * np.sin(2 * np.pi * 220 * part * at + 0.3 * np.sin(2 * np.pi * 5 * at))
    return out
