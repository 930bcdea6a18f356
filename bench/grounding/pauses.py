"""Callers' whole utterances, and the places inside them where a speaker may pause.

From the questions and statements to the businesses beside this file, by many writers, who wrote them to be
answered and not to be cut.  An utterance is over at its end and not at a pause inside it; where its words up
to there can be a whole one, only the pause tells.  Which places those are is told by closed classes of words:
by what stands before the pause and what comes after it (:func:`pauses`).

How likely a pause is at each place is a guess with reasons, not a count: most stand between clauses, where
writers put a comma, before conjunctions and after fillers, and inside phrases between a function word and the
content word that is looked for (Maclay and Osgood 1959; Clark and Fox Tree 2002).
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from offhook.end_of_turn.last_words import (
    ADVERBS,
    AUXILIARIES,
    CONJUNCTIONS,
    DETERMINERS,
    PREPOSITIONS,
    SUBJECTS,
)
from offhook.languages.turns.base import word_set
from offhook.languages.words import words

HERE = Path(__file__).parent
HELD_OUT, TUNE = "1", "2"
"""Businesses whose number ends in the first are not trained on, here as in train.py; by those that end in the
second, what is learnt is weighed against everything else that is known."""
FINAL = ".,;:!?-\u2013\u2014 "
"""What a recogniser, or a writer, ends a piece of a sentence with."""

_FILLERS = word_set("um uh erm er hmm")
_FUNCTION_WORDS = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | SUBJECTS
_NEVER_LAST = (
    (DETERMINERS - {"this", "these", "those", "each", "any", "some", "what", "which"})
    | (CONJUNCTIONS - {"so", "once", "like", "though", "since", "that"})
    | AUXILIARIES
    | SUBJECTS
    | _FILLERS
    | {"of", "from", "into", "between", "during", "per", "via", "regarding", "than"}
)
_MAY_FOLLOW_A_WHOLE = (
    PREPOSITIONS
    | CONJUNCTIONS
    | ADVERBS
    | SUBJECTS
    | _FILLERS
    | {"you", "it", "is", "are", "do", "does", "did", "can", "could", "will", "would"}
)
"""Before these, what has been said is often a whole: "Do you sell gift cards | for my sister"."""


Part = Literal["train", "tune", "held_out"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One whole utterance, as its writer wrote it."""

    text: str
    states: bool
    """Its writer meant it to ask nothing."""
    part: Part


@dataclass(frozen=True, slots=True)
class Pause:
    """A place inside an utterance."""

    before: str
    """What has been said, without final punctuation."""
    may_be_whole: bool
    weight: float
    """How likely a pause is here, beside the other places."""


def part_of(file_name: str) -> Part:
    """Of a business."""
    number = re.search(r"-\d*(\d)-", file_name)
    last = "" if number is None else number[1]
    return "held_out" if last == HELD_OUT else "tune" if last == TUNE else "train"


def utterances() -> list[Utterance]:
    """All of them, and what callers say in acts_train.json, which is trained on."""
    found = []
    for path in sorted((HERE / "businesses").glob("*.json")):
        for one in json.loads(path.read_text(encoding="utf-8"))["questions"]:
            found.append(Utterance(one["say"], one["kind"] == "statement", part_of(path.name)))
    for one in json.loads((HERE / "acts_train.json").read_text(encoding="utf-8")):
        found.append(Utterance(one["say"], one["act"] != "question", "train"))
    return [utterance for utterance in found if words(utterance.text)]


def wholes(found: Collection[Utterance]) -> frozenset[str]:
    """Their words: a beginning of another one that is as long as one of these can be whole."""
    return frozenset(" ".join(words(one.text)) for one in found)


def pauses(text: str, whole: frozenset[str]) -> Iterator[Pause]:
    """Every place between two words of ``text``."""
    written = text.split()
    for place in range(1, len(written)):
        piece = " ".join(written[:place])
        before = piece.rstrip(FINAL)
        said, following = words(before), words(" ".join(written[place:]))
        if not said or not following:
            continue
        mark = piece[len(before) :].strip()
        last, after = said[-1], following[0]
        cannot_end = last in _NEVER_LAST and " ".join(said) not in whole
        may_be_whole = not cannot_end and (
            bool(mark) or after in _MAY_FOLLOW_A_WHOLE or " ".join(said) in whole
        )
        looks_for_a_word = last in _FUNCTION_WORDS and after not in _FUNCTION_WORDS
        weight = (
            3.0 if mark or last in _FILLERS else 2.0 if after in CONJUNCTIONS or looks_for_a_word else 1.0
        )
        yield Pause(before, may_be_whole, weight)


def sample(part: Part, count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Texts of so many utterances, and what they are: "finished" where the utterance asks something, and of
    each a place that is "unfinished" and one that is "complete" but not over, drawn by weight.
    """
    everything = utterances()
    whole, chance = wholes(everything), random.Random(seed)
    mine = [one for one in everything if one.part == part]
    found = []
    for one in chance.sample(mine, min(len(mine), count)):
        if not one.states:
            found.append((one.text.rstrip(FINAL), "finished"))
        places = list(pauses(one.text, whole))
        for kind in ("unfinished", "complete"):
            these = [place for place in places if place.may_be_whole is (kind == "complete")]
            if these:
                drawn = chance.choices(these, [place.weight for place in these])[0]
                found.append((drawn.before, kind))
    return found
