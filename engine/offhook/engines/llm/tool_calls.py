"""Tools and calls of tools on the wire, as OpenAI writes them and most others copy it.

A call comes in pieces: its id and name first, then its arguments bit by bit.  Several calls are told apart
by ``index``; servers that send each call whole leave it out, or give all of them the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from offhook.engines.llm.base import END_CALL, ToolCall, ToolOffer
from offhook.engines.llm.wire import MalformedError, WireCall

MAX_CALLS = 16
"""More in one answer come from a model that goes in circles."""
MAX_ARGUMENTS = 1 << 16
"""Characters of one call's arguments; what a caller says in a minute is some 1,000."""
_KEPT = ("extra_content",)
"""Fields beside a call that the server wants back with it (Gemini's signature of its thoughts)."""


def function_tools(tools: Sequence[ToolOffer]) -> list[dict[str, Any]]:
    """``tools`` for a request."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


def arguments_text(call: ToolCall) -> str:
    """A call's arguments as JSON."""
    return json.dumps(call.arguments, ensure_ascii=False)


@dataclass(slots=True)
class _Piece:
    index: object
    id: str = ""
    name: str = ""
    arguments: object = ""
    extra: dict[str, Any] = field(default_factory=dict)


class CallPieces:
    """One answer's calls, put together."""

    def __init__(self) -> None:
        self._calls: list[_Piece] = []

    def add(self, pieces: object) -> bool:
        """Take a message's ``tool_calls``; whether there was anything in them.

        What has not the form of a call is passed over.  Raises MalformedError for more than
        :data:`MAX_CALLS` calls, or longer arguments than :data:`MAX_ARGUMENTS`.
        """
        added = False
        for piece in pieces if isinstance(pieces, list) else ():
            function = piece.get("function") if isinstance(piece, dict) else None
            if not isinstance(function, dict):
                continue
            name, number = _string(function.get("name")), _string(piece.get("id"))
            call = self._call(piece.get("index"), number, name)
            if call is None:
                continue
            added = True
            call.id = call.id or number
            call.name = call.name or name
            call.extra |= {key: piece[key] for key in _KEPT if key in piece}
            more = function.get("arguments")
            if isinstance(more, str) and isinstance(call.arguments, str):
                call.arguments += more
                if len(call.arguments) > MAX_ARGUMENTS:
                    raise MalformedError(f"a tool's arguments of more than {MAX_ARGUMENTS} characters")
            elif more is not None:
                call.arguments = more
        return added

    def whole(self) -> tuple[WireCall, ...]:
        """The calls so far, in order; each is given once."""
        calls, self._calls = self._calls, []
        return tuple(WireCall(call.name, call.arguments, call.id, call.extra) for call in calls if call.name)

    def _call(self, index: object, number: str, name: str) -> _Piece | None:
        """The call that a piece belongs to: a known one, or a new one."""
        last = next((call for call in reversed(self._calls) if index is None or call.index == index), None)
        if last is not None and not (number and last.id and number != last.id):
            if not (name and index is None):
                return last  # goes on
        elif last is None and not name and not number:
            return None  # arguments of nothing
        if len(self._calls) == MAX_CALLS:
            raise MalformedError(f"more than {MAX_CALLS} calls of tools in one answer")
        self._calls.append(_Piece(index))
        return self._calls[-1]


def accepted(call: WireCall, offered: Mapping[str, ToolOffer]) -> ToolCall | None:
    """``call``, read; None for a tool that nobody has offered.

    Raises MalformedError when its arguments are no JSON object; of :data:`END_CALL` nobody reads them.
    """
    number = call.id or uuid.uuid4().hex[:9]  # Mistral takes no other form than nine letters and digits
    if call.name not in offered:
        return ToolCall(END_CALL, {}, number, call.extra) if call.name == END_CALL else None
    arguments = call.arguments
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        raise MalformedError(f"the model calls {call.name} with arguments that are no JSON object")
    return ToolCall(call.name, arguments, number, call.extra)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
