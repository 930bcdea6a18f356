"""``python -m bench.recognition.pieces``: where what a caller says may be cut for a server, by counting.

People's prompts with pauses in them are cut at every pause of so many ms, as the endpointer finds it, each
piece is recognised by itself, and the words are joined.  ``once``: seconds that a server hears when it is
told each once; ``again``: when it is asked in each pause, and hears a piece again whose caller goes on too
soon.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.recognition.__main__ import load
from bench.recognition.material import PROMPTS, levelled
from bench.recognition.score import Scored, interval, score, word_error_rate
from offhook.core import Endpointer, SileroModel, resample
from offhook.engines.stt.base import STT_RATE_HZ, Transcriber
from offhook.errors import OffhookError
from offhook.events import SpeechPaused, SpeechResumed
from tests.support.audio.audio import RATE_HZ, read_wav

TEXTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
CUTS_MS = (100, 200, 300, 400, 10_000)
_MS = RATE_HZ // 1000
_BEHIND = 100 * _MS
"""Audio behind a pause's beginning that belongs to the piece before it, as in a call."""
_LEAST_WORDS, _LEAST_S, _MOST_S = 6, 2.0, 10.5
"""Longer turns are cut into parts in any case."""

Pauses = list[tuple[int, int]]
Spoken = tuple[str, NDArray[np.int16], Pauses]


def gather(prompts: Path, every: int) -> list[Spoken]:
    """Text, audio at 8 kHz, and from where to where it pauses."""
    model, found = SileroModel(), []
    for line in gzip.decompress(TEXTS.read_bytes()).decode("utf-8").splitlines():
        name, _, text = line.strip().partition(": ")
        path = prompts / f"{name}.wav"
        if len(text.split()) < _LEAST_WORDS or set(text) & set("[(") or not path.is_file():
            continue
        audio = np.pad(levelled("human", text, read_wav(path)).audio, RATE_HZ * 3 // 10)
        if not _LEAST_S <= len(audio) / RATE_HZ <= _MOST_S:
            continue
        samples = np.clip(np.rint(audio), -32_768, 32_767).astype(np.int16)
        if found_pauses := pauses(model, samples):
            found.append((text, samples, found_pauses))
    return found[::every]


def pauses(model: SileroModel, audio: NDArray[np.int16]) -> Pauses:
    """As the media thread would find them."""
    endpointer = Endpointer(model, RATE_HZ, pause_ms=100, endpointing_ms=2_000)
    found, began = [], 0
    for event in endpointer.process(np.pad(audio, (0, RATE_HZ // 2))):
        if isinstance(event, SpeechPaused):
            began = event.position_samples
        elif isinstance(event, SpeechResumed):
            found.append((began, event.position_samples))
    return found


def measure(ear: Transcriber, spoken: Sequence[Spoken], cut_ms: int) -> tuple[list[Scored], float, float]:
    """Scores, and seconds heard for each of speech: once, and again."""
    scored, once, again = [], 0, 0
    for text, audio, found in spoken:
        cuts, words = [0], []
        for began, ended in found:
            again += began + _BEHIND - cuts[-1]
            if ended - began >= cut_ms * _MS:
                cuts.append(began + _BEHIND)
        again += 0 if cuts[-1] == len(audio) else len(audio) - cuts[-1]
        for start, stop in zip(cuts, [*cuts[1:], len(audio)], strict=True):
            once += stop - start
            piece = resample(audio[start:stop], RATE_HZ, STT_RATE_HZ)
            words.append(ear.transcribe(np.pad(piece, (0, STT_RATE_HZ // 5))).text)
        scored.append(score(text, " ".join(words), 0.0))
    whole = sum(len(audio) for _, audio, _ in spoken)
    return scored, once / whole, again / whole


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.recognition.pieces", description="Cut, and counted."
    )
    parser.add_argument("--recogniser", default="whisper-base", metavar="NAME")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="DIR")
    parser.add_argument("--every", type=int, default=3, metavar="N", help="every Nth prompt; default: 3")
    args = parser.parse_args()
    ear, spoken = load(args.recogniser, 2), gather(args.prompts, args.every)
    print(f"{len(spoken)} utterances with {sum(len(found) for *_, found in spoken)} pauses\n")
    print(
        "| cut at pauses of | word errors % [95 %] | wholly right % | once | again |\n|---|---|---|---|---|"
    )
    for cut_ms in CUTS_MS:
        scored, once, again = measure(ear, spoken, cut_ms)
        low, high = interval(scored)
        right = 100 * sum(one.wrong == 0 for one in scored) / len(scored)
        rate = f"{word_error_rate(scored):.1f} [{low:.1f}, {high:.1f}]"
        print(f"| {cut_ms} ms | {rate} | {right:.0f} | {once:.2f} | {again:.2f} |", flush=True)
    ear.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OffhookError as error:
        sys.exit(f"bench.recognition.pieces: {error}")
