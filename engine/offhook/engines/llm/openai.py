"""The chat completions protocol: OpenAI, vLLM, llama-server, llama-cpp-python and many more.

``POST /chat/completions`` answers with server-sent events, each a JSON object whose
``choices[0].delta.content`` is a piece of text, and ``[DONE]`` at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.engines.llm.base import FinishReason, Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message, without_system
from offhook.engines.llm.refused import RefusedFields
from offhook.engines.llm.tool_calls import CallPieces, arguments_text, function_tools
from offhook.engines.llm.wire import (
    Delta,
    EventStream,
    MalformedError,
    ReportedError,
    Usage,
    count,
    json_object,
    raise_reported,
    text_of,
)
from offhook.engines.remote.refusals import Detail, Hints, refused_field, refuses_system

logger = logging.getLogger(__name__)

_MAX_STOPS = 4
"""OpenAI refuses more; the rest is looked for on our side."""
_OPTIONAL = ("max_tokens", "temperature", "top_p", "seed", "stop", "stream_options")
"""Fields that some servers or models refuse; an answer can do without each of them."""
_FINISHES: dict[str, FinishReason] = {"length": "length", "max_tokens": "length"}
"""Everything else ends the answer: "stop" (OpenAI's word for both its end and a stop string), "eos" ..."""
_NO_WORDS = ("error", "abort")
_TOOLS = ("tool_calls", "function_call")


class OpenAi:
    """Requests to and events from an OpenAI-compatible server; see ``Dialect`` in ``dialect.py``."""

    path = "/chat/completions"
    content_types = ("text/event-stream",)
    hints = Hints(
        start="start the server, or correct llm.base_url",
        path="llm.base_url should end with the part before /chat/completions, most often /v1",
        model="correct llm.model, or give the key access to it",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._refused = RefusedFields()
        self._system_role = True
        """The server takes messages of the role ``system``."""

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
        fields: dict[str, Any] = {"max_tokens": limits.max_tokens, "temperature": limits.temperature}
        if limits.temperature > 0:
            fields |= {"top_p": limits.top_p, "seed": limits.seed}
        if limits.stop:
            fields["stop"] = [stop for stop in limits.stop if stop][:_MAX_STOPS]
        fields["stream_options"] = {"include_usage": True}
        talk = messages if self._system_role else without_system(messages)
        body: dict[str, Any] = {"model": self._endpoint.model, "messages": _written(talk), "stream": True}
        if tools:
            body["tools"] = function_tools(tools)
        if schema is not None:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(schema)},
            }
        body |= {name: value for name, value in fields.items() if name not in self._refused}
        if "max_tokens" in self._refused and "max_completion_tokens" not in self._refused:
            body["max_completion_tokens"] = limits.max_tokens
        return body | self._endpoint.extra

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Leave out what the server does not take: a field, or the system role, whose text then stands in
        front of the caller's first words.  False when that is not the trouble.

        Reasoning models of OpenAI want ``max_completion_tokens`` and no temperature.
        """
        if refuses_system(detail) and any(message["role"] == "system" for message in sent["messages"]):
            if self._system_role:
                logger.info(
                    "%s does not take the system role for %s", self._endpoint.url, self._endpoint.model
                )
            self._system_role = False
            return True
        name = refused_field(detail, (*_OPTIONAL, "max_completion_tokens"))
        return self._refused.learn(name, sent, self._endpoint, logger)

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that costs nothing and opens the connection."""
        return "GET", "/models", None

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """None: a request that loads the model would be one that is paid for."""
        return None

    def events(self) -> OpenAiEvents:
        """A reader for one answer."""
        return OpenAiEvents()


class OpenAiEvents(EventStream):
    """One answer's server-sent events; see :class:`~offhook.engines.llm.wire.EventReader`."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = CallPieces()
        self._spoke = False

    def _delta(self, event: str) -> Delta:
        if event.strip() == "[DONE]":
            return Delta(last=True, calls=self._calls.whole())
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
        delta = delta if isinstance(delta, dict) else {}
        # Thoughts come in fields of their own, which nobody reads; a refusal is an answer.
        text = text_of(delta.get("content")) + text_of(delta.get("refusal"))
        calling = self._calls.add(delta.get("tool_calls"))
        calling = self._calls.add([{"index": 0, "function": delta.get("function_call")}]) or calling
        self._spoke = self._spoke or bool(text.strip())
        reason = choice.get("finish_reason")
        calls = self._calls.whole() if reason else ()
        if reason in _NO_WORDS or (reason in _TOOLS and not calls and not self._spoke):
            raise ReportedError(f"the answer ended with {reason!r}")
        if reason == "content_filter":
            logger.warning("the server's content filter ended an answer")
        finish = _FINISHES.get(str(reason), "end") if reason else ""
        return Delta(text, finish, usage, calls=calls, calling=calling)


def _written(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the protocol has them: calls with their arguments as text, results by the calls' ids."""
    written: list[dict[str, Any]] = []
    for message in messages:
        entry: dict[str, Any] = {"role": message["role"], "content": message["content"]}
        if calls := message.get("calls"):
            entry["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": arguments_text(call)},
                    **call.extra,
                }
                for call in calls
            ]
        if (answers := message.get("answers")) is not None:
            entry["tool_call_id"] = answers.id
        written.append(entry)
    return written


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt = count(value.get("prompt_tokens"))
    if prompt is None:
        return None
    details = value.get("prompt_tokens_details")
    cached = count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(prompt, cached, count(value.get("completion_tokens")))
