"""Words right and wrong: normalisation, word errors, and intervals over utterances."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from num2words import num2words
from numpy.typing import NDArray

_SPELT = {"okay": "ok", "i'd": "i would", "i'm": "i am", "that's": "that is", "checkup": "check up"}
"""One way to write what sounds alike: no recogniser is to be punished for the other."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One utterance, recognised."""

    wrong: int
    """Words to exchange, leave out and put in (the edit distance)."""
    said: int
    loop: bool
    """Half as long again as what was said, and two words: a decoder that repeats itself."""
    compute_ms: float


def plain_words(text: str, language: str = "en") -> list[str]:
    """Lower case, no punctuation, numbers in words, one spelling; other languages without accents."""
    if language != "en":
        return [without_accents(word) for word in written_words(text, language)]
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", _spelt(text, language))
    return " ".join(_SPELT.get(word, word) for word in words).split()


def written_words(text: str, language: str) -> list[str]:
    """Lower case, no punctuation, numbers in words; as many as :func:`plain_words` of any but English."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", _spelt(text, language)))


def without_accents(text: str) -> str:
    """Letters alone."""
    return "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))


def _spelt(text: str, language: str) -> str:
    text = text.lower().replace("\u2019", "'")
    return re.sub(r"\d+", partial(_in_words, language=language), text)


def _in_words(number: re.Match[str], language: str) -> str:
    """Up to twelve as a number, from three digits on one by one, as order numbers are said."""
    digits = [number[0]] if len(number[0]) < 3 else list(number[0])
    return "".join(f" {num2words(int(digit), lang=language)} " for digit in digits)


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of words to exchange, leave out or put in."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        before, row[0] = row[0], count
        for at, other in enumerate(heard, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return row[-1]


def score(text: str, heard: str, compute_ms: float, language: str = "en") -> Scored:
    """``heard`` against ``text``."""
    said, got = plain_words(text, language), plain_words(heard, language)
    return Scored(errors(said, got), len(said), len(got) > 1.5 * len(said) + 2, compute_ms)


def word_error_rate(scored: Sequence[Scored]) -> float:
    """Wrong words of those said, over all utterances. [%]"""
    return 100 * sum(one.wrong for one in scored) / sum(one.said for one in scored)


def interval(scored: Sequence[Scored], draws: int = 2000, seed: int = 1) -> tuple[float, float]:
    """95 % of :func:`word_error_rate` when utterances are drawn anew (bootstrap). [%]"""
    wrong: NDArray[np.int64] = np.array([one.wrong for one in scored])
    said: NDArray[np.int64] = np.array([one.said for one in scored])
    chosen = np.random.default_rng(seed).integers(0, len(scored), (draws, len(scored)))
    rates = 100 * wrong[chosen].sum(axis=1) / said[chosen].sum(axis=1)
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)
