"""Trains the classifier of what callers do (offhook/knowledge/acts.py) and says how good it is.

    python -m bench.grounding.train_acts [--write]

Trained on acts_train.json and on the questions and statements of the businesses beside it, which are all
"other".  acts.json is by another writer who did not know the rules: its "tuned" half was looked at while the
rules around the classifier were made, its "untouched" half was not; "second_writer" was kept back of a list
by a third person, the rest of which is trained on.  Right is what the policy for small models makes of the
classifier and of its rules together.  A softmax regression with a ridge, by
full-batch Adam: the vectors are MiniLM's and stay as they are.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.grounding.softmax import fit_softmax
from offhook.conversation.farewell import is_farewell
from offhook.conversation.policies.grounded import LIKELY
from offhook.knowledge.acts import ACTS, FILE, ActClassifier, ActGuess
from offhook.knowledge.matcher import Matcher
from offhook.languages import ENGLISH

HERE = Path(__file__).parent
OTHERS_PER_BUSINESS = 12
RIDGE = 1e-5
STEPS = 600
RATE = 0.1
OTHER = ("not_farewell", "question", "statement")

Vectors = NDArray[np.float32]


def label(act: str) -> int:
    return ACTS.index("other" if act in OTHER else act)


def training_set() -> list[tuple[str, int]]:
    entries = json.loads((HERE / "acts_train.json").read_text(encoding="utf-8"))
    found = [(entry["say"], label(entry["act"])) for entry in entries]
    for path in sorted((HERE / "businesses").glob("*.json")):
        questions = json.loads(path.read_text(encoding="utf-8"))["questions"]
        found += [
            (question["say"], 0) for question in questions[:: max(1, len(questions) // OTHERS_PER_BUSINESS)]
        ]
    # A recogniser's punctuation comes and goes.
    return found + [(text.lower().rstrip(".?!").replace(",", ""), act) for text, act in found]


def fit(vectors: Vectors, labels: NDArray[np.int64]) -> tuple[Vectors, Vectors]:
    """Weights ``[acts, 384]`` and biases."""
    count = len(ACTS)
    weights = np.sqrt(len(labels) / (count * np.bincount(labels, minlength=count)))[labels]
    return fit_softmax(vectors, labels, weights, classes=count, ridge=RIDGE, steps=STEPS, rate=RATE)


def done(said: str, guess: ActGuess) -> str:
    """What a caller is taken to do, as the policy for small models decides it, by classifier and rules."""
    if is_farewell(said, ENGLISH, guess=guess):
        return "farewell"
    return guess.act if guess.probability >= LIKELY else "other"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help=f"keep the weights in {FILE}")
    options = parser.parse_args()
    encoder = Matcher(threads=2)
    training = training_set()
    vectors = np.stack([each.vector for each in encoder.encode([text for text, _ in training])])
    matrix, bias = fit(vectors, np.array([act for _, act in training]))
    path = FILE if options.write else Path("/tmp") / FILE.name
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, matrix=matrix.astype(np.float16), bias=bias.astype(np.float16))
    classifier = ActClassifier(path)
    for half, entries in json.loads((HERE / "acts.json").read_text(encoding="utf-8")).items():
        found = encoder.encode([entry["say"] for entry in entries])
        right, asked, taken = Counter[str](), Counter[str](), Counter[str]()
        for entry, each in zip(entries, found, strict=True):
            act = done(entry["say"], classifier.guess(each.vector))
            asked[entry["act"]] += 1
            # Of what is no farewell it does not matter what else it is.
            right[entry["act"]] += (
                act != "farewell" if entry["act"] == "not_farewell" else act == ACTS[label(entry["act"])]
            )
            taken[act] += act != ACTS[label(entry["act"])]
        print(half, {act: f"{right[act]}/{asked[act]}" for act in asked}, "wrongly taken for", dict(taken))


if __name__ == "__main__":
    main()
