"""``python -m bench.turnaround.speak TEXT FILE.wav [VOICE RATE_WPM]``: espeak-ng in a process of its own.

For the reference that starts a process for everything, and for the caller's phrases: in a fresh process
espeak-ng gives the same samples every time, in an older one its random numbers have moved on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from offhook.engines.tts.espeak import Espeak
from tests.support.audio.audio import RATE_HZ, resample, write_wav


def main() -> None:
    """One text, as 8 kHz audio."""
    text, file, *rest = sys.argv[1:]
    voice = Espeak(rest[0], rate_wpm=int(rest[1])) if rest else Espeak()
    blocks = list(voice.synthesize(text))
    audio = np.concatenate(blocks) if blocks else np.zeros(160, np.int16)
    write_wav(Path(file), resample(audio, voice.sample_rate_hz, RATE_HZ))


if __name__ == "__main__":
    main()
