"""``python -m bench.turnaround.references.recognise FILE.wav``: loads the recogniser, prints the words."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from offhook.engines.stt.moonshine import Moonshine
from tests.support.audio.audio import read_wav


def main() -> None:
    """One file."""
    audio = read_wav(Path(sys.argv[1]), 16_000)
    print(Moonshine().transcribe(np.concatenate([audio, np.zeros(3_200, np.int16)])).text)


if __name__ == "__main__":
    main()
