"""One request to a service and its streamed answer, with deadlines, one way for all engines but chat models.

What may pass (a connection that had gone stale, a gateway that stumbles, "too many requests") is tried once
more within the deadline for the answer's beginning, and never once part of it has come.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from offhook.engines.remote.connections import Connections
from offhook.engines.remote.refusals import (
    MAX_BODY_BYTES,
    Hints,
    broken,
    detail_of,
    passes,
    refused,
    retry_after_s,
)
from offhook.engines.remote.service import Service
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError

logger = logging.getLogger(__name__)

RETRY_S = 0.1
"""Wait before the second try, unless the server asks for longer."""
_KEPT = 8
"""Idle connections that stay open."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, but for the key."""

    method: str
    path: str
    """Below the service's URL."""
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited. [s]"""

    first_s: float
    """From the request to the answer's first byte; connecting and a second try are part of it."""
    gap_s: float
    """From one part of the answer to the next."""
    first_key: str = ""
    """The setting that says ``first_s``."""


def json_ask(path: str, body: Mapping[str, Any]) -> Ask:
    """A POST of ``body`` as JSON."""
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Ask("POST", path, content, {"Content-Type": "application/json"})


class HttpService:
    """A service that is asked over HTTP; lives on one event loop."""

    def __init__(self, service: Service, hints: Hints, patience: Patience) -> None:
        """Contacts nobody.  Raises ConfigError for certificates that cannot be read."""
        self.service = service
        self._hints = hints
        self._patience = patience
        self._connections = Connections([service], kept=_KEPT)

    async def stream(
        self, ask: Ask, accept: Callable[[httpx.Headers], None] = lambda headers: None
    ) -> AsyncGenerator[bytes, None]:
        """The answer's body as it comes; ``accept`` may refuse it by its headers, with a ModelError.

        Raises BusyError, DeadlineError or ModelError in one line.  Closing it closes the connection
        when the answer is not complete.
        """
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._patience.first_s
        late = f"nothing within {self._patience.first_s:g} s ({self._patience.first_key})"
        response = await self._open(ask, due_s, late)
        begun = False
        try:
            accept(response.headers)
            chunks = response.aiter_bytes()
            while True:
                try:
                    async with asyncio.timeout_at(due_s):
                        chunk = await _next(chunks)
                except TimeoutError:
                    raise DeadlineError(f"{self.service.url}: {late}") from None
                except httpx.HTTPError as error:
                    raise broken(error, self.service, self._hints, begun=begun) from error
                if chunk is None:
                    return
                if chunk:
                    begun, due_s = True, loop.time() + self._patience.gap_s
                    late = f"the answer stopped in the middle for {self._patience.gap_s:g} s"
                    yield chunk
        finally:
            await response.aclose()

    async def whole(self, ask: Ask, limit_bytes: int = 1 << 20) -> bytes:
        """The whole answer, as far as ``limit_bytes``.  Raises as :meth:`stream`."""
        body = bytearray()
        stream = self.stream(ask)
        try:
            async for chunk in stream:
                body += chunk
                if len(body) > limit_bytes:
                    break
        finally:
            await stream.aclose()
        return bytes(body[:limit_bytes])

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._connections.take():
            await client.aclose()

    async def _open(self, ask: Ask, due_s: float, late: str) -> httpx.Response:
        loop, wait_s = asyncio.get_running_loop(), 0.0
        try:
            async with asyncio.timeout_at(due_s):
                try:
                    return await self._send(ask)
                except _PassingError as trouble:
                    wait_s = max(RETRY_S, trouble.wait_s)
                    if loop.time() + wait_s >= due_s:
                        raise trouble.error from trouble.__cause__
                    logger.info("%s; trying once more in %.1f s", trouble.error, wait_s)
                await asyncio.sleep(wait_s)
                try:
                    return await self._send(ask)
                except _PassingError as trouble:
                    raise lasting(trouble.error) from trouble.__cause__
        except TimeoutError:
            raise DeadlineError(f"{self.service.url}: {late}") from None

    async def _send(self, ask: Ask) -> httpx.Response:
        service = self.service
        client = self._connections.to(service)
        request = client.build_request(
            ask.method,
            service.url + ask.path,
            params=ask.query or None,
            content=ask.content,
            headers={**service.headers(), **ask.headers},
        )
        try:
            response = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            problem = broken(error, service, self._hints, begun=False)
            if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
                raise _PassingError(problem) from error
            raise problem from error
        if response.status_code == 200:
            return response
        try:
            detail = detail_of(await _beginning(response))
        finally:
            await response.aclose()
        problem = refused(response.status_code, response.headers, detail, service, self._hints)
        quota = response.status_code == 429 and not isinstance(problem, BusyError)
        if passes(response.status_code) and not quota:
            raise _PassingError(problem, retry_after_s(response.headers) or 0.0)
        raise lasting(problem)


def lasting(error: OffhookError) -> OffhookError:
    """The same, marked: it was tried again here already, or trying is of no use."""
    if isinstance(error, ModelError):
        error.lasting = True
    return error


class _PassingError(Exception):
    def __init__(self, error: OffhookError, wait_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


async def _beginning(response: httpx.Response) -> bytes:
    """The beginning of a refusal; as much of it as comes, if the connection breaks."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) >= MAX_BODY_BYTES:
                break
    except httpx.HTTPError as error:
        logger.debug("a refusal was cut short: %s", type(error).__name__)
    return bytes(body)
