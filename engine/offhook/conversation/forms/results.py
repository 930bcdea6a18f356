"""What is said of a tool's result where neither the tool nor its table has words for it."""

from __future__ import annotations

from typing import Any

from offhook.conversation.answer_filter import AnswerFilter

_MOST_CHARACTERS = 300
"""Of a text; what is longer was not written to be said."""


def read_out(value: Any) -> str:
    """A number, or a short text without its markup; empty for all else: that tells a caller nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value}."
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS:
        return ""
    text = AnswerFilter(max_characters=_MOST_CHARACTERS)
    said = " ".join((text.push(value) + text.flush()).split())
    return said if any(char.isalnum() for char in said) else ""
