"""``python -m bench.recognition.doubts``: what asking again for doubtful words spares callers, and costs.

The questions of ``bench/suites`` in English, said by the Piper voice joe, come over the telephone clean and
in noise; the business answers what was understood, and what was said.  Counted by how unsure the recogniser
was of its least sure token:

wrong     something else was answered than to the words as they were said
unknown   that it is not known, or the like, where it is
needless  the same was answered

With ``--second`` another recogniser hears what is doubtful (``stt.second``); the second table says what is
answered to its words instead.

The threshold is chosen on every second business ("tuned"), and judged on the others.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from bench.recognition.__main__ import load
from bench.recognition.material import Said, babble_voices, levelled, on_the_line
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.config import Config
from offhook.engines.stt.gate import clean
from offhook.engines.tts.piper import Piper
from offhook.errors import OffhookError
from offhook.evaluation.sessions import SessionFactory, Sessions
from offhook.evaluation.suite import chains, load_suite
from tests.support.audio.audio import RATE_HZ

SUITES = sorted((Path(__file__).parents[1] / "suites").glob("*.en.json"))
NOISES = ("babble 20", "pink 20", "babble 10", "pink 10", "babble 15", "pink 5", "babble 5", "pink 15")
THRESHOLDS = (-0.8, -1.0, -1.2, -1.4, -1.6, -1.8, -2.0)
_PAD = np.zeros(3_200, np.int16)
_SUBSTANCE = ("facts", "generated", "readback")


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance under one condition."""

    suite: str
    condition: str
    confidence: float
    kind: str
    """``same``, ``wrong`` or ``unknown``."""
    second: str = ""
    """The same, of what the second recogniser heard; "asked" where it heard nothing."""


async def _answer(session: SessionFactory, text: str) -> tuple[str, str, bool]:
    talk = session()
    await talk.open()
    try:
        answer = await talk.say(text)
        return answer.text, answer.act, answer.ends_call
    finally:
        await talk.close()


async def measure(recogniser: str, questions: int, conditions: int, second: str | None) -> list[Row]:
    """So many questions of each business, each clean and in so many noises."""
    sessions, ear = Sessions(Config()), load(recogniser, 2)
    other = None if second is None else load(second, 2)
    voice = Piper(pull(find("piper-en_US-joe-medium"), lambda line: None)[0].path)
    asked: list[tuple[str, SessionFactory, Said]] = []
    for file in SUITES:
        suite = load_suite(file)
        factory = await sessions.agent(suite.agent())
        for chain in [each for each in chains(suite.questions) if len(each) == 1][:questions]:
            text = chain[0].question.say
            audio = np.concatenate(list(voice.synthesize(text)))
            asked.append(
                (
                    suite.id,
                    factory,
                    levelled("joe", text, soxr.resample(audio, voice.sample_rate_hz, RATE_HZ)),
                )
            )
    others = [*(one for _, _, one in asked), *babble_voices()]
    rows = []
    for number, (suite_id, factory, one) in enumerate(asked):
        meant, _, _ = await _answer(factory, one.text)
        noises = [NOISES[(number + 3 * step) % len(NOISES)] for step in range(conditions)]
        for condition in ("clean", *noises):
            noise, _, snr = condition.partition(" ")
            audio = on_the_line(one, noise, float(snr or 0), others, seed=number)
            heard = await asyncio.to_thread(ear.transcribe, np.concatenate([audio, _PAD]))
            voiced_ms = round(len(one.audio) / RATE_HZ * 800)
            text = clean(heard.text, voiced_ms)
            if not text:
                continue  # nothing heard: that is asked again as it is
            kind = await _kind(factory, text, meant)
            in_doubt = ""
            if other is not None and heard.doubtful:
                again = await asyncio.to_thread(other.transcribe, np.concatenate([audio, _PAD]))
                words = clean(again.text, voiced_ms)
                in_doubt = await _kind(factory, words, meant) if words else "asked"
            rows.append(Row(suite_id, condition, heard.confidence, kind, in_doubt))
    sessions.close()
    voice.close()
    ear.close()
    if other is not None:
        other.close()
    return rows


async def _kind(factory: SessionFactory, text: str, meant: str) -> str:
    got, act, ends = await _answer(factory, text)
    return "same" if got == meant else "wrong" if act in _SUBSTANCE or ends else "unknown"


def table(rows: list[Row]) -> str:
    """By half and threshold."""
    suites = sorted({row.suite for row in rows})
    lines = [
        "| half | below | wrong spared | unknown asked again | needless | clean |",
        "|---|---|---|---|---|---|",
    ]
    for half, name in enumerate(("tuned", "held out")):
        mine = [row for row in rows if suites.index(row.suite) % 2 == half]
        for threshold in THRESHOLDS:
            cells = []
            for kind, condition in (("wrong", ""), ("unknown", ""), ("same", ""), ("same", "clean")):
                of = [row for row in mine if row.kind == kind and condition in row.condition]
                cells.append(f"{sum(row.confidence < threshold for row in of)} of {len(of)}")
            lines.append(f"| {name} | {threshold} | {' | '.join(cells)} |")
    return "\n".join(lines)


def second_table(rows: list[Row]) -> str:
    """What is answered to doubtful words, by what was answered to those of the first recogniser."""
    kinds = ("same", "wrong", "unknown", "asked")
    lines = [f"| the first's | {' | '.join(kinds)} |", "|---|---|---|---|---|"]
    for kind in kinds[:3]:
        of = [row.second for row in rows if row.second and row.kind == kind]
        lines.append(f"| {kind} | {' | '.join(str(of.count(each)) for each in kinds)} |")
    return "\n".join(lines)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.recognition.doubts", description="Asking again.")
    parser.add_argument("--recogniser", default="moonshine-tiny-en", metavar="NAME")
    parser.add_argument("--questions", type=int, default=14, metavar="N", help="a business; default: 14")
    parser.add_argument("--noises", type=int, default=3, metavar="N", help="of each question; default: 3")
    parser.add_argument("--second", metavar="NAME", help="also what this one hears of doubtful words")
    args = parser.parse_args()
    rows = asyncio.run(measure(args.recogniser, args.questions, args.noises, args.second))
    print(table(rows))
    if args.second:
        print(f"\n{second_table(rows)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OffhookError as error:
        sys.exit(f"bench.recognition.doubts: {error}")
