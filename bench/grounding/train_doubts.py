"""Trains what tells a fact that answers from a near miss (offhook/knowledge/doubts.py).

    python -m bench.grounding.train_doubts [--write]

Learnt from the businesses of ``languages/`` and the shipped matcher's scores, which saw none of those from
number 11 on: how telling a word is, from all questions but those of the last writer of each language; and a
logistic regression, from the questions of the writers between.  The last writers' businesses are only
reported on.  Printed are the shipped scores without ("before") and with what was learnt; of the businesses
that were learnt from each is judged by weights that were fitted without it.

The log-odds are moved so that of the unanswerable questions to those PLAIN_SHARE lie above PLAIN.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.bench_end_of_turn import auc, fit
from offhook.conversation.policies.grounded import FLOOR
from offhook.knowledge.base import PLAIN, Encoded
from offhook.knowledge.doubts import FILE, LANGUAGES, features, weighed
from offhook.knowledge.items import Item, searched
from offhook.knowledge.multilingual import Multilingual, stems
from offhook.knowledge.notes import parts

HERE = Path(__file__).parent
SEEN_BY_MATCHER = 10
"""Businesses up to this number were trained on, some of them."""
LAST_WRITER = {"de": 41, "es": 41, "fr": 31}
"""The first number of each."""
FOLDS = 5
RIDGE = 1.0
LEAST_BUSINESSES = 2
"""A word that fewer businesses were asked is as telling as one that nobody was."""
PLAIN_SHARE = 0.10
KINDS = ("fact", "paraphrase", "followup", "two", "unknown")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Business:
    language: str
    number: int
    facts: list[str]
    questions: list[dict[str, Any]]

    @property
    def last_writer(self) -> bool:
        return self.number >= LAST_WRITER[self.language]


@dataclass(frozen=True, slots=True)
class Asked:
    business: Business
    kind: str
    right: bool
    """Whether the best fact answers."""
    before: float
    """Its log-odds by the matcher."""
    seen: list[float]


def read(path: Path) -> Business:
    data = json.loads(path.read_text(encoding="utf-8"))
    language, number, *_ = path.stem.split("-")
    return Business(language, int(number), data["facts"], data["questions"])


def telling(businesses: list[Business]) -> tuple[dict[str, float], float]:
    """How telling each stem is that is asked of several, and any other: inverse document frequencies."""
    held: Counter[str] = Counter()
    for business in businesses:
        held.update({stem for question in business.questions for stem in stems(question["say"])})
    weight = {
        stem: float(np.log((len(businesses) + 1) / (count + 0.5)))
        for stem, count in held.items()
        if count >= LEAST_BUSINESSES
    }
    return weight, float(np.log((len(businesses) + 1) / 0.5))


def ask(business: Business, matcher: Multilingual, weight: dict[str, float], unheard: float) -> list[Asked]:
    items = [
        Item(number, text, tuple(parts(text)), language=business.language)
        for number, text in enumerate(business.facts)
    ]
    facts = matcher.encode_facts([searched(item) for item in items], [()] * len(items))
    # As store.py has them: vectors with what callers call addresses and hours, words as they stand there.
    found = []
    for question, encoded in zip(business.questions, _encoded(business, matcher), strict=True):
        if question["kind"] not in KINDS:
            continue
        scores = matcher.scores(encoded, facts)
        seen = features(encoded, facts, scores, weight, unheard)
        right = int(scores.argmax()) in question["facts"]
        found.append(Asked(business, question["kind"], right, float(scores.max()), seen))
    return found


def _encoded(business: Business, matcher: Multilingual) -> list[Encoded]:
    """A follow-up with the question before it."""
    texts: list[str | tuple[str, str]] = []
    for question in business.questions:
        after = question.get("after") if question["kind"] == "followup" else None
        said = question["say"]
        texts.append(said if after is None else (business.questions[after]["say"], said))
    return matcher.encode(texts)


def learn(asked: list[Asked]) -> Numbers:
    return fit(np.array([one.seen for one in asked]), np.array([one.right for one in asked]), RIDGE)


def judge(asked: list[Asked], weights: Numbers) -> Numbers:
    judged: Numbers = np.array([one.seen for one in asked]) @ weights[:-1] + weights[-1]
    return judged


def judged_unseen(asked: list[Asked]) -> Numbers:
    """Each by weights that were fitted without its business."""
    fold = np.array([one.business.number % FOLDS for one in asked])
    found = np.zeros(len(asked))
    for number in range(FOLDS):
        rest = [one for one, of in zip(asked, fold, strict=True) if of != number]
        mine = [one for one, of in zip(asked, fold, strict=True) if of == number]
        found[fold == number] = judge(mine, learn(rest))
    return found


def moved_by(asked: list[Asked], judged: Numbers) -> float:
    """What is added to the log-odds, for PLAIN_SHARE."""
    unknown = judged[[one.kind == "unknown" for one in asked]]
    return float(PLAIN - np.quantile(unknown, 1 - PLAIN_SHARE))


def as_said(asked: list[Asked], judged: Numbers) -> Numbers:
    """The log-odds that the policy sees."""
    pairs = zip(asked, judged, strict=True)
    said: Numbers = np.array([weighed(one.before, float(likely)) for one, likely in pairs])
    return said


def report(what: str, asked: list[Asked], judged: Numbers) -> None:
    right = np.array([one.right for one in asked])
    for language in LANGUAGES:
        mine = np.array([one.business.language == language for one in asked])
        of = {kind: mine & np.array([one.kind == kind for one in asked]) for kind in KINDS}
        unknown = judged[of["unknown"]]
        both = of["fact"] | of["unknown"]
        area = auc(judged[both], of["fact"][both])
        said, plain = (float(np.mean(unknown > bar)) for bar in (FLOOR, PLAIN))
        print(
            f"{what} {language}: fact before unknown {area:.3f}; {len(unknown)} unknown,"
            f" said {said:.2f}, plainly {plain:.2f}"
        )
        for kind in KINDS[:-1]:
            score, good = judged[of[kind]], right[of[kind]]
            shares = [np.mean(each & (score > bar)) for bar in (FLOOR, PLAIN) for each in (good, ~good)]
            kept = np.mean(good & (score > np.quantile(unknown, 0.9)))
            print(
                f"   {kind:10} {len(score):4}  said right {shares[0]:.2f}, wrong {shares[1]:.2f};"
                f" plainly {shares[2]:.2f}, {shares[3]:.2f}; right where 90 % of unknown are not {kept:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"keep the weights in {FILE}")
    options = parser.parse_args()
    businesses = [read(path) for path in sorted((HERE / "languages").glob("*.json"))]
    matcher = Multilingual()
    held: dict[str, Any] = {}
    asked: list[Asked] = []
    for language in LANGUAGES:
        mine = [one for one in businesses if one.language == language]
        weight, unheard = telling([one for one in mine if not one.last_writer])
        for business in mine:
            if business.number > SEEN_BY_MATCHER:
                asked += ask(business, matcher, weight, unheard)
        held[f"{language}_stems"] = np.array(" ".join(weight))
        held[f"{language}_telling"] = np.array(list(weight.values()), np.float16)
        held[f"{language}_unheard"] = np.float32(unheard)
    learnt_from = [one for one in asked if not one.business.last_writer]
    untouched = [one for one in asked if one.business.last_writer]
    unseen = judged_unseen(learnt_from)
    add = moved_by(learnt_from, unseen)
    weights = learn(learnt_from)
    weights[-1] += add
    print("weights:", [round(float(weight), 2) for weight in weights])
    for what, rows, judged in (
        ("learnt from", learnt_from, unseen + add),
        ("untouched", untouched, judge(untouched, weights)),
    ):
        report(f"{what}, before,", rows, np.array([one.before for one in rows]))
        report(what, rows, as_said(rows, judged))
        report(f"{what}, by the doubts alone,", rows, judged)
    if options.write:
        np.savez_compressed(FILE, weights=weights.astype(np.float32), **held)


if __name__ == "__main__":
    main()
