"""Thoughts without marks around them: what is left of gpt-oss when its tokens are stripped, and Granite's.

"analysisThe user wants the hours.assistantfinalWe open at nine."
"""

from __future__ import annotations

import re
from enum import Enum, auto

_THOUGHTS = ("analysis", "commentary", "assistantanalysis", "assistantcommentary")
_ANSWERS = ("assistantfinal", "final")
"""Names of channels; they count when they are glued to a capital letter."""
_GRANITE = "Here is my thought process:"
_OVER = re.compile(
    r"(?:assistantfinal|Here is my response:)(?P<rest>.?)$"
    r"|[.?!)\]\"'\n]\s*final(?P<glued>[A-Z\"'0-9])$",
    re.DOTALL,
)
TAIL_CHARS = 40
"""So many characters of a thought are enough to see its end."""


class Opening(Enum):
    """What an answer begins with."""

    UNDECIDED = auto()
    NONE = auto()
    THOUGHT = auto()
    ANSWER = auto()
    """The name of the channel that is for the caller."""


def opening_of(begun: str) -> Opening:
    """What the answer that begins with ``begun`` begins with; its last character is the news."""
    name, char = begun[:-1], begun[-1:]
    if begun == _GRANITE or (name in _THOUGHTS and char.isupper()):
        return Opening.THOUGHT
    if name in _ANSWERS and (char.isupper() or char in "\"'"):
        return Opening.ANSWER
    if any(opening.startswith(begun) for opening in (*_THOUGHTS, *_ANSWERS, _GRANITE)):
        return Opening.UNDECIDED
    return Opening.NONE


def answer_after(tail: str) -> str | None:
    """The first character of the answer, when the thought that ends with ``tail`` is over with it."""
    over = _OVER.search(tail)
    if over is None or (over["glued"] is None and not over["rest"]):
        return None
    return over["glued"] or over["rest"]
