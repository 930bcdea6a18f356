"""Who has answered a placed call: offhook's own ears beside Asterisk's AMD(), on the same greetings.

    python -m bench.bench_amd [--set tuned|seen|untouched|fresh|later|all] [--amd] [--json FILE] [--verbose]

Greetings are made each time: people short and long, machines with and without a beep, faxes, ringing and
engaged tones behind an answer, silence (``bench/amd_greetings.py``).  Voices: flite, espeak-ng, SVOX Pico,
the Piper voice where it can be had, and the recorded prompts of Debian's asterisk-core-sounds (CC BY-SA).
Each begins 80 to 600 ms after the answer, over line noise 32 to 45 dB below speech, through 300-3400 Hz and
G.711.  Nothing of it is kept.

``tuned`` (60) was looked at while the lengths in ``who_answered/verdict.py`` and the words beside them were
chosen; ``seen`` (30) was untouched once, and three faults that it showed were corrected.  ``untouched``
(30: other words, voices and callers, and worse lines: other levels, mains hum, a mobile's codec, lost
frames) and ``fresh`` (24) were each written before a change of those lengths and run after it, and so was
``later`` (24, of which eight are German, Spanish and French: an agent of that language hears them, with
Whisper, where ``offhook pull whisper-base`` has brought it).

Times are from the answer to the verdict, as AMD() counts them; beside them, from the first sound of speech.
Ours: the real detector of speech, every 20 ms, and the embedded recogniser, whose processor time is added:
with its two threads that is more than it takes on an idle machine, and what else the machine does changes
it little.  AMD(): a real Asterisk runs it with its defaults on calls that play the same samples; its time is
from its log.  It knows no fax and no tones: for those, and for silence, whatever it says but HUMAN counts as
right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.amd_calls import amd
from bench.amd_greetings import LONGEST_MS, SETS, Greeting, greetings
from offhook.call.first_ears import FIRST_LOOK_MS, LOOK_MS
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.core import Endpointer, SileroModel, resample
from offhook.engines.stt.base import STT_RATE_HZ, Transcriber
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.stt.whisper import Whisper
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted
from offhook.who_answered import Heard, ToneDetector, Verdict, beeped, of_recording, signal, verdict
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.audio.sounds import MS

STEP_MS = 20


@dataclass(frozen=True)
class Decision:
    verdict: Verdict | None
    """The last one: a machine that was taken for a person is one in the end."""
    at_ms: float
    words: str = ""
    spoke_ms: int | None = None
    """When speech began."""
    first: Verdict | None = None
    """What was decided before anything was said."""
    first_at_ms: float = 0.0


@dataclass(frozen=True)
class Row:
    greeting: Greeting
    is_right: bool
    at_ms: float
    """From the answer."""
    found: str
    spoke_ms: int | None = None
    first_right: bool = True
    first_at_ms: float = 0.0


def decide(
    samples: Samples, model: SileroModel, recogniser: Transcriber | None, language: str = "en"
) -> Decision:
    """What our ears say, every 20 ms, with the recogniser's time added to its words."""
    endpointer, tones = Endpointer(model, RATE_HZ, pause_ms=40, endpointing_ms=3_000), ToneDetector(RATE_HZ)
    speech: list[tuple[int, int | None]] = []
    words: str | None = None if recogniser is None else ""
    until_ms, look_ms = 0, FIRST_LOOK_MS
    coming: list[tuple[float, int, str]] = []
    for now_ms in range(STEP_MS, LONGEST_MS + STEP_MS, STEP_MS):
        block = samples[(now_ms - STEP_MS) * MS : now_ms * MS]
        tones.process(block)
        paused = False
        for event in endpointer.process(block):
            at_ms = event.position_samples // MS
            if isinstance(event, SpeechStarted | SpeechResumed):
                speech.append((at_ms, None))
            elif isinstance(event, SpeechPaused) and speech:
                speech[-1] = (speech[-1][0], at_ms)
                paused = True
        spoken_ms = sum((now_ms if end is None else end) - begin for begin, end in speech)
        if recogniser is not None and speech and (paused or spoken_ms >= look_ms) and not coming:
            began = time.process_time()
            heard = samples[max(0, speech[0][0] - 200) * MS : now_ms * MS]
            padded = np.concatenate([heard, np.zeros(200 * MS, np.int16)])  # as a call's recogniser does
            text = recogniser.transcribe(resample(padded, RATE_HZ, STT_RATE_HZ)).text
            coming.append((now_ms + (time.process_time() - began) * 1_000, now_ms, text))
            look_ms = spoken_ms + LOOK_MS
        if coming and coming[0][0] <= now_ms:
            _, until_ms, words = coming.pop()
        facts = Heard(tuple(speech), tuple(tones.tones), words, until_ms, language)
        found = verdict(facts, now_ms)
        if found is not None:
            spoke_ms = speech[0][0] if speech else None
            first = Decision(found, now_ms, words or "", spoke_ms, found, now_ms)
            if found not in (Verdict.HUMAN, Verdict.SILENCE):
                return first
            return _doubted(first, samples[now_ms * MS :], endpointer, tones, facts, recogniser)
    return Decision(None, LONGEST_MS)


def _doubted(
    first: Decision,
    samples: Samples,
    endpointer: Endpointer,
    tones: ToneDetector,
    before: Heard,
    recogniser: Transcriber | None,
) -> Decision:
    """What becomes of a person: the words of whatever comes next, turn by turn, a beep, and other tones.

    Nobody is heard to answer here; on a call our opening is being said meanwhile.
    """
    since_ms = int(first.at_ms)
    turn_ms: int | None = None
    for now_ms in range(STEP_MS, len(samples) // MS + STEP_MS, STEP_MS):
        block = samples[(now_ms - STEP_MS) * MS : now_ms * MS]
        tones.process(block)
        took_ms, text = 0.0, ""
        for event in endpointer.process(block):
            at_ms = event.position_samples // MS - since_ms
            if isinstance(event, SpeechStarted | SpeechResumed) and turn_ms is None:
                turn_ms = at_ms
            elif isinstance(event, SpeechPaused) and recogniser is not None:
                began = time.process_time()
                heard = samples[max(0, (turn_ms or 0) - 200) * MS : now_ms * MS]
                padded = np.concatenate([heard, np.zeros(200 * MS, np.int16)])
                text = recogniser.transcribe(resample(padded, RATE_HZ, STT_RATE_HZ)).text
                took_ms = (time.process_time() - began) * 1_000
        facts = replace(before, tones=tuple(tones.tones))
        found = signal(facts, since_ms + now_ms)
        if of_recording(text, before.language) or (found is None and beeped(facts, since_ms)):
            found = Verdict.MACHINE
        if found is not None:
            late_ms = since_ms + now_ms + took_ms
            return replace(first, verdict=found, at_ms=late_ms, words=text or first.words)
    return first


def _right(truth: Verdict, found: str) -> bool:
    """Of AMD(): MACHINE, HUMAN, NOTSURE, HANGUP."""
    if truth is Verdict.HUMAN:
        return found == "HUMAN"
    return found == "MACHINE" if truth is Verdict.MACHINE else found != "HUMAN"


def _report(name: str, rows: list[Row], *, verbose: bool) -> dict[str, object]:
    figures: dict[str, object] = {}
    for group in (*SETS, "all"):
        chosen = [row for row in rows if group in ("all", row.greeting.group)]
        if not chosen:
            continue
        of_group = _figures(chosen)
        figures[group] = of_group
        print(f"{name:8} {group:10} {_told(of_group)}")
        for kind in dict.fromkeys(row.greeting.truth for row in chosen):
            of_kind = [row for row in chosen if row.greeting.truth is kind]
            figures[f"{group} {kind}"] = of_kind_only = _figures(of_kind)
            print(f"{'':12} {kind:8} {_told(of_kind_only)}")
    for row in rows:
        if verbose or not row.is_right:
            mark = "ok " if row.is_right else "BAD"
            print(
                f"    {mark} {row.found:10} {row.at_ms:6.0f} ms  {row.greeting.group:9} {row.greeting.name}"
            )
    return figures


def _figures(rows: list[Row]) -> dict[str, float]:
    """Without ``from_speech_p50_ms`` where nobody speaks."""
    times = sorted(row.at_ms for row in rows)
    from_speech = sorted(row.at_ms - row.spoke_ms for row in rows if row.spoke_ms is not None)
    figures = {
        "greetings": len(rows),
        "right": sum(row.is_right for row in rows),
        "first_right": sum(row.first_right for row in rows),
        "p50_ms": statistics.median(times),
        "p95_ms": times[int(0.95 * (len(times) - 1))],
    }
    return figures | ({"from_speech_p50_ms": statistics.median(from_speech)} if from_speech else {})


def _told(of: dict[str, float]) -> str:
    speech = of.get("from_speech_p50_ms")
    return (
        f"{of['right']:3}/{of['greetings']} right ({of['first_right']} at first), from the answer p50"
        f" {of['p50_ms']:.0f} ms,"
        f" p95 {of['p95_ms']:.0f} ms"
        + ("" if speech is None else f"; from the first sound of speech p50 {speech:.0f} ms")
    )


def _recogniser(language: str) -> Transcriber:
    """The embedded one where it knows the language."""
    if language == "en":
        return Moonshine()
    return Whisper(pull(find("whisper-base"), lambda _line: None)[0].path, language=language)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", choices=(*SETS, "all"), default="all")
    parser.add_argument("--amd", action="store_true", help="a real Asterisk's AMD() as well")
    parser.add_argument("--no-words", action="store_true", help="without the recogniser")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(argv)
    chosen = SETS if args.set == "all" else (args.set,)
    made = [each for group in chosen for each in greetings(group)]
    recognisers: dict[str, Transcriber | None] = {}
    model, rows = SileroModel(), []
    for greeting in made:
        language = greeting.language
        if language not in recognisers:
            recognisers[language] = None if args.no_words else _recogniser(language)
        ours = decide(greeting.samples, model, recognisers[language], language)
        found = f"{ours.verdict or 'none':8} [{ours.words[-40:]}]"
        is_right = ours.verdict is greeting.truth
        first = (ours.first is greeting.truth, ours.first_at_ms)
        rows.append(Row(greeting, is_right, ours.at_ms, found, ours.spoke_ms, *first))
    figures: dict[str, object] = {"offhook": _report("offhook", rows, verbose=args.verbose)}
    if args.amd:
        answers = asyncio.run(amd([each.samples for each in made]))
        theirs = [
            Row(greeting, _right(greeting.truth, found), at_ms, found, row.spoke_ms)
            for greeting, row, (found, at_ms) in zip(made, rows, answers, strict=True)
        ]
        figures["amd"] = _report("AMD()", theirs, verbose=args.verbose)
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
