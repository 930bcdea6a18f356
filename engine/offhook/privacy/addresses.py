"""E-mail addresses, written and said."""

from __future__ import annotations

import re
from functools import cache

from offhook.languages.turns import ENGLISH, turn_language
from offhook.languages.turns.base import Numbers

_WRITTEN = re.compile(r"(?<![^\s@,;:<>()])[^\s@,;:<>()]{1,64}@[^\s@,;:<>()]{1,190}\.[^\W\d_]{2,}")
_MOST_WORDS = 4
"""Words before "at" that may be the name: "anna maria berger at"."""


def emails(text: str, language: str) -> list[tuple[int, int]]:
    """Where e-mail addresses stand in ``text``: with their signs, or said, "anna dot berger at mail dot com".

    A name that is said in several words is taken up to what introduces it ("is", "to"); where nothing does,
    up to four words are.
    """
    found = [match.span() for match in _WRITTEN.finditer(text)]
    for match in _said(language).finditer(text):
        found.append((match.start("name"), match.end()))
    return found


@cache
def _said(language: str) -> re.Pattern[str]:
    both = (turn_language(language).numbers, ENGLISH.numbers)
    at = _one_of(both, "at", "@")
    dot = _one_of(both, "dot", r"\.")
    joint = rf"(?:{dot}|{_one_of(both, 'dash', '-')}|{_one_of(both, 'underscore', '_')})"
    introduces = "|".join(
        sorted({re.escape(word) for each in both for word in (*each.mail_is, *each.between)})
    )
    word = rf"(?!(?:{introduces}|to|an|a|at)\b)[^\W_]+(?:['\u2019][^\W_]+)?"
    part = r"[^\W_]+"
    name = rf"(?P<name>(?:{word}(?:\s*{joint}\s*|[\s,]+)){{0,{_MOST_WORDS + 4}}}?{word})"
    domain = rf"{part}(?:[\s-]+{part}){{0,2}}?(?:\s*{joint}\s*{part}){{0,3}}\s*{dot}\s*[^\W\d_]{{2,}}"
    # "You reach me at anna dot berger at mail dot com": the first "at" is another one.
    more = rf"(?:\s*{at}\s*{domain})?"
    return re.compile(rf"(?<![\w'\u2019]){name}\s*{at}\s*{domain}{more}(?!\w)", re.IGNORECASE)


def _one_of(both: tuple[Numbers, ...], what: str, sign: str) -> str:
    words = sorted({re.escape(word) for each in both for word in getattr(each, what)}, key=len, reverse=True)
    return rf"(?:{sign}|\b(?:{'|'.join(words)})\b)"
