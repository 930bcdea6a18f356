"""A model on a server that calls tools as it is scripted, as OpenAI or Ollama write them, well and badly.

It knows what the caller of a case wants, and calls for it in one of :data:`MANNERS`: what models do when they
call tools, and what they get wrong.  What is right of all that is for the code around it to see.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from offhook.engines.llm.remote import RemoteModel
from offhook.evaluation.wants import Clock, Wants, same
from offhook.tools.base import ToolSpec
from offhook.tools.schema import kind_of
from tests.support.engines.model_server import ModelServer, Request, Wire, event, line, stream
from tests.support.engines.remote_models import NDJSON, make_model

Protocol = Literal["openai", "ollama"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
Manner = Literal[
    "at once", "asks first", "twice in one answer", "another beside it", "broken JSON", "no such tool",
    "a value missing", "a value wrong", "again after the yes",
]  # fmt: skip
MANNERS: tuple[Manner, ...] = get_args(Manner)
_PIECE = 7
"""Characters of arguments in one event."""
_BROKEN = '{"day": "2026-'
N_CTX = 8192
"""Estimated tokens: room for the longest agent of the suites and a case."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call as it goes over the wire; ``arguments`` as text: no JSON."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model's."""

    text: str = ""
    calls: tuple[Called, ...] = ()


def replies(wants: Wants, manner: Manner, specs: Mapping[str, ToolSpec], clock: Clock) -> list[Reply]:
    """What the model answers in turn, to a caller who wants this."""
    spec = specs[wants.tool]
    values = values_for(wants, spec, clock)
    right = Called(spec.name, values)
    call = Reply(calls=(right,))
    match manner:
        case "asks first":
            return [Reply("May I ask when that would be, and for whom?"), call]
        case "twice in one answer":
            return [Reply("One moment.", (right, right))]
        case "another beside it":
            others = [Called(each.name, made_up(each)) for each in specs.values() if each is not spec]
            return [Reply(calls=(right, *others[:1]))]
        case "broken JSON":
            return [Reply(calls=(Called(spec.name, _BROKEN),)), call]
        case "no such tool":
            return [Reply(calls=(Called("make_it_so", {"it": "so"}),)), call]
        case "a value missing":
            return [Reply(calls=(Called(spec.name, {}),)), call] if spec.required else [call]
        case "a value wrong":
            return [Reply(calls=(Called(spec.name, {**values, **_wrong(spec)}),)), call]
        case "again after the yes":
            return [call, call]
        case _:
            return [call]


def values_for(wants: Wants, spec: ToolSpec, clock: Clock) -> dict[str, Any]:
    """The values of the case, as the schema has them; what is wanted besides is made up."""
    given = {name: _as_schema(spec.properties[name], value, clock) for name, value in wants.fields.items()}
    return {**{name: value for name, value in made_up(spec).items() if name in spec.required}, **given}


def made_up(spec: ToolSpec) -> dict[str, Any]:
    """Values that fit the schema, and that nobody has said."""
    return {name: _any_value(schema) for name, schema in spec.properties.items()}


def _as_schema(schema: Mapping[str, Any], value: Any, clock: Clock) -> Any:
    """A model chooses among what it was given: "Fabrizio" is the key of his."""
    choices = schema.get("enum") or []
    return next((each for each in choices if same(each, value, clock)), value)


def _any_value(schema: Mapping[str, Any]) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    written = {"date": "2026-04-30", "time": "23:45", "phone": "5550100", "digits": "4711"}
    kinds: dict[str, Any] = {"integer": schema.get("minimum", 1), "number": 1.5, "boolean": True, "array": []}
    return kinds.get(kind_of(schema), written.get(str(schema.get("format")), "Nobody"))


def _wrong(spec: ToolSpec) -> dict[str, Any]:
    """Another value than the caller's, for the first that is not one of a few."""
    return next(({name: _any_value(one)} for name, one in spec.properties.items() if not one.get("enum")), {})


@dataclass
class ScriptedModel:
    """The server and what it is to answer next; :attr:`model` asks it."""

    protocol: Protocol
    model: RemoteModel
    script: list[Reply] = field(default_factory=list)
    asked: int = 0
    """Requests that were answered."""

    async def answer(self, request: Request, wire: Wire) -> None:
        """The next of the script, or a plain sentence where there is none."""
        reply = self.script.pop(0) if self.script else Reply("I see.")
        self.asked += 1
        chunks, kind = (
            (_openai(reply), "text/event-stream") if self.protocol == "openai" else (_ollama(reply), NDJSON)
        )
        await stream(*chunks, kind=kind)(request, wire)


@asynccontextmanager
async def scripted_model(protocol: Protocol) -> AsyncIterator[ScriptedModel]:
    """The server, on a port of its own, until the end of the block."""
    async with ModelServer() as server:
        scripted = ScriptedModel(protocol, make_model(server.url, protocol, n_ctx_call=N_CTX))
        server.will(scripted.answer)
        yield scripted
        await scripted.model.aclose()


def _openai(reply: Reply) -> list[bytes]:
    """Text by words, each call's name first and its arguments bit by bit."""
    deltas: list[dict[str, Any]] = [{"content": word} for word in _words(reply.text)]
    for index, call in enumerate(reply.calls):
        named = {"index": index, "id": f"call_{index}", "type": "function"}
        deltas.append({"tool_calls": [{**named, "function": {"name": call.name, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            for part in _parts(_text(call.arguments))
        ]
    events = [event({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    finish = "tool_calls" if reply.calls else "stop"
    return [*events, event({"choices": [{"delta": {}, "finish_reason": finish}]}), event(b"[DONE]")]


def _ollama(reply: Reply) -> list[bytes]:
    """Text by words, each call whole in a line of its own."""
    messages: list[dict[str, Any]] = [{"content": word} for word in _words(reply.text)]
    messages += [
        {"content": "", "tool_calls": [{"function": {"name": call.name, "arguments": call.arguments}}]}
        for call in reply.calls
    ]
    last = {"message": {"content": ""}, "done": True, "done_reason": "stop"}
    return [*(line({"message": message, "done": False}) for message in messages), line(last)]


def _text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\S+\s*", text)


def _parts(text: str) -> Sequence[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
