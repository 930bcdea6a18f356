"""How loud, how high and how fast somebody speaks in one utterance.

The numbers of its windows of 32 ms come from one call of a kernel (:func:`offhook.kernels.measure`: power
between 150 and 3400 Hz, how much a window repeats itself, and at which period); what is done with them here
is arithmetic over some hundred of them.  A few milliseconds of a thread's time, none of the event loop's.

Syllables are counted as de Jong and Wempe do (Praat script to detect syllable nuclei and measure speech rate
automatically, Behavior Research Methods 41, 2009): peaks of the intensity in voiced sound, with a dip of 2 dB
before each.  A pitch is the autocorrelation's, so it is often an octave off for single windows: those are
put into the octave of the utterance's median.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offhook import kernels

LATEST_MS = 8_000
"""So much of the end of an utterance is listened to."""
LEAST_MS = 400
"""Voiced sound of which less says nothing."""
RATE_LEAST_MS = 1_000
"""Voiced sound of which less says nothing of how fast it is spoken."""
SPEECH_DB = 20.0
"""So far below the loud parts a window is no speech of theirs, as ``end_of_turn/levels`` has it ..."""
ABOVE_NOISE_DB = 3.0
"""... and it has to be so much above the line's noise."""
PERIODIC = 0.5
"""A window that repeats itself so much is voiced."""
DIP_DB = 2.0
"""Between two syllables."""
SMOOTHED = 5
"""Windows, 10 ms apart, over which the intensity is averaged: shorter than any syllable."""
QUIETEST_PERCENT = 1
"""So much of a turn is the line's noise alone: 200 ms before it and 100 ms behind it are in what is heard."""
_HOP_MS = kernels.HOP // kernels.MS
_POWER = 0.375 * kernels.WINDOW * (kernels.BAND_EDGES_HZ[-1] - kernels.BAND_EDGES_HZ[0]) * kernels.SPECTRUM
_POWER /= kernels.RATE_HZ
"""Of white noise of mean square 1 in one window (Hann), all bins together."""

Floats = NDArray[np.float32]


class Tone(NamedTuple):
    """Of one utterance; plain numbers."""

    voiced_ms: int
    level_db: float
    """Of its loud voiced sound, without the noise; the zero means nothing."""
    noise_db: float
    """Of the line beside it, from the same zero."""
    pitch_semitones: float
    """The median, above 1 Hz."""
    syllables_per_s: float | None
    """Pauses left out; None: too short to tell."""


def tone_of(audio: NDArray[np.int16], rate_hz: int) -> Tone | None:
    """Of ``[samples]`` at 8 or 16 kHz, with some of the line's noise around it; None: too little voice.

    Blocks for milliseconds; lets go of the GIL for nearly all of them.
    """
    latest = min(len(audio) * kernels.RATE_HZ // rate_hz, LATEST_MS * kernels.MS)
    if latest < LEAST_MS * kernels.MS:
        return None
    ten_ms = kernels.frame_powers(audio[-latest * rate_hz // kernels.RATE_HZ :], _HOP_MS * rate_hz // 1000)
    windows = kernels.measure(
        audio,
        np.zeros(0, np.int16),
        rate_hz,
        latest=latest,
        since=0,
        before=0,
        known_delay_ms=None,
        noise_power=_POWER * float(np.percentile(ten_ms, QUIETEST_PERCENT)),
    )
    noise = float(windows.floor.sum())
    power_db, noise_db = 10 * np.log10(windows.heard + 1), 10 * math.log10(noise + 1)
    least_db = max(float(np.percentile(power_db, 95)) - SPEECH_DB, noise_db + ABOVE_NOISE_DB)
    speech = power_db > least_db
    voiced = speech & (windows.periodic > PERIODIC)
    voiced_ms = int(voiced.sum()) * _HOP_MS
    if voiced_ms < LEAST_MS:
        return None
    level_db = float(np.percentile(10 * np.log10(np.maximum(windows.heard[voiced] - noise, 1)), 75))
    rate = None
    if voiced_ms >= RATE_LEAST_MS:
        rate = _syllables(power_db, least_db, voiced) * 1000 / (int(speech.sum()) * _HOP_MS)
    return Tone(voiced_ms, level_db, noise_db, _pitch(windows.pitch_octave[voiced]), rate)


def _pitch(octaves: Floats) -> float:
    """The median in semitones above 1 Hz, where a window that is an octave off counts in the others'."""
    middle = float(np.median(octaves))
    octaves = octaves - np.rint(octaves - middle)
    return 12 * (float(np.median(octaves)) + math.log2(kernels.RATE_HZ))


def _syllables(power_db: Floats, least_db: float, voiced: NDArray[np.bool_]) -> int:
    intensity = np.convolve(power_db, np.full(SMOOTHED, 1 / SMOOTHED), "same")
    inner = intensity[1:-1]
    peaks = 1 + np.flatnonzero((inner >= intensity[:-2]) & (inner > intensity[2:]) & (inner > least_db))
    near = np.convolve(voiced, np.ones(SMOOTHED), "same") > 0
    kept: list[int] = []
    for at in peaks[near[peaks]].tolist():
        if not kept:
            kept.append(at)
            continue
        last = kept[-1]
        dip = min(intensity[last], intensity[at]) - intensity[last:at].min()
        if dip >= DIP_DB:
            kept.append(at)
        elif intensity[at] > intensity[last]:
            kept[-1] = at
    return len(kept)
