"""Trains what tells a finished utterance by its words (offhook/end_of_turn/last_words.py).

    python -m bench.grounding.train_last_words [--write]

Trained on whole utterances of callers and on the places inside them where a speaker may pause (pauses.py).
Places where the words can be whole all the same are left out: there, only the pause tells.  A logistic
regression with a ridge over hashed n-grams, by full-batch Adam.

auc  share of pairs (finished, cut off) that are in the right order, each cut-off one weighed as pauses.py
     says; of businesses that are not trained on, of acts.json's untouched half (other writers), and of
     bench/end_of_turn.toml
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.grounding.hashed import Floats, fit_hashed
from bench.grounding.pauses import Part, pauses, utterances, wholes
from offhook.end_of_turn.hashed import places
from offhook.end_of_turn.last_words import FILE, LastWords, features
from offhook.languages.words import words

HERE = Path(__file__).parent
PHRASES = HERE.parent / "end_of_turn.toml"
COMMON = 400
"""So many words have a kind of their own: each is said in at least 50 utterances."""
TABLE = 1 << 17
RIDGE = 3e-5
STEPS = 120


@dataclass(frozen=True, slots=True)
class Sample:
    """Some words, and whether they are over."""

    said: tuple[str, ...]
    finished: bool
    weight: float
    part: Part = "held_out"


def material() -> list[Sample]:
    """Everything of pauses.py but what may be whole and is not."""
    everything = utterances()
    whole = wholes(everything)
    found = []
    for one in everything:
        found.append(Sample(tuple(words(one.text)), True, 1.0, one.part))
        for place in pauses(one.text, whole):
            if not place.may_be_whole:
                found.append(Sample(tuple(words(place.before)), False, place.weight, one.part))
    return found


def phrases(half: str) -> list[Sample]:
    """Of bench/end_of_turn.toml, those that a reader could tell."""
    kinds = tomllib.loads(PHRASES.read_text(encoding="utf-8"))[half]
    rows = [(text, True) for text in kinds["finished"]] + [(text, False) for text in kinds["unfinished"]]
    rows += [(text.replace(" ... ", " "), True) for text in kinds["continued"]]
    return [Sample(tuple(words(text)), is_so, 1.0) for text, is_so in rows]


def others() -> list[Sample]:
    """What the writers of acts.json's untouched half let callers say."""
    entries = json.loads((HERE / "acts.json").read_text(encoding="utf-8"))["untouched"]
    texts = [entry["say"] for entry in entries if words(entry["say"])]
    whole = frozenset(" ".join(words(text)) for text in texts)
    found = [Sample(tuple(words(text)), True, 1.0) for text in texts]
    for text in texts:
        found += [
            Sample(tuple(words(place.before)), False, place.weight)
            for place in pauses(text, whole)
            if not place.may_be_whole
        ]
    return found


def fit(rows: NDArray[np.int32], finished: NDArray[np.bool_], weights: Floats) -> tuple[Floats, float]:
    """The table and the constant; ``rows`` ``[samples, features]`` are places in it."""
    sample = np.repeat(np.arange(len(rows)), rows.shape[1])
    table = fit_hashed(sample, rows.ravel(), finished, weights, size=TABLE, ridge=RIDGE, steps=STEPS)
    return table[:-1], float(table[-1])


def auc(scores: Floats, finished: NDArray[np.bool_], weights: Floats) -> float:
    """The weighted share of pairs in the right order."""
    order = np.argsort(scores, kind="stable")
    good, weights = finished[order], weights[order]
    below = np.cumsum(np.where(good, 0.0, weights))
    return float((weights * good * below).sum() / ((weights * good).sum() * below[-1]))


def judge(name: str, model: LastWords, samples: list[Sample]) -> None:
    scores = np.array([model.log_odds(sample.said) for sample in samples])
    finished = np.array([sample.finished for sample in samples])
    weights = np.array([sample.weight for sample in samples])
    count = f"{finished.sum()} finished, {(~finished).sum()} cut off"
    print(f"{name}: {count}, auc {auc(scores, finished, weights):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"keep the weights in {FILE}")
    options = parser.parse_args()
    samples = material()
    trained_on = [sample for sample in samples if sample.part == "train"]
    counts = Counter(word for sample in trained_on if sample.finished for word in dict.fromkeys(sample.said))
    common = frozenset(word for word, _ in counts.most_common(COMMON))
    rows = np.array([places(features(sample.said, common), TABLE) for sample in trained_on], np.int32)
    table, bias = fit(
        rows,
        np.array([sample.finished for sample in trained_on]),
        np.array([sample.weight for sample in trained_on]),
    )
    path = FILE if options.write else Path("/tmp") / f"last_words_{FILE.name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, weights=table.astype(np.float16), bias=bias, common=np.array(" ".join(sorted(common)))
    )
    model = LastWords(path)
    for part in ("tune", "held_out"):
        judge(f"businesses, {part}", model, [sample for sample in samples if sample.part == part])
    judge("other writers' callers", model, others())
    for half in ("tune", "held_out"):
        judge(f"end_of_turn.toml, {half}", model, phrases(half))


if __name__ == "__main__":
    main()
