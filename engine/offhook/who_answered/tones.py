"""Tones on a line: a fax, the network's signals, an answering machine's beep.

Frequencies: CED 2,100 Hz and CNG 1,100 Hz (ITU-T T.30), ringing and engaged tones of 350 to 620 Hz, alone or
two at a time (ITU-T E.180, annex), special information tones of 950, 1,400 and 1,800 Hz (E.180, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_HOP_MS = 20
_WINDOW_MS = 32
_QUIET = 10 ** (-45 / 20) * 32_768
"""Root mean square below which a window has no tone that anybody means to be heard."""
_PURE = 0.9
"""So much of a window's energy lies in one or two peaks; a vowel's harmonics share it."""
_LOWEST_HZ = 330.0
"""No signal is lower; a murmur is, whose pitch is all that there is of it."""
_LOBE = 2
"""Bins on either side of a peak that a Hann window spreads it over."""
_DRIFT_HZ = 25.0
_GAP_WINDOWS = 1
"""A window in which the tone was not pure ends no run: ANSam turns its phase every 450 ms."""
SHORTEST_MS = 80
_MOST = 64


@dataclass(frozen=True, slots=True)
class Tone:
    """One stretch of one tone.  Times are ms from the first sample."""

    begin_ms: int
    end_ms: int
    """So far, where it goes on."""
    hz: float
    """The loudest of its frequencies."""
    goes_on: bool

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.begin_ms


class ToneDetector:
    """One line's.  About 20 µs for each 20 ms of audio."""

    def __init__(self, rate_hz: int) -> None:
        """8 or 16 kHz."""
        self._rate_hz = rate_hz
        self._hop = rate_hz * _HOP_MS // 1000
        self._taper = np.hanning(rate_hz * _WINDOW_MS // 1000)
        self._left: NDArray[np.int16] = np.zeros(0, np.int16)
        self._windows = 0
        self._missed = 0
        self.tones: list[Tone] = []
        """Those of :data:`SHORTEST_MS` and more, in order; the last may go on."""
        self._run: Tone | None = None

    def process(self, audio: NDArray[np.int16]) -> None:
        """The next ``[samples]``, any number."""
        self._left = np.concatenate([self._left, audio])
        size = len(self._taper)
        count = max(0, (len(self._left) - size) // self._hop + 1)
        if not count:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._left, size)[: count * self._hop : self._hop]
        for pitch in self._pitches(windows.astype(np.float64)):
            self._take(pitch)
        self._left = self._left[count * self._hop :]

    def _pitches(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The frequency of each window that is a pure tone, else 0.  [windows]"""
        power = np.abs(np.fft.rfft(windows * self._taper, axis=1)) ** 2
        hz_per_bin = self._rate_hz / len(self._taper)
        low, high = round(100 / hz_per_bin), round(3_400 / hz_per_bin)
        power[:, :low] = 0
        power[:, high:] = 0
        total = power.sum(axis=1) + 1e-9
        rows = np.arange(len(power))
        found, shares = np.zeros(len(power)), np.zeros(len(power))
        for peak in range(2):
            top = power.argmax(axis=1)
            around = np.clip(top[:, None] + np.arange(-_LOBE, _LOBE + 1), 0, power.shape[1] - 1)
            lobe = power[rows[:, None], around]
            if peak == 0:
                found = (lobe * around).sum(axis=1) / (lobe.sum(axis=1) + 1e-9) * hz_per_bin
            shares += lobe.sum(axis=1) / total
            power[rows[:, None], around] = 0
            if peak == 0:
                alone = shares > _PURE
        level = np.sqrt((windows**2).mean(axis=1))
        # Two peaks may also be a vowel's two strongest harmonics: only those of the network come in pairs.
        pure = alone | ((shares > _PURE) & (found < 700))
        return np.where(pure & (level > _QUIET) & (found > _LOWEST_HZ), found, 0.0)

    def _take(self, hz: float) -> None:
        at, run = self._windows * _HOP_MS, self._run
        self._windows += 1
        if run is not None and hz and abs(run.hz - hz) <= _DRIFT_HZ:
            self._missed = 0
            self._keep(replace(run, end_ms=at + _HOP_MS))
            return
        if run is not None and not hz and self._missed < _GAP_WINDOWS:
            self._missed += 1
            return
        self._end()
        if hz:
            self._missed = 0
            self._run = Tone(at, at + _HOP_MS, float(hz), True)

    def _keep(self, run: Tone) -> None:
        self._run = run
        if run.length_ms >= SHORTEST_MS:
            if self.tones and self.tones[-1].goes_on:
                self.tones[-1] = run
            elif len(self.tones) < _MOST:
                self.tones.append(run)

    def _end(self) -> None:
        self._run = None
        if self.tones and self.tones[-1].goes_on:
            self.tones[-1] = replace(self.tones[-1], goes_on=False)
