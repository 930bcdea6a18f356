"""A logistic function of hashed n-grams, as text classifiers have used for long.

Weinberger et al. 2009, Feature hashing for large scale multitask learning: a feature is a string, its hash is
its place in a table of weights, and the sum of the weights at all features' places are the log-odds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError


class HashedWeights:
    """What was learnt.  Immutable."""

    def __init__(self, path: Path) -> None:
        """Load it.  Raises ModelError when it is missing."""
        if not path.is_file():
            raise ModelError(f"{path} is missing: install offhook again")
        with np.load(path) as stored:
            self._weights: NDArray[np.float32] = stored["weights"].astype(np.float32)
            self._bias = float(stored["bias"])
            self.common = frozenset(str(stored["common"]).split())
            """Words that are frequent enough to be a kind of their own."""

    def log_odds(self, found: Sequence[str]) -> float:
        """Of an utterance with these features."""
        rows = places(found, len(self._weights))
        return float(self._weights[rows].sum()) + self._bias


def places(found: Sequence[str], size: int) -> list[int]:
    """Where the weights of these features stand in a table of ``size``, the same on every machine."""
    return [zlib.crc32(feature.encode()) % size for feature in found]
