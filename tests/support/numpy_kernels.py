"""What ``offhook.kernels`` computes, as NumPy says it: the reference of its tests, and of its benchmark."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from offhook.kernels import (
    BAND_EDGES_HZ,
    ECHO_LAGS_MS,
    FLOOR_POWER,
    HIGH,
    HOP,
    LONG_LAG_WEIGHT,
    LOW,
    MID,
    MS,
    RATE_HZ,
    SPECTRUM,
    WINDOW,
)

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]
Spectra = NDArray[np.complexfloating]

PITCH_HZ = (67, 400)
ECHO_PEAK, KNOWN_ECHO_PEAK, AUDIBLE, TAIL_DECAY = 8.0, 6.0, 50, 0.72
LEFT_SHARE, LEAST_GAIN = 0.1, 0.1


class Tables(NamedTuple):
    taper: Floats
    bands: Floats
    """``[bins, bands]``, 0 or 1."""
    bins: Floats
    """``[bands]``: how many bins each has."""
    lag_gain: Floats
    """``[lags]``: undoes the taper's own autocorrelation and favours short periods."""
    halve: Floats
    """Low-pass for 16 to 8 kHz."""


@cache
def tables() -> Tables:
    taper = np.hanning(WINDOW + 1)[:WINDOW]
    hz = np.fft.rfftfreq(SPECTRUM, 1 / RATE_HZ)
    pairs = pairwise(BAND_EDGES_HZ)
    bands = np.stack([(hz >= low) & (hz < high) for low, high in pairs], axis=1)
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, SPECTRUM)) ** 2, SPECTRUM)
    lags = np.arange(RATE_HZ // PITCH_HZ[1], RATE_HZ // PITCH_HZ[0] + 1)
    favour = 1 - LONG_LAG_WEIGHT * (lags - lags[0]) / (lags[-1] - lags[0])
    halve = np.sinc(np.arange(-15, 16) / 2) * np.hanning(33)[1:-1]
    return Tables(
        taper.astype(np.float32),
        bands.astype(np.float32),
        bands.sum(axis=0).astype(np.float32),
        (own[0] / own[lags] * favour).astype(np.float32),
        (halve / halve.sum()).astype(np.float32),
    )


def narrowed(samples: Samples, rate_hz: int, last: int) -> Floats:
    """``offhook.kernels.narrowed``."""
    floats = samples.astype(np.float32)
    last = min(last, len(samples))
    if rate_hz == RATE_HZ or not len(floats):
        return floats[len(floats) - last :]
    halved: Floats = np.convolve(floats, tables().halve)[15 : 15 + len(floats)]
    kept = halved[(len(halved) - 1) % 2 :: 2]
    return kept[len(kept) - (last + 1) // 2 :]


def spectra(signal: Floats, count: int) -> Spectra:
    """``[count, bins]``: the last window ends where ``signal`` does; what is missing in front is silence."""
    needed = WINDOW + (count - 1) * HOP
    if len(signal) < needed:
        signal = np.concatenate([np.zeros(needed - len(signal), np.float32), signal])
    windows = np.lib.stride_tricks.sliding_window_view(signal[len(signal) - needed :], WINDOW)[::HOP]
    return np.fft.rfft(windows * tables().taper, SPECTRUM)


def power_of(found: Spectra) -> Floats:
    power: Floats = (found.real**2 + found.imag**2).astype(np.float32, copy=False)
    return power


def smooth_size(least: int) -> int:
    """The next multiple of 1024 whose only factors are 2, 3 and 5."""
    thousands = -(-least // 1024)
    while True:
        rest = thousands
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return thousands * 1024
        thousands += 1


def echo_delay(caller: Floats, ours: Floats, known_ms: float | None) -> int | None:
    """``offhook.kernels.echo_delay``."""
    if not len(caller) or not len(ours) or float(np.abs(ours).max()) < AUDIBLE:
        return None
    first, last = ECHO_LAGS_MS[0] * MS, ECHO_LAGS_MS[1] * MS
    size = smooth_size(max(len(caller), len(ours)) + last - first)
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


def without_echo(heard: Spectra, ours: Spectra) -> tuple[Floats, Floats]:
    """``offhook.kernels.without_echo``, of ``[windows, bins]``: that and ``[windows, bands]``."""
    power = power_of(ours)
    strength = power.sum(axis=0)
    path = (heard * np.conj(ours)).sum(axis=0) / (strength + 1e-2 * strength.max() + 1)
    left = power_of(heard - path * ours)
    bands = tables().bands
    explained = (power * power_of(path)) @ bands
    # The largest of all earlier windows, each decayed by its age; as a running maximum of logarithms.
    age = np.arange(len(explained), dtype=np.float32)[:, None] * math.log(TAIL_DECAY)
    lasting = np.exp(np.maximum.accumulate(np.log(explained + 1) - age, axis=0) + age)
    ratio = left @ bands / lasting
    ratio[lasting < FLOOR_POWER] = np.inf
    usual = np.sort(ratio, axis=0)
    known = np.isfinite(usual).sum(axis=0)
    at = np.maximum(0, (0.4 * (known - 1)).astype(np.intp))
    quantile = np.where(known > 5, usual[at, np.arange(usual.shape[1])], 0)
    return left, (np.minimum(quantile, 2.0) * lasting).astype(np.float32)


def features(
    left: Floats, tail: Floats | None, since: int, before: int, noise_power: float
) -> tuple[Floats, Floats, float]:
    """``offhook.kernels.features``, of ``left [windows, bins]`` and ``tail [windows, bands]``."""
    table = tables()
    left_bands = left @ table.bands
    gain = np.ones_like(left_bands) if tail is None else np.clip(1 - 3 * tail / (left_bands + 1), 0, 1)
    if before > 8:
        floor = np.median(left_bands[:before], axis=0)
    else:
        floor = 2 * np.sort(left_bands, axis=0)[len(left_bands) // 10]
    floor = floor * min(1.0, 2 * noise_power / (float(floor.sum()) + 1))
    # The period is looked for in what stands out of the noise.
    noise = (floor / table.bins) @ table.bands.T
    kept = np.clip(1 - 1.5 * noise / (left[since:] + 1), 0.02, 1)
    kept *= gain[since:] @ table.bands.T + 0.1 * (table.bands.sum(axis=1) == 0)
    correlation = np.fft.irfft(left[since:] * kept, SPECTRUM)
    lowest = RATE_HZ // PITCH_HZ[1]
    relative = correlation[:, lowest : lowest + len(table.lag_gain)] / (correlation[:, :1] + 1)
    relative = relative * table.lag_gain
    lag = relative.argmax(axis=1)
    clear = (left_bands * gain)[since:]
    rows = (
        left_bands[since:].sum(axis=1),
        *(clear[:, part].sum(axis=1) for part in (LOW, MID, HIGH)),
        relative[np.arange(len(lag)), lag],
        -np.log2((lag + lowest).astype(np.float32)),
    )
    return np.array(rows, np.float32), floor.astype(np.float32), float(left_bands.sum(axis=1).max())


def delayed(ours: Floats, delay: int) -> Floats:
    """``ours`` moved so that it ends together with its echo, 1 ms early for what comes before the peak."""
    late = delay - MS
    return ours[: max(0, len(ours) - late)] if late >= 0 else np.append(ours, np.zeros(-late, np.float32))


def measure(
    heard: Samples,
    played: Samples,
    rate_hz: int,
    *,
    latest: int,
    since: int,
    before: int,
    known_delay_ms: float | None,
    noise_power: float,
) -> tuple[Floats, Floats, float, int | None]:
    """``offhook.kernels.measure``: the features' rows ``[7, windows]``, noise, loudest window, delay."""
    caller = narrowed(heard, rate_hz, len(heard))[-latest:]
    wanted = len(caller) + (ECHO_LAGS_MS[1] + 100) * MS
    ours = narrowed(played, rate_hz, wanted * rate_hz // RATE_HZ)
    count = (len(caller) - WINDOW) // HOP + 1
    found = spectra(caller, count)
    total = power_of(found)
    delay = echo_delay(caller, ours, known_delay_ms)
    left, tail = total, None
    if delay is not None:
        left, tail = without_echo(found, spectra(delayed(ours, delay), count))
    rows, floor, loudest = features(left, tail, since, before, noise_power)
    power = (total[since:] @ tables().bands).sum(axis=1)
    return np.concatenate([power[None], rows]), floor, loudest, delay


def without_voice(heard: Samples, ours: Samples, window: int) -> Samples:
    """``offhook.kernels.without_voice``."""
    caller, echo = _windows(heard, len(heard), window), _windows(ours, len(heard), window)
    strength = (echo.real**2 + echo.imag**2).sum(axis=0)
    path = (caller * np.conj(echo)).sum(axis=0) / (strength + 1e-2 * strength.max() + 1)
    explained = path * echo
    left = caller - explained
    left_power = left.real**2 + left.imag**2
    allowed = LEFT_SHARE * (explained.real**2 + explained.imag**2)
    return _signal(left * np.maximum(LEAST_GAIN, 1 - allowed / (left_power + 1)), len(heard), window)


def _taper(window: int) -> Floats:
    """Its square adds up to one at half a window's hop."""
    return np.sqrt(np.hanning(window + 1)[:window]).astype(np.float32)


def _windows(signal: Samples, length: int, window: int) -> Spectra:
    """``[windows, bins]`` of the last ``length`` samples, half a window apart; silence in front."""
    hop = window // 2
    count = -(-length // hop) + 1
    padded = np.zeros((count + 1) * hop, np.float32)
    tail = signal[-length:] if length else signal[:0]
    padded[hop + length - len(tail) : hop + length] = tail
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, window)[::hop] * _taper(window))


def _signal(found: Spectra, length: int, window: int) -> Samples:
    hop = window // 2
    windows = np.fft.irfft(found, window) * _taper(window)
    out = np.zeros((len(windows) + 1) * hop, np.float32)
    for half in (0, 1):
        part = windows[:, half * hop : (half + 1) * hop].reshape(-1)
        out[half * hop : half * hop + len(part)] += part
    return np.clip(np.rint(out[hop : hop + length]), -32768, 32767).astype(np.int16)


def frame_powers(audio: Samples, size: int) -> NDArray[np.float64]:
    """``offhook.kernels.frame_powers``."""
    count = len(audio) // size
    frames = audio[len(audio) - count * size :].reshape(count, size).astype(np.float64)
    return np.mean(frames * frames, axis=1) if count else np.zeros(0)
