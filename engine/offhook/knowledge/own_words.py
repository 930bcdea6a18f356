"""What a caller may have said where the recogniser wrote what sounds like a word of the agent's own.

A recogniser knows how often people say "fair" and "donor"; it does not know that the owner of this shop
has written of fares, or of doner kebab.  Here are those other readings.  Which one is right only ears can
tell: whoever recognises compares how well each fits the audio.

Two spellings are alike as far as their letters and, as much again, their sounds are the same in the same
order: normalised InDel similarity by RapidFuzz, of the words and of their Metaphone codes (L. Philips, 1990)
by jellyfish.  English, therefore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jellyfish
import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Indel

from offhook.knowledge.words import STOP_WORDS

MOST = 2_000
"""Words and pairs of words that are looked through: those of a hundred facts.  It takes some 0.5 ms."""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_BREAK = re.compile(r"[.,;:!?()/\"\u201c\u201d\d\n]+")
"""No two words of one name stand on both sides of it."""
_SHORTEST = 3
"""Letters.  Shorter words are alike by chance."""
ALIKE = 0.7
"""From here on one may be taken for the other without asking what is known of it ..."""
_LEAST_ALIKE = 0.5
"""... and from here on it may have been said where that answers."""
UNSURE = -0.25
"""Words may be others where a token of them is less likely than this (log-probability) ..."""
_NOT_SURE = -0.05
"""... and where it is less likely than this if they are so alike as :data:`ALIKE`: of two that sound the same
a recogniser is sure by what people say in general, not by ear."""
_WIDEST = 3
"""Words that one of the owner's becomes: "search charge" for "surcharge"."""
_READINGS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """Another one of the words from ``first`` up to ``end``."""

    first: int
    end: int
    text: str
    alike: float
    """How much the two look and sound alike, 0 to 1."""


class OwnWords:
    """Those of one agent: what its owner has written, and pairs that stand side by side.  Thread-safe."""

    def __init__(self, texts: Iterable[str]) -> None:
        """The first :data:`MOST` of ``texts`` count."""
        own: dict[str, str] = {}
        known: set[str] = set()
        for text in texts:
            for part in _BREAK.split(text):
                words = _WORD.findall(part)
                known.update(map(_letters, words))
                for at in range(len(words)):
                    for term in (words[at : at + 1], words[at : at + 2]):
                        letters = _letters(*term)
                        if len(letters) < _SHORTEST or any(map(_says_nothing, term)):
                            continue
                        written = " ".join(term) if at else _as_within(*term)
                        if letters in own and at:  # only there does a capital letter say that it is a name
                            own[letters] = written
                        elif len(own) < MOST:
                            own.setdefault(letters, written)
        self._known = known | own.keys()
        self._letters = list(own)
        self._sounds = [jellyfish.metaphone(letters) for letters in own]
        self._texts = list(own.values())

    def readings(self, words: Sequence[str], odds: Sequence[float]) -> list[Reading]:
        """The likeliest few, the most alike first.

        ``words`` as they are written, with their punctuation; ``odds``: the log-probability of the token of
        each that the recogniser is least sure of.
        """
        windows = [
            (first, end, letters)
            for first in range(len(words))
            for end in range(first + 1, min(first + _WIDEST, len(words)) + 1)
            if min(odds[first:end]) < _NOT_SURE and (letters := self._strange(words[first:end]))
        ]
        if not windows or not self._letters:
            return []
        spelt = [letters for *_, letters in windows]
        alike = _alike(spelt, self._letters) + _alike([*map(jellyfish.metaphone, spelt)], self._sounds)
        alike /= 2
        least = [_LEAST_ALIKE if min(odds[first:end]) < UNSURE else ALIKE for first, end, _ in windows]
        alike[alike < np.array(least)[:, np.newaxis]] = 0.0
        best = np.argsort(-alike, axis=None, kind="stable")[:_READINGS]
        found = []
        for window, term in zip(*np.unravel_index(best, alike.shape), strict=True):
            first, end, _ = windows[window]
            if alike[window, term]:
                found.append(Reading(first, end, self._texts[term], float(alike[window, term])))
        return found

    def _strange(self, window: Sequence[str]) -> str:
        """Its letters; empty: it is what the owner writes, or nothing that stands for a word of theirs."""
        plain = [word.strip(_AROUND) for word in window]
        if any(not _WORD.fullmatch(word) for word in plain) or any(word[-1] in _ENDS for word in window[:-1]):
            return ""
        letters = _letters(*plain)
        usual = all(_says_nothing(word) or _letters(word) in self._known for word in plain)
        return "" if len(letters) < _SHORTEST or letters in self._known or usual else letters


_AROUND = "\"'\u201c\u201d\u2018\u2019.,;:!?"
_ENDS = ".,;:!?"


def _alike(these: list[str], those: list[str]) -> np.ndarray:
    """``[these, those]``, 0 to 1."""
    return process.cdist(these, those, scorer=Indel.normalized_similarity, dtype=np.float32)


def _as_within(first: str, *others: str) -> str:
    """What begins a sentence, as it may stand within one."""
    return " ".join([first if first.isupper() else first[0].lower() + first[1:], *others])


def _letters(*words: str) -> str:
    return "".join(letter for word in words for letter in word.lower() if letter.isalpha())


def _says_nothing(word: str) -> bool:
    return _letters(word) in STOP_WORDS
