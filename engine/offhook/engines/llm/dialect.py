"""How a model on a server is spoken to: what each protocol has to know, and one request of any of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from offhook.engines.llm.base import Limits, ToolOffer
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.messages import Message
from offhook.engines.llm.wire import EventReader
from offhook.engines.remote.refusals import MAX_BODY_BYTES, Detail, Hints

logger = logging.getLogger(__name__)


class Dialect(Protocol):
    """One protocol's requests and events.  Shared by all calls of a model."""

    @property
    def path(self) -> str:
        """Where answers are asked for, below the endpoint's URL."""
        ...

    @property
    def content_types(self) -> Sequence[str]:
        """What a streamed answer may be called."""
        ...

    @property
    def hints(self) -> Hints: ...

    def request(
        self,
        messages: Sequence[Message],
        limits: Limits,
        n_ctx: int,
        *,
        tools: Sequence[ToolOffer] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The body of a request for an answer; ``n_ctx`` tokens of context are needed.

        It may call ``tools``, and is a JSON text of ``schema``, where there is one.
        """
        ...

    def give_way(self, detail: Detail, sent: Mapping[str, Any]) -> bool:
        """Whether the next request will be another one, without what of ``sent`` the server has refused."""
        ...

    def warm_up(self, messages: Sequence[Message], n_ctx: int) -> tuple[str, str, dict[str, Any] | None]:
        """Method, path and body of a request that makes the next one faster."""
        ...

    def load(self, n_ctx: int) -> tuple[str, str, dict[str, Any]] | None:
        """Method, path and body of a request that makes the server load its model; None: it needs none.

        A server with such a request gives a load up when the client that began it goes away.
        """
        ...

    def events(self) -> EventReader:
        """A reader for one answer's stream."""
        ...


Sending = asyncio.Task[httpx.Response]
Keep = Callable[[Sending, Endpoint, float], bool]
"""Takes over a request that nobody waits for any more, unanswered for so many seconds; False: cancel it."""


@dataclass(frozen=True, slots=True)
class Server:
    """One model on one server, and how it is spoken to."""

    endpoint: Endpoint
    dialect: Dialect


def build_request(
    client: httpx.AsyncClient, endpoint: Endpoint, method: str, path: str, body: dict[str, Any] | None
) -> httpx.Request:
    """A request with the endpoint's key; ``body`` as JSON."""
    content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    headers = endpoint.headers()
    if content is not None:
        headers["Content-Type"] = "application/json"
    return client.build_request(method, endpoint.url + path, content=content, headers=headers)


async def let_go(sending: Sending) -> None:
    """Close what has come of a request that is over, if anything has."""
    if not sending.cancelled() and sending.exception() is None:
        await sending.result().aclose()


async def read_body(response: httpx.Response, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The beginning of a body; as much of it as comes, if the connection breaks."""
    body = bytearray()
    try:
        async for data in response.aiter_bytes():
            body += data
            if len(body) >= limit_bytes:
                break
    except httpx.HTTPError as error:
        logger.debug("a refusal was cut short: %s", type(error).__name__)
    return bytes(body[:limit_bytes])
