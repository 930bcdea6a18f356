"""What a network has to do that compares questions with facts: one is for English, one for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PLAIN = 2.0
"""Log-odds from which a fact is said as the answer; below, the agent owns up that it is not sure first."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text's vectors."""

    vector: Floats
    """``[width]``, of length 1."""
    tokens: NDArray[np.floating]
    """``[tokens, width]``, 16 or 32 bits each, with the opening and the closing mark; none where a network
    has no such view."""
    spans: tuple[tuple[int, int], ...]
    """Where each token stands in the text; (0, 0) for marks."""
    parts: Floats | None = None
    """Of a fact: ``[parts, width]``, where parts are encoded by themselves."""
    stems: frozenset[str] = frozenset()
    """The beginnings of its words, where they are compared as well."""


class FactMatcher(Protocol):
    """Thread-safe."""

    key: str
    """Unlike for any two networks whose vectors differ."""
    weighs_context: bool
    """It knows by itself whether the question before matters; else a question is first read alone."""

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        """The vectors of texts; a pair is a question with the one before it in front."""
        ...

    def encode_facts(self, texts: Sequence[str], parts: Sequence[Sequence[str]]) -> list[Encoded]:
        """The vectors of facts, to be compared with questions; ``parts`` are each one's parts."""
        ...

    def scores(self, question: Encoded, facts: Sequence[Encoded]) -> Floats:
        """How well each fact answers the question, ``[facts]``: its log-odds against "none of them"."""
        ...

    def parts(self, question: Encoded, fact: Encoded, part_of: NDArray[np.int64], count: int) -> Floats:
        """The share of each of ``count`` parts of a fact in what is asked, ``[count]``; they add up to 1.

        ``part_of[token]`` is the part to which a token of the fact belongs; -1 for none.
        """
        ...
