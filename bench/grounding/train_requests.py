"""Trains what tells a wish that something be done from a question (offhook/knowledge/requests.py).

    python -m bench.grounding.train_requests [--write]

The businesses' "statement" utterances are what callers say who want something done, reported or passed on;
their questions of all other kinds are questions.  A logistic regression over the utterance's vector, for
MiniLM's and for the multilingual encoder's; every eighth business is kept back and says how good it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.base import FactMatcher
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.multilingual import Multilingual
from offhook.knowledge.requests import FILE, MULTILINGUAL_FILE

HERE = Path(__file__).parent
QUESTIONS_PER_BUSINESS = 12
KEPT_BACK = 8
RIDGE = 1e-4
STEPS = 400
RATE = 0.1

Vectors = NDArray[np.float32]


def material(*, kept_back: bool) -> list[tuple[str, int]]:
    """Sentences and whether each is a request; as written, and as a recogniser may write them."""
    found: list[tuple[str, int]] = []
    for number, path in enumerate(sorted((HERE / "businesses").glob("*.json"))):
        if (number % KEPT_BACK == 0) is not kept_back:
            continue
        asked = json.loads(path.read_text(encoding="utf-8"))["questions"]
        found += [(one["say"], 1) for one in asked if one["kind"] == "statement"]
        questions = [one["say"] for one in asked if one["kind"] not in ("statement", "followup")]
        found += [(say, 0) for say in questions[:: max(1, len(questions) // QUESTIONS_PER_BUSINESS)]]
    if not kept_back:
        acts = json.loads((HERE / "acts_train.json").read_text(encoding="utf-8"))
        found += [(one["say"], 0) for one in acts if one["act"] not in ("statement", "person", "question")]
        found += [(one["say"], 0) for one in acts if one["act"] == "question"]
    return found + [(text.lower().rstrip(".?!").replace(",", ""), wish) for text, wish in found]


def fit(vectors: Vectors, wishes: NDArray[np.float32]) -> tuple[Vectors, float]:
    """Weights ``[width]`` and bias; both classes count the same."""
    weight = np.where(wishes > 0, 0.5 / wishes.mean(), 0.5 / (1 - wishes.mean()))
    found = np.zeros(vectors.shape[1] + 1, np.float32)
    ones = np.hstack([vectors, np.ones((len(vectors), 1), np.float32)])
    first, second = np.zeros_like(found), np.zeros_like(found)
    for step in range(1, STEPS + 1):
        error = (1 / (1 + np.exp(-(ones @ found))) - wishes) * weight / len(wishes)
        gradient = ones.T @ error + RIDGE * found
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        found -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return found[:-1], float(found[-1])


def train(encoder: FactMatcher, file: Path, *, write: bool) -> None:
    training, held = material(kept_back=False), material(kept_back=True)
    vectors = np.stack([one.vector for one in encoder.encode([text for text, _ in training])])
    direction, bias = fit(vectors, np.array([wish for _, wish in training], np.float32))
    tried = np.stack([one.vector for one in encoder.encode([text for text, _ in held])]) @ direction + bias
    truth = np.array([wish for _, wish in held], bool)
    found, wrong = (tried > 0)[truth].mean(), (tried > 0)[~truth].mean()
    above = (tried[truth][:, None] > tried[~truth][None]).mean()
    print(f"{file.stem}: requests found {found:.3f}, questions taken for one {wrong:.3f}, area {above:.3f}")
    if write:
        np.savez(file, direction=direction.astype(np.float32), bias=np.float32(bias))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="keep the weights")
    write = parser.parse_args().write
    train(Matcher(threads=2), FILE, write=write)
    train(Multilingual(), MULTILINGUAL_FILE, write=write)


if __name__ == "__main__":
    main()
