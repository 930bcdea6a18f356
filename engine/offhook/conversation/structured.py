"""JSON in an answer: the text to say in it, and tool calls.

Some models answer with an object because their training, or a prompt of another
product, asked for one.
"""

from __future__ import annotations

import json
import re
from typing import Any

from offhook.conversation.marker_names import END_CALL

_TEXT_FIELDS = (
    "answer", "response", "text", "message", "content", "say", "reply", "output", "speech", "utterance",
)  # fmt: skip
"""The first of these that holds text is said."""
_TOOL_FIELDS = ("name", "function", "tool", "tool_name", "action", "tool_calls", "tool_call", "function_call")
_PARTIAL = re.compile(rf'"(?:{"|".join(_TEXT_FIELDS)})"\s*:\s*"((?:[^"\\]|\\.)*)', re.IGNORECASE | re.DOTALL)
_ARGUMENTS = frozenset(("arguments", "parameters", "args", "tool_input", "action_input"))
"""Beside one of the tool fields: a tool's call, of which nothing is said."""
_MAX_DEPTH = 6


class Brackets:
    """Counts the brackets of one JSON value while it comes."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = False
        self._escaped = False

    def closes(self, char: str) -> bool:
        """True when ``char`` is the last one of the value."""
        if self._quoted:
            if self._escaped:
                self._escaped = False
            elif char == "\\":
                self._escaped = True
            elif char == '"':
                self._quoted = False
            return False
        if char == '"':
            self._quoted = True
        elif char in "{[":
            self._depth += 1
        elif char in "}]":
            self._depth -= 1
        return self._depth == 0


def spoken_text(source: str) -> str:
    """What of a JSON text is to be said; '' when nothing is.  Damaged or unfinished JSON is understood as far
    as possible."""
    try:
        return _text(json.loads(source, strict=False), 0)
    except (ValueError, RecursionError):
        found = _PARTIAL.search(source)
        return _unescaped(found[1]) if found else ""


def asks_to_end(source: str) -> bool:
    """True when the JSON text calls the built-in tool that ends the call."""
    try:
        return _ends(json.loads(source, strict=False), 0)
    except (ValueError, RecursionError):
        return bool(re.search(r'"(?:name|function|tool|action)"\s*:\s*"end_?call"', source, re.IGNORECASE))


def _text(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return " ".join(filter(None, (_text(item, depth + 1) for item in value)))
    if not isinstance(value, dict):
        return ""
    fields = {str(name).lower(): item for name, item in value.items()}
    if _ARGUMENTS & fields.keys() and any(name in fields for name in _TOOL_FIELDS):
        return ""
    texts = (_text(fields[name], depth + 1) for name in _TEXT_FIELDS if name in fields)
    return next((text for text in texts if text.strip()), "")


def _ends(value: Any, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        return False
    if isinstance(value, list):
        return any(_ends(item, depth + 1) for item in value)
    if not isinstance(value, dict):
        return isinstance(value, str) and value.strip().lower().removesuffix("()") in END_CALL
    fields = {str(name).lower(): item for name, item in value.items()}
    if any(fields.get(name) is True for name in END_CALL):
        return True
    return any(_ends(fields[name], depth + 1) for name in _TOOL_FIELDS if name in fields)


def _unescaped(text: str) -> str:
    try:
        value = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text.replace("\\", "")
    return value if isinstance(value, str) else ""
