"""The caller's mood in one turn, by its words: angry, pleased, or neither.

A linear classifier over the vector of the utterance, as :mod:`.acts` has one; the vector is computed for the
search anyway.  A complaint is no anger: "my boiler is broken" is what a caller rings about.  The bar for
"angry" lies where one of a hundred such complaints passes it (``bench/grounding/train_moods.py`` says how
many do that it has not seen), because an offer that nobody wanted is worse than one that comes a turn later.
Languages whose callers were not tried have no bar: there, nobody is angry.

Half of what angry callers say does not sound so by itself.  Two turns in a row that both might, and whose
odds together lie above a bar of their own (one of a hundred pairs of neutral complaints passes it), are
angry both.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.weights import read_weights
from offhook.languages.wording import words

Mood = Literal["angry", "neutral", "pleased"]
MOODS: tuple[Mood, ...] = ("angry", "neutral", "pleased")
_FOLDER = Path(__file__).parent.parent / "assets" / "grounding"
FILE = _FOLDER / "moods.npz"
MULTILINGUAL_FILE = _FOLDER / "moods_multilingual.npz"


LEAST_ANGER = -2.5
"""Who sounds no angrier than this is not angry, whatever they said before."""


def angry_together(before: float | None, now: float | None) -> bool:
    """Whether two turns in a row are angry; each as :meth:`MoodClassifier.anger` gives it."""
    return before is not None and now is not None and min(before, now) >= LEAST_ANGER and before + now >= 0


MAY_BE_ANGER = -1.4
"""Words that sound as angry as this by themselves are, when they are said in a raised voice.

That is 2 below the bar for words alone: such a voice is taken to be some seven times as likely (e to the 2)
of an angry caller as of another.  How likely it is of angry ones nobody can say without recordings of them;
of others it is one in a hundred (``bench/bench_tone.py``), so that seven of a hundred angry ones would do.
"""


def angry_by_voice(now: float | None, *, raised: bool) -> bool:
    """Whether a turn that is said in a raised voice, or is not, is angry for that; a voice alone never is."""
    return raised and now is not None and now >= MAY_BE_ANGER


def is_dictated(text: str, digits: Container[str]) -> bool:
    """A name that is spelt or a number that is said, for the most part: no mood can be told from that.

    ``digits``: the words of the language for them.
    """
    said = words(text)
    single = [word for word in said if len(word) == 1 or word.isdigit() or word in digits]
    return 2 * len(single) > len(said)


class MoodClassifier:
    """Immutable; takes microseconds."""

    def __init__(self, path: Path = FILE) -> None:
        """Load the weights.  Raises ModelError when they are missing."""
        self._matrix, self._bias, self._bars, pair = read_weights(path, "matrix", "bias", "bars", "pair")
        self._half_a_pair = float(pair) / 2

    def log_odds(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[texts, 2]`` for ``[texts, width]`` of length 1: of angry, and of pleased, against the rest."""
        logits = vectors @ self._matrix.T + self._bias
        angry, neutral, pleased = logits.T
        found: NDArray[np.float32] = np.stack(
            [angry - np.logaddexp(neutral, pleased), pleased - np.logaddexp(neutral, angry)], axis=1
        )
        return found

    def anger(self, vector: NDArray[np.float32]) -> float:
        """The log-odds of angry, from half of what two turns in a row have to reach."""
        return float(self.log_odds(vector[None])[0, 0]) - self._half_a_pair

    def guess(self, vector: NDArray[np.float32]) -> Mood:
        """The mood of an utterance with this vector, of length 1."""
        above = self.log_odds(vector[None])[0] >= self._bars
        if above[0]:
            return "angry"
        return "pleased" if above[1] else "neutral"
