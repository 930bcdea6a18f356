"""What a caller does with their words: asks, takes leave, wants to hear it again, wants a moment, ...

A linear classifier over the vector of the utterance, trained on sentences of callers to businesses of
all kinds (``bench/grounding/acts_train.json``; ``train_acts.py`` says how well it does on others' sentences).
The vector is computed for the search anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.weights import read_weights, softmax

Act = Literal["other", "farewell", "repeat", "wait", "greeting", "thanks", "readback", "person", "machine"]
ACTS: tuple[Act, ...] = get_args(Act)
_FOLDER = Path(__file__).parent.parent / "assets" / "grounding"
FILE = _FOLDER / "acts.npz"
MULTILINGUAL_FILE = _FOLDER / "acts_multilingual.npz"


@dataclass(frozen=True, slots=True)
class ActGuess:
    """The likeliest act, and how likely it is."""

    act: Act
    probability: float


NO_GUESS = ActGuess("other", 1.0)


class ActClassifier:
    """Immutable; takes microseconds."""

    def __init__(self, path: Path = FILE) -> None:
        """Load the weights.  Raises ModelError when they are missing."""
        self._matrix, self._bias = read_weights(path, "matrix", "bias")

    def guess(self, vector: NDArray[np.float32]) -> ActGuess:
        """The act of an utterance with this vector, of length 1."""
        shares = softmax(self._matrix @ vector + self._bias)
        best = int(shares.argmax())
        return ActGuess(ACTS[best], float(shares[best]))
