"""Anthropic's messages protocol: ``POST /messages`` answers with server-sent events, each with a ``type``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.engines.llm.base import FinishReason, Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message
from offhook.engines.llm.refused import RefusedFields
from offhook.engines.llm.tool_calls import CallPieces
from offhook.engines.llm.wire import (
    Delta,
    EventStream,
    ReportedError,
    Usage,
    count,
    json_object,
    raise_reported,
    text_of,
)
from offhook.engines.remote.refusals import Detail, Hints, refused_field

logger = logging.getLogger(__name__)

_OPTIONAL = ("temperature", "top_p", "stop_sequences", "output_config")
"""Fields that some models refuse; an answer can do without each of them."""
_FINISHES: dict[str, FinishReason] = {
    "max_tokens": "length", "model_context_window_exceeded": "context", "stop_sequence": "stop",
}  # fmt: skip
OPENING = "(The caller is on the line.)"
"""In front of what the agent says first: the caller's side has to begin."""


class Anthropic:
    """See :class:`~offhook.engines.llm.exchange.Dialect`."""

    path = "/messages"
    content_types = ("text/event-stream",)
    hints = Hints(
        start="correct llm.base_url",
        path="llm.base_url should end with the part before /messages, most often /v1",
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
        """The body of a request for an answer."""
        system, talk = _written(messages)
        body: dict[str, Any] = {
            "model": self._endpoint.model, "max_tokens": limits.max_tokens, "messages": talk, "stream": True,
        }  # fmt: skip
        if system:
            # The same for every turn: read once, and for a tenth of its price after that.
            body["system"] = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        if tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in tools
            ]
        fields: dict[str, Any] = {"temperature": limits.temperature}
        if limits.temperature > 0 and limits.top_p < 1:
            fields["top_p"] = limits.top_p
        if stops := [stop for stop in limits.stop if stop.strip()]:
            fields["stop_sequences"] = stops
        if schema is not None:
            fields["output_config"] = {"format": {"type": "json_schema", "schema": dict(schema)}}
        body |= {name: value for name, value in fields.items() if name not in self._refused}
        return body | self._endpoint.extra

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Leave out a field that the model does not take; of temperature and top_p some take only one."""
        name = refused_field(detail, _OPTIONAL)
        said = detail.message
        if not name and "top_p" in sent and "temperature" in said and "top_p" in said:
            name = "top_p"
        return self._refused.learn(name, sent, self._endpoint, logger)

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that costs nothing and opens the connection."""
        return "GET", "/models", None

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """None: nothing has to be loaded."""
        return None

    def events(self) -> AnthropicEvents:
        """A reader for one answer."""
        return AnthropicEvents()


class AnthropicEvents(EventStream):
    """One answer's server-sent events; see :class:`~offhook.engines.llm.wire.EventReader`."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = CallPieces()
        self._prompt: tuple[int, int] | None = None
        """Tokens of the prompt, and how many of them had been kept."""
        self._spoke = False

    def _delta(self, event: str) -> Delta:
        value = json_object(event)
        raise_reported(value)
        match value.get("type"):
            case "message_start":
                message = _object(value.get("message"))
                self._prompt = _prompt(_object(message.get("usage")))
            case "content_block_start":
                return self._begin(value)
            case "content_block_delta":
                return self._go_on(value)
            case "message_delta":
                return self._finish(_object(value.get("delta")), _object(value.get("usage")))
            case "message_stop":
                return Delta(last=True, calls=self._calls.whole())
        return Delta()

    def _begin(self, value: Mapping[str, Any]) -> Delta:
        block = _object(value.get("content_block"))
        if block.get("type") == "tool_use":
            function = {"name": block.get("name")}
            piece = {"index": value.get("index"), "id": block.get("id"), "function": function}
            return Delta(calling=self._calls.add([piece]))
        return self._say(block)

    def _go_on(self, value: Mapping[str, Any]) -> Delta:
        delta = _object(value.get("delta"))
        if delta.get("type") == "input_json_delta":
            function = {"arguments": delta.get("partial_json")}
            return Delta(calling=self._calls.add([{"index": value.get("index"), "function": function}]))
        return self._say(delta)

    def _say(self, part: Mapping[str, Any]) -> Delta:
        text = text_of(part.get("text")) if part.get("type") in ("text", "text_delta") else ""
        self._spoke = self._spoke or bool(text.strip())
        return Delta(text)

    def _finish(self, delta: Mapping[str, Any], usage: Mapping[str, Any]) -> Delta:
        reason = delta.get("stop_reason")
        calls = self._calls.whole() if reason else ()
        if reason == "refusal" and not self._spoke:
            raise ReportedError("the model declines to answer")
        counted = None
        if self._prompt is not None:
            counted = Usage(*self._prompt, count(usage.get("output_tokens")))
        finish = _FINISHES.get(str(reason), "end") if reason else ""
        return Delta("", finish, counted, calls=calls)


def _written(messages: Sequence[Message]) -> tuple[str, list[dict[str, Any]]]:
    """The system prompt, and the rest with the two sides taking turns, results among the caller's."""
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    talk: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        side = "assistant" if message["role"] == "assistant" else "user"
        parts = _parts(message)
        if not parts:
            continue
        if talk and talk[-1]["role"] == side:
            talk[-1]["content"] += parts
        else:
            talk.append({"role": side, "content": parts})
    if not talk or talk[0]["role"] != "user":
        talk.insert(0, {"role": "user", "content": [{"type": "text", "text": OPENING}]})
    return system, talk


def _parts(message: Message) -> list[dict[str, Any]]:
    text = message["content"].rstrip() if message["role"] == "assistant" else message["content"]
    if (answers := message.get("answers")) is not None:
        return [{"type": "tool_result", "tool_use_id": answers.id, "content": text}]
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
    parts += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
        for call in message.get("calls", ())
    ]
    return parts


def _prompt(usage: Mapping[str, Any]) -> tuple[int, int] | None:
    new = count(usage.get("input_tokens"))
    if new is None:
        return None
    kept = count(usage.get("cache_read_input_tokens")) or 0
    return new + kept + (count(usage.get("cache_creation_input_tokens")) or 0), kept


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
