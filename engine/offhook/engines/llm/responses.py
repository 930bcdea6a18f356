"""OpenAI's Responses protocol, for servers and models that have only that: ``POST /responses``.

Nothing is kept at the server (``store`` is false): the conversation is sent whole, as with the others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.engines.llm.base import Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message
from offhook.engines.llm.refused import RefusedFields
from offhook.engines.llm.tool_calls import arguments_text
from offhook.engines.llm.wire import (
    Delta,
    EventStream,
    ReportedError,
    Usage,
    WireCall,
    count,
    json_object,
    raise_reported,
)
from offhook.engines.remote.refusals import Detail, Hints, refused_field

logger = logging.getLogger(__name__)

_MIN_TOKENS = 16
"""OpenAI refuses less."""
_OPTIONAL = ("temperature", "top_p", "max_output_tokens", "store", "instructions")
_SAID = ("response.output_text.delta", "response.refusal.delta")


class Responses:
    """See :class:`~offhook.engines.llm.exchange.Dialect`."""

    path = "/responses"
    content_types = ("text/event-stream",)
    hints = Hints(
        start="start the server, or correct llm.base_url",
        path="llm.base_url should end with the part before /responses, most often /v1",
        model="correct llm.model, or give the key access to it",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._refused = RefusedFields()

    def request(
        self,
        messages: Sequence[Message],
        limits: Limits,
        n_ctx: int,
        *,
        tools: Sequence[ToolOffer] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body of a request for an answer; stop strings are looked for on our side."""
        own_role = "instructions" not in self._refused
        body: dict[str, Any] = {
            "model": self._endpoint.model, "input": _written(messages, system=not own_role), "stream": True,
        }  # fmt: skip
        fields: dict[str, Any] = {
            "max_output_tokens": max(_MIN_TOKENS, limits.max_tokens),
            "temperature": limits.temperature,
            "store": False,
        }
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        if system:
            fields["instructions"] = system
        if limits.temperature > 0:
            fields["top_p"] = limits.top_p
        if tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in tools
            ]
        if schema is not None:
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": dict(schema)}}
        body |= {name: value for name, value in fields.items() if name not in self._refused}
        return body | self._endpoint.extra

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Leave out a field that the server or the model does not take."""
        name = refused_field(detail, _OPTIONAL)
        return self._refused.learn(name, sent, self._endpoint, logger)

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that costs nothing and opens the connection."""
        return "GET", "/models", None

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """None: a request that loads the model would be one that is paid for."""
        return None

    def events(self) -> ResponsesEvents:
        """A reader for one answer."""
        return ResponsesEvents()


class ResponsesEvents(EventStream):
    """One answer's server-sent events; see :class:`~offhook.engines.llm.wire.EventReader`."""

    def __init__(self) -> None:
        super().__init__()
        self._spoke = False

    def _delta(self, event: str) -> Delta:
        if event.strip() == "[DONE]":
            return Delta()
        value = json_object(event)
        kind = value.get("type")
        if kind == "error":
            raise_reported({"error": value | {"type": None}})  # its type is the event's
        raise_reported(value)
        if kind in _SAID:
            text = value.get("delta")
            text = text if isinstance(text, str) else ""
            self._spoke = self._spoke or bool(text.strip())
            return Delta(text)
        if kind == "response.function_call_arguments.delta":
            return Delta(calling=True)
        if kind == "response.output_item.done":
            return _item(value.get("item"))
        response = value.get("response")
        response = response if isinstance(response, dict) else {}
        if kind == "response.failed":
            raise_reported(response)
            raise ReportedError("the answer failed")
        if kind == "response.incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, dict) else None
            if reason != "max_output_tokens" and not self._spoke:
                raise ReportedError(f"the answer ended with {reason!r}")
            finish = "length" if reason == "max_output_tokens" else "end"
            return Delta("", finish, _usage(response.get("usage")), last=True)  # type: ignore[arg-type]
        if kind == "response.completed":
            return Delta("", "end", _usage(response.get("usage")), last=True)
        return Delta()


def _item(item: object) -> Delta:
    if not isinstance(item, dict) or item.get("type") != "function_call":
        return Delta()
    name, number = item.get("name"), item.get("call_id")
    call = WireCall(
        name if isinstance(name, str) else "",
        item.get("arguments") or "",
        number if isinstance(number, str) else "",
    )
    return Delta(calls=(call,) if call.name else ())


def _written(messages: Sequence[Message], *, system: bool) -> list[dict[str, Any]]:
    """Items as the protocol has them; ``system``: its text is a message, too."""
    written: list[dict[str, Any]] = []
    for message in messages:
        if (answers := message.get("answers")) is not None:
            result = {"call_id": answers.id, "output": message["content"]}
            written.append({"type": "function_call_output", **result})
            continue
        if message["role"] == "system" and not system:
            continue
        if message["content"].strip():
            written.append({"role": message["role"], "content": message["content"]})
        written += [
            {
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": arguments_text(call),
            }
            for call in message.get("calls", ())
        ]
    return written


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt = count(value.get("input_tokens"))
    if prompt is None:
        return None
    details = value.get("input_tokens_details")
    cached = count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(prompt, cached, count(value.get("output_tokens")))
