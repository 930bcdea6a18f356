"""Trains what tells an angry caller from one who complains (offhook/knowledge/moods.py).

    python -m bench.grounding.train_moods [--write] [--language en|others]

Trained on ``moods_train.json``, on what callers say to the businesses beside it and on ``acts_train.json``:
those two are taken to be neutral, whatever they are about.  ``moods.json`` was written before any figure was
seen; of each of its lists every second sentence is the half that the bar is set on, so that one of a hundred
neutral complaints passes it, and the others are the untouched half.  Two turns in a row have a bar for both
together, which one of a hundred pairs of such complaints passes.  Every eighth business is kept back: what
callers say there, by other writers, says how often nobody's anger is taken for some.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.grounding.softmax import fit_softmax
from offhook.knowledge.base import FactMatcher
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.moods import FILE, MOODS, MULTILINGUAL_FILE, MoodClassifier, angry_together
from offhook.knowledge.multilingual import Multilingual

HERE = Path(__file__).parent
ANGRY, NEUTRAL, PLEASED = range(3)
PER_BUSINESS = 4
KEPT_BACK = 8
FALSE_ALARMS = 0.01
OWN_WEIGHT = {ANGRY: 10.0, NEUTRAL: 4.0, PLEASED: 10.0}
"""Of the sentences that were written for this, beside the many that are only taken to be neutral."""
RIDGE = 1e-4
STEPS = 300
RATE = 0.1

Vectors = NDArray[np.float32]


def read(name: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return found


def plainly(text: str) -> str:
    """As a recogniser without marks and capitals writes it."""
    return text.lower().strip(" .?!\u00bf\u00a1").replace(",", "")


def businesses(*, kept_back: bool) -> list[str]:
    found: list[str] = []
    for number, path in enumerate(sorted((HERE / "businesses").glob("*.json"))):
        if (number % KEPT_BACK == 0) is kept_back:
            asked = [one["say"] for one in json.loads(path.read_text(encoding="utf-8"))["questions"]]
            found += asked[:: max(1, len(asked) // PER_BUSINESS)]
    return found


def others() -> list[str]:
    """Sentences that are neutral because of where they come from."""
    acts: list[dict[str, Any]] = json.loads((HERE / "acts_train.json").read_text(encoding="utf-8"))
    return [one["say"] for one in acts if one["act"] not in ("thanks", "farewell")]


def material(languages: list[str]) -> tuple[list[str], NDArray[np.int64], Vectors]:
    """Sentences, their moods, and what each weighs; as written, and as a recogniser may write them."""
    rows = [(say, NEUTRAL, 1.0) for say in [*businesses(kept_back=False), *others()]]
    for code, moods in read("moods_train.json").items():
        if code in languages:
            for place, mood in enumerate(MOODS):
                rows += [(say, place, OWN_WEIGHT[place]) for say in moods[mood]]
    rows += [(plainly(say), mood, weight) for say, mood, weight in rows]
    texts, moods_, weights = zip(*rows, strict=True)
    return list(texts), np.array(moods_), np.array(weights, np.float32)


def fit(vectors: Vectors, moods: NDArray[np.int64], weights: Vectors) -> tuple[Vectors, Vectors]:
    """Weights ``[moods, width]`` and biases."""
    shares = weights / weights.mean()
    return fit_softmax(vectors, moods, shares, classes=len(MOODS), ridge=RIDGE, steps=STEPS, rate=RATE)


def bar_above(scores: Vectors) -> float:
    """So few of ``scores`` lie above it."""
    allowed = int(len(scores) * FALSE_ALARMS)
    return float(np.sort(scores)[::-1][allowed]) + 1e-3


def pair_bar(scores: Vectors) -> float:
    """So few pairs of ``scores`` reach it together."""
    sums = np.sort([one + other for one, other in combinations(scores, 2)])[::-1]
    return float(sums[int(len(sums) * FALSE_ALARMS)]) + 1e-3


def passing_pairs(scores: Vectors, bars: Vectors, pair: float) -> float:
    """The share of pairs, of which two turns in a row would be angry."""
    return float(
        np.mean(
            [
                (one >= bars[0] and other >= bars[0]) or angry_together(one - pair / 2, other - pair / 2)
                for one, other in combinations(scores, 2)
            ]
        )
    )


def train(encoder: FactMatcher, file: Path, languages: list[str], *, write: bool) -> None:
    def vectors(texts: list[str]) -> Vectors:
        return np.stack([one.vector for one in encoder.encode(texts)])

    texts, moods, weights = material(languages)
    matrix, bias = fit(vectors(texts), moods, weights)
    path = file if write else Path("/tmp") / file.name
    half = matrix.astype(np.float16)
    np.savez_compressed(path, matrix=half, bias=bias, bars=np.zeros(2, np.float32), pair=np.float32(0))
    held = {
        code: {mood: MoodClassifier(path).log_odds(vectors(says)) for mood, says in of.items()}
        for code, of in read("moods.json").items()
        if code in languages
    }
    neutral = np.concatenate([of["neutral"][::2] for of in held.values()])
    not_pleased = np.concatenate([neutral, *(of["angry"][::2] for of in held.values())])
    bars = np.array([bar_above(neutral[:, 0]), bar_above(not_pleased[:, 1])], np.float32)
    # Of each language by itself: two turns in a row are of one.
    pair = max(pair_bar(of["neutral"][::2, 0]) for of in held.values())
    np.savez_compressed(path, matrix=half, bias=bias, bars=bars, pair=np.float32(pair))
    print(f"{file.stem}: {len(texts)} sentences, bars {bars.round(2)}")
    for code, of in held.items():
        for which, first in (("tuned", 0), ("untouched", 1)):
            counts = {mood: found[first::2] >= bars for mood, found in of.items()}
            print(
                f"  {code} {which}:",
                ", ".join(
                    f"{mood} {len(above)}: angry {above[:, 0].sum()}, pleased {above[:, 1].sum()}"
                    for mood, above in counts.items()
                ),
            )
            pairs = {mood: passing_pairs(found[first::2, 0], bars, pair) for mood, found in of.items()}
            print("    pairs, angry both:", ", ".join(f"{mood} {share:.3f}" for mood, share in pairs.items()))
    strangers = MoodClassifier(path).log_odds(vectors(businesses(kept_back=True))) >= bars
    print(f"  businesses kept back, {len(strangers)}: angry {strangers[:, 0].sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="keep the weights")
    parser.add_argument("--language", choices=("en", "others"), help="one of the two networks alone")
    options = parser.parse_args()
    if options.language != "others":
        train(Matcher(threads=2), FILE, ["en"], write=options.write)
    if options.language != "en":
        # English sentences, too: the encoder puts the same meaning at the same place.
        train(Multilingual(), MULTILINGUAL_FILE, ["en", "de", "es", "fr"], write=options.write)


if __name__ == "__main__":
    main()
