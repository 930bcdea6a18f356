"""Makes the caller's side of the test and demo conversations.

    python -m tests.data.make_speech        (from the top folder; needs Debian's flite)

Written by this script and committed, so that nobody needs flite to run a test:

* ``engine/offhook/assets/demo/``  the conversation of ``offhook demo``
* ``tests/data/speech/``           more phrases, for tests
* ``tests/data/people/``           what callers say who want somebody else
* ``tests/data/pieces/``           no whole questions: what is said into answers, and halves of a phrase

Each folder gets 8 kHz, 16-bit, mono WAV files and a ``speech.json`` with the words
and the positions of the first and the last audible sample (tests/support/audio/audio.py
says what is audible).  The voice is flite's ``rms``, which speech recognition
understands over a telephone about as well as a person.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tests.support.audio.audio import RATE_HZ, Samples, audible_span, read_wav, write_wav

ROOT = Path(__file__).resolve().parents[2]
VOICE = "rms"
PEAK = 16_000
"""Loudest sample: about -6 dBFS, a healthy telephone level."""
MARGIN_SAMPLES = 240
"""Kept before and after what is audible (30 ms), so that soft consonants are whole."""

DEMO = {
    "01_hours": ("What are your opening hours?", 1.1),
    "02_location": ("Where are you located?", 1.15),
    "03_cost": ("How much does a check up cost?", 1.0),
    "04_parking": ("Do you have parking?", 1.25),
    "05_book": ("Can I book an appointment for next Monday?", 1.25),
    "06_goodbye": ("Great, thank you, goodbye.", 1.1),
    "07_checkup": ("I'd like to book a check up for Wednesday next week.", 1.1),
    "08_time": ("Ten thirty, please.", 1.1),
    "09_name": ("My name is Robert Miller.", 1.1),
    "10_yes": ("Yes, that's right.", 1.1),
}
"""Name, text, and how much slower than its own pace flite speaks.

The pace is one at which Moonshine tiny understands the phrase wherever it is cut: 20 of
20 cuts, with 190 to 211 ms before and 55 to 102 ms after it.  (At others a millisecond
more or less turns "parking" into "parting": the tests are about the telephone, not
about that model's limits.)
"""
MORE = {
    "insurance": ("Do you take my insurance?", 1.1),
    "children": ("Do you treat children?", 1.1),
    "emergency": ("What should I do in an emergency?", 1.1),
    "stop": ("Wait, please stop for a moment.", 1.1),
}
PIECES = {
    # Said into an answer, and meaning "go on".
    "i_see": ("I see.", 1.1),
    "okay": ("Okay.", 1.1),
    # One question in two breaths; the tests put the pause between them.
    "i_would_like_to": ("I would like to", 1.1),
    "book_an_appointment": ("book an appointment.", 1.1),
}
PEOPLE = {
    "human": ("I would like to talk to a human being, please.", 1.1),
    "front_desk": ("Please put me through to the front desk.", 1.1),
    "workshop": ("Please put me through to the workshop.", 1.1),
    "wait_in_line": ("I would like to wait in line for the next free person.", 1.1),
    "class": ("How much does a pottery class cost?", 1.1),
}


def speak(text: str, stretch: float, folder: Path) -> Samples:
    """The text as flite says it, at telephone rate, trimmed and levelled."""
    file = folder / "flite.wav"
    subprocess.run(
        ["flite", "-voice", VOICE, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", str(file)],
        check=True,
    )
    samples = read_wav(file, RATE_HZ).astype(np.float64)
    levelled = np.round(samples * (PEAK / np.abs(samples).max())).astype(np.int16)
    span = audible_span(levelled)
    assert span is not None, text
    trimmed: Samples = levelled[max(0, span[0] - MARGIN_SAMPLES) : span[1] + 1 + MARGIN_SAMPLES]
    return trimmed


def make(phrases: dict[str, tuple[str, float]], folder: Path) -> None:
    """Writes one folder of speech."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (text, stretch) in phrases.items():
            samples = speak(text, stretch, Path(scratch))
            span = audible_span(samples)
            assert span is not None, text
            write_wav(folder / f"{name}.wav", samples)
            listed.append({"name": name, "text": text, "first_audible": span[0], "last_audible": span[1]})
    manifest = {"voice": f"flite {VOICE}", "rate_hz": RATE_HZ, "phrases": listed}
    (folder / "speech.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(DEMO, ROOT / "engine/offhook/assets/demo")
    make(MORE, ROOT / "tests/data/speech")
    make(PEOPLE, ROOT / "tests/data/people")
    make(PIECES, ROOT / "tests/data/pieces")
