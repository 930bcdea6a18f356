"""What a caller's line carries while we speak: words, hums, coughs, noise, and our own echo.

Everything is 8 kHz int16 and depends on the given generator alone.  The recipes are
simple and deliberately varied (pitch, length, level, spectrum), because a judge that
is tuned on one cough knows one cough.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.audio.audio import RATE_HZ, Samples, read_wav
from tests.support.sip import g711

Signal = NDArray[np.float64]
Generator = np.random.Generator

MS = RATE_HZ // 1_000
FULL_SCALE = 32_768
SPEECH_DBFS = -22.0
"""A healthy telephone level: mean power of what is audible."""


# --- shaping -------------------------------------------------------------------------------


def to_samples(signal: Signal) -> Samples:
    """Rounded and clipped to int16."""
    samples: Samples = np.clip(np.round(signal), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return samples


def at_level(signal: NDArray[np.int16] | Signal, dbfs: float) -> Signal:
    """Scaled so that its audible part (within 30 dB of the loudest 20 ms) has ``dbfs`` mean power."""
    floats = np.asarray(signal, np.float64)
    frames = floats[: len(floats) // 160 * 160].reshape(-1, 160)
    power = np.mean(frames**2, axis=1) if len(frames) else np.array([np.mean(floats**2)])
    loud = power[power >= power.max() / 1_000]
    scaled: Signal = floats * (FULL_SCALE * 10 ** (dbfs / 20) / (np.sqrt(loud.mean()) + 1e-9))
    return scaled


def shaped(signal: Signal, corners: list[tuple[float, float]]) -> Signal:
    """Filtered with zero phase: ``corners`` are (frequency [Hz], gain [dB]), straight lines between."""
    spectrum = np.fft.rfft(signal)
    hz = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    gain_db = np.interp(hz, [f for f, _ in corners], [g for _, g in corners])
    filtered: Signal = np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(signal))
    return filtered


def telephone(signal: NDArray[np.int16] | Signal) -> Samples:
    """What a telephone line makes of it: 300-3400 Hz, µ-law."""
    if not len(signal):
        return np.zeros(0, np.int16)
    corners = [(0.0, -40.0), (150.0, -18.0), (300.0, -1.0), (400.0, 0.0), (3_300.0, 0.0), (3_700.0, -30.0)]
    return g711.decode(g711.encode(to_samples(shaped(np.asarray(signal, np.float64), corners))))


def noise(rng: Generator, length: int, *, pink: bool = False) -> Signal:
    """White, or falling by 3 dB an octave; unit variance."""
    white = rng.normal(size=length)
    if not pink or not length:
        return white
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    coloured = np.fft.irfft(spectrum, length)
    scaled: Signal = coloured / (coloured.std() + 1e-12)
    return scaled


def with_noise(rng: Generator, signal: Signal, snr_db: float, *, pink: bool, speech_dbfs: float) -> Signal:
    """Noise ``snr_db`` below speech at ``speech_dbfs``."""
    amplitude = FULL_SCALE * 10 ** ((speech_dbfs - snr_db) / 20)
    return signal + amplitude * noise(rng, len(signal), pink=pink)


def _ramp(signal: Signal, attack_ms: float, release_ms: float) -> Signal:
    out = signal.copy()
    up, down = min(len(out), int(attack_ms * MS)), min(len(out), int(release_ms * MS))
    if up:
        out[:up] *= np.sin(np.linspace(0, np.pi / 2, up)) ** 2
    if down:
        out[-down:] *= np.sin(np.linspace(np.pi / 2, 0, down)) ** 2
    return out


# --- a voice made of a pulse train and resonances --------------------------------------------


def voiced(rng: Generator, pitch_hz: Signal, formants: list[tuple[float, float, float]]) -> Signal:
    """Glottal pulses at ``pitch_hz`` (one a sample), through resonances (Hz, bandwidth [Hz], gain [dB]).

    The pulses carry 1 % of jitter, 5 % of shimmer and a little breath.
    """
    length = len(pitch_hz)
    jitter = np.interp(
        np.arange(length),
        np.arange(0, length + 80, 80),
        rng.normal(0, 0.01, length // 80 + 2)[: len(np.arange(0, length + 80, 80))],
    )
    phase = np.cumsum(pitch_hz * (1 + jitter)) / RATE_HZ
    pulses = np.diff(np.floor(phase), prepend=0.0) * (1 + 0.05 * rng.normal(size=length))
    source = pulses * 10 + 0.02 * rng.normal(size=length)
    hz = np.fft.rfftfreq(2 * length, 1 / RATE_HZ)
    tilt = 1 / (1 + (hz / 400) ** 2)
    response = np.zeros(len(hz), np.complex128)
    for centre, width, gain_db in formants:
        response += 10 ** (gain_db / 20) * width * centre / (centre**2 - hz**2 + 1j * hz * width)
    out: Signal = np.fft.irfft(np.fft.rfft(source, 2 * length) * tilt * response, 2 * length)[:length]
    return out


def hum(rng: Generator, *, pitch_hz: float, length_ms: int, rise: float = 0.15, dip: bool = True) -> Signal:
    """ "Mm-hm" or, without ``dip``, "mmm": a nasal murmur whose pitch goes up by the share ``rise``.

    A closed mouth leaves one strong resonance near 250 Hz.  As in the nasals of recorded voices
    (flite's slt, awb, rms over a telephone), 550-1000 Hz lie 20 to 34 dB below that, and 1000-3400 Hz
    20 to 35 dB.
    """
    length = length_ms * MS
    at = np.linspace(0, 1, length)
    contour = pitch_hz * (1 + rise * (at - 0.5) + 0.04 * np.sin(2 * np.pi * (at + rng.random())))
    formants = [
        (rng.uniform(220, 290), 55.0, 0.0),
        (rng.uniform(950, 1_150), 120.0, rng.uniform(-30, -22)),
        (rng.uniform(2_000, 2_400), 250.0, rng.uniform(-38, -30)),
    ]
    body = voiced(rng, contour, formants)
    if dip:
        centre = rng.uniform(0.38, 0.5)
        depth = rng.uniform(0.75, 0.98)
        body *= 1 - depth * np.exp(-(((at - centre) / 0.07) ** 2))
        body += 0.01 * body.std() * np.exp(-(((at - centre) / 0.08) ** 2)) * rng.normal(size=length)
    return _ramp(body, 25, 60)


def uh_huh(rng: Generator, *, pitch_hz: float, length_ms: int) -> Signal:
    """Two short neutral vowels with breath between them."""
    length = length_ms * MS
    at = np.linspace(0, 1, length)
    contour = pitch_hz * (0.95 + 0.2 * (at > 0.5) * (at - 0.3))
    scale = rng.uniform(0.9, 1.15)
    formants = [(600 * scale, 80.0, 0.0), (1_200 * scale, 110.0, -6.0), (2_500 * scale, 180.0, -14.0)]
    body = voiced(rng, contour, formants)
    centre = rng.uniform(0.38, 0.46)
    gap = np.exp(-(((at - centre) / 0.09) ** 4))
    breath = shaped(rng.normal(size=length), [(0, -20.0), (500, 0.0), (1_500, 0.0), (3_500, -8.0)])
    return _ramp(body * (1 - 0.97 * gap) + 0.15 * body.std() * gap * breath, 20, 70)


def cough(rng: Generator) -> Signal:
    """One or two bursts of air, each with a hoarse, short voiced tail."""
    parts = []
    for _ in range(int(rng.integers(1, 3))):
        burst = int(rng.uniform(70, 160)) * MS
        air = shaped(
            rng.normal(size=burst),
            [(0, -12.0), (400, 0.0), (rng.uniform(900, 1_500), 4.0), (2_500, 0.0), (4_000, -6.0)],
        ) * np.exp(-np.linspace(0, rng.uniform(1.5, 3), burst))
        tail = int(rng.uniform(40, 110)) * MS
        pitch = np.linspace(rng.uniform(140, 320), rng.uniform(90, 160), tail)
        pitch *= 1 + 0.08 * np.interp(
            np.arange(tail), np.arange(0, tail + 40, 40), rng.normal(size=len(np.arange(0, tail + 40, 40)))
        )
        hoarse = voiced(rng, pitch, [(500, 120.0, 0.0), (1_400, 180.0, -3.0), (2_500, 250.0, -6.0)])
        hoarse = hoarse / (hoarse.std() + 1e-9) * rng.uniform(0.3, 0.8)
        hoarse += rng.uniform(0.3, 0.7) * rng.normal(size=tail)
        hoarse *= np.exp(-np.linspace(0, 3, tail)) * np.exp(-rng.uniform(1, 2))
        parts += [_ramp(np.concatenate([air, hoarse]), 4, 20), np.zeros(int(rng.uniform(60, 200)) * MS)]
    return np.concatenate(parts)


def burst(rng: Generator, *, length_ms: int, pink: bool) -> Signal:
    """Noise that comes and goes: wind, paper, a tap."""
    return _ramp(noise(rng, length_ms * MS, pink=pink), 5, 30)


def crackle(rng: Generator, *, length_ms: int) -> Signal:
    """A bad line: single clicks of a millisecond, many or few."""
    length = length_ms * MS
    clicks = (rng.random(length) < rng.uniform(20, 150) / RATE_HZ) * rng.choice([-1.0, 1.0], length)
    clicks *= rng.uniform(0.3, 1.0, length)
    decay = np.exp(-np.arange(8 * MS) / (rng.uniform(0.2, 1.0) * MS)) * rng.choice([-1.0, 1.0], 8 * MS)
    ringing: Signal = np.convolve(clicks, decay)[:length]
    return ringing + 1e-3 * rng.normal(size=length)


def slam(rng: Generator) -> Signal:
    """A door: a thump around 100 Hz that rings, and a bang on top of it."""
    length = int(rng.uniform(250, 450)) * MS
    at = np.arange(length) / RATE_HZ
    thump = sum(
        rng.uniform(0.3, 1)
        * np.sin(2 * np.pi * rng.uniform(70, 420) * at + rng.uniform(0, 6))
        * np.exp(-at / rng.uniform(0.02, 0.08))
        for _ in range(6)
    )
    bang = rng.normal(size=length) * np.exp(-at / rng.uniform(0.01, 0.04)) * rng.uniform(0.5, 2)
    return np.asarray(thump + bang, np.float64)


# --- our own echo ----------------------------------------------------------------------------


def echo(rng: Generator, played: Samples, *, delay_ms: float, gain_db: float, kind: str) -> Signal:
    """``played`` as it comes back: ``hybrid`` (two reflections within 4 ms), ``room`` (a tail of 60-150 ms),
    ``distorted`` (a small loudspeaker overdriven, then a room).

    The result begins with ``played`` and is as long.
    """
    away = g711.decode(g711.encode(played)).astype(np.float64)
    if kind == "distorted":
        drive = 2.5 / (np.abs(away).max() + 1)
        away = np.tanh(away * drive) / drive
    response = np.zeros(400 * MS)
    response[0] = 1
    if kind == "hybrid":
        response[int(rng.integers(3, 30))] = rng.uniform(-0.4, 0.4)
    else:
        tail = np.arange(len(response)) / RATE_HZ
        decay = rng.uniform(0.06, 0.15) / 6.9
        late = rng.normal(size=len(response)) * np.exp(-tail / decay)
        response += late * rng.uniform(0.3, 0.9) / (np.sqrt(np.sum(late**2)) + 1e-9)
    size = len(away) + len(response)
    back = np.fft.irfft(np.fft.rfft(away, size) * np.fft.rfft(response, size), size)[: len(away)]
    back = shaped(
        back,
        [
            (0, -30.0),
            (300, 0.0),
            (rng.uniform(1_500, 3_000), 0.0),
            (3_400, rng.uniform(-15, -3)),
            (4_000, -40.0),
        ],
    )
    back *= 10 ** (gain_db / 20) * away.std() / (back.std() + 1e-9)
    shift = round(delay_ms * MS)
    return np.concatenate([np.zeros(shift), back])[: len(played)]


# --- voices ----------------------------------------------------------------------------------


_ESPEAK = """
import sys
import numpy as np
from offhook.engines.tts.espeak import Espeak
from tests.support.audio.audio import RATE_HZ, resample

voice, text, rate_wpm, file = sys.argv[1:]
synthesizer = Espeak(voice, rate_wpm=int(rate_wpm))
blocks = [np.zeros(0, np.int16), *synthesizer.synthesize(text)]
np.save(file, resample(np.concatenate(blocks), synthesizer.sample_rate_hz, RATE_HZ))
"""


@cache
def espeak(voice: str, text: str, rate_wpm: int = 165) -> Samples:
    """``text`` at 8 kHz, trimmed to what is audible.

    In a process of its own: what espeak-ng says depends a little on what it has said before.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spoken.npy"
        subprocess.run([sys.executable, "-c", _ESPEAK, voice, text, str(rate_wpm), str(file)], check=True)
        spoken: Samples = np.load(file)
    if not len(spoken):
        raise ValueError(f"espeak-ng says nothing for {text!r}")
    return trimmed(spoken)


@cache
def flite(voice: str, text: str, *, phones: bool = False) -> Samples:
    """``text`` (or flite phonemes) at 8 kHz, trimmed; FileNotFoundError without Debian's package flite."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spoken.wav"
        done = subprocess.run(
            ["flite", "-voice", voice, "-p" if phones else "-t", text, str(file)],
            capture_output=True,
            check=True,
        )
        if not file.is_file():
            raise ValueError(f"flite -voice {voice}: {done.stderr.decode(errors='replace')}")
        return trimmed(read_wav(file, RATE_HZ))


def trimmed(samples: Samples) -> Samples:
    """Cut to where its 10 ms are within 35 dB of its loudest."""
    hops = samples[: len(samples) // 80 * 80].reshape(-1, 80).astype(np.float64)
    power = np.mean(hops**2, axis=1)
    loud = np.flatnonzero(power > power.max() * 10**-3.5)
    return samples[loud[0] * 80 : (loud[-1] + 1) * 80]
