"""How a rule is written: what it looks for, and what it says instead.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def rule(pattern: str, say: Callable[[re.Match[str]], str] | str, flags: int = 0) -> Rule:
    """A rule that says ``say``, or what ``say`` makes of the match; the match itself: nothing to do."""
    if isinstance(say, str):
        words = say
        return re.compile(pattern, flags), lambda match: match.expand(words)
    return re.compile(pattern, flags), say


def apply(rules: Iterable[Rule], text: str) -> str:
    """``text`` after all ``rules``, each applied to what the one before it has left."""
    for pattern, say in rules:
        text = pattern.sub(say, text)
    return text


_SENTENCE_ENDS = re.compile(r"\s*$|\s+[A-Z]")


def full_stop(match: re.Match[str]) -> str:
    """The full stop of an abbreviation, where it ends the sentence as well; else nothing."""
    if match.group().endswith(".") and _SENTENCE_ENDS.match(match.string, match.end()):
        return "."
    return ""
