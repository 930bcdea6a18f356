"""The one door to the compiled kernels: what the barge-in judge and the levels compute over arrays.

Each lets go of the GIL once, around all of its work, and keeps nothing: any thread may call any of them, as
many at once as there are.  ``measure`` is all that a judgement needs in one go, because each step that took
the GIL again would wait for whatever the event loop does; its steps stand here by themselves for tests and
for ``bench/bench_kernels.py``, which compare them with NumPy.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    from offhook import _kernels
except ImportError as error:
    raise ImportError(f"offhook's compiled kernels cannot be loaded; run `make build` ({error})") from error

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]

RATE_HZ: Final = 8_000
"""Of all spectra; what is heard at 16 kHz is halved."""
MS: Final = RATE_HZ // 1_000
WINDOW: Final = _kernels.WINDOW_SAMPLES
"""32 ms."""
HOP: Final = _kernels.HOP_SAMPLES
"""10 ms."""
SPECTRUM: Final = 2 * WINDOW
"""Points of the transform: twice the window, so that the autocorrelation does not wrap."""
BAND_EDGES_HZ: Final = _kernels.BAND_EDGES_HZ
LOW, MID, HIGH = (slice(first, end) for first, end in _kernels.BAND_PARTS)
"""Below 550 Hz a hum has all it has; 550 to 1000 Hz; above."""
ECHO_LAGS_MS: Final = _kernels.ECHO_LAGS_MS
"""Where an echo is looked for: 0 to 400 ms and the inaccuracy of the clocks."""
FLOOR_POWER: Final = _kernels.LEAST_BAND_POWER
"""Of a band in a window; about -85 dBFS, below any telephone line."""
LONG_LAG_WEIGHT: Final = _kernels.LONG_LAG_WEIGHT


class Features(NamedTuple):
    """One number a window ``[windows]`` float32, power unless said otherwise, over all bands or some."""

    heard: Floats
    left: Floats
    """Without the echo."""
    low: Floats
    """These three without the echo's tail as well."""
    mid: Floats
    high: Floats
    periodic: Floats
    """0 to 1: how much the window repeats itself at the period of a voice ..."""
    pitch_octave: Floats
    """... and which one, as the logarithm of a frequency."""
    floor: Floats
    """``[bands]`` noise."""
    loudest: float
    """Of ``left``, of all windows, those before the onset included."""
    delay: int | None
    """Samples at 8 kHz after which our own voice comes back; None when it does not."""


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
) -> Features:
    """Everything the judge goes by; both sides are ``[samples]`` int16 that end at the same moment.

    Windows are counted from the first that fits into the latest ``latest`` samples (at 8 kHz) of ``heard``.
    Those from ``since`` on are returned, those up to ``before`` tell the noise, of which there is no more
    than ``noise_power`` (infinite: not known).  Raises ValueError where there is no such window.
    """
    known_ms = math.nan if known_delay_ms is None else known_delay_ms
    rows, floor, loudest, delay = _kernels.measure(
        np.ascontiguousarray(heard),
        np.ascontiguousarray(played),
        rate_hz,
        latest,
        since,
        before,
        known_ms,
        noise_power,
    )
    total, left, low, mid, high, periodic, pitch_octave = rows
    return Features(total, left, low, mid, high, periodic, pitch_octave, floor, loudest, delay)


def narrowed(samples: Samples, rate_hz: int, last: int | None = None) -> Floats:
    """The last ``last`` of ``[samples]`` at 8 or 16 kHz, None for all of them: ``[samples]`` at 8 kHz.

    The last sample stays the last.  Raises ValueError for another rate.
    """
    return _kernels.narrowed(
        np.ascontiguousarray(samples), rate_hz, len(samples) if last is None else max(0, last)
    )


def spectra(signal: Floats, count: int) -> Floats:
    """The last ``count`` windows of ``[samples]`` at 8 kHz: ``[2, bins, count]``, real and imaginary."""
    return _kernels.spectra(np.ascontiguousarray(signal), count)


def echo_delay(caller: Floats, ours: Floats, known_ms: float | None) -> int | None:
    """How many samples after we played it our voice is heard in ``caller``; None when it is not.

    Both are ``[samples]`` at 8 kHz and end together; ``known_ms`` is where it was before.
    """
    known = math.nan if known_ms is None else known_ms
    return _kernels.echo_delay(np.ascontiguousarray(caller), np.ascontiguousarray(ours), known)


def without_echo(heard: Floats, ours: Floats) -> tuple[Floats, Floats]:
    """Power that ``ours`` does not explain ``[bins, windows]``; what its tail may have ``[bands, windows]``.

    Both are spectra of the same windows.
    """
    return _kernels.without_echo(np.ascontiguousarray(heard), np.ascontiguousarray(ours))


def features(
    left: Floats, tail: Floats | None, since: int, before: int, noise_power: float
) -> tuple[Floats, Floats, float]:
    """The rows of :class:`Features` from ``left`` to ``pitch_octave``, its ``floor``, its ``loudest``.

    ``left`` is power ``[bins, windows]``, ``tail`` ``[bands, windows]``.
    """
    return _kernels.features(np.ascontiguousarray(left), tail, since, before, noise_power)


def without_voice(heard: Samples, ours: Samples, window: int) -> Samples:
    """``heard`` without what it has in common with ``ours``: ``[samples]`` int16, both end together.

    ``window`` is 512 or 1024 samples.
    """
    return _kernels.without_voice(np.ascontiguousarray(heard), np.ascontiguousarray(ours), window)


def frame_powers(audio: Samples, size: int) -> NDArray[np.float64]:
    """Mean square of each whole frame of ``size`` samples of ``[samples]`` int16, counted from the end."""
    return _kernels.frame_powers(np.ascontiguousarray(audio), size)
