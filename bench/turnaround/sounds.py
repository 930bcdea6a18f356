"""Sounds that are no words: coughs, a door, a crackling line, and the noise of a room.

All are synthesised from a seed, so that every run hears the same.  8 kHz int16.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.support.audio.audio import RATE_HZ, Samples, activity

Wave = NDArray[np.float64]

_BAND_HZ = (300.0, 3_400.0)
"""What a telephone line lets through."""


def cough(seed: int = 1, *, bursts: int = 2, burst_ms: int = 180, peak: int = 14_000) -> Samples:
    """Bursts of throat-shaped noise (energy at 400-1,800 Hz) with sharp onsets, 90 ms apart."""
    random = np.random.default_rng(seed)
    parts: list[Wave] = []
    for number in range(bursts):
        length = _samples(burst_ms * (1.0 - 0.25 * number))
        noise = band_noise(random, length, (400.0, 1_800.0))
        parts += [noise * _burst_envelope(length, attack_ms=6, decay=3.5), np.zeros(_samples(90))]
    return _levelled(np.concatenate(parts[:-1]), peak)


def slam(seed: int = 2, *, peak: int = 22_000) -> Samples:
    """A door: a low thump (90-250 Hz), a broad crack of 30 ms, and 200 ms of rattle."""
    random = np.random.default_rng(seed)
    length = _samples(260)
    times = np.arange(length) / RATE_HZ
    thump = np.sin(2 * np.pi * 130 * times) * np.exp(-times * 22)
    crack = band_noise(random, length, (200.0, 3_400.0)) * np.exp(-times * 90)
    rattle = band_noise(random, length, (300.0, 1_200.0)) * np.exp(-times * 18) * 0.25
    return _levelled(thump + crack + rattle, peak)


def crackle(seed: int = 3, *, duration_ms: int = 600, clicks: int = 24, peak: int = 12_000) -> Samples:
    """A bad contact: clicks of 1-4 ms at random times."""
    random = np.random.default_rng(seed)
    length = _samples(duration_ms)
    wave = np.zeros(length)
    for start in np.sort(random.integers(0, length - 40, clicks)):
        width = int(random.integers(8, 32))
        wave[start : start + width] += random.normal(size=width) * random.uniform(0.3, 1.0)
    return _levelled(wave, peak)


def burst(seed: int = 4, *, duration_ms: int = 80, peak: int = 14_000) -> Samples:
    """One burst of telephone-band noise: a knock, a breath on the microphone."""
    random = np.random.default_rng(seed)
    length = _samples(duration_ms)
    return _levelled(
        band_noise(random, length, _BAND_HZ) * _burst_envelope(length, attack_ms=4, decay=2.5), peak
    )


def room(voices: Sequence[Samples], *, seconds: float = 20.0, seed: int = 5) -> Wave:
    """A room's noise with RMS 1: half its power white, half a babble of ``voices``; meant to be looped.

    The babble is eight layers of the voices, each begun elsewhere and turned round in time, so
    that nothing in it can be understood.
    """
    random = np.random.default_rng(seed)
    length = round(seconds * RATE_HZ)
    babble = np.zeros(length)
    whole = np.concatenate([voice[::-1].astype(np.float64) for voice in voices])
    for _ in range(8):
        babble += np.take(whole, np.arange(length) + int(random.integers(len(whole))), mode="wrap")
    white = band_noise(random, length, _BAND_HZ)
    mixed = babble / _rms(babble) + white / _rms(white)
    normal: Wave = mixed / _rms(mixed)
    return normal


def background(noise: Wave, speech: Sequence[Samples], snr_db: float) -> Samples:
    """``noise`` at ``snr_db`` below the speech: the mean power of its audible parts."""
    powers = [float(np.mean(np.square(one[activity(one)].astype(np.float64)))) for one in speech]
    level = np.sqrt(np.mean(powers)) * 10 ** (-snr_db / 20)
    scaled: Samples = np.clip(np.round(noise * level), -32_768, 32_767).astype(np.int16)
    return scaled


def band_noise(random: np.random.Generator, length: int, band_hz: tuple[float, float]) -> Wave:
    """``length`` samples of noise with power between two frequencies only; RMS 1."""
    spectrum = np.fft.rfft(random.normal(size=length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
    spectrum[(frequencies < band_hz[0]) | (frequencies > band_hz[1])] = 0
    noise = np.fft.irfft(spectrum, length)
    normal: Wave = noise / _rms(noise)
    return normal


def _burst_envelope(length: int, *, attack_ms: int, decay: float) -> Wave:
    envelope: Wave = np.exp(-np.linspace(0.0, decay, length))
    rise = min(length, _samples(attack_ms))
    envelope[:rise] *= np.linspace(0.0, 1.0, rise)
    return envelope


def _levelled(wave: Wave, peak: int) -> Samples:
    levelled: Samples = np.round(wave * (peak / np.abs(wave).max())).astype(np.int16)
    return levelled


def _rms(wave: Wave) -> float:
    return float(np.sqrt(np.mean(np.square(wave)))) or 1.0


def _samples(duration_ms: float) -> int:
    return round(duration_ms * RATE_HZ / 1000)
