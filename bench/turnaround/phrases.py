"""What the caller says: words, voices, pauses, and what a right answer to it contains.

    python -m bench.turnaround.phrases             make all of them, list them, have them recognised

A phrase is made of pieces of speech and pauses between them.  Each piece is spoken by flite (Debian's
package ``flite``) or espeak-ng (the extra ``embedded``), both of which give the same samples every time,
brought to 8 kHz and cut to what is audible; a pause is the time from the last audible sample before it to
the first one after it.  Made at bench time, because that takes some 3 s, and kept in ``build/turnaround``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.turnaround import sounds
from bench.turnaround.measure import word_errors
from offhook.config import SttConfig
from offhook.engines.pool import load_recognizer
from offhook.engines.stt.base import recognised
from tests.support.audio import sounds as voices
from tests.support.audio.audio import RATE_HZ, Phrase, Samples, audible_span, phrase, read_wav, write_wav
from tests.support.words import words

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/turnaround/phrases"
PEAK = 16_000
"""Loudest sample of a phrase at level 0 dB: about -6 dBFS, a healthy telephone level."""
_MARGIN = 80
"""Samples kept around each audible piece (10 ms), so that no soft consonant is clipped."""


class NoFliteError(RuntimeError):
    """flite is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the caller says, as text."""

    name: str
    kind: str
    """open, long, closed, hesitation, digits, spelling, interrupt, backchannel, side or sound."""
    pieces: tuple[str | int, ...]
    """Words to speak, and between them pauses [ms]."""
    voice: str = "rms"
    """rms, slt, awb or kal (flite), or an espeak-ng voice such as en-gb."""
    pace: float = 1.1
    """flite: how much slower than its own pace; espeak-ng: words per minute."""
    right: str | None = None
    """What a right answer contains (a regular expression, ignoring case); None: nothing is asked of it."""

    level_db: float = 0.0
    """Louder than other lines."""

    @property
    def text(self) -> str:
        """The words, without the pauses."""
        return " ".join(piece for piece in self.pieces if isinstance(piece, str))

    @property
    def longest_pause_ms(self) -> int:
        return max((piece for piece in self.pieces if isinstance(piece, int)), default=0)


# The words of the answers (agents/practice.toml and agents/booking.toml).
HOURS = r"eight|\b8\b"
SATURDAY = r"noon"
WHERE = r"harbou?r|street"
PRICE = r"forty|45"
PARKING = r"behind|parking"
EMERGENCY = r"come in|at once"
CLEANING = r"sixty|60"
INSURANCE = r"insurance|plans"
CHILDREN = r"three|children"
PATIENTS = r"new patients"
BOOK = r"call you"
PAY = r"cash|card"
DIGITS = r"digit"
PHONE = r"telephone"
NOTED = r"anything else"

LINES = (
    # Ordinary questions: four voices of flite and three of espeak-ng, each at paces at which the embedded
    # recogniser understands it (found with this file's own listing).
    Line("hours", "open", ("What are your opening hours?",), "rms", 1.1, HOURS),
    Line("parking_slt", "open", ("Do you have parking?",), "slt", 1.0, PARKING),
    Line("insurance_awb", "open", ("Do you take my insurance?",), "awb", 1.15, INSURANCE),
    Line("location", "open", ("Where are you located?",), "rms", 1.15, WHERE),
    Line("saturday_kal", "open", ("Are you open on Saturday?",), "kal", 1.0, SATURDAY),
    Line("emergency_slt", "open", ("What should I do in an emergency?",), "slt", 1.15, EMERGENCY),
    Line("children_rp", "open", ("Do you treat children?",), "en-gb-x-rp", 140, CHILDREN),
    Line("cost", "open", ("How much does a check up cost?",), "rms", 1.0, PRICE),
    Line("card_awb", "open", ("Can I pay by card?",), "awb", 1.15, PAY),
    Line("parking", "open", ("Do you have parking?",), "rms", 1.25, PARKING),
    Line("insurance_us", "open", ("Do you take my insurance?",), "en-us", 130, INSURANCE),
    Line("patients_rp", "open", ("Do you take new patients?",), "en-gb-x-rp", 140, PATIENTS),
    Line("emergency_kal", "open", ("What should I do in an emergency?",), "kal", 1.2, EMERGENCY),
    Line("cleaning", "open", ("How much is a cleaning?",), "rms", 1.2, CLEANING),
    Line("location_gb", "open", ("Where are you located?",), "en-gb", 130, WHERE),
    # Long ones.
    Line(
        "long_book",
        "long",
        ("Good morning, my name is Peter and I would like to book an appointment for my daughter.",),
        "rms",
        1.05,
        BOOK,
    ),
    Line(
        "long_pain",
        "long",
        ("I have had a bad toothache since last night, so what should I do in an emergency like this?",),
        "slt",
        1.1,
        EMERGENCY,
    ),
    Line(
        "long_pay",
        "long",
        ("When I come to see you next week, can I pay with a credit card or do I need cash?",),
        "rms",
        1.1,
        PAY,
    ),
    # Yes, no and numbers of known length, after a question that asks for them.
    Line("yes", "closed", ("Yes.",), "rms", 1.3, DIGITS),
    Line("yes_please", "closed", ("Yes please.",), "slt", 1.1, DIGITS),
    Line("no", "closed", ("No.",), "rms", 1.3, PHONE),
    Line("no_thanks", "closed", ("No thank you.",), "rms", 1.1, PHONE),
    Line("four_digits", "closed", ("four two seven one",), "rms", 1.15, NOTED),
    Line("four_digits_kal", "closed", ("nine three eight six",), "kal", 1.1, NOTED),
    Line("seven_digits", "closed", ("five five five zero one two three",), "rms", 1.1, NOTED),
    # Not finished: inner pauses of 300 to 700 ms.
    Line("h_like", "hesitation", ("I would like to", 500, "know your opening hours."), "rms", 1.1, HOURS),
    Line("h_um", "hesitation", ("Um,", 400, "how much does a check up cost?"), "rms", 1.0, PRICE),
    Line("h_tell", "hesitation", ("Can you tell me", 600, "where you are located?"), "rms", 1.15, WHERE),
    Line(
        "h_and",
        "hesitation",
        ("My tooth hurts, and", 450, "what should I do in an emergency?"),
        "slt",
        1.1,
        EMERGENCY,
    ),
    Line(
        "h_twice",
        "hesitation",
        ("I want to", 350, "book an appointment", 500, "for next Monday."),
        "rms",
        1.1,
        BOOK,
    ),
    Line("h_do", "hesitation", ("Do you,", 300, "do you have parking?"), "kal", 1.1, PARKING),
    Line("h_have", "hesitation", ("Do you have", 700, "parking?"), "rms", 1.2, PARKING),
    Line(
        "h_clause",
        "hesitation",
        ("I have a question.", 400, "Do you take my insurance?"),
        "awb",
        1.15,
        INSURANCE,
    ),
    Line("h_your", "hesitation", ("What are your", 650, "opening hours?"), "rms", 1.1, HOURS),
    Line(
        "h_whether",
        "hesitation",
        ("I was wondering", 550, "whether you take my insurance."),
        "rms",
        1.1,
        INSURANCE,
    ),
    Line("h_open", "hesitation", ("Are you,", 450, "are you open on Saturday?"), "slt", 1.0, SATURDAY),
    # Numbers in groups, and letters.
    Line("d_four", "digits", ("four two", 450, "seven one"), "rms", 1.15, NOTED),
    Line("d_pairs", "digits", ("nine three", 350, "eight six"), "kal", 1.1, NOTED),
    Line("d_phone", "digits", ("five five five,", 500, "zero one", 400, "two three"), "rms", 1.15, NOTED),
    Line("d_long", "digits", ("five five five,", 700, "nine eight seven six"), "slt", 1.15, NOTED),
    Line("name", "open", ("My last name is Smith.",), "rms", 1.1, r"spell"),
    Line("s_name", "spelling", ("S. M.", 400, "I. T. H."), "rms", 1.2),
    Line("s_pairs", "spelling", ("B. R.", 500, "O. W. N."), "kal", 1.2),
    # Said while the agent is speaking.
    Line("stop", "interrupt", ("Wait, please stop for a moment.",), "rms", 1.1),
    Line("hold_on", "interrupt", ("No, wait a moment.",), "rms", 1.1),
    Line("what_about", "interrupt", ("Excuse me, how much does a check up cost?",), "rms", 1.05, PRICE),
    Line("where_then", "interrupt", ("Sorry, where are you located?",), "slt", 1.15, WHERE),
    Line("uh_huh", "backchannel", ("uh huh",), "awb", 1.3),
    Line("yeah", "backchannel", ("yeah",), "rms", 1.1),
    Line("okay", "backchannel", ("okay",), "slt", 1.0),
    # Said to somebody else in the room, away from the telephone, by whoever calls.
    Line("side_kettle", "side", ("could you put the kettle on",), "rms", 1.0, level_db=-12.0),
    Line("side_keys", "side", ("they are on the kitchen table",), "slt", 1.0, level_db=-12.0),
    Line("side_door", "side", ("that must be the postman",), "awb", 1.1, level_db=-12.0),
    Line("side_dog", "side", ("down boy get down",), "rms", 1.1, level_db=-10.0),
    Line("side_later", "side", ("tell him I will ring him tonight",), "slt", 1.05, level_db=-14.0),
    Line("side_shoes", "side", ("your shoes are under the stairs",), "kal", 1.0, level_db=-12.0),
    # The questions whose answers are long enough to be talked into.
    Line("history", "open", ("Can you tell me about your history?",), "rms", 1.1, r"founded|family"),
    Line("whitening", "open", ("What do you know about whitening?",), "rms", 1.1, r"whitening|lamp"),
)

HUMS = {
    "mm_hm": lambda: _hum(21, pitch_hz=115.0),
    "mm_hm_high": lambda: _hum(24, pitch_hz=205.0),
    "mm": lambda: _hum(22, pitch_hz=105.0, length_ms=280, dip=False),
    "mm_hm_slt": lambda: _nasal("slt", "m m hh m m"),
    "mm_hm_rms": lambda: _nasal("rms", "m m hh m m"),
    "mm_awb": lambda: _nasal("awb", "m m m"),
}
"""Said with the mouth closed, which no synthesiser does with text: their kind is ``backchannel``."""
SOUNDS = {
    "cough": lambda: sounds.cough(),
    "cough_short": lambda: sounds.cough(11, bursts=1, burst_ms=140),
    "cough_long": lambda: sounds.cough(12, bursts=3, burst_ms=200),
    "cough_soft": lambda: sounds.cough(13, burst_ms=150, peak=7_000),
    "slam": lambda: sounds.slam(),
    "slam_far": lambda: sounds.slam(7, peak=9_000),
    "crackle": lambda: sounds.crackle(),
    "crackle_long": lambda: sounds.crackle(8, duration_ms=1_100, clicks=40),
    "burst_80": lambda: sounds.burst(4, duration_ms=80),
    "burst_150": lambda: sounds.burst(6, duration_ms=150),
    "burst_300": lambda: sounds.burst(5, duration_ms=300),
}
"""Said by nobody; their kind is ``sound``."""


def _hum(seed: int, *, pitch_hz: float, length_ms: int = 460, dip: bool = True) -> Samples:
    """From a model of the closed mouth."""
    hum = voices.hum(np.random.default_rng(seed), pitch_hz=pitch_hz, length_ms=length_ms, dip=dip)
    return voices.to_samples(voices.at_level(hum, voices.SPEECH_DBFS))


def _nasal(voice: str, phones: str) -> Samples:
    """From the nasals of flite's recorded voices."""
    nasal = voices.flite(voice, f"pau {phones} pau", phones=True)
    return voices.to_samples(voices.at_level(nasal, voices.SPEECH_DBFS))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line with its audio."""

    line: Line
    phrase: Phrase

    def at_level(self, level_db: float) -> Spoken:
        """The same, louder or quieter; what is audible of it is measured anew."""
        if not level_db:
            return self
        samples = np.clip(np.round(self.phrase.samples * 10 ** (level_db / 20)), -32_768, 32_767)
        return Spoken(self.line, phrase(self.line.name, self.line.text, samples.astype(np.int16)))


@cache
def spoken(name: str) -> Spoken:
    """A line or a sound by its name; made when it is not yet in ``build/``.

    Raises KeyError for an unknown name and :class:`NoFliteError`.
    """
    if name in HUMS:
        return Spoken(Line(name, "backchannel", ()), phrase(name, "", HUMS[name]()))
    if name in SOUNDS:
        return Spoken(Line(name, "sound", ()), phrase(name, "", SOUNDS[name]()))
    line = next((line for line in LINES if line.name == name), None)
    if line is None:
        raise KeyError(f"there is no phrase {name!r}")
    file = FOLDER / f"{line.name}-{_digest(line)}.wav"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(".part")
        write_wav(made, make(line))
        made.replace(file)  # a run that is interrupted leaves no half phrase
    return Spoken(line, phrase(line.name, line.text, read_wav(file))).at_level(line.level_db)


def make(line: Line) -> Samples:
    """The audio of a line: its pieces, each levelled to :data:`PEAK`, and its pauses."""
    parts: list[Samples] = [np.zeros(_MARGIN, np.int16)]
    tail = 0
    """Samples kept after the last piece's last audible one: part of the pause that follows."""
    pause = 0
    for piece in line.pieces:
        if isinstance(piece, int):
            pause = piece * RATE_HZ // 1000
            continue
        audio = _speak(piece, line.voice, line.pace).astype(np.float64)
        levelled: Samples = np.round(audio * (PEAK / np.abs(audio).max())).astype(np.int16)
        span = audible_span(levelled)
        assert span is not None, piece
        start, stop = max(0, span[0] - _MARGIN), min(len(levelled), span[1] + 1 + _MARGIN)
        if pause:
            parts.append(np.zeros(max(0, pause - tail - (span[0] - start)), np.int16))
        parts.append(levelled[start:stop])
        tail, pause = stop - span[1] - 1, 0
    return np.concatenate([*parts, np.zeros(2 * _MARGIN, np.int16)])


def _speak(text: str, voice: str, pace: float) -> Samples:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "speech.wav"
        if "-" in voice:
            # In a process of its own: only then are the samples the same every time.
            command = [
                sys.executable,
                "-m",
                "bench.turnaround.speak",
                text,
                str(file),
                voice,
                str(round(pace)),
            ]
        elif shutil.which("flite") is None:
            raise NoFliteError("the caller's voices need flite: apt-get install flite")
        else:
            command = [
                "flite",
                "-voice",
                voice,
                "--setf",
                f"duration_stretch={pace}",
                "-t",
                text,
                "-o",
                str(file),
            ]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        return read_wav(file, RATE_HZ)


def _digest(line: Line) -> str:
    described = json.dumps([line.pieces, line.voice, line.pace, PEAK, _MARGIN])
    return hashlib.sha256(described.encode()).hexdigest()[:10]


async def _list(repeats: int) -> None:
    """Every line with what the embedded recogniser makes of it, cut a little differently each time."""
    recognizer = load_recognizer(SttConfig(timeout_s=300))
    errors = total = 0
    try:
        for line in LINES:
            one = spoken(line.name).phrase
            heard = []
            for number in range(repeats):
                samples = one.samples[: one.last_audible + 1 + 800 + 37 * number]
                padded = np.concatenate(
                    [np.zeros(1_600 + 53 * number, np.int16), samples, np.zeros(400, np.int16)]
                )
                text = (await recognised(recognizer, padded, RATE_HZ, 3_000)).text
                heard.append(text)
                if line.kind not in ("backchannel", "spelling"):
                    errors, total = errors + word_errors(line.text, text), total + len(words(line.text))
            duration_ms = (one.last_audible - one.first_audible) * 1000 // RATE_HZ
            print(
                f"{line.name:16} {line.kind:12} {line.voice:10} {duration_ms:5} ms  {line.text!r}: "
                f"{set(heard)}"
            )
    finally:
        recognizer.close()
    for name in (*HUMS, *SOUNDS):
        one = spoken(name).phrase
        print(
            f"{name:16} sound        {'':6} {(one.last_audible - one.first_audible) * 1000 // RATE_HZ:5} ms"
        )
    print(f"word error rate over all but spelling and backchannels: {errors / total:.3f}")


def main() -> None:
    """Makes and lists them."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.turnaround.phrases", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--repeats", type=int, default=3, help="cuts of each phrase that are recognised (3)")
    asyncio.run(_list(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
