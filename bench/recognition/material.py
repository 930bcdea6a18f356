"""What is to be recognised: recordings as a telephone line delivers them, clean and in noise.

At 8 kHz the speech is brought to -20 dBFS while it is active, gets 0.3 s of silence before and after, and the
noise is added at its distance below that level.  Then comes G.711, and 16 kHz as a call makes them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.core import resample
from offhook.engines.tts.piper import Piper
from tests.support.audio.audio import RATE_HZ, read_wav
from tests.support.sip import g711

FOLDER = Path(__file__).parent
SPEECH = FOLDER.parents[1] / "tests" / "data" / "speech"
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_LEVEL_DBFS = -20.0
_FRAME = RATE_HZ // 50
_AROUND_S = 0.3
_TALKERS = 6
"""Voices at once in the babble; the utterance itself is never among them."""
Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance: who, what, and the audio, ``[samples]`` at 8 kHz."""

    voice: str
    text: str
    audio: Signal


def gather(prompts: Path = PROMPTS, *, limit: int | None = None) -> list[Said]:
    """All there is here; at most ``limit`` of each voice.  Voices that cannot be had are left out."""
    texts = tomllib.loads((FOLDER / "texts.toml").read_text("utf-8"))
    shipped = json.loads((SPEECH / "speech.json").read_text("utf-8"))["phrases"]
    found = [levelled("flite", one["text"], read_wav(SPEECH / f"{one['name']}.wav")) for one in shipped][
        :limit
    ]
    voice = Piper(pull(find("piper-en_US-joe-medium"), print)[0].path)
    for text in texts["questions"][:limit]:
        audio = np.concatenate(list(voice.synthesize(text)))
        found.append(levelled("joe", text, soxr.resample(audio, voice.sample_rate_hz, RATE_HZ)))
    voice.close()
    human = [(text, prompts / f"{name}.wav") for name, text in texts["prompts"].items()]
    found += [levelled("human", text, read_wav(path)) for text, path in human[:limit] if path.is_file()]
    return found


def on_the_line(
    said: Said, noise: str, snr_db: float, others: Sequence[Said], seed: int
) -> NDArray[np.int16]:
    """``said`` as it arrives, ``[samples]`` int16 at 16 kHz.

    ``noise`` is "clean", "pink" or "babble" (``snr_db``), or one of :data:`LINES` (its number).
    """
    rng = np.random.default_rng(seed)
    signal = np.pad(said.audio, int(_AROUND_S * RATE_HZ))
    if noise in LINES:
        signal = LINES[noise](signal, snr_db, rng)
    elif noise != "clean":
        made = pink(len(signal), rng) if noise == "pink" else babble(len(signal), said, others, rng)
        signal = signal + made / np.sqrt(np.mean(made**2)) * _amplitude(_LEVEL_DBFS - snr_db)
    line = g711.decode(g711.encode(np.clip(np.round(signal), -32_768, 32_767).astype(np.int16)))
    return resample(line, RATE_HZ, 2 * RATE_HZ)


def _quieter(signal: Signal, by_db: float, _rng: np.random.Generator) -> Signal:
    quieter: Signal = signal * 10 ** (-by_db / 20)
    return quieter


def _clipped(signal: Signal, by_db: float, _rng: np.random.Generator) -> Signal:
    """So much too loud for the line."""
    loud: Signal = signal * 10 ** (by_db / 20) * _amplitude(0) / np.abs(signal).max()
    return np.clip(loud, -32_768, 32_767)


def _lossy(signal: Signal, percent: float, rng: np.random.Generator) -> Signal:
    """So many packets of 20 ms are silence, one by one."""
    frames = -(-len(signal) // _FRAME)
    lost = np.repeat(rng.random(frames) < percent / 100, _FRAME)[: len(signal)]
    return np.where(lost, 0.0, signal)


def _gsm(signal: Signal, _none: float, _rng: np.random.Generator) -> Signal:
    return _coded(signal, "gsm")


def _amr(signal: Signal, mode: float, _rng: np.random.Generator) -> Signal:
    """AMR narrow band; mode 0 has 4.75 kbit/s, 7 has 12.2."""
    return _coded(signal, "amr-nb", "-C", f"{mode:.0f}")


def _coded(signal: Signal, kind: str, *how: str) -> Signal:
    """Through a codec and back, by sox (Debian: sox, libsox-fmt-all)."""
    raw = ["-t", "s16", "-r", str(RATE_HZ), "-c", "1"]
    samples = np.clip(np.rint(signal), -32_768, 32_767).astype("<i2")
    with tempfile.NamedTemporaryFile() as file:
        to = ["sox", *raw, "-", "-t", kind, *how, file.name]
        subprocess.run(to, input=samples.tobytes(), check=True, timeout=60)
        back = ["sox", "-t", kind, file.name, *raw, "-"]
        decoded = subprocess.run(back, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    return np.frombuffer(decoded, "<i2").astype(np.float64)


LINES: dict[str, Callable[[Signal, float, np.random.Generator], Signal]] = {
    "quiet": _quieter,
    "clipped": _clipped,
    "loss": _lossy,
    "gsm": _gsm,
    "amr": _amr,
}


def pink(size: int, rng: np.random.Generator) -> Signal:
    """Noise with the same power in every octave."""
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    hz[0] = hz[1]
    signal: Signal = np.fft.irfft(spectrum / np.sqrt(hz), size)
    return signal


def babble(size: int, said: Said, others: Sequence[Said], rng: np.random.Generator) -> Signal:
    """Others who talk at the same time, each from somewhere in what they say."""
    talkers = [one for one in others if one.text != said.text]
    mixed = np.zeros(size)
    for talker in rng.permutation(len(talkers))[:_TALKERS]:
        audio = talkers[talker].audio
        mixed += np.resize(np.roll(audio, int(rng.integers(len(audio)))), size)
    return mixed


def babble_voices() -> list[Said]:
    """Others than joe, who speak in the babble."""
    return [one for one in gather(limit=8) if one.voice != "joe"]


def levelled(voice: str, text: str, audio: NDArray[Any]) -> Said:
    """``audio``, ``[samples]`` at 8 kHz, at the level of all of them."""
    floats = audio.astype(np.float64)
    return Said(voice, text, floats * _amplitude(_LEVEL_DBFS) / active_level(floats))


def active_level(audio: Signal) -> float:
    """Root mean square of the 20 ms frames within 30 dB of the loudest."""
    power = np.mean(audio[: len(audio) // _FRAME * _FRAME].reshape(-1, _FRAME) ** 2, axis=1)
    return float(np.sqrt(power[power > power.max() / 1000].mean()))


def _amplitude(dbfs: float) -> float:
    return float(32_768 * 10 ** (dbfs / 20))
