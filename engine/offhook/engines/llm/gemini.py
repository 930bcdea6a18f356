"""Google's own protocol for Gemini: ``POST /models/MODEL:streamGenerateContent`` with server-sent events."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from offhook.engines.llm.base import FinishReason, Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message
from offhook.engines.llm.wire import (
    Delta,
    EventStream,
    MalformedError,
    ReportedError,
    Usage,
    WireCall,
    count,
    json_object,
    raise_reported,
)
from offhook.engines.remote.refusals import Detail, Hints

logger = logging.getLogger(__name__)

_MAX_STOPS = 5
_FINISHES: dict[str, FinishReason] = {"MAX_TOKENS": "length"}
_ENDS = ("STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED")
"""Every other reason is one for which nothing, or no more, is said."""


class Gemini:
    """See :class:`~offhook.engines.llm.exchange.Dialect`."""

    content_types = ("text/event-stream",)
    hints = Hints(
        start="correct llm.base_url",
        path="llm.base_url should end with the API's version, /v1beta",
        model="correct llm.model, such as gemini-2.5-flash",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._model = quote(endpoint.model.removeprefix("models/"), safe="")
        self._thinks = False
        """The model cannot be told not to think."""

    @property
    def path(self) -> str:
        """Where answers are asked for."""
        return f"/models/{self._model}:streamGenerateContent?alt=sse"

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
        settings: dict[str, Any] = {"maxOutputTokens": limits.max_tokens, "temperature": limits.temperature}
        if limits.temperature > 0:
            settings |= {"topP": limits.top_p, "seed": limits.seed}
        if stops := [stop for stop in limits.stop if stop][:_MAX_STOPS]:
            settings["stopSequences"] = stops
        if schema is not None:
            settings |= {"responseMimeType": "application/json", "responseJsonSchema": dict(schema)}
        if not self._thinks:
            settings["thinkingConfig"] = {"thinkingBudget": 0}  # nobody waits for thoughts on the telephone
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        body: dict[str, Any] = {"contents": _written(messages)}
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        if tools:
            told = [
                {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.parameters}
                for tool in tools
            ]
            body["tools"] = [{"functionDeclarations": told}]
        extra = dict(self._endpoint.extra)
        more = extra.pop("generationConfig", {})
        return body | extra | {"generationConfig": settings | (more if isinstance(more, dict) else {})}

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Let a model think that cannot be told not to."""
        told = sent["generationConfig"].get("thinkingConfig")
        about = f"{detail.param} {detail.message}".lower()
        if told != {"thinkingBudget": 0} or not ("thinking" in about or "budget" in about):
            return False
        if not self._thinks:
            logger.info(
                "%s: %s thinks before it speaks, and cannot be told not to: expect late answers",
                self._endpoint.url,
                self._endpoint.model,
            )
        self._thinks = True
        return True

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that costs nothing and opens the connection."""
        return "GET", f"/models/{self._model}", None

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """None: nothing has to be loaded."""
        return None

    def events(self) -> GeminiEvents:
        """A reader for one answer."""
        return GeminiEvents()


class GeminiEvents(EventStream):
    """One answer's server-sent events; see :class:`~offhook.engines.llm.wire.EventReader`."""

    def __init__(self) -> None:
        super().__init__()
        self._said_anything = False

    def _delta(self, event: str) -> Delta:
        value = json_object(event)
        raise_reported(value)
        blocked = value.get("promptFeedback")
        if isinstance(blocked, dict) and blocked.get("blockReason"):
            raise ReportedError(f"the question was blocked: {blocked['blockReason']}")
        candidates = value.get("candidates")
        candidate = candidates[0] if isinstance(candidates, list) and candidates else {}
        if not isinstance(candidate, dict):
            raise MalformedError("a candidate that is not an object")
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        text, calls = "", []
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                raise MalformedError("a part that is not an object")
            if not part.get("thought"):
                text += _string(part.get("text"))
            if isinstance(function := part.get("functionCall"), dict):
                calls.append(_call(part, function))
        self._said_anything = self._said_anything or bool(text.strip() or calls)
        reason = candidate.get("finishReason")
        if reason and reason not in _ENDS and not self._said_anything:
            raise ReportedError(f"the answer ended with {reason!r}")
        finish = _FINISHES.get(str(reason), "end") if reason else ""
        return Delta(text, finish, _usage(value.get("usageMetadata")), calls=tuple(calls))


def _call(part: Mapping[str, Any], function: Mapping[str, Any]) -> WireCall:
    # Gemini wants the signature of its thoughts back with the call.
    kept = {key: part[key] for key in ("thoughtSignature",) if key in part}
    return WireCall(
        _string(function.get("name")), function.get("args") or {}, _string(function.get("id")), kept
    )


def _written(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the protocol has them; what tools answered is the caller's side."""
    written: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        side = "model" if message["role"] == "assistant" else "user"
        parts: list[dict[str, Any]] = []
        if (answers := message.get("answers")) is not None:
            result = {"name": answers.name, "id": answers.id, "response": {"result": message["content"]}}
            parts.append({"functionResponse": result})
        elif message["content"].strip():
            parts.append({"text": message["content"]})
        parts += [
            {"functionCall": {"name": call.name, "args": dict(call.arguments), "id": call.id}, **call.extra}
            for call in message.get("calls", ())
        ]
        if parts and written and written[-1]["role"] == side:
            written[-1]["parts"] += parts
        elif parts:
            written.append({"role": side, "parts": parts})
    return written


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    prompt = count(value.get("promptTokenCount"))
    if prompt is None:
        return None
    said, thought = count(value.get("candidatesTokenCount")), count(value.get("thoughtsTokenCount"))
    generated = None if said is None else said + (thought or 0)
    return Usage(prompt, count(value.get("cachedContentTokenCount")), generated)


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
