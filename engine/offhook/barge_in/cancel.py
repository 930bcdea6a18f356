"""The caller's audio without our own voice in it, for whoever recognises the words.

Not a real-time echo canceller: the whole utterance and everything we played meanwhile are there,
so the echo's path is estimated over all of it, as one complex gain for each frequency (a Wiener
filter in the short-time Fourier domain), and taken away in one go.  What the caller says at the
same time is not correlated with what we say and does not disturb the estimate.  What the path
leaves (a room's tail, the codec) is turned down where the echo is most of what there is.
"""

from __future__ import annotations

import numpy as np

from offhook.barge_in.echo import echo_delay
from offhook.barge_in.spectrum import RATE_HZ, Floats, Samples, Spectra, at_8_khz

_FRAME_MS = 64
"""Longer than most lines' and handsets' impulse responses; a word has several."""
_LEFT_SHARE = 0.1
"""Of the echo's power, what may be left of it after the subtraction: -10 dB is turned down further."""
_LEAST_GAIN = 0.1


def without_our_voice(heard: Samples, played: Samples, rate_hz: int) -> Samples:
    """``heard`` without the echo of ``played``; unchanged when there is none.

    Both are ``[samples]`` int16 at ``rate_hz`` and end at the same moment; ``played`` should begin
    500 ms earlier, because an echo is late.  About 2 ms for each second.
    """
    delay = echo_delay(at_8_khz(heard, rate_hz), at_8_khz(played, rate_hz), None)
    if delay is None:
        return heard
    frame = _FRAME_MS * rate_hz // 1000
    late = delay * rate_hz // RATE_HZ
    ours = played[: max(0, len(played) - late)] if late >= 0 else np.append(played, np.zeros(-late, np.int16))
    caller = _spectra(heard, len(heard), frame)
    echo = _spectra(ours, len(heard), frame)
    strength = (echo.real**2 + echo.imag**2).sum(axis=0)
    path = (caller * np.conj(echo)).sum(axis=0) / (strength + 1e-2 * strength.max() + 1)
    explained = path * echo
    left = caller - explained
    left_power = left.real**2 + left.imag**2
    allowed = _LEFT_SHARE * (explained.real**2 + explained.imag**2)
    gain = np.maximum(_LEAST_GAIN, 1 - allowed / (left_power + 1))
    return _signal(left * gain, len(heard), frame)


def _window(frame: int) -> Floats:
    """Its square adds up to one at half a frame's hop."""
    return np.sqrt(np.hanning(frame + 1)[:frame]).astype(np.float32)


def _spectra(signal: Samples, length: int, frame: int) -> Spectra:
    """``[frames, bins]`` of the last ``length`` samples, half a frame apart; silence where there are less."""
    hop = frame // 2
    count = -(-length // hop) + 1
    padded = np.zeros((count + 1) * hop, np.float32)
    tail = signal[-length:] if length else signal[:0]
    padded[hop + length - len(tail) : hop + length] = tail
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    return np.fft.rfft(frames * _window(frame))


def _signal(spectra: Spectra, length: int, frame: int) -> Samples:
    hop = frame // 2
    frames = np.fft.irfft(spectra, frame) * _window(frame)
    out = np.zeros((len(frames) + 1) * hop, np.float32)
    for half in (0, 1):
        part = frames[:, half * hop : (half + 1) * hop].reshape(-1)
        out[half * hop : half * hop + len(part)] += part
    return np.clip(np.rint(out[hop : hop + length]), -32768, 32767).astype(np.int16)
