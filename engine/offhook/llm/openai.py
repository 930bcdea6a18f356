"""The chat completions protocol: OpenAI, vLLM, llama-server, llama-cpp-python and many more.

``POST /chat/completions`` answers with server-sent events, each a JSON object whose
``choices[0].delta.content`` is a piece of text, and ``[DONE]`` at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from offhook.llm.base import FinishReason, Limits
from offhook.llm.endpoint import Endpoint
from offhook.llm.messages import Message
from offhook.llm.refusals import Detail, Hints
from offhook.llm.wire import (
    Delta,
    MalformedError,
    ReportedError,
    ServerSentEvents,
    Usage,
    count,
    json_object,
    raise_reported,
)

logger = logging.getLogger(__name__)

_MAX_STOPS = 4
"""OpenAI refuses more; the rest is looked for on our side."""
_OPTIONAL = ("max_tokens", "temperature", "top_p", "seed", "stop", "stream_options")
"""Fields that some servers or models refuse; an answer can do without each of them."""
_FINISHES: dict[str, FinishReason] = {"length": "length", "max_tokens": "length"}
"""Everything else ends the answer: "stop" (OpenAI's word for both its end and a stop string), "eos" ..."""
_NO_WORDS = ("tool_calls", "function_call", "error", "abort")


class OpenAi:
    """Requests to and events from an OpenAI-compatible server; see :class:`~offhook.llm.remote.Dialect`."""

    path = "/chat/completions"
    content_types = ("text/event-stream",)
    hints = Hints(
        start="start the server, or correct llm.base_url",
        path="llm.base_url should end with the part before /chat/completions, most often /v1",
        model="correct llm.model, or give the key access to it",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._refused: set[str] = set()

    def request(self, messages: Sequence[Message], limits: Limits, n_ctx: int) -> dict[str, Any]:
        """The body of a request for an answer."""
        fields: dict[str, Any] = {"max_tokens": limits.max_tokens, "temperature": limits.temperature}
        if limits.temperature > 0:
            fields |= {"top_p": limits.top_p, "seed": limits.seed}
        if limits.stop:
            fields["stop"] = [stop for stop in limits.stop if stop][:_MAX_STOPS]
        fields["stream_options"] = {"include_usage": True}
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": list(messages), "stream": True}
        body |= {name: value for name, value in fields.items() if name not in self._refused}
        if "max_tokens" in self._refused and "max_completion_tokens" not in self._refused:
            body["max_completion_tokens"] = limits.max_tokens
        return body | self._endpoint.extra

    def give_way(self, detail: Detail) -> bool:
        """Leave out a field that the server does not take; False when that is not the trouble.

        Reasoning models of OpenAI want ``max_completion_tokens`` and no temperature.
        """
        name = detail.param.split(".")[0]
        if not name and detail.code in ("unsupported_parameter", "unsupported_value"):
            name = next((known for known in _OPTIONAL if known in detail.message), "")
        droppable = name in _OPTIONAL or name == "max_completion_tokens"
        if not droppable or name in self._refused or name in self._endpoint.extra:
            return False
        logger.info("%s does not take %r for %s", self._endpoint.url, name, self._endpoint.model)
        self._refused.add(name)
        return True

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that costs nothing and opens the connection."""
        return "GET", "/models", None

    def events(self) -> OpenAiEvents:
        """A reader for one answer."""
        return OpenAiEvents()


class OpenAiEvents:
    """One answer's server-sent events; see :class:`~offhook.llm.wire.EventReader`."""

    def __init__(self) -> None:
        self._events = ServerSentEvents()

    def feed(self, data: bytes) -> list[Delta]:
        """Events complete with ``data``."""
        return [_delta(event) for event in self._events.feed(data)]

    def end(self) -> list[Delta]:
        """The last event, when the server forgot the empty line after it."""
        return [_delta(event) for event in self._events.end()]


def _delta(event: str) -> Delta:
    if event.strip() == "[DONE]":
        return Delta(last=True)
    value = json_object(event)
    raise_reported(value | {"error": value} if value.get("object") == "error" else value)
    usage = _usage(value.get("usage"))
    choices = value.get("choices")
    if choices is None and usage is None and "object" not in value:
        raise MalformedError("an event without choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    if not isinstance(choice, dict):
        raise MalformedError("a choice that is not an object")
    delta = choice.get("delta")
    text = delta.get("content") if isinstance(delta, dict) else None
    if text is not None and not isinstance(text, str):
        raise MalformedError("text that is not a string")
    reason = choice.get("finish_reason")
    if reason in _NO_WORDS:
        raise ReportedError(f"the answer ended with {reason!r}")
    if reason == "content_filter":
        logger.warning("the server's content filter ended an answer")
    return Delta(text or "", _FINISHES.get(str(reason), "end") if reason else "", usage)


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt = count(value.get("prompt_tokens"))
    if prompt is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(prompt, cached, count(value.get("completion_tokens")))
