"""ARI's messages, as far as one application needs them: events, and requests on the same socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from offhook.errors import ProtocolError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """``POST /channels/ID/answer`` and its like.  ``path`` has no slash in front, and no query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] | None = None
    """Channel variables, for requests that make a channel."""

    @property
    def body(self) -> Json | None:
        return None if self.variables is None else {"variables": dict(self.variables)}

    def frame(self, request_id: str) -> str:
        """As a message on the events' socket (Asterisk 22.4 or newer)."""
        message: Json = {
            "type": "RESTRequest",
            "transaction_id": request_id,
            "request_id": request_id,
            "method": self.method,
            "uri": self.path,
            "query_strings": [{"name": name, "value": value} for name, value in self.query.items()],
        }
        if self.body is not None:
            message["content_type"] = "application/json"
            message["message_body"] = json.dumps(self.body)
        return json.dumps(message)

    def __str__(self) -> str:
        """For a log: no query, which may hold numbers."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Response:
    """What Asterisk says to a request."""

    status: int
    reason: str
    body: Any = None
    """JSON; None: there is none."""

    @property
    def why(self) -> str:
        """Its own words, for a log."""
        said = self.body.get("message") if isinstance(self.body, dict) else None
        return str(said or self.reason)[:200]


@dataclass(frozen=True, slots=True)
class Event:
    """Something has happened, such as ``StasisStart``."""

    type: str
    values: Json

    def of(self, name: str) -> Json:
        """A part of it, such as its ``channel``; empty where there is none."""
        found = self.values.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def channel_id(self) -> str:
        return str(self.of("channel").get("id") or "")


def parse(text: str | bytes) -> Event | tuple[str, Response]:
    """An event, or a request's id and the response to it.  Raises ProtocolError for what is neither."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("ARI sends a message that is no JSON") from error
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str):
        raise ProtocolError("ARI sends a message without a type")
    if kind != "RESTResponse":
        return Event(kind, found)
    status = found.get("status_code")
    if not isinstance(status, int):
        raise ProtocolError("ARI answers a request without a status")
    reason = str(found.get("reason_phrase") or "")
    return str(found.get("request_id") or ""), Response(status, reason, body_of(found.get("message_body")))


def body_of(text: object) -> Any:
    """A response's body; None where there is none that is JSON."""
    if not isinstance(text, str | bytes) or not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
