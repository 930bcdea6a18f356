"""Whether a caller wants something done, or asks something: a linear look at the vector of their words.

Trained on what callers say to invented businesses (``bench/grounding/train_requests.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.weights import read_weights

_FOLDER = Path(__file__).parent.parent / "assets" / "grounding"
FILE = _FOLDER / "requests.npz"
MULTILINGUAL_FILE = _FOLDER / "requests_multilingual.npz"


class RequestClassifier:
    """Immutable; takes microseconds."""

    def __init__(self, path: Path = FILE) -> None:
        """Load the weights.  Raises ModelError when they are missing."""
        self._direction, bias = read_weights(path, "direction", "bias")
        self._bias = float(bias)

    def log_odds(self, vector: NDArray[np.float32]) -> float:
        """That an utterance with this vector, of length 1, wants something done."""
        return float(self._direction @ vector) + self._bias
