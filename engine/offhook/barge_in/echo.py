"""Our own voice in what is heard: where it lies, and what is left without it."""

from __future__ import annotations

import math

import numpy as np

from offhook.barge_in.spectrum import FLOOR_POWER, MS, RATE_HZ, Floats, Spectra, power_of, tables

DELAYS_MS = (-20, 420)
"""Where the echo is looked for: 0 to 400 ms and the inaccuracy of the clocks."""
ECHO_PEAK = 8.0
"""Cross-correlation peak over its mean square root: unrelated speech has 3 to 9, echo at -30 dB 9 to 37."""
KNOWN_ECHO_PEAK = 6.0
"""The same where the delay is known from before."""
TAIL_DECAY = 0.72
"""Of a room's tail, per hop: 60 dB in 420 ms, so that the allowance is rather too long."""
AUDIBLE = 50
"""Largest sample below which nothing is being played."""


def echo_delay(caller: Floats, ours: Floats, known_ms: float | None) -> int | None:
    """How many samples after we played it the echo is heard; None when there is none.

    The cross-correlation is mostly whitened, or a voice's own period would blur it.
    """
    if not len(ours) or float(np.abs(ours).max()) < AUDIBLE:
        return None
    first, last = DELAYS_MS[0] * MS, DELAYS_MS[1] * MS
    size = -(-(max(len(caller), len(ours)) + last - first) // 1_024) * 1_024
    # Time runs backwards in both, because it is their ends that belong together.
    cross = np.fft.rfft(ours[::-1], size) * np.conj(np.fft.rfft(caller[::-1], size))
    magnitude = np.abs(cross)
    weight = (magnitude + 1e-3 * magnitude.max() + 1) ** -0.7
    hz_per_bin = RATE_HZ / size
    weight[: int(250 / hz_per_bin)] = 0
    weight[int(3_400 / hz_per_bin) :] = 0
    correlation = np.abs(np.fft.irfft(cross * weight, size))
    correlation = np.concatenate([correlation[first:], correlation[: last + 1]])
    level = float(np.sqrt(np.mean(correlation**2)))
    best, needed = int(correlation.argmax()), ECHO_PEAK
    if known_ms is not None and math.isfinite(known_ms):
        near = round(known_ms * MS) - first
        low, high = max(0, near - 30 * MS), near + 30 * MS
        if low < high and low < len(correlation):
            around = low + int(correlation[low:high].argmax())
            if around == best or correlation[best] < ECHO_PEAK * level:
                best, needed = around, KNOWN_ECHO_PEAK
    return best + first if correlation[best] > needed * level > 0 else None


def delayed(ours: Floats, delay: int) -> Floats:
    """``ours`` moved so that it ends together with its echo, 1 ms early for what comes before the peak."""
    late = delay - MS
    return ours[: max(0, len(ours) - late)] if late >= 0 else np.append(ours, np.zeros(-late, np.float32))


def without_echo(heard: Spectra, ours: Spectra) -> tuple[Floats, Floats]:
    """Power that the echo does not explain ``[frames, bins]``; what its tail may have ``[frames, bands]``."""
    power = power_of(ours)
    strength = power.sum(axis=0)
    path = (heard * np.conj(ours)).sum(axis=0) / (strength + 1e-2 * strength.max() + 1)
    left = power_of(heard - path * ours)
    bands = tables().bands
    explained = (power * power_of(path)) @ bands
    # The largest of all earlier frames, each decayed by its age; as a running maximum of logarithms.
    age = np.arange(len(explained), dtype=np.float32)[:, None] * math.log(TAIL_DECAY)
    lasting = np.exp(np.maximum.accumulate(np.log(explained + 1) - age, axis=0) + age)
    ratio = left @ bands / lasting
    ratio[lasting < FLOOR_POWER] = np.inf
    # In most frames nobody but us speaks, or there would be no echo to see: a low quantile is the tail alone.
    usual = np.sort(ratio, axis=0)
    known = np.isfinite(usual).sum(axis=0)
    at = np.maximum(0, (0.4 * (known - 1)).astype(np.intp))
    quantile = np.where(known > 5, usual[at, np.arange(usual.shape[1])], 0)
    return left, (np.minimum(quantile, 2.0) * lasting).astype(np.float32)
