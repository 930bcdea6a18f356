"""Trains what tells kinds of wishes apart (offhook/knowledge/wish_kinds.py) and says how good it is.

    python -m bench.grounding.train_wishes [--write]

Trained on wishes_train.json, by eight writers in four languages, on what the tools of the house are asked for
with, on the acts beside it that want nothing done, and on the businesses' questions, which are "none".
MiniLM's weights are of the English ones, the multilingual encoder's of all.  Judged on
``bench/tools/wishes.*.json``, which four others wrote: half A was looked at, half B was not.  A softmax
regression with a ridge, by full-batch Adam.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.grounding.softmax import fit_softmax
from offhook.knowledge.base import FactMatcher
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.multilingual import Multilingual
from offhook.knowledge.wish_kinds import FILE, KINDS, MULTILINGUAL_FILE
from offhook.tools.builtin.wishes import asked_for

HERE = Path(__file__).parent
JUDGED = HERE.parent / "tools"
QUESTIONS_PER_BUSINESS = 3
WANT_NOTHING = ("farewell", "repeat", "wait", "greeting", "thanks", "readback", "machine", "not_farewell")
RIDGE = 1e-4
STEPS = 300
RATE = 0.1
EVEN = 0.5
"""1: all kinds count the same, however many sentences there are of each."""

Vectors = NDArray[np.float32]


def training_set(languages: tuple[str, ...]) -> list[tuple[str, int]]:
    """Sentences and their kinds; as written, and as a recogniser may write them."""
    entries = json.loads((HERE / "wishes_train.json").read_text("utf-8"))
    found = [
        (one["say"], KINDS.index(one["wants"] or "none")) for one in entries if one["language"] in languages
    ]
    # What the tools of the house are asked for with, twice: it is said most of all, and writers avoid it.
    for language in languages:
        for kind in KINDS[1:]:
            found += [(said, KINDS.index(kind)) for said in asked_for(kind, language)] * 2
    acts = json.loads((HERE / "acts_train.json").read_text("utf-8"))
    found += [(one["say"], 0) for one in acts[::3] if one["act"] in WANT_NOTHING]
    for path in sorted((HERE / "businesses").glob("*.json"))[::2]:
        if path.name.split("-")[1].endswith("1"):
            continue
        questions = [
            one for one in json.loads(path.read_text("utf-8"))["questions"] if one["kind"] != "statement"
        ]
        found += [(one["say"], 0) for one in questions[:: max(1, len(questions) // QUESTIONS_PER_BUSINESS)]]
    return found + [(text.lower().rstrip(".?!").replace(",", ""), kind) for text, kind in found]


def fit(encoder: FactMatcher, languages: tuple[str, ...]) -> tuple[Vectors, Vectors]:
    """Weights ``[kinds, width]`` and biases; the more sentences a kind has, the less each of them counts."""
    said = training_set(languages)
    vectors = np.stack([one.vector for one in encoder.encode([text for text, _ in said])])
    kinds = np.array([kind for _, kind in said])
    weights = ((len(kinds) / (len(KINDS) * np.bincount(kinds, minlength=len(KINDS)))) ** EVEN)[kinds]
    return fit_softmax(
        vectors, kinds, weights.astype(np.float32), classes=len(KINDS), ridge=RIDGE, steps=STEPS, rate=RATE
    )


def judge(encoder: FactMatcher, matrix: Vectors, bias: Vectors, language: str) -> None:
    """Print how often the kind is right, and how often something is wanted where nothing is."""
    data = json.loads((JUDGED / f"wishes.{language}.json").read_text("utf-8"))
    for half in (0, 1):
        said = [one for business in data["businesses"][half::2] for one in business["said"]]
        vectors = np.stack([one.vector for one in encoder.encode([one["say"] for one in said])])
        found = (vectors @ matrix.T + bias).argmax(axis=1)
        wanted = np.array([KINDS.index(one["wants"] or "none") for one in said])
        right, nothing = (found == wanted).mean(), wanted == 0
        wishes, unasked = (found == wanted)[~nothing].mean(), (found[nothing] > 0).mean()
        print(
            f"{language} {'AB'[half]}: {len(said)}, right {right:.3f}, of wishes {wishes:.3f},"
            f" wanted where nothing is {unasked:.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--write", action="store_true", help="keep the weights in engine/offhook/assets/grounding"
    )
    options = parser.parse_args()
    english: FactMatcher = Matcher()
    for encoder, file, languages in (
        (english, FILE, ("en",)),
        (Multilingual(), MULTILINGUAL_FILE, ("en", "de", "es", "fr")),
    ):
        matrix, bias = fit(encoder, languages)
        for language in languages if len(languages) > 1 else ("en",):
            judge(encoder, matrix, bias, language)
        if options.write:
            np.savez_compressed(file, matrix=matrix.astype(np.float16), bias=bias.astype(np.float16))
            print(f"wrote {file}")


if __name__ == "__main__":
    main()
