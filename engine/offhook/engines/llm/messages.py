"""A conversation as role messages, kept as the pieces it was built from.

A chat server takes a list of messages, the rest of offhook speaks of text with markup.
So a remote model has a template whose markup is role marks of our own; a piece is a mark
because it is :class:`~offhook.engines.llm.template.Markup`, never because of what it says, and a
caller who says a mark has said words.

Nothing here costs more than a list: appending, marking and rolling back are local, and
the messages are put together when an answer is asked for.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from offhook.engines.llm.base import Mark, ToolCall
from offhook.engines.llm.template import ChatTemplate, Markup
from offhook.errors import ModelError

Role = Literal["system", "user", "assistant", "tool"]


class Message(TypedDict):
    """One message.  Calls of tools and their results are written differently in each protocol."""

    role: Role
    content: str
    calls: NotRequired[list[ToolCall]]
    """Tools that the assistant calls with this message; a result for each one follows."""
    answers: NotRequired[ToolCall]
    """The call whose result a message of the role ``tool`` is."""


ROLES = ChatTemplate(
    system_open=Markup("<system>"),
    system_close=Markup("</system>"),
    user_open=Markup("<user>"),
    user_close=Markup("</user><assistant>"),
    assistant_close=Markup("</assistant>"),
    tool_open=Markup("<tool>"),
    tool_between=Markup("</tool><tool>"),
    tool_close=Markup("</tool><assistant>"),
)
"""The template of every remote model: marks for :class:`Script`, never sent to anyone."""

_OPENS: dict[str, Role | None] = {
    ROLES.system_open: "system",
    ROLES.system_close: None,
    ROLES.user_open: "user",
    ROLES.user_close: "assistant",
    ROLES.assistant_close: None,
    ROLES.tool_open: "tool",
    ROLES.tool_between: "tool",
    ROLES.tool_close: "assistant",
}
"""What each mark begins; None between two messages."""

_MARK_BYTES = 8
_BYTES_PER_TOKEN = 4


@dataclass(slots=True)
class _Piece:
    serial: int
    text: str
    """A Markup instance is a role mark."""
    calls: list[ToolCall] = field(default_factory=list)
    """Tools that this piece of an answer calls."""

    @property
    def size_bytes(self) -> int:
        return _size_bytes(self.text) + sum(_call_bytes(call) for call in self.calls)


class Script:
    """The pieces of one conversation.

    Tokens are estimated, because only the server knows its vocabulary: a quarter of the
    text's bytes in UTF-8 (English has some four characters to a token), and four for each
    message.
    """

    def __init__(self, prefix: Sequence[str]) -> None:
        """``prefix`` stays for as long as the script.  Raises ValueError for foreign markup."""
        self._pieces: list[_Piece] = []
        self._size_bytes = 0
        self._serial = 0
        self._dropped: set[int] = set()
        self._answer: _Piece | None = None
        self.tokens_dropped = 0
        """Tokens of old turns given up so far."""
        _check(None, prefix)
        self._add(prefix)
        self._prefix = len(self._pieces)
        self.start = self.mark()

    @property
    def tokens(self) -> int:
        """Tokens now, estimated."""
        return _tokens(self._size_bytes)

    @property
    def role(self) -> Role | None:
        """Whose message is open."""
        return next(
            (_OPENS[piece.text] for piece in reversed(self._pieces) if isinstance(piece.text, Markup)), None
        )

    def append(self, pieces: Sequence[str], limit_tokens: int) -> None:
        """Add ``pieces``; the oldest turns go when it becomes more than ``limit_tokens``.

        Raises ModelError when even that is not enough, ValueError for foreign markup or
        text that belongs to no message; nothing has changed then.
        """
        _check(self.role, pieces)
        added = sum(_size_bytes(piece) for piece in pieces)
        turns = [
            at for at, piece in enumerate(self._pieces) if at >= self._prefix and _begins_turn(piece.text)
        ]
        cuts = [self._prefix, *turns[1:]]
        if pieces and _begins_turn(pieces[0]):
            cuts.append(len(self._pieces))
        for cut in cuts:
            freed = sum(piece.size_bytes for piece in self._pieces[self._prefix : cut])
            if _tokens(self._size_bytes - freed + added) <= limit_tokens:
                self._drop(cut, freed)
                self._add(pieces)
                return
        raise ModelError(
            f"the call's context is full: about {self.tokens} of {limit_tokens} tokens used,"
            f" about {_tokens(added)} more needed; raise llm.n_ctx_call"
        )

    def mark(self) -> Mark:
        """The present end."""
        return Mark(self.tokens, self._pieces[-1].serial if self._pieces else 0)

    def rollback(self, mark: Mark) -> None:
        """Forget everything after ``mark``.  Raises ValueError when that has been undone before."""
        if mark == self.start or mark.serial in self._dropped:
            end = self._prefix  # what lay before the mark was given up; what came after it goes now
        else:
            at = bisect_left(self._pieces, mark.serial, key=lambda piece: piece.serial)
            if at == len(self._pieces) or self._pieces[at].serial != mark.serial or at + 1 < self._prefix:
                raise ValueError("this mark was undone by an earlier rollback")
            end = at + 1
        self._size_bytes -= sum(piece.size_bytes for piece in self._pieces[end:])
        del self._pieces[end:]
        self._answer = None

    def begin_answer(self) -> None:
        """The next :meth:`write` begins a piece of its own."""
        self._answer = None

    def write(self, text: str) -> None:
        """Words of the answer that is being generated."""
        answer = self._answering()
        self._size_bytes += _size_bytes(text)
        answer.text += text

    def call(self, call: ToolCall) -> None:
        """A tool that the answer being generated calls."""
        self._answering().calls.append(call)
        self._size_bytes += _call_bytes(call)

    def messages(self) -> list[Message]:
        """The conversation for a server; empty messages are left out, as many servers refuse them."""
        result: list[Message] = []
        role: Role | None = None
        for piece in self._pieces:
            if isinstance(piece.text, Markup):
                role = _OPENS[piece.text]
                if role is not None:
                    result.append({"role": role, "content": ""})
            elif role is not None:
                result[-1]["content"] += piece.text
                if piece.calls:
                    result[-1].setdefault("calls", []).extend(piece.calls)
        return [
            message
            for message in _with_results(result)
            if message["content"].strip() or "calls" in message or "answers" in message
        ]

    def _answering(self) -> _Piece:
        if self._answer is None:
            self._add([""])
            self._answer = self._pieces[-1]
        return self._answer

    def _add(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self._serial += 1
            self._pieces.append(_Piece(self._serial, piece))
            self._size_bytes += _size_bytes(piece)

    def _drop(self, cut: int, freed_bytes: int) -> None:
        self._dropped.update(piece.serial for piece in self._pieces[self._prefix : cut])
        del self._pieces[self._prefix : cut]
        self._size_bytes -= freed_bytes
        self.tokens_dropped += _tokens(freed_bytes)


def _with_results(messages: list[Message]) -> list[Message]:
    """Each result beside the call that it answers, in their order; calls that nothing answers are left out,
    as servers refuse them, and so are results of nothing."""
    kept: list[Message] = []
    calls: list[ToolCall] = []
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if calls:
                message["answers"] = calls.pop(0)
                kept.append(message)
            continue
        calls = []
        if "calls" in message:
            results = 0
            while at + 1 + results < len(messages) and messages[at + 1 + results]["role"] == "tool":
                results += 1
            calls = message.pop("calls")[:results]
            if calls:
                message["calls"] = list(calls)
        kept.append(message)
    return kept


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The same for a server that takes no system role: its text goes in front of the first words."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    talk = [message for message in messages if message["role"] != "system"]
    if not system:
        return talk
    if not talk or talk[0]["role"] != "user":
        return [{"role": "user", "content": system}, *talk]
    return [{"role": "user", "content": f"{system}\n\n{talk[0]['content']}"}, *talk[1:]]


def _check(role: Role | None, pieces: Sequence[str]) -> None:
    for piece in pieces:
        if isinstance(piece, Markup):
            if piece not in _OPENS:
                raise ValueError("markup of another model's template in a remote model's conversation")
            role = _OPENS[piece]
        elif role is None and piece.strip():
            raise ValueError("text that belongs to no message: begin with the template's user() or prefix()")


def _begins_turn(piece: str) -> bool:
    return isinstance(piece, Markup) and piece == ROLES.user_open


def _size_bytes(piece: str) -> int:
    return _MARK_BYTES if isinstance(piece, Markup) else len(piece.encode("utf-8", "replace"))


def _call_bytes(call: ToolCall) -> int:
    return _MARK_BYTES + len(call.name) + len(json.dumps(call.arguments))


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // _BYTES_PER_TOKEN)
