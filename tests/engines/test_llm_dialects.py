"""Anthropic, Gemini and OpenAI's Responses: what is sent, what is understood, and what goes wrong.

The events have the structures of the services' documentation.  What all servers share (deadlines, second
tries, cancelling) is tested with the older dialects, over the same code.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from offhook.config import LlmConfig
from offhook.engines.llm.base import Grammar, Limits
from offhook.engines.llm.dialects import DIALECTS
from offhook.engines.llm.endpoint import endpoint_of
from offhook.engines.llm.messages import ROLES
from offhook.engines.llm.remote import RemoteModel
from offhook.errors import ConfigError, ModelError
from offhook.tools.base import ToolSpec
from tests.support.engines.model_server import ModelServer, event, status, stream
from tests.support.engines.remote_models import text_of

SECRET = "key-0123456789-secret"
SCHEMA = {"type": "object", "properties": {"seats": {"type": "integer"}}, "required": ["seats"]}
TOOLS = (ToolSpec("reserve", "Reserves a table.", SCHEMA),)
LIMITS = Limits(max_tokens=40)
SYSTEM = "You answer for a tavern."


def anthropic(*words: str, stop: str = "end_turn", call: str = "") -> list[bytes]:
    """An answer as Anthropic writes it; ``call`` are the arguments of a call of reserve."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"role": "assistant", "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    events += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
        for word in words
    ]
    events.append({"type": "content_block_stop", "index": 0})
    if call:
        block = {"type": "tool_use", "id": "toolu_1", "name": "reserve", "input": {}}
        events.append({"type": "content_block_start", "index": 1, "content_block": block})
        for half in (call[:4], call[4:]):
            delta = {"type": "input_json_delta", "partial_json": half}
            events.append({"type": "content_block_delta", "index": 1, "delta": delta})
        events.append({"type": "content_block_stop", "index": 1})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 7}})
    events.append({"type": "message_stop"})
    return [b"event: x\n" + event(each) for each in events]


def gemini(*words: str, stop: str = "STOP", call: str = "") -> list[bytes]:
    """The same of Gemini."""
    usage = {"promptTokenCount": 105, "cachedContentTokenCount": 90, "candidatesTokenCount": 7}
    parts: list[dict[str, Any]] = [{"text": "Hm.", "thought": True}, *({"text": word} for word in words)]
    if call:
        function = {"name": "reserve", "args": json.loads(call)}
        parts.append({"functionCall": function, "thoughtSignature": "c2lnbmVk"})
    events: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]} for part in parts
    ]
    end = {"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": stop}]}
    return [event(each) for each in [*events, {**end, "usageMetadata": usage}]]


def responses(*words: str, stop: str = "", call: str = "") -> list[bytes]:
    """The same of the Responses protocol."""
    usage = {"input_tokens": 105, "input_tokens_details": {"cached_tokens": 90}, "output_tokens": 7}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"status": "in_progress"}}]
    events += [{"type": "response.output_text.delta", "delta": word, "output_index": 0} for word in words]
    if call:
        item = {"type": "function_call", "call_id": "call_1", "name": "reserve", "arguments": call}
        events += [
            {"type": "response.output_item.added", "item": {**item, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", "delta": call[:4]},
            {"type": "response.output_item.done", "item": item},
        ]
    response: dict[str, Any] = {"status": "incomplete" if stop else "completed", "usage": usage}
    if stop:
        response["incomplete_details"] = {"reason": stop}
    events.append({"type": f"response.{response['status']}", "response": response})
    return [event(each) for each in events]


ANSWERS: dict[str, Callable[..., list[bytes]]] = {
    "anthropic": anthropic,
    "gemini": gemini,
    "responses": responses,
}


@dataclass
class Talk:
    """A model that asks a server in the words of ``engine``."""

    engine: str
    server: ModelServer
    model: RemoteModel

    def will(self, *answers: list[bytes]) -> None:
        self.server.will(*(stream(*answer) for answer in answers))

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.server.requests[-1].body


@asynccontextmanager
async def talking(engine: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[Talk]:
    monkeypatch.setenv("TAVERN_KEY", SECRET)
    async with ModelServer() as server:
        usual = {"engine": engine, "model": "taproom-1", "base_url": f"{server.url}/v1"}
        llm = LlmConfig.model_validate(usual | {"api_key_env": "TAVERN_KEY"} | settings)
        endpoint = endpoint_of(llm)
        model = RemoteModel(endpoint, DIALECTS[engine](endpoint))
        yield Talk(engine, server, model)
        await model.aclose()


@pytest.fixture(params=sorted(ANSWERS))
async def talk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    async with talking(request.param, monkeypatch) as talk:
        yield talk


PATHS = {
    "anthropic": "/v1/messages",
    "gemini": "/v1/models/taproom-1:streamGenerateContent?alt=sse",
    "responses": "/v1/responses",
}
KEYS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key", "responses": "authorization"}


async def test_an_answer(talk: Talk) -> None:
    talk.will(ANSWERS[talk.engine]("We ", "open at five."))
    conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
    await conversation.append(*ROLES.user("When do you open?"))
    generation = conversation.generate(LIMITS)
    assert [piece async for piece in generation] == ["We ", "open at five."]
    stats = generation.stats
    assert (stats.finish_reason, stats.generated_tokens) == ("end", 7)
    assert (stats.prompt_tokens_reused, stats.prompt_tokens_computed) == (90, 15)
    request = talk.server.requests[-1]
    assert (request.method, request.path) == ("POST", PATHS[talk.engine])
    assert request.headers[KEYS[talk.engine]].endswith(SECRET)
    assert ("anthropic-version" in request.headers) == (talk.engine == "anthropic")
    assert json.dumps(talk.sent).count(SYSTEM) == json.dumps(talk.sent).count("When do you open?") == 1
    await conversation.append(ROLES.assistant_close, *ROLES.user("And on Sundays?"))
    await text_of(conversation.generate(LIMITS))
    said = json.dumps(talk.sent)
    assert said.index("When do you") < said.index("We open at five.") < said.index("And on Sundays?")


async def test_a_greeting_comes_first(talk: Talk) -> None:
    """The agent speaks first on the telephone; Anthropic wants the other side to begin."""
    talk.will(ANSWERS[talk.engine]("Yes."))
    conversation = await talk.model.conversation(
        (*ROLES.prefix(SYSTEM, [("", "Tavern, hello.")]), *ROLES.user("Open?"))
    )
    assert await text_of(conversation.generate(LIMITS)) == "Yes."
    messages = talk.sent.get("messages") or talk.sent.get("contents") or talk.sent["input"]
    roles = [message["role"].replace("model", "assistant") for message in messages]
    assert roles[-2:] == ["assistant", "user"]
    assert roles == (["user"] if talk.engine == "anthropic" else []) + ["assistant", "user"]


async def test_a_call_of_a_tool_and_its_result(talk: Talk) -> None:
    talk.will(ANSWERS[talk.engine]("Let me see. ", call='{"seats": 4}'), ANSWERS[talk.engine]("Done."))
    conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
    await conversation.append(*ROLES.user("A table for four."))
    generation = conversation.generate(LIMITS, tools=TOOLS)
    assert await text_of(generation) == "Let me see. "
    (call,) = generation.stats.tool_calls
    assert (call.name, call.arguments, bool(call.id)) == ("reserve", {"seats": 4}, True)
    assert "Reserves a table." in json.dumps(talk.sent["tools"])
    await conversation.append(ROLES.assistant_close, *ROLES.results(["Table seven."]))
    assert await text_of(conversation.generate(LIMITS, tools=TOOLS)) == "Done."
    said = json.dumps(talk.sent)
    assert said.index("Let me see.") < said.index("reserve") < said.index("Table seven.")
    result = {"name": "reserve", "id": call.id, "response": {"result": "Table seven."}}
    expected = {
        "anthropic": {"type": "tool_result", "tool_use_id": call.id, "content": "Table seven."},
        "gemini": {"functionResponse": result},
        "responses": {"type": "function_call_output", "call_id": call.id, "output": "Table seven."},
    }[talk.engine]
    assert json.dumps(expected) in said
    if talk.engine == "gemini":
        assert "c2lnbmVk" in said


async def test_a_schema_is_passed_on(talk: Talk) -> None:
    talk.will(ANSWERS[talk.engine]('{"seats": 2}'))
    conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
    await conversation.append(*ROLES.user("For two."))
    grammar = Grammar("root ::= [a-z]", schema=SCHEMA)
    assert await text_of(conversation.generate(LIMITS, grammar=grammar)) == '{"seats": 2}'
    assert json.dumps(SCHEMA) in json.dumps(talk.sent)


@pytest.mark.parametrize(
    ("engine", "stop", "reason"),
    [
        ("anthropic", "max_tokens", "length"),
        ("anthropic", "stop_sequence", "stop"),
        ("gemini", "MAX_TOKENS", "length"),
        ("gemini", "SAFETY", "end"),
        ("responses", "max_output_tokens", "length"),
        ("responses", "content_filter", "end"),
    ],
)
async def test_how_answers_end(engine: str, stop: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(engine, monkeypatch) as talk:
        talk.will(ANSWERS[engine]("Well,", stop=stop))
        conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
        await conversation.append(*ROLES.user("Say something."))
        generation = conversation.generate(LIMITS)
        assert await text_of(generation) == "Well,"
        assert generation.stats.finish_reason == reason


@pytest.mark.parametrize(
    ("engine", "events", "says"),
    [
        (
            "anthropic",
            [event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})],
            "reports an error in the stream: Overloaded",
        ),
        ("anthropic", anthropic(stop="refusal"), "declines to answer"),
        ("anthropic", anthropic("Hm", call="{oops")[:-2], "ended in the middle"),
        ("anthropic", anthropic(call="{oops"), "arguments that are no JSON object"),
        ("anthropic", [b"data: nonsense\n\n"], "malformed stream: an event that is not JSON"),
        ("gemini", [event({"promptFeedback": {"blockReason": "OTHER"}})], "the question was blocked: OTHER"),
        ("gemini", gemini(stop="SAFETY"), "ended with 'SAFETY'"),
        ("gemini", [event({"candidates": ["x"]})], "a candidate that is not an object"),
        ("gemini", [event({"error": {"code": 500, "message": "internal"}})], "in the stream: internal"),
        ("responses", [event({"type": "error", "message": "too much"})], "in the stream: too much"),
        (
            "responses",
            [event({"type": "response.failed", "response": {"error": {"message": "no GPU"}}})],
            "in the stream: no GPU",
        ),
        ("responses", responses(stop="content_filter"), "ended with 'content_filter'"),
    ],
)
async def test_what_goes_wrong_in_a_stream(
    engine: str, events: list[bytes], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(engine, monkeypatch) as talk:
        talk.will(events)
        conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
        await conversation.append(*ROLES.user("A table for four."))
        with pytest.raises(ModelError, match=says):
            await text_of(conversation.generate(LIMITS, tools=TOOLS))


@pytest.mark.parametrize(
    ("engine", "refusal", "gone"),
    [
        (
            "anthropic",
            {"error": {"message": "`temperature` and `top_p` cannot both be specified for this model."}},
            "top_p",
        ),
        ("responses", {"error": {"message": "Unsupported parameter", "param": "temperature"}}, "temperature"),
        (
            "gemini",
            {"error": {"status": "INVALID_ARGUMENT", "message": "Budget 0 is invalid. It only thinks."}},
            "thinkingConfig",
        ),
    ],
)
async def test_what_a_model_does_not_take_is_left_out(
    engine: str, refusal: dict[str, Any], gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(engine, monkeypatch) as talk:
        talk.server.will(status(400, refusal), stream(*ANSWERS[engine]("Yes.")))
        conversation = await talk.model.conversation(ROLES.prefix(SYSTEM))
        await conversation.append(*ROLES.user("Open?"))
        assert await text_of(conversation.generate(Limits(temperature=0.5))) == "Yes."
        first, second = (json.dumps(request.body) for request in talk.server.requests)
        assert gone in first
        assert gone not in second
        await text_of(conversation.generate(Limits(temperature=0.5)))
        assert len(talk.server.requests) == 3


@pytest.mark.parametrize(
    ("engine", "variable", "url"),
    [
        ("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1"),
        ("gemini", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta"),
        ("responses", "OPENAI_API_KEY", "https://api.openai.com/v1"),
    ],
)
def test_each_service_has_its_own_address_and_key(
    engine: str, variable: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    llm = LlmConfig.model_validate({"engine": engine, "model": "taproom-1"})
    with pytest.raises(ConfigError, match=f"{variable} is not set"):
        endpoint_of(llm)
    monkeypatch.setenv(variable, SECRET)
    endpoint = endpoint_of(llm)
    assert endpoint.url == url
    assert SECRET not in repr(endpoint)
    elsewhere = endpoint_of(llm.model_copy(update={"base_url": "https://other.example/v1"}))
    assert elsewhere.key is None
