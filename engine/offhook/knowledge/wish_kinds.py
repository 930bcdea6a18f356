"""What kind of thing a caller wants done: an appointment, another time for one, something sent, or nothing.

A linear classifier over the vector of the utterance, trained on what callers of all trades say
(``bench/grounding/wishes_train.json``; ``train_wishes.py`` says how well it does on others' sentences).  What
kind a tool is of is told by the same classifier, from its owner's sentences: so it helps with tools of any
owner, as far as they are of a kind that it knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.weights import read_weights, softmax

Kind = Literal["none", "book", "find", "move", "cancel", "message", "callback", "ticket", "order"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FOLDER = Path(__file__).parent.parent / "assets" / "grounding"
FILE = _FOLDER / "wishes.npz"
MULTILINGUAL_FILE = _FOLDER / "wishes_multilingual.npz"
_MOST = 4.0
"""Log-odds count no further: the classifier is surer than right."""
_LEAST_SHARE = 0.01

Shares = NDArray[np.float32]


class WishKinds:
    """Immutable; takes microseconds."""

    def __init__(self, path: Path = FILE) -> None:
        """Load the weights.  Raises ModelError when they are missing."""
        self._matrix, self._bias = read_weights(path, "matrix", "bias")

    def shares(self, vector: NDArray[np.float32]) -> Shares:
        """How likely each of :data:`KINDS` is, of an utterance with this vector, of length 1."""
        return softmax(self._matrix @ vector + self._bias)

    def of_tool(self, sentences: Sequence[NDArray[np.float32]]) -> int | None:
        """The number of the kind that a tool is of which is asked for in sentences with these vectors.

        The one that most of them are of, of those that are of one; None: of none that is known.
        """
        kinds = Counter(int(self.shares(vector).argmax()) for vector in sentences)
        kinds.pop(0, None)
        if not kinds:
            return None
        ((kind, count),) = kinds.most_common(1)
        return kind if 2 * count > kinds.total() and 3 * count >= len(sentences) else None


def evidence(said: Shares, kind: int) -> float:
    """Log-odds that something of this kind is wanted by what was said, against nothing or another thing."""
    share = float(said[kind])
    odds = np.log((share + _LEAST_SHARE) / (1.0 - share + _LEAST_SHARE))
    return max(-_MOST, min(_MOST, float(odds)))
