"""chan_websocket's control messages, in both of its forms: JSON, and plain text, which is its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from offhook.errors import ProtocolError

OP_TEXT = 0x1
OP_CLOSE = 0x8
OP_PING = 0x9
OP_PONG = 0xA


@dataclass(frozen=True, slots=True)
class Event:
    """What Asterisk tells: its name, such as ``DTMF_END``, and what comes with it."""

    name: str
    values: Mapping[str, str]

    def get(self, name: str) -> str:
        """A value, or nothing."""
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class Control:
    """How messages are written on one line: as the first that came."""

    is_json: bool

    def command(self, name: str, correlation_id: str = "") -> bytes:
        """A command's message, such as ``FLUSH_MEDIA``; only ``MARK_MEDIA`` takes an id."""
        if not self.is_json:
            return f"{name} {correlation_id}".strip().encode()
        fields = {"command": name}
        if correlation_id:
            fields["correlation_id"] = correlation_id
        return json.dumps(fields, separators=(",", ":")).encode()


def is_json(message: bytes) -> bool:
    return message.lstrip()[:1] == b"{"


def parse_event(message: bytes) -> Event:
    """Raises ProtocolError for what is no event."""
    try:
        text = message.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("a control message that is no text") from error
    if is_json(message):
        return _from_json(text)
    name, _, rest = text.strip().partition(" ")
    if not name.replace("_", "").isalpha():
        raise ProtocolError("a control message that chan_websocket does not have")
    values = {}
    for word in rest.split(" "):
        key, colon, value = word.partition(":")
        if colon:
            values[key] = value
        elif word:  # an id that stands alone, as behind MEDIA_MARK_PROCESSED
            values["correlation_id"] = word.removeprefix("correlation_id:")
    return Event(name, values)


def _from_json(text: str) -> Event:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a control message that is no JSON") from error
    name = found.get("event") if isinstance(found, dict) else None
    if not isinstance(name, str):
        raise ProtocolError("a control message without an event")
    return Event(
        name, {key: str(value) for key, value in found.items() if not isinstance(value, dict | list)}
    )
