"""Trains what tells a finished German, Spanish or French utterance (offhook/end_of_turn/other_words.py).

    python -m bench.grounding.train_other_words [--write] [--language de|es|fr]

Learnt from two kinds of callers' sentences, all of them ours:

- ``bench/end_of_turn.CODE.txt``: callers' utterances with the places where one may pause before they are
  whole; and the tuned half of ``bench/end_of_turn.CODE.toml``;
- questions and acts of the businesses in ``languages/`` and ``acts_languages.json``, of each at most four
  beginnings, drawn: any inner word is a place to pause.

A beginning of two words is hardly ever whole in those, and "On Tuesday" is: so whole utterances and
beginnings of the same number of words weigh the same, and how long an utterance is tells nothing.

A logistic regression with a ridge over hashed n-grams, by full-batch Adam.  Printed is the area under the
curve for what callers say, each utterance judged by weights that know a half of them and not it, and the
weights of completeness.py (``_OTHERS_TEXT_ONLY``), fitted on the same.  How well the whole does on what
others say: ``bench_end_of_turn.py --language``.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.bench_end_of_turn import auc, fit, phrases
from bench.grounding.hashed import Floats, fit_hashed, scores
from offhook.end_of_turn.completeness import cues
from offhook.end_of_turn.hashed import places
from offhook.end_of_turn.other_words import FOLDER, LANGUAGES, features
from offhook.languages.turns import turn_language
from offhook.languages.words import words

HERE = Path(__file__).parent
BEGINNINGS = 4
COMMON = 400
"""So many words have a kind of their own."""
TABLE = 1 << 16
RIDGE = 3e-4
STEPS = 100
OF_CALLERS, OF_BUSINESSES = 10.0, 4.0
"""What one utterance weighs."""
BUSINESSES = 10
"""Those of ``languages/`` with a higher number are left out: with nine times as many questions the rest is
heard less, and French ends by other writers were told worse (0.86 instead of 0.87)."""
LONGEST = 25
"""Words: longer ones are read, not said."""
LEARNT_MOST = 8.0
CUE_RIDGE = 1.0

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÄÖÜÉÀÇÊ¿¡])")
_MARKS = re.compile(r"[.?!¿¡,;:…\"«»„“”]+")


@dataclass(frozen=True, slots=True)
class Sample:
    text: str
    finished: bool
    weight: float


def plain(text: str) -> str:
    """Without punctuation: it says more than a recogniser knows in a pause."""
    return " ".join(_MARKS.sub(" ", text).split())


def callers(language: str) -> list[list[Sample]]:
    """Each whole utterance with its beginnings, all of them balanced."""
    found: list[list[Sample]] = []
    for line in (HERE.parent / f"end_of_turn.{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        pieces = line.split("|")
        whole = Sample(plain(" ".join(pieces)), True, OF_CALLERS)
        cut = [Sample(plain(" ".join(pieces[:count])), False, OF_CALLERS) for count in range(1, len(pieces))]
        found.append([whole, *cut])
    weighed = iter(balanced([one for each in found for one in each]))
    return [[next(weighed) for _ in each] for each in found]


def tuned(language: str) -> list[Sample]:
    return [
        Sample(text, kind == "finished", OF_CALLERS)
        for text, half, kind in phrases(language)
        if half == "tune"
    ]


def to_businesses(language: str) -> list[Sample]:
    """What is asked and said there, with some of its beginnings."""
    written: list[str] = []
    for path in sorted((HERE / "languages").glob(f"{language}-*.json")):
        if int(path.name.split("-")[1]) > BUSINESSES:
            continue
        asked = json.loads(path.read_text(encoding="utf-8"))["questions"]
        written += [one["say"] for one in asked]
    acts = json.loads((HERE / "acts_languages.json").read_text(encoding="utf-8"))[language]
    written += [one["say"] for one in acts]
    chance = random.Random(1)
    found = []
    for text in written:
        for sentence in _SENTENCE.split(text):
            said = plain(sentence).split()
            if not said or len(said) > LONGEST:
                continue
            found.append(Sample(" ".join(said), True, OF_BUSINESSES))
            inside = range(1, len(said))
            drawn = chance.sample(inside, min(BEGINNINGS, len(inside)))
            found += [Sample(" ".join(said[:count]), False, OF_BUSINESSES / len(drawn)) for count in drawn]
    return balanced([one for one in found if words(one.text)])


def balanced(samples: list[Sample]) -> list[Sample]:
    """Beginnings of so many words weigh as much as whole ones of as many."""
    lengths = [min(len(words(one.text)), 12) for one in samples]
    weight: defaultdict[tuple[int, bool], float] = defaultdict(float)
    for one, length in zip(samples, lengths, strict=True):
        weight[length, one.finished] += one.weight
    return [
        one
        if one.finished
        else Sample(one.text, False, one.weight * weight[length, True] / weight[length, False])
        for one, length in zip(samples, lengths, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples as places in the table."""

    sample: NDArray[np.int64]
    place: NDArray[np.int64]
    finished: NDArray[np.bool_]
    weight: Floats

    @classmethod
    def of(cls, samples: list[Sample], common: frozenset[str], language: str) -> Rows:
        rows = [places(features(one.text, common, language), TABLE) for one in samples]
        return cls(
            np.repeat(np.arange(len(rows)), [len(row) for row in rows]),
            np.array([place for row in rows for place in row]),
            np.array([one.finished for one in samples]),
            np.array([one.weight for one in samples]),
        )

    def and_(self, other: Rows) -> Rows:
        return Rows(
            np.concatenate([self.sample, other.sample + len(self.weight)]),
            np.concatenate([self.place, other.place]),
            np.concatenate([self.finished, other.finished]),
            np.concatenate([self.weight, other.weight]),
        )

    def scores(self, table: Floats) -> Floats:
        return scores(table, self.sample, self.place, len(self.weight))

    def learn(self) -> Floats:
        """The table, and the constant behind it."""
        return fit_hashed(
            self.sample, self.place, self.finished, self.weight, size=TABLE, ridge=RIDGE, steps=STEPS
        )


def common_words(samples: list[Sample]) -> frozenset[str]:
    counts: Counter[str] = Counter()
    for one in samples:
        if one.finished:
            counts.update(dict.fromkeys(words(one.text), round(one.weight)))
    return frozenset(word for word, _ in counts.most_common(COMMON))


def train(language: str, *, write: bool) -> tuple[list[list[float]], list[bool], list[float]]:
    """Learns one language; what completeness.py's weights are fitted on: cues and scores, whether
    over, and what each weighs."""
    told, others = callers(language), to_businesses(language)
    common = common_words([*others, *(one for each in told for one in each)])
    rows = Rows.of(others, common, language).and_(Rows.of(tuned(language), common, language))
    seen: list[list[float]] = []
    over: list[bool] = []
    learnt: list[float] = []
    weights: list[float] = []
    for half in (0, 1):
        mine = [one for each in told[half::2] for one in each]
        rest = [one for each in told[1 - half :: 2] for one in each]
        table = rows.and_(Rows.of(rest, common, language)).learn()
        found_by_them = Rows.of(mine, common, language).scores(table)
        learnt += list(found_by_them)
        for one, score in zip(mine, found_by_them, strict=True):
            found = cues(one.text, turn_language(language))
            assert found is not None
            seen.append([*map(float, found), float(np.clip(score, -LEARNT_MOST, LEARNT_MOST))])
            over.append(one.finished)
            weights.append(one.weight / OF_CALLERS)
    print(f"{language}: {len(over)} of callers, auc {auc(np.array(learnt), np.array(over)):.3f}", flush=True)
    table = rows.and_(Rows.of([one for each in told for one in each], common, language)).learn()
    path = FOLDER / f"{language}.npz" if write else Path("/tmp") / f"other_words_{language}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    half_size = table[:-1].astype(np.float16)
    np.savez_compressed(path, weights=half_size, bias=table[-1], common=np.array(" ".join(sorted(common))))
    return seen, over, weights


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"keep the weights in {FOLDER}")
    parser.add_argument("--language", nargs="+", choices=LANGUAGES, default=LANGUAGES)
    options = parser.parse_args()
    seen: list[list[float]] = []
    over: list[bool] = []
    each: list[float] = []
    for language in options.language:
        more = train(language, write=options.write)
        seen += more[0]
        over += more[1]
        each += more[2]
    weights = fit(np.array(seen), np.array(over), CUE_RIDGE, np.array(each))
    print("of the cues, of what was learnt, constant:", [round(float(weight), 2) for weight in weights])


if __name__ == "__main__":
    main()
