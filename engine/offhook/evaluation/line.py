"""The line between caller and agent: clean, or with noise on it for the whole call."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from offhook.errors import ConfigError
from offhook.evaluation.voices import RATE_HZ
from offhook.simulator.audible import Samples, audible_stretches
from offhook.simulator.channel import ChannelOptions, SimulatedChannel
from offhook.simulator.script import FRAME_MS, Caller, CallerFrame, Say, Step

_BAND_HZ = (300.0, 3_400.0)
_NOISE_S = 20
_LOUDEST_DB, _FAINTEST_DB = -10.0, 60.0


def snr_of(line: str) -> float | None:
    """``noise:DB`` as its signal-to-noise ratio [dB]; None for ``clean``.  Raises ConfigError."""
    if line == "clean":
        return None
    kind, _, value = line.partition(":")
    try:
        snr_db = float(value) if kind == "noise" else math.nan
    except ValueError:
        snr_db = math.nan
    if not _LOUDEST_DB <= snr_db <= _FAINTEST_DB:
        raise ConfigError(
            f"--line {line!r}: use clean or noise:DB, with {_LOUDEST_DB:g} to {_FAINTEST_DB:g} dB that the"
            " speech is louder than the noise, such as noise:15"
        )
    return snr_db


def pink_noise(speech: Sequence[Samples], snr_db: float, *, seed: int = 1) -> Samples:
    """20 s of noise whose power falls by 3 dB an octave from 300 to 3,400 Hz, to be looped.

    It is ``snr_db`` below the mean power of the speech's audible parts.
    """
    length = _NOISE_S * RATE_HZ
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE_HZ)
    inside = (frequencies >= _BAND_HZ[0]) & (frequencies <= _BAND_HZ[1])
    spectrum[~inside] = 0
    spectrum[inside] /= np.sqrt(frequencies[inside])
    noise = np.fft.irfft(spectrum, length)
    powers = [_power(audio) for audio in speech]
    level = math.sqrt(sum(powers) / len(powers)) * 10 ** (-snr_db / 20) if powers else 0.0
    noise *= level / math.sqrt(float(np.mean(noise * noise)))
    return np.clip(np.rint(noise), -32_768, 32_767).astype(np.int16)


def _power(audio: Samples) -> float:
    parts = [audio[each.start_samples : each.stop_samples] for each in audible_stretches(audio, RATE_HZ)]
    return float(np.mean(np.concatenate(parts).astype(np.float64) ** 2)) if parts else 0.0


class NoisyCaller(Caller):
    """A caller in a noisy place: something is heard whether they speak or not."""

    def __init__(self, steps: Sequence[Step], frame_samples: int, noise: Samples) -> None:
        """``noise`` is looped; what is measured of the speech is measured without it."""
        super().__init__(steps, frame_samples)
        self._noise = noise
        self._at = 0

    def frame(self, *, agent_audible: bool) -> CallerFrame:
        """See :class:`~offhook.simulator.script.Caller`."""
        frame = super().frame(agent_audible=agent_audible)
        if not frame.hang_up:
            noise = np.take(self._noise, np.arange(self._at, self._at + self.frame_samples), mode="wrap")
            self._at += self.frame_samples
            speech = 0 if frame.audio is None else frame.audio.astype(np.int32)
            frame.audio = np.clip(noise.astype(np.int32) + speech, -32_768, 32_767).astype(np.int16)
        return frame


class NoisyChannel(SimulatedChannel):
    """A channel whose caller is in a noisy place."""

    def __init__(self, steps: Sequence[Step], options: ChannelOptions, snr_db: float) -> None:
        super().__init__(steps, options)
        noise = pink_noise([step.audio for step in steps if isinstance(step, Say)], snr_db)
        self._caller = NoisyCaller(steps, options.rate_hz * FRAME_MS // 1000, noise)
