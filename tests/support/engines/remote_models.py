"""A remote model beside the server that it asks: what the tests of remote models share."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from offhook.engines.llm.base import Generation, Limits
from offhook.engines.llm.dialect import Server
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.exchange import RemoteGeneration
from offhook.engines.llm.ollama import Ollama
from offhook.engines.llm.openai import OpenAi
from offhook.engines.llm.remote import RemoteConversation, RemoteModel
from offhook.engines.remote.service import ApiKey
from tests.support.engines.model_server import (
    Behaviour,
    ModelServer,
    event,
    line,
    ollama_answer,
    ollama_lines,
    openai_answer,
    openai_events,
    stream,
)

SECRET = "sk-very-secret-0123456789abcdef"
LIMITS = Limits(max_tokens=20)
NDJSON = "application/x-ndjson"
HTML = "<html><body>nginx</body></html>"
SYSTEM = "You are a bakery."
EXAMPLES = [("Hi", "Hello.")]


@dataclass
class Side:
    """One protocol against the server, and what is the same in both."""

    server: ModelServer
    engine: str
    model: RemoteModel

    def answer(self, *words: str) -> Behaviour:
        return (openai_answer if self.engine == "openai" else ollama_answer)(*words)

    def pieces(self, *words: str, finish: str | None = None) -> list[bytes]:
        """The beginning of an answer, without an end unless ``finish`` says how."""
        if self.engine == "openai":
            return openai_events(words, finish)
        return ollama_lines(words, finish)

    def stream(self, *chunks: bytes, end: str = "complete", **headers: str) -> Behaviour:
        kind = "text/event-stream" if self.engine == "openai" else NDJSON
        return stream(*chunks, kind=kind, end=end, **headers)

    def error(self, message: object) -> bytes:
        return (event if self.engine == "openai" else line)({"error": message})

    async def talk(self, question: str = "Are you open?") -> RemoteConversation:
        conversation = await self.model.conversation(self.model.template.prefix(SYSTEM, EXAMPLES))
        await conversation.append(*self.model.template.user(question))
        return conversation

    async def ask(self, limits: Limits = LIMITS) -> tuple[str, RemoteGeneration]:
        """An answer in a conversation of its own."""
        conversation = await self.talk()
        generation = conversation.generate(limits)
        try:
            return await text_of(generation), generation
        finally:
            await conversation.close()


def make_model(
    url: str,
    engine: str,
    *,
    calls: int = 8,
    n_ctx_call: int = 1024,
    asleep_s: float = math.inf,
    fallback: Server | None = None,
    **settings: Any,
) -> RemoteModel:
    """``asleep_s``: see RemoteModel; here nobody is woken unless a test is about that."""
    key = ApiKey(SECRET, "$BAKERY_KEY")
    endpoint = replace(
        Endpoint(url, "baker-7b", key, 20, 20, 20, 60), **settings
    )  # generous: these tests are not about time
    dialect = OpenAi(endpoint) if engine == "openai" else Ollama(endpoint)
    return RemoteModel(
        endpoint,
        dialect,
        n_ctx_call=n_ctx_call,
        max_conversations=calls,
        asleep_s=asleep_s,
        fallback=fallback,
    )


@asynccontextmanager
async def both(engine: str) -> AsyncIterator[Side]:
    """A server, and a model that asks it in the words of ``engine``."""
    async with ModelServer() as server:
        model = make_model(server.url, engine)
        yield Side(server, engine, model)
        await model.aclose()


def limited(side: Side, **settings: Any) -> Side:
    """The same with other settings; the caller closes its model."""
    return Side(side.server, side.engine, make_model(side.server.url, side.engine, **settings))


async def text_of(generation: Generation) -> str:
    return "".join([piece async for piece in generation])
