"""Whether an English utterance is over, by what was learnt from its last words and its first ones.

A list says which words can be the last of a sentence, not after what: "Do I get anything off that" is over
and "the one that" is not.  Here every run of words, of kinds and of classes of words that an utterance ends
with, alone and together with how its sentence began, has a weight of its own (:mod:`.hashed`).  The weights
are learnt from whole utterances of callers and from the places inside them where a speaker may pause
(``bench/grounding/train_last_words.py``, which also says how good they are).

Pure but for the weights, which are read once; takes some 60 us.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from offhook.end_of_turn.hashed import HashedWeights
from offhook.languages.turns.base import word_set

FILE = Path(__file__).parent.parent / "assets" / "end_of_turn" / "en.npz"
ENDINGS = ("n't", "'s", "ing", "ed", "ly", "s")
"""Make a kind of the words that are too rare to be one of their own; the first that fits."""
OPENERS = word_set(
    "is are am was were do does did can could will would shall should may might must has have had"
    " isn't aren't don't doesn't didn't can't won't"
    " what what's who who's whose which where where's when when's why how how's"
)
"""Auxiliaries and question words: the last of them begins the clause that has to be whole."""
PREPOSITIONS = word_set(
    "of from into between during per via regarding at to for about with on in by until after before"
    " around without under over near through than off out up down inside outside within across"
    " behind past against beside besides towards since"
)
DETERMINERS = word_set(
    "a an the my your his our their its every each no any some this these those which what whose"
)
AUXILIARIES = word_set(
    "is are am was were do does did can could will would shall should may might must has have had"
    " be been isn't aren't don't doesn't can't won't"
)
SUBJECTS = word_set(
    "i he she we they i'm i've i'll i'd he's she's we're we've we'd we'll they're it's there's"
    " that's you're you've you'll what's where's how's who's when's"
)
CONJUNCTIONS = word_set(
    "and or but because if whether unless although though while when where so nor as that who until"
    " once since like cos"
)
ADVERBS = word_set(
    "please today tomorrow tonight yesterday now then there here instead too either also again"
    " anyway afterwards later first just only even really actually still already online yet myself"
    " both not"
)
_OBJECTS = word_set("me us him her them one ones that this those these")
_QUESTION_WORDS = word_set("what which who how when where why whose")
_CLASSES = {
    word: letter
    for letter, members in (  # the last class that a word is in counts
        ("R", ADVERBS),
        ("C", CONJUNCTIONS),
        ("S", SUBJECTS | {"you", "it"}),
        ("A", AUXILIARIES),
        ("D", DETERMINERS),
        ("P", PREPOSITIONS),
        ("O", _OBJECTS),
        ("Q", _QUESTION_WORDS),
    )
    for word in members
}
"""Closed classes: after a preposition "that" is a pronoun, and ends what it ends."""
_BEFORE = "<"
"""Stands for words before the first one."""
_LONGEST_WORDS = 4
_LONGEST_KINDS = 6
_LONGEST_CLASSES = 7
_LONG = 12
"""So many words and more count as one length."""
_LONG_CLAUSE = 8
"""The same, of a clause."""
_SHORT = 3
"""Utterances of no more words are a feature as they stand."""


class LastWords:
    """What was learnt of English.  Immutable."""

    def __init__(self, path: Path = FILE) -> None:
        """Raises ModelError when the file is missing."""
        self._weights = HashedWeights(path)

    def log_odds(self, said: Sequence[str]) -> float:
        """That nothing follows ``said``, some words in lower case.  Raises IndexError for none."""
        return self._weights.log_odds(features(said, self._weights.common))


@cache
def last_words() -> LastWords:
    """The ones that are shipped."""
    return LastWords()


def features(said: Sequence[str], common: frozenset[str]) -> list[str]:
    """What is known of an utterance: always as many, each with a letter of its own in front.

    ``common`` words are a kind each.
    """
    kinds = [_kind(word, common) for word in said]
    ends = [_BEFORE] * (_LONGEST_KINDS - 1) + list(said)
    kind_ends = [_BEFORE] * (_LONGEST_KINDS - 1) + kinds
    found = [f"w{' '.join(ends[-length:])}" for length in range(1, _LONGEST_WORDS + 1)]
    found += [f"k{' '.join(kind_ends[-length:])}" for length in range(1, _LONGEST_KINDS + 1)]
    first, two = said[0], " ".join(said[:2])
    found += [f"f{first}", f"g{two}", f"h{first} {kinds[-1]}", f"i{two} {' '.join(kinds[-2:])}"]
    found += [f"n{min(len(said), _LONG)}", f"s{' '.join(said) if len(said) <= _SHORT else ''}"]
    found += _of_classes(said)
    found += [f"p{ends[-2]} {kinds[-1]}", f"q{kind_ends[-2]} {ends[-1]}"]
    opener = max((place for place, word in enumerate(said) if word in OPENERS), default=None)
    if opener is None:
        return [*found, "a", "b", f"c{kinds[-1]}"]
    rest = kinds[opener + 1 :]
    around = " ".join(kinds[max(0, opener - 1) : opener + 3])
    found += [f"a{said[opener]} {min(len(rest), _LONGEST_KINDS)}"]
    found += [f"b{said[opener]} {' '.join(rest[-_LONGEST_KINDS:])}", f"c{around} {kinds[-1]}"]
    return found


def _kind(word: str, common: frozenset[str]) -> str:
    return word if word in common else _by_form(word)


def _of_classes(said: Sequence[str]) -> list[str]:
    classes = [_CLASSES.get(word) or _by_form(word) for word in said]
    ends = [_BEFORE] * (_LONGEST_CLASSES - 1) + classes
    found = [f"r{' '.join(ends[-1 - length : -1])} {said[-1]}" for length in range(1, _LONGEST_WORDS + 1)]
    found += [f"t{' '.join(ends[-length:])}" for length in range(3, _LONGEST_CLASSES + 1)]
    begin = f"u{said[0]} {' '.join(classes[1:_LONGEST_KINDS])} {classes[-1]}"
    return [*found, f"{begin} {min(len(said), _LONG_CLAUSE)}"]


def _by_form(word: str) -> str:
    if word.isdigit():
        return "#"
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return f"-{ending}"
    return "-"
