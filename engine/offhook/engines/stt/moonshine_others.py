"""What may have been said instead of what Moonshine wrote, as edits of its tokens.

An edit puts a word of the agent's own (:mod:`offhook.knowledge.own_words`) in the place of what sounds like
it.  How likely it is only the decoder can tell, given the audio.  What else the decoder thought of where it
was not sure of a token was tried, and left out: it answered questions that nothing answers, and no others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offhook.engines.stt.moonshine_tokens import Vocabulary
from offhook.knowledge.own_words import ALIKE, UNSURE, OwnWords

BEHIND = 2
"""Tokens behind an edit, that have to fit it as well."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Other tokens for those from ``first`` up to ``end``."""

    first: int
    end: int
    new: tuple[int, ...]
    expected: bool = False
    """They are a word of the agent's own that looks and sounds much like what was heard."""

    def of(self, tokens: Sequence[int]) -> list[int]:
        """All of ``tokens``, edited."""
        return [*tokens[: self.first], *self.new, *tokens[self.end :]]


def own_edits(tokens: Sequence[int], odds: Sequence[float], own: OwnWords, known: Vocabulary) -> list[Edit]:
    """Words of the agent's own in place of what sounds like them, the most alike first.

    ``odds``: the log-probability of each token.
    """
    at = known.words(tokens)
    words = [known.text(tokens[first:end]) for first, end in at]
    found = []
    for reading in own.readings(words, [min(odds[first:end]) for first, end in at]):
        first, end = at[reading.first][0], at[reading.end - 1][1]
        expected = reading.alike >= ALIKE and min(odds[first:end]) < UNSURE
        end = max(first, known.without_punctuation(tokens, end))
        found.append(Edit(first, end, tuple(known.encode(reading.text)), expected))
    return found


def together(
    tokens: Sequence[int], edits: Sequence[Edit], likely: Sequence[float]
) -> Iterator[tuple[float, list[int]]]:
    """Each edit of ``tokens`` by itself, and every two that do not touch, with how much likelier that is.

    ``likely``: that of each edit.  Of two it is taken to be the sum.
    """
    for edit, alone in zip(edits, likely, strict=True):
        yield alone, edit.of(tokens)
    for (one, first), (other, second) in itertools.permutations(zip(edits, likely, strict=True), 2):
        if one.end < other.first:
            yield first + second, one.of(other.of(tokens))
