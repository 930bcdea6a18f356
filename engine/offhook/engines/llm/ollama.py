"""Ollama's own protocol: ``POST /api/chat`` answers with one JSON object per line.

It says more than Ollama's OpenAI-compatible face: the context's size, how long the model
stays loaded, and that nobody wants to wait on the telephone while a model thinks.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from offhook.engines.llm.base import FinishReason, Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message
from offhook.engines.llm.tool_calls import CallPieces, function_tools
from offhook.engines.llm.wire import (
    Delta,
    Lines,
    MalformedError,
    Usage,
    WireCall,
    count,
    json_object,
    raise_reported,
    text_of,
)
from offhook.engines.remote.refusals import Detail, Hints

logger = logging.getLogger(__name__)

_KEEP_ALIVE = "1h"
"""Ollama's 5 minutes would make the first caller after a quiet spell wait until the model is loaded.
``llm.extra = { keep_alive = -1 }`` keeps it for good."""
_MIN_CTX_TOKENS = 4096
"""Ollama's own default: less spares nothing, and another size than other clients' reloads the model."""
_FINISHES: dict[str, FinishReason] = {"length": "length"}


class Ollama:
    """Requests to and events from Ollama; see :class:`~offhook.engines.llm.dialect.Dialect`."""

    path = "/api/chat"
    content_types = ("application/x-ndjson", "application/json")
    hints = Hints(
        start="start it with `ollama serve`, or correct llm.base_url",
        path="is this Ollama? llm.base_url is most often http://HOST:11434",
        model="fetch it with `ollama pull {model}`, or correct llm.model",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._think = True
        """Whether the field ``think`` is sent."""

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
        options: dict[str, Any] = {
            "num_predict": limits.max_tokens,
            "temperature": limits.temperature,
            # Our count of tokens is an estimate, and Ollama drops what does not fit in silence.
            "num_ctx": max(_MIN_CTX_TOKENS, 2 * n_ctx),
        }
        if limits.temperature > 0:
            options |= {"top_p": limits.top_p, "seed": limits.seed}
        if limits.stop:
            options["stop"] = [stop for stop in limits.stop if stop]
        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [_written(message) for message in messages],
            "stream": True,
            "keep_alive": _KEEP_ALIVE,
        }
        if self._think:
            body["think"] = False
        if tools:
            body["tools"] = function_tools(tools)
        if schema is not None:
            body["format"] = dict(schema)
        extra = dict(self._endpoint.extra)
        more = extra.pop("options", {})
        return body | extra | {"options": options | (more if isinstance(more, dict) else {})}

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Leave ``think`` out for a model that cannot be told not to."""
        if "think" not in sent or "think" not in detail.message.lower() or "think" in self._endpoint.extra:
            return False
        if self._think:  # or else another call has learnt it meanwhile
            logger.info("%s does not take 'think' for %s", self._endpoint.url, self._endpoint.model)
        self._think = False
        return True

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that loads the model and computes the prefix."""
        body = self.request(messages, Limits(max_tokens=1), n_ctx)
        return "POST", self.path, body | {"stream": False}

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """Method, path and body of a request that loads the model, if it is not, and says nothing."""
        body = self.request([], Limits(), n_ctx)
        body.pop("think", None)
        return "POST", self.path, body | {"stream": False}

    def events(self) -> OllamaEvents:
        """A reader for one answer."""
        return OllamaEvents()


class OllamaEvents:
    """One answer's lines; see :class:`~offhook.engines.llm.wire.EventReader`."""

    def __init__(self) -> None:
        self._lines = Lines()

    def feed(self, data: bytes) -> list[Delta]:
        """Events complete with ``data``."""
        return [self._delta(line) for line in self._lines.feed(data) if line.strip()]

    def end(self) -> list[Delta]:
        """The last line, when the server forgot its end."""
        rest = self._lines.end()
        return [self._delta(rest)] if rest.strip() else []

    def _delta(self, line: str) -> Delta:
        value = json_object(line)
        raise_reported(value)
        message = value.get("message")
        text = text_of(message.get("content")) if isinstance(message, dict) else ""
        pieces = CallPieces()  # Ollama's calls come whole
        if isinstance(message, dict):
            pieces.add(message.get("tool_calls"))
        return _event(value, text, pieces.whole())


def _event(value: dict[str, Any], text: str, calls: tuple[WireCall, ...]) -> Delta:
    message = value.get("message")
    if not value.get("done"):
        if not isinstance(message, dict):
            raise MalformedError("a line without a message")
        return Delta(text, calls=calls)
    prompt = count(value.get("prompt_eval_count"))
    usage = None if prompt is None else Usage(prompt, None, count(value.get("eval_count")))
    finish = _FINISHES.get(str(value.get("done_reason")), "end")
    return Delta(text, finish, usage, last=True, calls=calls)


def _written(message: Message) -> dict[str, Any]:
    """A message as the protocol has it: calls with arguments as objects, results by the tools' names."""
    entry: dict[str, Any] = {"role": message["role"], "content": message["content"]}
    if calls := message.get("calls"):
        entry["tool_calls"] = [
            {"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in calls
        ]
    if (answers := message.get("answers")) is not None:
        entry["tool_name"] = answers.name
    return entry
