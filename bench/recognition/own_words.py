"""``python -m bench.recognition.own_words``: what expecting a business's own words helps, and what it costs.

Callers' plain, reworded and unanswerable questions to businesses of ``bench/grounding/businesses`` that the
matcher was not trained on, said by the Piper voice joe over a telephone line (8 kHz, G.711), are recognised
by Moonshine three times: expecting nothing, the words of the business (``own``), and those of another one,
which the caller never meant (``other``).  ``facts`` are the business's words, and where nothing answers what
was heard, what else may have been said is asked as well, as in a call
(:mod:`offhook.conversation.mishearing`).  Counted are the words that are wrong, the texts that come nearer to
what was said or go further from it than without, and the questions whose fact, or another one, is found
plainly (:data:`offhook.knowledge.base.PLAIN` and more).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from bench.recognition.material import levelled, on_the_line
from offhook.conversation.mishearing import likeliest
from offhook.conversation.policies.grounded import SURE
from offhook.engines.stt.base import STT_RATE_HZ, Otherwise, Transcript
from offhook.engines.stt.moonshine import Moonshine
from offhook.evaluation.voices import callers_voice
from offhook.knowledge.base import PLAIN, Encoded
from offhook.knowledge.items import Item
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.own_words import OwnWords
from offhook.knowledge.store import Candidate, Ranking

FOLDER = Path(__file__).parents[1] / "grounding" / "businesses"
KINDS = ("fact", "paraphrase", "unknown")
EXPECTING = ("nothing", "own", "facts", "other")
_PAD = np.zeros(STT_RATE_HZ // 5, np.int16)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower().replace("'", ""))


def _questions(every: int, offset: int) -> Iterator[tuple[dict, dict]]:  # type: ignore[type-arg]
    """Businesses with a question each: every so many-th."""
    count = 0
    for path in sorted(FOLDER.glob("*.json")):
        if not path.name.split("-")[1].endswith("1"):
            continue
        business = json.loads(path.read_text("utf-8"))
        for question in business["questions"]:
            if question["kind"] in KINDS:
                count += 1
                if count % every == offset:
                    yield business, question


async def _with_facts(heard: Transcript, matcher: Matcher, facts: list[Encoded]) -> str:
    """The text that a call would answer."""

    async def search(text: str) -> Ranking:
        best = float(matcher.scores(matcher.encode([text])[0], facts).max())
        return Ranking((Candidate(Item(0, text, ()), best, ()),))

    async def others() -> tuple[Otherwise, ...]:
        return heard.others()

    meant, *_ = await likeliest(others, await search(heard.text), search, plain=PLAIN, sure=SURE)
    return meant or heard.text


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--every", type=int, default=5, help="every so many-th question (default: 5)")
    parser.add_argument(
        "--offset", type=int, default=2, help="from which on; 2 of 5 were looked at (default: 2)"
    )
    parser.add_argument("--noise", choices=["clean", "pink"], default="clean")
    parser.add_argument("--snr", type=float, default=15.0, help="of pink noise [dB] (default: 15)")
    options = parser.parse_args()
    voice, ear, matcher = callers_voice(None), Moonshine(threads=1), Matcher()
    asked = list(_questions(options.every, options.offset))
    own = {business["name"]: OwnWords([*business["facts"], business["persona"]]) for business, _ in asked}
    names = list(own)
    counts: Counter[tuple[str, str, str]] = Counter()
    for number, (business, question) in enumerate(asked):
        other = names[(names.index(business["name"]) + len(names) // 2) % len(names)]
        facts = matcher.encode_facts(business["facts"])
        said = levelled("joe", question["say"], voice(question["say"]).astype(np.float64))
        line = on_the_line(said, options.noise, options.snr, (), number)
        audio = np.concatenate([line, _PAD])
        plain = ear.transcribe(audio)
        expected = ear.expecting(audio, plain, own[business["name"]])
        heard = {
            # Like the others, with the whole text given as a guess: which is rounded in another way.
            "nothing": ear.grow(audio, plain).text,
            "own": expected.text,
            "facts": asyncio.run(_with_facts(expected, matcher, facts)),
            "other": ear.expecting(audio, plain, own[other]).text,
        }
        meant = _words(question["say"])
        far = {name: Levenshtein.distance(_words(text), meant) for name, text in heard.items()}
        for name, text in heard.items():
            scores = matcher.scores(matcher.encode([text])[0], facts)
            best = int(np.argmax(scores))
            counts[question["kind"], name, "asked"] += 1
            counts[question["kind"], name, "words"] += len(meant)
            counts[question["kind"], name, "wrong words"] += far[name]
            counts[question["kind"], name, "nearer"] += far[name] < far["nothing"]
            counts[question["kind"], name, "further"] += far[name] > far["nothing"]
            if best in question["facts"] and scores[best] >= PLAIN:
                counts[question["kind"], name, "found"] += 1
            elif scores[best] >= PLAIN:
                counts[question["kind"], name, "other fact"] += 1
        print(f"{number + 1} of {len(asked)}", end="\r", file=sys.stderr)
    print(f"{'':22}   asked  words wrong   nearer  further   found plainly  another fact")
    for kind in KINDS:
        for name in EXPECTING:
            c = {
                what: counts[kind, name, what]
                for what in ("asked", "nearer", "further", "found", "other fact")
            }
            wer = 100 * counts[kind, name, "wrong words"] / max(counts[kind, name, "words"], 1)
            print(
                f"{kind:12}{name:10} {c['asked']:7} {wer:10.1f} % {c['nearer']:8} {c['further']:8}"
                f" {c['found']:15} {c['other fact']:13}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
