"""Why something is found, or not: each way of finding by itself, for whoever keeps the documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from offhook.knowledge.store import Knowledge


@dataclass(frozen=True, slots=True)
class Explained:
    """One thing that is known, beside a question."""

    text: str
    about: str
    source: str
    """Its document; empty: the agent's file."""
    answer: str
    """What of it would be said."""
    log_odds: float | None
    """That it answers the question, which decides; None: it was not among those that were compared."""
    cosine: float | None
    """How alike both are as a whole, by the network's vectors; None: there is no network."""
    words: float | None
    """BM25's score of the words that they share; None: none."""
    covered: float | None
    """The share of the question's words of weight that it holds."""


def explain(knowledge: Knowledge, question: str, most: int = 8) -> list[Explained]:
    """What comes first by any way of finding; the likeliest first.  Takes milliseconds; prepare before."""
    ranking = knowledge.search(question)
    compared = {each.item.number: each for each in ranking.candidates}
    by_words = {each.number: each for each in knowledge.shared_words(question, most)}
    cosines = knowledge.cosines(question)
    near = [] if cosines is None else [int(number) for number in np.argsort(-cosines)[:most]]
    numbers = list(dict.fromkeys([*compared, *by_words, *near]))
    found = []
    for number in numbers:
        item, candidate, shared = knowledge.items[number], compared.get(number), by_words.get(number)
        found.append(
            Explained(
                item.text,
                item.about,
                item.source,
                item.text if candidate is None else candidate.answer(),
                None if candidate is None else round(candidate.log_odds, 2),
                None if cosines is None else round(float(cosines[number]), 3),
                None if shared is None else round(shared.score, 2),
                None if shared is None else round(shared.covered, 2),
            )
        )
    return sorted(found, key=lambda one: -np.inf if one.log_odds is None else one.log_odds, reverse=True)
