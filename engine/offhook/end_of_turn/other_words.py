"""Whether a German, Spanish or French utterance is over, by what was learnt from how callers' sentences end.

As English has it in ``last_words.py``: hashed n-grams of the last words and of the first ones, whose weights
add up to log-odds.  Two things are different.  There is less to learn from, so beside the most frequent words
all others are known by their last letters, which tell a Spanish verb from a noun; German nouns by their
capital letter, where a recogniser writes them; and articles, prepositions and their like by their class
(:mod:`.closed_classes`), so that what was learnt behind one holds behind all.  And a verb that waits for
another one at the end ("können Sie mir das ... schicken") is told by every frequent word of the utterance,
each together with the last one.

The weights are learnt by ``bench/grounding/train_other_words.py``.  Pure but for them, which are read once;
takes some 100 us.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from offhook.end_of_turn.closed_classes import LETTERS, closed_class
from offhook.end_of_turn.hashed import HashedWeights
from offhook.languages.words import words

FOLDER = Path(__file__).parent.parent / "assets" / "end_of_turn"
LANGUAGES = ("de", "es", "fr")
_CAPITAL_NOUNS = frozenset({"de"})
_BEFORE = "<"
"""Stands for words before the first one."""
_LONGEST_WORDS = 3
_LONGEST_KINDS = 5
_LONGEST_CLASSES = 7
_LONG = 12
"""So many words and more count as one length ..."""
_RATHER_LONG = 8
"""... and so many where the length is looked at together with a word."""
_SHORT = 5
"""Utterances of no more words are a feature as they stand."""
_LAST_WORDS = 30
"""A longer utterance is known by its last words."""
_OPEN_KINDS = frozenset({"#", "N", "P"})
"""Kinds of open classes that tell more than their last letters: numbers and words with a capital."""
_MARKS = re.compile(r"[^\w']+")


class OtherWords:
    """What was learnt of one language.  Immutable."""

    def __init__(self, language: str, path: Path | None = None) -> None:
        """Raises ModelError when the file is missing."""
        self._weights = HashedWeights(path or FOLDER / f"{language}.npz")
        self._language = language

    def log_odds(self, text: str) -> float:
        """That nothing follows ``text``.  Raises IndexError where it has no words."""
        return self._weights.log_odds(features(text, self._weights.common, self._language))


@cache
def other_words(language: str) -> OtherWords | None:
    """The ones that are shipped; None for a language that nothing was learnt of."""
    return OtherWords(language) if language in LANGUAGES else None


def features(text: str, common: frozenset[str], language: str) -> list[str]:
    """What is known of ``text``, each with letters of its own in front.  ``common`` words are a kind each."""
    said = words(text)[-_LAST_WORDS:]
    kinds = _kinds(text, said, common, language)
    ends = [_BEFORE] * (_LONGEST_KINDS - 1) + said
    kind_ends = [_BEFORE] * (_LONGEST_KINDS - 1) + kinds
    last, kind, first, two = said[-1], kinds[-1], said[0], " ".join(said[:2])
    found = [f"w{' '.join(ends[-length:])}" for length in range(1, _LONGEST_WORDS + 1)]
    found += [f"k{' '.join(kind_ends[-length:])}" for length in range(1, _LONGEST_KINDS + 1)]
    kind_two = " ".join(kinds[:2])
    found += [f"f{first}", f"g{two}", f"h{kinds[0]} {kind}", f"i{kind_two} {kind}"]
    found += [f"j{kind_two} {' '.join(kinds[-2:])}"]
    rather = min(len(said), _RATHER_LONG)
    found += [f"n{min(len(said), _LONG)}", f"m{rather} {kind}", f"o{rather} {kinds[0]}"]
    found += [f"t{last[-2:]}", f"t{last[-3:]}", f"p{ends[-2]} {kind}", f"q{kind_ends[-2]} {last}"]
    found += [f"r{ends[-2][-2:]} {last[-3:]}"]
    if len(said) <= _SHORT:
        found += [f"s{' '.join(said)}", f"S{' '.join(kinds)}"]
    for word in dict.fromkeys(kinds[:-1]):
        if word in common:
            found += [f"b{word}", f"c{word} {kind}", f"d{word} {last[-2:]}"]
    return found + _of_classes(said, kinds, language) + _of_endings(said, common)


def _of_classes(said: list[str], kinds: list[str], language: str) -> list[str]:
    """Runs of classes, with the endings of all other words and without; which there are at all."""
    classes = [
        closed_class(word, language) or (kind if kind in _OPEN_KINDS else f"-{word[-2:]}")
        for word, kind in zip(said, kinds, strict=True)
    ]
    ends = [_BEFORE] * (_LONGEST_CLASSES - 1) + classes
    found = [f"R{' '.join(ends[-1 - length : -1])} {said[-1]}" for length in range(1, 5)]
    found += [f"T{' '.join(ends[-length:])}" for length in range(2, _LONGEST_CLASSES + 1)]
    found += [f"U{said[0]} {' '.join(classes[1:4])} {classes[-1]}"]
    coarse = [one if one in LETTERS or one in ("N", "#") else "x" for one in classes]
    coarse_ends = [_BEFORE] * (_LONGEST_CLASSES - 1) + coarse
    found += [f"V{' '.join(coarse_ends[-length:])}" for length in range(3, _LONGEST_CLASSES + 1)]
    return [*found, f"W{''.join(sorted(set(coarse)))} {classes[-1]}"]


def _of_endings(said: list[str], common: frozenset[str]) -> list[str]:
    """The last words by their last three letters, and the last one by four."""
    endings = [_BEFORE] * 2 + [word if word in common else f"-{word[-3:]}" for word in said[-3:]]
    return [*(f"X{' '.join(endings[-length:])}" for length in (1, 2, 3)), f"Y{said[-1][-4:]}"]


def _kinds(text: str, said: list[str], common: frozenset[str], language: str) -> list[str]:
    written = [
        word for word in _MARKS.split(text.replace("\u2019", "'").replace("_", " ")) if word.strip("'")
    ]
    written = written[-len(said) :]
    capitals = len(written) == len(said)
    kinds = []
    for place, word in enumerate(said):
        capital = capitals and place > 0 and written[place][:1].isupper()
        if word in common:
            kinds.append(word)
        elif word.isdigit():
            kinds.append("#")
        elif capital:
            kinds.append("N" if language in _CAPITAL_NOUNS else "P")
        else:
            kinds.append(f"-{word[-2:]}")
    return kinds
