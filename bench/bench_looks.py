"""Which pauses the recogniser is spared: those inside words, told from ends by how loud a voice breaks off.

Each phrase goes through the endpointer as it does in a call, 20 ms at a time; each of its pauses is a look of
the recogniser, unless :func:`~offhook.end_of_turn.levels.breaks_off` holds it back and the phrase goes on
before the pause is longer than words have them.  Phrases are the questions of the bench's suites in callers'
voices, and prompts that people have read: folders of 8 kHz files, such as those of Debian's
asterisk-core-sounds-*-wav.  Of a file the end is the end; those of 1.2 to 8 s are taken.

    python -m bench.bench_looks [--voice piper:FILE.onnx ...] [--folder en=/usr/share/asterisk/sounds/en ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from offhook.call.caller_audio import PRE_ROLL_MS
from offhook.call.recognition import VOICE_MS
from offhook.core import Endpointer, SileroModel
from offhook.end_of_turn.levels import breaks_off
from offhook.end_of_turn.wait import SHORTEST_PAUSE_MS
from offhook.evaluation.suite import load_suite
from offhook.evaluation.voices import callers_voice
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted
from offhook.turn_taking.settings import LASTING_MS

SUITES = Path(__file__).parent / "suites"
RATE_HZ = 8_000
PER_MS = RATE_HZ // 1000
FRAME = 20 * PER_MS
LENGTHS_S = 1.2, 8.0
LINE_NOISE = 6.0
"""RMS, in steps of int16: no telephone is without it."""
MIN_VOICED_MS = 160
"""Before which the recogniser is not asked (:class:`offhook.engines.stt.gate.Recognizer`)."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause of a phrase."""

    long_ms: int | None
    """None: its end."""
    seen_ms: int
    """When it is noticed that it was none, after it began."""
    breaks_off: bool

    def looked_at(self, from_ms: int = 0) -> bool:
        """By a recogniser that is shown pauses from so long on."""
        least_ms = max(from_ms, SHORTEST_PAUSE_MS) if self.breaks_off else from_ms
        return self.long_ms is None or self.seen_ms > least_ms


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench_looks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--voice", nargs="*", default=["default"], metavar="ENGINE:NAME")
    parser.add_argument("--folder", nargs="*", default=[], metavar="NAME=PATH")
    args = parser.parse_args(argv)
    model = SileroModel()
    for named in args.voice:
        voice = callers_voice(None if named == "default" else named)
        _report(voice.name, model, (voice(text) for text in _questions()))
    for each in args.folder:
        name, _, path = each.partition("=")
        _report(name, model, _files(Path(path)))


def _questions() -> list[str]:
    return [q.say for path in sorted(SUITES.glob("*.en.json")) for q in load_suite(path).questions]


def _files(folder: Path) -> Iterator[Samples]:
    for path in sorted(folder.glob("*.wav")):
        audio, rate_hz = soundfile.read(path, dtype="int16")
        if rate_hz == RATE_HZ and LENGTHS_S[0] <= len(audio) / RATE_HZ <= LENGTHS_S[1]:
            yield audio


def _report(name: str, model: SileroModel, phrases: Iterable[Samples]) -> None:
    turns = [found for phrase in phrases if (found := _pauses(model, phrase))]
    pauses = [pause for turn in turns for pause in turn]
    ends = [pause for pause in pauses if pause.long_ms is None]
    short = [one for one in pauses if one.long_ms is not None and one.long_ms < SHORTEST_PAUSE_MS]
    assert len(ends) == len(turns), "each phrase ends once"
    few, many = (sum(one.looked_at(from_ms) for one in pauses) / len(turns) for from_ms in (0, LASTING_MS))
    print(
        f"{name}: {len(turns)} phrases, looks each {len(pauses) / len(turns):.1f}, with those that last only"
        f" {few:.1f}, where many call (from {LASTING_MS} ms on) {many:.1f}; breaks off: {_share(short)} of"
        f" {len(short)} pauses below {SHORTEST_PAUSE_MS} ms, {_share(ends)} of ends",
        flush=True,
    )


def _share(pauses: Sequence[Pause]) -> str:
    return f"{100 * sum(one.breaks_off for one in pauses) / max(1, len(pauses)):.1f} %"


def _pauses(model: SileroModel, phrase: Samples) -> list[Pause]:
    """Those of a phrase behind enough voice; none where its end is not heard as one."""
    audio = np.concatenate([np.zeros(RATE_HZ // 2, np.int16), phrase, np.zeros(RATE_HZ * 3 // 2, np.int16)])
    noise = np.random.default_rng(1).normal(0, LINE_NOISE, len(audio))
    audio = np.clip(audio + noise, -32_768, 32_767).astype(np.int16)
    endpointer = Endpointer(model, RATE_HZ, pause_ms=40, endpointing_ms=860)
    found: list[Pause] = []
    begun: int | None = None
    open_: tuple[int, bool] | None = None
    for come in range(FRAME, len(audio) + 1, FRAME):
        for event in endpointer.process(audio[come - FRAME : come]):
            match event:
                case SpeechPaused(position_samples=stop, voiced_ms=voiced_ms):
                    assert begun is not None, "what pauses has begun"
                    first = max(0, begun - PRE_ROLL_MS * PER_MS, stop - VOICE_MS * PER_MS)
                    asked = voiced_ms >= MIN_VOICED_MS
                    breaks = breaks_off(audio[first:stop], audio[stop:come], RATE_HZ)
                    open_ = (stop, breaks) if asked else None
                case SpeechStarted(position_samples=at) | SpeechResumed(position_samples=at):
                    begun = at if begun is None else begun
                    if open_ is not None:
                        stop, breaks = open_
                        found.append(Pause((at - stop) // PER_MS, (come - stop) // PER_MS, breaks))
                    open_ = None
    return [] if open_ is None else [*found, Pause(None, SHORTEST_PAUSE_MS, open_[1])]


if __name__ == "__main__":
    main()
