"""Tools of Model Context Protocol servers: programs that are started here, or servers elsewhere.

A server is connected to once, for all tools that are its own, and again when it has gone; what its tools look
like is what they looked like first, because a model's prompt holds it.  Nothing that a server does ends a
call: one that dies, hangs or has forgotten a tool makes that request fail, and the next one finds it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from offhook.agents.tools import ToolEntry
from offhook.errors import ConfigError, OffhookError, ToolError
from offhook.tools.base import BaseTool, Context, ToolResult, ToolSpec
from offhook.tools.schema import clamped
from offhook.tools.templates import filled_header

if TYPE_CHECKING:
    from mcp import Client

_log = logging.getLogger("offhook.tools")

CONNECT_S = 10.0
"""A program that has to be started may take so long; a call waits for its tool's time-out and no longer."""
LEAVE_S = 5.0
QUIET_S, PING_S = 2.0, 1.0
"""A server that was silent for so long is asked whether it is there, before anything is sent that changes
something; it has so long to answer."""
RESULT_CHARACTERS = 2_000
MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is: what two tools have to share to be of one server."""

    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.url or self.command[0]


class Server:
    """One server, connected when it is first needed.  Lives on the event loop.

    A task of its own holds the connection, because it has to be closed where it was opened.
    """

    def __init__(self, address: Address) -> None:
        """Raises ConfigError where the client is not installed."""
        try:
            import mcp  # noqa: F401
        except ImportError:
            raise ConfigError("MCP servers want their client: pip install 'offhook[mcp]'") from None
        self.address = address
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Client] | None = None
        self._leave = asyncio.Event()
        self._heard_s = time.monotonic()

    async def describe(self) -> dict[str, tuple[str, dict[str, Any], bool | None]]:
        """Description, schema and whether it only reads (None: it does not say), of each of its tools.

        Raises ToolError.
        """
        client = await self._client()
        found: dict[str, tuple[str, dict[str, Any], bool | None]] = {}
        cursor: str | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                while True:
                    page = await client.list_tools(cursor=cursor)
                    for each in page.tools:
                        hints = each.annotations
                        reads = None if hints is None else hints.read_only_hint
                        found[each.name] = (each.description or "", dict(each.input_schema), reads)
                    cursor = page.next_cursor
                    if not cursor or len(found) >= MOST_LISTED:
                        break
        except Exception as error:
            await self._lost()
            raise ToolError(f"MCP server {self.address} tells no tools: {_why(error)}", sent=False) from error
        return found

    async def call(self, name: str, arguments: Mapping[str, Any], timeout_s: float, key: str) -> ToolResult:
        """Call one of its tools.  Raises ToolError."""
        client = await self._alive()
        meta = cast(Any, {"offhook/idempotency-key": key})
        try:
            made = await client.call_tool(name, dict(arguments), read_timeout_seconds=timeout_s, meta=meta)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._lost()
            raise ToolError(f"MCP server {self.address}: {_why(error)}") from error
        self._heard_s = time.monotonic()
        texts = [each.text for each in made.content if each.type == "text"]
        text = "\n".join(texts)[:RESULT_CHARACTERS]
        value = made.structured_content if made.structured_content is not None else text
        return ToolResult(value, ok=not made.is_error)

    async def close(self) -> None:
        await self._lost()

    async def _alive(self) -> Client:
        """The connection, once it has shown that it is one.  Raises ToolError, and nothing was sent."""
        client = await self._client()
        if time.monotonic() - self._heard_s > QUIET_S:
            try:
                async with asyncio.timeout(PING_S):
                    await client.list_tools(cache_mode="bypass")
            except Exception:
                await self._lost()
                client = await self._client()
        self._heard_s = time.monotonic()
        return client

    async def _client(self) -> Client:
        """The connection, made where there is none.  Raises ToolError, and nothing was sent."""
        if self._task is None or self._task.done():
            self._leave = asyncio.Event()
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._hold(self._ready, self._leave), name="mcp-server")
        assert self._ready is not None
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            await self._lost()
            raise ToolError(
                f"MCP server {self.address} has not answered within {CONNECT_S:g} s", sent=False
            ) from None

    async def _hold(self, ready: asyncio.Future[Client], leave: asyncio.Event) -> None:
        from mcp import Client, StdioServerParameters, stdio_client

        try:
            async with contextlib.AsyncExitStack() as stack:
                place: Any
                if self.address.command:
                    program, *rest = self.address.command
                    started = StdioServerParameters(
                        command=program, args=rest, env=dict(self.address.environment) or None
                    )
                    # What it writes beside its answers may be callers' words: no business of a log's.
                    silence = stack.enter_context(Path(os.devnull).open("w"))  # noqa: ASYNC230, SIM115
                    place = stdio_client(started, errlog=silence)
                else:
                    place = await self._http(stack)
                client = await stack.enter_async_context(Client(place))
                ready.set_result(client)
                await leave.wait()
        except asyncio.CancelledError:
            if not ready.done():
                ready.set_exception(ToolError(f"MCP server {self.address} was given up", sent=False))
                ready.exception()
            raise
        except BaseException as error:  # its library raises groups
            if not ready.done():
                ready.set_exception(ToolError(f"MCP server {self.address}: {_why(error)}", sent=False))
                ready.exception()
            elif not leave.is_set():
                _log.warning("MCP server %s has gone: %s", self.address, _why(error))

    async def _http(self, stack: contextlib.AsyncExitStack) -> Any:
        if not self.address.headers:
            return self.address.url
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        http = await stack.enter_async_context(httpx2.AsyncClient(headers=dict(self.address.headers)))
        return streamable_http_client(self.address.url, http_client=http)

    async def _lost(self) -> None:
        """End the connection, so that the next request makes a new one."""
        task, self._task = self._task, None
        if task is None:
            return
        self._leave.set()
        _, open_ = await asyncio.wait([task], timeout=LEAVE_S)
        if open_:
            task.cancel()
            await asyncio.wait([task], timeout=LEAVE_S)


class McpTool(BaseTool):
    """One tool of a server's."""

    def __init__(self, spec: ToolSpec, server: Server, remote: str, entry: ToolEntry) -> None:
        super().__init__(spec)
        self._server = server
        self._remote = remote
        self._entry = entry

    async def prepare(self) -> None:
        """Learn what it looks like.  Raises ConfigError when it cannot be used, ToolError when it is away."""
        known = await self._server.describe()
        if self._remote not in known:
            there = ", ".join(sorted(known)[:8]) or "none"
            raise ConfigError(
                f"MCP server {self._server.address} has no tool {self._remote!r}; it has: {there}"
            )
        description, schema, reads = known[self._remote]
        try:
            parameters = self._spec.parameters if self._entry.parameters else clamped(schema)
        except ValueError as error:
            raise ConfigError(f"MCP tool {self._remote}: {error}") from None
        self._spec = replace(
            self._spec,
            description=self._spec.description or " ".join(description.split())[:400],
            parameters=parameters,
            # Who says nothing may write: then the caller is asked, and it is done once.
            effect=self._entry.effect or ("reads" if reads else "writes"),
        )

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        return await self._server.call(self._remote, arguments, self.spec.timeout_s, context.key)

    async def close(self) -> None:
        await self._server.close()


def address_of(entry: ToolEntry, secret: str) -> Address:
    """Where an entry's server is."""
    values = {"secret": secret}
    environment = {name: filled_header(text, values) for name, text in entry.environment.items()}
    headers = {name: filled_header(text, values) for name, text in entry.headers.items()}
    return Address(entry.command, tuple(environment.items()), entry.url or "", tuple(headers.items()))


def _why(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OffhookError):
        return str(error)
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
