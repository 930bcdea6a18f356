"""Bytes from a streaming server into events, whatever the borders of its chunks.

Pure: no socket, no clock.  Lines are cut as bytes and decoded whole, so that a
character split between two chunks stays a character.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from offhook.engines.llm.base import FinishReason
from offhook.engines.remote.refusals import reported_passes

MAX_LINE_BYTES = 1 << 20
"""A longer line is no piece of an answer."""
_TEXT_PARTS = ("text", "output_text", "refusal")
"""Parts of a message that are said."""


class MalformedError(Exception):
    """The stream is not what its protocol says; the message says in what."""


class ReportedError(Exception):
    """The server reports an error in the middle of a stream; the message is the server's."""


class PassingReport(ReportedError):
    """One that may be gone at the next attempt."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server counted."""

    prompt_tokens: int
    cached_tokens: int | None
    """Of these, tokens that the server had ready; None when it does not say."""
    generated_tokens: int | None


@dataclass(frozen=True, slots=True)
class WireCall:
    """A call of a tool as the server wrote it."""

    name: str
    arguments: object = ""
    """A JSON object as text, or already read; empty: none."""
    id: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delta:
    """One event of an answer.  Parts that an event does not have are empty."""

    text: str = ""
    finish: FinishReason = ""
    usage: Usage | None = None
    last: bool = False
    """Nothing comes after this event."""
    calls: tuple[WireCall, ...] = ()
    """Calls of tools that are complete with this event."""
    calling: bool = False
    """A piece of a call: the answer goes on, although there is nothing to say."""


class EventReader(Protocol):
    """Turns one answer's bytes into events."""

    def feed(self, data: bytes) -> list[Delta]:
        """Events that are complete with ``data``.  Raises MalformedError or ReportedError."""
        ...

    def end(self) -> list[Delta]:
        """The stream has ended: an event that only lacked its end."""
        ...


class Lines:
    """Bytes in, whole lines out: LF, CRLF and CR end a line."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._after_cr = False

    def feed(self, data: bytes) -> list[str]:
        """Lines complete with ``data``.  Raises MalformedError for text that is not UTF-8."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")  # the second half of a CRLF
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        self._held += data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = self._held.split(b"\n") if b"\n" in data or b"\r" in data else [self._held]
        self._held = bytearray(rest)
        if len(self._held) > MAX_LINE_BYTES:
            raise MalformedError(f"a line of more than {MAX_LINE_BYTES >> 20} MiB")
        return [_decoded(line) for line in lines]

    def end(self) -> str:
        """What came after the last line's end."""
        held, self._held = self._held, bytearray()
        return _decoded(held)


class ServerSentEvents:
    """The ``data`` of each event of a ``text/event-stream`` (WHATWG HTML, 9.2)."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._data: list[str] = []
        self._first = True

    def feed(self, data: bytes) -> list[str]:
        """Events complete with ``data``."""
        events: list[str] = []
        for line in self._lines.feed(data):
            if self._first:
                self._first, line = False, line.removeprefix("\ufeff")
            if line:
                self._take(line)
            elif self._data:
                events.append(self._flush())
        return events

    def end(self) -> list[str]:
        """The last event, when only the empty line after it is missing."""
        rest = self._lines.end()
        if rest:
            self._take(rest)
        return [self._flush()] if self._data else []

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":  # event, id, retry and comments (no name) say nothing about the answer
            self._data.append(value.removeprefix(" "))
            if sum(map(len, self._data)) > MAX_LINE_BYTES:
                raise MalformedError(f"an event of more than {MAX_LINE_BYTES >> 20} MiB")

    def _flush(self) -> str:
        event, self._data = "\n".join(self._data), []
        return event


class EventStream(ABC):
    """One answer's server-sent events, each of which a dialect makes a :class:`Delta`.

    An :class:`EventReader`.
    """

    def __init__(self) -> None:
        self._events = ServerSentEvents()

    def feed(self, data: bytes) -> list[Delta]:
        """Events complete with ``data``."""
        return [self._delta(event) for event in self._events.feed(data)]

    def end(self) -> list[Delta]:
        """The last event, when the server forgot the empty line after it."""
        return [self._delta(event) for event in self._events.end()]

    @abstractmethod
    def _delta(self, event: str) -> Delta:
        """What an event's data says.  Raises MalformedError or ReportedError."""


def json_object(text: str) -> dict[str, Any]:
    """``text`` as a JSON object.  Raises MalformedError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("an event that is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedError("an event that is not a JSON object")
    return value


def raise_reported(event: dict[str, Any]) -> None:
    """Raise ReportedError when ``event`` is, or carries, an error."""
    error = event.get("error")
    if error:
        message = error.get("message") if isinstance(error, dict) else error
        kind = PassingReport if reported_passes(error) else ReportedError
        raise kind(str(message or "no reason given"))


def text_of(content: object) -> str:
    """What of a message's content is said: all of it, or the text among its parts (Mistral), no thoughts.

    A single part need not be in a list.

    Raises MalformedError.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, dict):
        return _part(content)
    if not isinstance(content, list):
        raise MalformedError("text that is not a string")
    return "".join([_part(part) for part in content])


def _part(part: object) -> str:
    if isinstance(part, dict):
        if part.get("type", "text") not in _TEXT_PARTS:
            return ""
        part = part.get("text") or part.get("refusal") or ""
    if not isinstance(part, str):
        raise MalformedError("text that is not a string")
    return part


def count(value: object) -> int | None:
    """A number of tokens, as long as it can be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class StopText:
    """Pieces in; whole characters out, and nothing from a stop string on.

    Servers take at most a few stop strings, and some take none: they are looked for here
    in any case.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The part of the answer that is certain with ``text``."""
        if self.stopped:
            return ""
        self._held = _joined(self._held + text)
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._hand_out(min(found))
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        if "\ud800" <= self._held[-1:] <= "\udbff":
            keep = max(keep, 1)  # its other half may be in the next event
        return self._hand_out(len(self._held) - keep)

    def rest(self) -> str:
        """What was held back, when the answer has ended."""
        return "" if self.stopped else self._hand_out(len(self._held))

    def _hand_out(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _joined(text: str) -> str:
    """Halves of a character that came in two events, put together."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``stop``."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)


def _decoded(line: bytearray) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("text that is not UTF-8") from None
