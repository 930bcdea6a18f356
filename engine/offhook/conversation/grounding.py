"""Whether what is said stands somewhere: figures, days and names are never made up.

A check of words, not of meaning: each number, weekday, month and proper name of an answer has to stand in
one of its sources, which are the chosen facts, the agent's own phrases and the caller's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from offhook.languages import ENGLISH, Language

_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w'\u2019-]+")
_NO_NAMES = frozenset(("I", "I'm", "I'll", "I'd", "I've"))


def unsupported(answer: str, sources: Iterable[str], language: Language = ENGLISH) -> list[str]:
    """The figures, days and names of ``answer`` that stand in none of ``sources``.

    Names are told by their capital letter: not in a language that writes all nouns with one.
    """
    known = "\n".join(sources).lower()
    figures = set(_FIGURE.findall(known))
    found = [figure for figure in _FIGURE.findall(answer) if figure not in figures]
    names = [] if language.telling.nouns_are_capital else _NAME.findall(answer)
    for word in dict.fromkeys((*names, *language.telling.dates.findall(answer))):
        # "Mondays" and "Mina's" stand where "Monday" and "Mina" do.
        stem = re.sub(r"(?:['\u2019]s|s)$", "", word.lower())
        if word not in _NO_NAMES and stem not in known:
            found.append(word)
    return found
