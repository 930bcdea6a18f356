"""Frames of 32 ms every 10 ms at 8 kHz, as spectra and in bands; what the rest of the judge is built on."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Spectra = NDArray[np.complexfloating]

RATE_HZ = 8_000
MS = RATE_HZ // 1_000
FRAME = 256
HOP = 80
HOP_MS = HOP // MS
SPECTRUM = 512
"""Points of the transform: twice the frame, so that the autocorrelation does not wrap."""
BAND_EDGES_HZ = (150, 350, 550, 1_000, 1_400, 1_900, 2_500, 3_400)
LOW, MID, HIGH = slice(0, 2), slice(2, 3), slice(3, 7)
"""Below 550 Hz a hum has all it has; 550 to 1000 Hz; above."""
PITCH_HZ = (67, 400)
LONG_LAG_WEIGHT = 0.25
"""Taken off the longest period, so that one period wins over two."""
FLOOR_POWER = 1e4
"""Of a band in a frame; about -85 dBFS, below any telephone line."""


class Tables(NamedTuple):
    window: Floats
    bands: Floats
    """``[bins, bands]``, 0 or 1."""
    bins: Floats
    """``[bands]``: how many bins each has."""
    lag_gain: Floats
    """``[lags]``: undoes the window's own autocorrelation and favours short periods."""
    halve: Floats
    """Low-pass for 16 to 8 kHz."""


@cache
def tables() -> Tables:
    window = np.hanning(FRAME + 1)[:FRAME]
    hz = np.fft.rfftfreq(SPECTRUM, 1 / RATE_HZ)
    pairs = pairwise(BAND_EDGES_HZ)
    bands = np.stack([(hz >= low) & (hz < high) for low, high in pairs], axis=1)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, SPECTRUM)) ** 2, SPECTRUM)
    lags = np.arange(RATE_HZ // PITCH_HZ[1], RATE_HZ // PITCH_HZ[0] + 1)
    favour = 1 - LONG_LAG_WEIGHT * (lags - lags[0]) / (lags[-1] - lags[0])
    taps = np.arange(-15, 16)
    halve = np.sinc(taps / 2) * np.hanning(33)[1:-1]
    return Tables(
        window.astype(np.float32),
        bands.astype(np.float32),
        bands.sum(axis=0).astype(np.float32),
        (own[0] / own[lags] * favour).astype(np.float32),
        (halve / halve.sum()).astype(np.float32),
    )


def at_8_khz(samples: Samples, rate_hz: int) -> Floats:
    floats = samples.astype(np.float32)
    if rate_hz == RATE_HZ or not len(floats):
        return floats
    halved: Floats = np.convolve(floats, tables().halve)[15 : 15 + len(floats)]
    # The last sample stays the last: both sides have to end at the same moment.
    return halved[(len(halved) - 1) % 2 :: 2]


def spectra_of(signal: Floats, count: int) -> Spectra:
    """``[count, bins]``: the last frame ends where ``signal`` does; what is missing in front is silence."""
    needed = FRAME + (count - 1) * HOP
    if len(signal) < needed:
        signal = np.concatenate([np.zeros(needed - len(signal), np.float32), signal])
    frames = np.lib.stride_tricks.sliding_window_view(signal[len(signal) - needed :], FRAME)[::HOP]
    return np.fft.rfft(frames * tables().window, SPECTRUM)


def power_of(spectra: Spectra) -> Floats:
    power: Floats = (spectra.real**2 + spectra.imag**2).astype(np.float32, copy=False)
    return power


def decibels(power: Floats) -> Floats:
    decibels: Floats = 10 * np.log10(power + 1)
    return decibels
