"""Words that tell one part of a note from another: names, figures, days.

Vectors find what is meant; whether "P2" or "P3", Saturday or Sunday was said, the letters tell better.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from offhook.knowledge.words import STOP_WORDS
from offhook.languages.wording import COUNTING

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BETWEEN = frozenset(("through", "till", "until"))
_DAY = r"(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?"
_RANGE = re.compile(rf"\b{_DAY}\s*(?:-|\u2013|to|through|till|until)\s*{_DAY}\b")
_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:days?)?")
_GROUPS = {"weekend": _DAYS[5:], "weekends": _DAYS[5:], "weekday": _DAYS[:5], "weekdays": _DAYS[:5]}
_FIGURE_WEIGHT = 3
"""A figure, a code or a day that both have is no accident."""
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = {word: str(value) for value, word in enumerate(COUNTING)}
_NUMBERS |= {word: str(10 * value) for value, word in enumerate(_TENS, 2)}


def marks(text: str) -> frozenset[str]:
    """The words of weight, with days as three letters (all of a range) and small numbers as figures."""
    lower = text.lower().replace("\u2019", "'")
    found: set[str] = set()
    for first, last in _RANGE.findall(lower):
        begin, end = _DAYS.index(first), _DAYS.index(last)
        found.update(_DAYS[begin : end + 1] if begin <= end else (*_DAYS[begin:], *_DAYS[: end + 1]))
    for word in re.findall(r"[^\W_]+(?:'[^\W_]+)?", lower):
        plain = word.replace("'s", "")
        if _WEEKDAY.fullmatch(plain):
            found.add(plain[:3])
        elif plain in _GROUPS:
            found.update(_GROUPS[plain])
        elif plain in _NUMBERS:
            found.add(_NUMBERS[plain])
        elif plain not in STOP_WORDS and plain not in _BETWEEN:
            found.add(plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain)
    return frozenset(found)


def telling(question: frozenset[str], parts: Sequence[frozenset[str]]) -> list[int]:
    """For each part how much of the question's marks it has that not all parts have; figures count more."""
    common = frozenset.intersection(*parts) if parts else frozenset()
    return [sum(map(_weight, (question & part) - common)) for part in parts]


def _weight(mark: str) -> int:
    return _FIGURE_WEIGHT if mark in _DAYS or any(char.isdigit() for char in mark) else 1
