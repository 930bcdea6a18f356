"""Digits by the words that stand for them, for languages whose numbers num2words writes."""

from __future__ import annotations

from collections.abc import Mapping

from num2words import num2words


def below_hundred(code: str, also: Mapping[str, str]) -> dict[str, str]:
    """ "treinta y dos" is "32": every number below a hundred as ``code`` says it, in lower case and without
    hyphens; ``also`` has other words for some ("zwo").
    """
    said = {str(num2words(value, lang=code)).replace("-", " "): str(value) for value in range(100)}
    return said | dict(also)


def one_of(words: Mapping[str, str]) -> str:
    """A pattern for any of ``words``, longest first; a hyphen or a space between their parts."""
    return "|".join(word.replace(" ", "[ -]") for word in sorted(words, key=len, reverse=True))
