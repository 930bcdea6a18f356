"""How often a calm voice is taken for a raised one, and from where a raised one is noticed.

There are no recordings of angry callers here.  What there is: people who read (Debian's prompts for Asterisk,
``--folder``) or act (recordings of the moonshine-voice wheel), and synthetic voices.  Each sentence is
compared with three others of the same speaker, as a turn is with the caller's first ones; nobody is angry, so
each that is taken for raised is a false alarm.  Then the same on other lines, of whose level, band and noise
nothing may depend; and with the sentence made louder, and higher and faster together, by playing it faster.

    python -m bench.bench_tone [--folder es=/usr/share/asterisk/sounds/es ...] [--times 4]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray

from offhook.evaluation.voices import callers_voice
from offhook.tone_of_voice import Tone, change, is_raised, tone_of
from offhook.tone_of_voice.raised import FIRST
from tests.support.audio.audio import RATE_HZ, read_wav, resample, split_utterances, wheel_recording
from tests.support.audio.sounds import flite, noise, telephone

RECORDINGS = ("beckett", "clone-test", "endgame_nagg_nell", "two_cities")
FLITE = ("rms", "slt", "awb", "kal")
LENGTHS_S = 1.0, 8.0
AROUND_MS = 200, 100
"""Of the line, before and behind a turn: as calls have it."""
LINE_RMS = 6.0
SENTENCES = 60

Samples = NDArray[np.int16]
Floats = NDArray[np.float64]
Line = Callable[[Generator, Floats], Floats]


def _louder(db: float) -> Line:
    return lambda _, audio: audio * 10 ** (db / 20)


def _noisy(snr_db: float, *, pink: bool) -> Line:
    def line(rng: Generator, audio: Floats) -> Floats:
        speech = np.sqrt(np.mean(np.square(audio[np.abs(audio) > 100]))) if len(audio) else 0.0
        return audio + noise(rng, len(audio), pink=pink) * speech * 10 ** (-snr_db / 20)

    return line


LINES: dict[str, Line] = {
    "as it is": _louder(0),
    "18 dB quieter": _louder(-18),
    "6 dB louder": _louder(6),
    "G.711, 300-3400 Hz": lambda _, audio: telephone(audio).astype(np.float64),
    "white noise, 20 dB": _noisy(20, pink=False),
    "pink noise, 12 dB": _noisy(12, pink=True),
}
VOICES = {
    "4 dB louder": (4.0, 1.0),
    "10 dB louder": (10.0, 1.0),
    "2 semitones higher, 12 % faster": (0.0, 2 ** (2 / 12)),
    "4 dB, 2 semitones, 12 %": (4.0, 2 ** (2 / 12)),
    "6 dB, 3 semitones, 19 %": (6.0, 2 ** (3 / 12)),
    "8 dB, 4 semitones, 26 %": (8.0, 2 ** (4 / 12)),
}


def heard(rng: Generator, audio: Floats, line: Line) -> Tone | None:
    """``[samples]`` at 8 kHz as a call gives them to :func:`tone_of`."""
    before, behind = (ms * RATE_HZ // 1000 for ms in AROUND_MS)
    whole = line(rng, np.pad(audio, (before, behind))) + rng.normal(0, LINE_RMS, before + len(audio) + behind)
    return tone_of(np.clip(np.rint(whole), -32_768, 32_767).astype(np.int16), RATE_HZ)


def faster(audio: Floats, rate: float) -> Floats:
    """Played so much faster, and so much higher."""
    at = np.arange(0, len(audio) - 1, rate)
    found: Floats = np.interp(at, np.arange(len(audio)), audio)
    return found


def changed(audio: Floats, db: float, rate: float) -> Floats:
    return faster(audio, rate) * 10 ** (db / 20)


def speakers(folders: Iterable[str]) -> dict[str, list[Floats]]:
    """Sentences of each, at 8 kHz and -26 dBFS over all of them."""
    found: dict[str, list[Samples]] = {}
    for each in folders:
        name, _, path = each.partition("=")
        found[name] = [_read(file) for file in sorted(Path(path).glob("*.[ws][al][vn]"))]
    for recording in RECORDINGS:
        found[recording] = split_utterances(read_wav(wheel_recording(recording)), pause_ms=250)
    moods = json.loads((Path(__file__).parent / "grounding" / "moods.json").read_text(encoding="utf-8"))
    said = moods["en"]["neutral"][:SENTENCES]
    for voice in FLITE:
        found[f"flite {voice}"] = [flite(voice, text) for text in said]
    natural = callers_voice(None)
    found[natural.name.partition(":")[0]] = [natural(text) for text in said]
    shortest, longest = (int(s * RATE_HZ) for s in LENGTHS_S)
    of = {
        name: [each.astype(np.float64) for each in all_ if shortest <= len(each) <= longest]
        for name, all_ in found.items()
    }
    return {
        name: _levelled(sentences[:: 1 + (len(sentences) - 1) // SENTENCES])
        for name, sentences in of.items()
        if len(sentences) > FIRST
    }


def _read(file: Path) -> Samples:
    if file.suffix == ".sln":
        return np.fromfile(file, "<i2").astype(np.int16)
    audio, rate_hz = soundfile.read(file, dtype="int16")
    return resample(audio, rate_hz, RATE_HZ)


def _levelled(sentences: list[Floats]) -> list[Floats]:
    rms = float(np.sqrt(np.mean(np.square(np.concatenate(sentences)))))
    return [each * 32_768 * 10 ** (-26 / 20) / rms for each in sentences]


def raised(rng: Generator, first: Sequence[Tone | None], now: Sequence[Tone | None], times: int) -> Floats:
    """For each of ``now`` that can be measured, whether it is raised beside three others, several times."""
    found = []
    places = np.flatnonzero([tone is not None for tone in first])
    for place, tone in enumerate(now):
        if tone is None:
            continue
        for _ in range(times):
            others = rng.choice(places[places != place], FIRST, replace=False)
            found.append(is_raised(change([first[at] for at in others], tone)))
    return np.array(found, np.float64)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench_tone", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--times", type=int, default=4, help="each sentence beside so many threes of others")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(1)
    totals: dict[str, list[Floats]] = {}
    took: list[float] = []
    for name, sentences in speakers(options.folder).items():
        row = []
        calm: dict[str, list[Tone | None]] = {}
        for what, line in LINES.items():
            began = time.thread_time()
            calm[what] = [heard(rng, each, line) for each in sentences]
            took.append((time.thread_time() - began) / len(sentences) * 1000)
            row.append((what, raised(rng, calm[what], calm[what], options.times)))
        plain = LINES["as it is"]
        for what, (db, rate) in VOICES.items():
            tones = [heard(rng, changed(each, db, rate), plain) for each in sentences]
            row.append((what, raised(rng, calm["as it is"], tones, options.times)))
        print(f"{name} ({len(sentences)}):", ", ".join(f"{what} {found.mean():.1%}" for what, found in row))
        for what, found in row:
            totals.setdefault(what, []).append(found)
    print(f"\nAll, of {sum(map(len, totals['as it is']))} comparisons; {np.median(took):.1f} ms a sentence")
    for what, each in totals.items():
        print(f"  {what}: {np.concatenate(each).mean():.2%}, worst speaker {max(e.mean() for e in each):.1%}")


if __name__ == "__main__":
    main()
