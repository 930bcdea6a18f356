"""The weights of the small linear classifiers over an utterance's vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely each class is, ``[classes]``."""
    above = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = above / above.sum()
    return shares


def read_weights(path: Path, *names: str) -> list[NDArray[np.float32]]:
    """The arrays of these names, in their order.  Raises ModelError when the file is missing."""
    if not path.is_file():
        raise ModelError(f"{path} is missing: install offhook again")
    with np.load(path) as weights:
        return [weights[name].astype(np.float32) for name in names]
