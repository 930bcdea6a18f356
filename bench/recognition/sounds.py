"""Words that sound alike: what no recogniser can tell apart by ear.

"Composez" and "composé" are one sound in French, "buzón" and "busón" in Mexico; where one word ends and the
next begins is not heard either ("l'eco", "leco"), and most of a text's own slips ("perpiacere") are not
spoken.  By this measure words are right when they, or up to three beside each other, are written with the
same letters or pronounced alike: by espeak-ng's phonemes, without stress and length.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.recognition.score import without_accents

Sounds = Callable[[str], str]
VOICES = {"es": "es-419", "fr": "fr", "it": "it", "de": "de"}
_JOINED = 3
"""So many words may be written as one, or one as so many."""
_NOT_HEARD = re.compile(r"[ˈˌː\s]|\([^)]*\)")


def sounds(language: str) -> Sounds:
    """How espeak-ng, of the package piper-tts, pronounces a word."""
    bridge = _bridge()

    @cache
    def pronounced(word: str) -> str:
        bridge.set_voice(VOICES[language])
        said = "".join(phonemes for phonemes, *_ in bridge.get_phonemes(word))
        return unicodedata.normalize("NFD", _NOT_HEARD.sub("", said))

    return pronounced


def errors_by_sound(said: Sequence[str], heard: Sequence[str], sound: Sounds) -> int:
    """The least number of words to exchange, leave out or put in, where what sounds alike is the same."""
    rows, columns = len(said), len(heard)
    least = [[row + column for column in range(columns + 1)] for row in range(rows + 1)]
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            best = min(least[row - 1][column], least[row][column - 1], least[row - 1][column - 1]) + 1
            for one in range(1, min(_JOINED, row) + 1):
                for other in range(1, min(_JOINED, column) + 1):
                    mine, theirs = "".join(said[row - one : row]), "".join(heard[column - other : column])
                    if _alike(mine, theirs, sound):
                        best = min(best, least[row - one][column - other])
            least[row][column] = best
    return least[rows][columns]


def _alike(one: str, other: str, sound: Sounds) -> bool:
    return without_accents(one) == without_accents(other) or sound(one) == sound(other)


@cache
def _bridge() -> Any:
    bridge = importlib.import_module("piper.espeakbridge")
    bridge.initialize(str(Path(str(bridge.__file__)).parent / "espeak-ng-data"))
    return bridge
