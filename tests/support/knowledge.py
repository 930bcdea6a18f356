"""A network without weights, that finds by letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.acts import NO_GUESS, ActGuess
from offhook.knowledge.base import Encoded, Floats

WIDTH = 384


class Letters:
    """A matcher by letters, which counts what it is asked to encode."""

    key = "letters-1"
    weighs_context = True

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        return [self._one(text if isinstance(text, str) else " ".join(text)) for text in texts]

    def encode_facts(self, texts: Sequence[str], parts: Sequence[Sequence[str]]) -> list[Encoded]:
        self.encoded += texts
        return [self._one(text) for text in texts]

    def scores(self, question: Encoded, facts: Sequence[Encoded]) -> Floats:
        return np.array([10 * float(fact.vector @ question.vector) - 8 for fact in facts], np.float32)

    def parts(self, question: Encoded, fact: Encoded, part_of: NDArray[np.int64], count: int) -> Floats:
        return np.full(count, 1 / count, np.float32)

    def guess(self, vector: NDArray[np.float32]) -> ActGuess:
        """As a classifier of acts: nothing is one."""
        return NO_GUESS

    def _one(self, text: str) -> Encoded:
        vector = np.zeros(WIDTH, np.float32)
        for letter in text.lower():
            vector[ord(letter) % 128] += letter.isalpha()
        vector /= max(float(np.linalg.norm(vector)), 1e-9)
        return Encoded(vector, np.stack([vector, vector]), ((0, 0), (0, len(text))))
