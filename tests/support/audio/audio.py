"""Reading recordings, and where in them something can be heard.

One meaning of "audible" for the whole test suite: a sample whose neighbourhood
reaches :data:`AUDIBLE_DBFS`.  The turnaround is measured between two such samples.
"""

from __future__ import annotations

import importlib.util
import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.int16]

RATE_HZ = 8_000
AUDIBLE_DBFS = -45.0
_WINDOW = 40
"""Samples (5 ms at 8 kHz) over which loudness is taken."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something a caller says: its words, its audio, and where that audio is audible."""

    name: str
    text: str
    samples: Samples
    first_audible: int
    last_audible: int


def wheel_recording(name: str) -> Path:
    """A recording that the moonshine-voice wheel brings.  Raises FileNotFoundError without that wheel."""
    found = importlib.util.find_spec("moonshine_voice")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the recordings are missing; run: pip install 'moonshine-voice>=0.0.73,<0.1'")
    return Path(next(iter(found.submodule_search_locations))) / "assets" / f"{name}.wav"


def read_wav(path: Path, rate_hz: int = RATE_HZ) -> Samples:
    """A mono 16-bit recording at ``rate_hz``, resampled when it has another rate."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise ValueError(f"{path}: not 16-bit mono")
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
        return resample(samples, file.getframerate(), rate_hz)


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> None:
    """Mono 16-bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Band-limited; the samples themselves when nothing is to be done."""
    if from_hz == to_hz:
        return samples
    resampled: Samples = soxr.resample(samples, from_hz, to_hz)
    return resampled


def level_dbfs(samples: Samples) -> float:
    """Root mean square, in dB below full scale; -inf for silence."""
    if not len(samples):
        return float("-inf")
    power = float(np.mean(np.square(samples.astype(np.float64))))
    return 10 * float(np.log10(power / 32_768**2)) if power else float("-inf")


def activity(samples: Samples, threshold_dbfs: float = AUDIBLE_DBFS) -> NDArray[np.bool_]:
    """For each sample, whether it is audible: loud itself, within 5 ms that are loud as a whole."""
    threshold = 32_768 * 10 ** (threshold_dbfs / 20)
    square = np.square(samples.astype(np.float64))
    padded = np.concatenate([np.zeros(_WINDOW // 2), square, np.zeros(_WINDOW - _WINDOW // 2)])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    loud: NDArray[np.bool_] = (total[_WINDOW:] - total[:-_WINDOW])[: len(samples)] >= _WINDOW * threshold**2
    return loud & (np.abs(samples.astype(np.int32)) >= threshold)


def audible_span(samples: Samples, threshold_dbfs: float = AUDIBLE_DBFS) -> tuple[int, int] | None:
    """Positions of the first and the last audible sample; None when there is none."""
    heard = np.flatnonzero(activity(samples, threshold_dbfs))
    return (int(heard[0]), int(heard[-1])) if len(heard) else None


def phrase(name: str, text: str, samples: Samples) -> Phrase:
    """A phrase from audio whose span is measured here.  ValueError when nothing is audible."""
    span = audible_span(samples)
    if span is None:
        raise ValueError(f"{name}: nothing audible in {len(samples)} samples")
    return Phrase(name, text, samples, *span)


def load_phrases(folder: Path) -> dict[str, Phrase]:
    """The phrases of a folder with a ``speech.json``: name → phrase, in speaking order."""
    listed = json.loads((folder / "speech.json").read_text(encoding="utf-8"))
    return {
        entry["name"]: Phrase(
            entry["name"],
            entry["text"],
            read_wav(folder / f"{entry['name']}.wav"),
            entry["first_audible"],
            entry["last_audible"],
        )
        for entry in listed["phrases"]
    }


def split_utterances(samples: Samples, *, pause_ms: int = 350, least_ms: int = 600) -> list[Samples]:
    """Cuts a recording at its pauses; utterances shorter than ``least_ms`` are left out.

    The threshold follows the recording (30 dB under its loudest 20 ms), so that room noise counts as pause.
    """
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    level = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-9)
    voiced = np.flatnonzero(level > level.max() - 30)
    cuts = np.flatnonzero(np.diff(voiced) > pause_ms // 20)
    starts = voiced[np.concatenate([[0], cuts + 1])]
    ends = voiced[np.concatenate([cuts, [len(voiced) - 1]])] + 1
    margin = 2  # frames left around speech: soft consonants lie below the threshold
    return [
        samples[max(0, start - margin) * 160 : (end + margin) * 160]
        for start, end in zip(starts, ends, strict=True)
        if (end - start) * 20 >= least_ms
    ]
