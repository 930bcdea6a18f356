"""A server of language models on 127.0.0.1 that does what a test tells it, down to the byte.

It runs in the test's own event loop, on a port of its own, and counts connections and
requests.  What it does with a request is a coroutine that writes to the wire; most are
made by the functions at the end of this file.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in small letters."""
    content: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has closed the connection before the answer was complete."""

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that was sent."""
        value = json.loads(self.content)
        assert isinstance(value, dict)
        return value


class Wire:
    """The server's side of one connection while one request is answered."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.complete = False
        """The response has ended as HTTP wants it: the connection can be used again."""

    async def send(self, data: bytes) -> None:
        """Bytes, as they are, in a packet of their own as far as TCP allows."""
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)

    async def head(self, status: int = 200, /, **headers: str) -> None:
        """Status line and headers; ``content_type="..."`` becomes ``content-type``."""
        lines = [f"HTTP/1.1 {status} Whatever"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def chunk(self, data: bytes) -> None:
        """One chunk of a chunked body."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """The end of a chunked body."""
        await self.send(b"0\r\n\r\n")
        self.complete = True

    def reset(self) -> None:
        """Close so that the client reads ECONNRESET."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Request, Wire], Awaitable[None]]


class ModelServer:
    """The server; an asynchronous context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._tls = tls
        self._host = host
        self.script: list[Behaviour] = []
        """What is done with each request; the last one is done again and again."""
        self.requests: list[Request] = []
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """``http://HOST:PORT``, or https."""
        assert self._server is not None
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{self._host}:{self._server.sockets[0].getsockname()[1]}"

    def will(self, *script: Behaviour) -> None:
        """Do this with the next requests."""
        self.script = list(script)

    async def __aenter__(self) -> ModelServer:
        self._server = await asyncio.start_server(self._connected, self._host, 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.stop()
        if self._failure is not None:
            raise AssertionError(f"the server itself failed: {self._failure!r}") from self._failure

    async def stop(self) -> None:
        """Close everything; connecting is refused from now on."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client is gone
        except asyncio.CancelledError:
            pass  # the test is over
        except Exception as error:
            self._failure = error
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = b""
        while True:
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.split("\r\n")
            method, path, _ = start.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            content = await reader.readexactly(int(headers.get("content-length", "0")))
            request = Request(method, path, headers, content)
            self.requests.append(request)
            behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            first, complete = await self._answer(behaviour, request, reader, Wire(writer))
            if not complete or not first:
                return

    async def _answer(
        self, behaviour: Behaviour, request: Request, reader: asyncio.StreamReader, wire: Wire
    ) -> tuple[bytes, bool]:
        """Do what was asked for; the first byte of the next request."""

        async def watch() -> bytes:
            try:
                byte = await reader.read(1)
            except ConnectionError:
                byte = b""
            if not byte and not wire.complete:
                request.gone.set()
            return byte

        watching = asyncio.create_task(watch())
        try:
            await behaviour(request, wire)
            return (await watching, True) if wire.complete else (b"", False)
        except ConnectionError:
            request.gone.set()
            raise
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


# -- behaviours ----------------------------------------------------------------------------


def status(code: int, body: object = "", **headers: str) -> Behaviour:
    """An answer without a stream; ``body`` is JSON unless it is text."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    kind = "text/html" if isinstance(body, str) else "application/json"

    async def behave(request: Request, wire: Wire) -> None:
        await wire.head(code, **{"content_type": kind, "content_length": str(len(content))} | headers)
        await wire.send(content)
        wire.complete = True

    return behave


def stream(
    *chunks: bytes, kind: str = "text/event-stream", end: str = "complete", **headers: str
) -> Behaviour:
    """A chunked stream, one chunk after the other.

    ``end``: "complete"; "cut" closes inside the body; "reset" resets the connection; "eof"
    sends no chunks but a body that lasts until the connection closes; "hold" keeps the
    stream open until the client has gone.
    """

    async def behave(request: Request, wire: Wire) -> None:
        if end == "eof":
            await wire.head(content_type=kind, connection="close", **headers)
            await wire.send(b"".join(chunks))
            return
        await wire.head(content_type=kind, transfer_encoding="chunked", **headers)
        for chunk in chunks:
            await wire.chunk(chunk)
        if end == "complete":
            await wire.end()
        elif end == "reset":
            wire.reset()
        elif end == "hold":
            await request.gone.wait()

    return behave


async def hang(request: Request, wire: Wire) -> None:
    """No answer at all."""
    await request.gone.wait()


class ColdModel:
    """A model that is loaded by the first request, and not when the last one that waits for it goes away."""

    def __init__(self) -> None:
        self.begun = 0
        """Loads."""
        self.aborted = 0
        self._waiting = 0
        self._loaded = asyncio.Event()

    def loaded(self) -> None:
        """The load is over."""
        self._loaded.set()

    def unload(self) -> None:
        """As after a while without requests."""
        self._loaded.clear()

    @property
    def waiting(self) -> int:
        """Requests that wait for the load."""
        return self._waiting

    def serves(self, answer: Behaviour) -> Behaviour:
        """``answer`` once the model is loaded."""

        async def behave(request: Request, wire: Wire) -> None:
            self.begun += not self._waiting and not self._loaded.is_set()
            self._waiting += 1
            loaded = asyncio.ensure_future(self._loaded.wait())
            gone = asyncio.ensure_future(request.gone.wait())
            try:
                await asyncio.wait({loaded, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._waiting -= 1
                loaded.cancel()
                gone.cancel()
            if self._loaded.is_set():
                await answer(request, wire)
            elif not self._waiting:
                self.aborted += 1

        return behave


async def reset(request: Request, wire: Wire) -> None:
    """The connection is reset before anything was said."""
    wire.reset()


async def leave(request: Request, wire: Wire) -> None:
    """The connection is closed before anything was said."""


async def speak_smtp(request: Request, wire: Wire) -> None:
    """No HTTP."""
    await wire.send(b"220 mail.example ESMTP\r\n")


def event(value: object) -> bytes:
    """One server-sent event."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return b"data: " + data + b"\n\n"


def line(value: object) -> bytes:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def openai_events(
    words: Sequence[str], finish: str | None = "stop", usage: Mapping[str, Any] | None = None
) -> list[bytes]:
    """An answer as OpenAI writes it."""
    base = {"object": "chat.completion.chunk"}
    events = [event(base | {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})]
    events += [
        event(base | {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
        for word in words
    ]
    if finish is not None:
        events.append(event(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
    if usage is not None:
        events.append(event(base | {"choices": [], "usage": usage}))
    return events if finish is None else [*events, event(b"[DONE]")]


def ollama_lines(words: Sequence[str], finish: str | None = "stop", **counts: int) -> list[bytes]:
    """An answer as Ollama writes it."""
    lines = [line({"message": {"role": "assistant", "content": word}, "done": False}) for word in words]
    if finish is not None:
        last = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": finish}
        lines.append(line(last | counts))
    return lines


def openai_answer(*words: str) -> Behaviour:
    """A good answer."""
    return stream(*openai_events(words))


def ollama_answer(*words: str) -> Behaviour:
    """A good answer."""
    return stream(*ollama_lines(words), kind="application/x-ndjson")
