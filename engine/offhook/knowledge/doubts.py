"""Whether the best fact found for a German, Spanish or French question surely answers it.

The vectors of :mod:`.multilingual` put a near miss ("do you repair clocks?", to who repairs shoes) as close
to a fact as the question that it answers.  What tells them apart is beside the vectors: how clearly one fact
stands out, how much of what the question says stands in it, and whether its most telling word stands nowhere.
How telling a word is was learnt from what callers ask all kinds of businesses: "have" is asked of everybody.
What is doubted is said as what may help, not as the answer.

Learnt by ``bench/grounding/train_doubts.py``.  Pure but for its file, which is read once; some 100 us for
twenty facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from offhook.errors import ModelError
from offhook.knowledge.base import PLAIN, Encoded, Floats
from offhook.knowledge.multilingual import shared_words
from offhook.languages.codes import base_language

FILE = Path(__file__).parent.parent / "assets" / "grounding" / "doubts.npz"
LANGUAGES = ("de", "es", "fr")
BARELY = 0.1
"""So far below PLAIN a fact stays that may not be the answer."""


class Doubts:
    """What was learnt of one language.  Immutable."""

    def __init__(self, language: str, path: Path = FILE) -> None:
        """Raises ModelError when the file is missing."""
        if not path.is_file():
            raise ModelError(f"{path} is missing: install offhook again")
        with np.load(path) as held:
            self._weights = held["weights"].astype(np.float64)
            telling = zip(str(held[f"{language}_stems"]).split(), held[f"{language}_telling"], strict=True)
            self._telling = {stem: float(weight) for stem, weight in telling}
            self._unheard = float(held[f"{language}_unheard"])

    def weighed(self, question: Encoded, facts: Sequence[Encoded], scores: Floats) -> Floats:
        """``scores``, all moved alike: the best is PLAIN or more where it surely answers, and else not.

        Empty ones are returned as they are.
        """
        if not len(scores):
            return scores
        seen = features(question, facts, scores, self._telling, self._unheard)
        likely = float(np.dot(self._weights[:-1], seen) + self._weights[-1])
        best = float(scores.max())
        moved: Floats = (scores + (weighed(best, likely) - best)).astype(np.float32)
        return moved


def weighed(best: float, likely: float) -> float:
    """The best fact's log-odds by the matcher and by what was learnt here, as one.

    What is not sure is still found, by its vectors: a question in other words shares no word with its answer.
    """
    return max(best, likely) if likely >= PLAIN else min(best, PLAIN - BARELY)


@cache
def doubts(language: str) -> Doubts | None:
    """The ones that are shipped; None for a language ("en", "it") that nothing was learnt of."""
    code = base_language(language)
    return Doubts(code) if code in LANGUAGES else None


def features(
    question: Encoded,
    facts: Sequence[Encoded],
    scores: Floats,
    telling: Mapping[str, float],
    unheard: float,
) -> list[float]:
    """What is known of the best of one or more facts.

    Its score, how many others come near it, its likeness; the share of the question's words in it, by how
    rare they are among the facts and by how telling they are at all; their share in any fact; and how telling
    the one is that stands in none.
    """
    best = int(scores.argmax())
    apart = scores.astype(np.float64) - float(scores[best])
    every = frozenset[str]().union(*(fact.stems for fact in facts))
    missing = [telling.get(stem, unheard) for stem in question.stems - every]
    return [
        float(scores[best]),
        float(np.log(np.exp(apart).sum())),
        float(facts[best].vector @ question.vector),
        float(shared_words(question.stems, [fact.stems for fact in facts])[best, 1]),
        _share(question.stems, facts[best].stems, telling, unheard),
        _share(question.stems, every, telling, unheard),
        max(missing, default=0.0),
    ]


def _share(
    asked: Collection[str], held: Collection[str], telling: Mapping[str, float], unheard: float
) -> float:
    weights = {stem: telling.get(stem, unheard) for stem in asked}
    return sum(weight for stem, weight in weights.items() if stem in held) / (sum(weights.values()) + 1e-6)
