"""Whether two recognisers have heard the same, however they write it down."""

from __future__ import annotations

from offhook.languages.words import words
from offhook.speech.normaliser import spoken


def alike(one: str, other: str, language: str = "en") -> bool:
    """True when both are the same words, aloud: "At 9 a.m." and "at nine a m".

    Case and punctuation do not count, nor whether a number is in figures.
    """
    return words(one) == words(other) or _aloud(one, language) == _aloud(other, language)


def _aloud(text: str, language: str) -> str:
    # Joined, because what is spelt is written "p m", "p.m." or "pm".
    return "".join(words(spoken(text, language)))
