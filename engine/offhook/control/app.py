"""The pages of the control socket: JSON, a stream of events, and streams of bytes.

| | |
|---|---|
| ``GET /v1/state`` | health, and the latency of the last turns |
| ``GET /v1/calls``, ``/v1/calls/ID`` | calls that go on |
| ``GET /v1/commands`` | what can be told to the daemon |
| ``POST /v1/calls/ID/COMMAND``, ``/v1/daemon/COMMAND`` | tell it; arguments are a JSON object |
| ``GET /v1/events`` | server-sent events; ``?words=1`` with what is said, where that may be shown |
| ``GET /v1/calls/ID/streams/NAME`` | bytes |

Served on a thread with a loop of its own; what asks the daemon is done on the daemon's loop, and takes
microseconds there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offhook.control.commands import Commands, Done
from offhook.control.feed import Event, Reader
from offhook.control.live import LiveCalls
from offhook.errors import BusyError, ConfigError, OffhookError, RegistryError

_log = logging.getLogger("offhook.control")

T = TypeVar("T")

HEARTBEAT_S = 15.0
"""A reader of events that has gone is noticed after so long."""
DAEMON_ANSWERS_S = 5.0
"""The daemon's loop is asked for no longer: it does not wait for anything itself."""
_WORDS = ("caller_text", "audible_text")
_MOST_BODY = 65_536


class Pages:
    """One daemon's.  Made anywhere, used on the control thread's loop."""

    def __init__(
        self,
        calls: LiveCalls,
        commands: Commands,
        state: Callable[[], dict[str, Any]],
        daemon_loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``state`` is asked on the daemon's loop."""
        self._calls = calls
        self._commands = commands
        self._state = state
        self._daemon_loop = daemon_loop

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/state", self._get_state),
                Route("/v1/calls", self._get_calls),
                Route("/v1/calls/{call}", self._get_call),
                Route("/v1/calls/{call}/streams/{name}", self._stream),
                Route("/v1/calls/{call}/{command}", self._tell_call, methods=["POST"]),
                Route("/v1/daemon/{command}", self._tell, methods=["POST"]),
                Route("/v1/commands", self._get_commands),
                Route("/v1/events", self._events),
            ],
            exception_handlers={OffhookError: _problem, TimeoutError: _problem, 404: _no_page, 405: _no_page},
        )

    # --- asking -------------------------------------------------------------------------------

    async def _get_state(self, request: Request) -> Response:
        async def ask() -> dict[str, Any]:
            recent = sorted(self._calls.recent_ms)
            return {
                **self._state(),
                "turns": len(recent),
                "turnaround_ms": {
                    "p50": _quantile(recent, 0.5),
                    "p95": _quantile(recent, 0.95),
                    "last": self._calls.recent_ms[-1] if recent else None,
                },
            }

        return JSONResponse(await self._on_daemon(ask()))

    async def _get_calls(self, request: Request) -> Response:
        async def ask() -> list[dict[str, Any]]:
            return [call.as_json() for call in self._calls]

        return JSONResponse({"calls": await self._on_daemon(ask())})

    async def _get_call(self, request: Request) -> Response:
        async def ask() -> dict[str, Any]:
            return self._calls.get(request.path_params["call"]).as_json()

        return JSONResponse(await self._on_daemon(ask()))

    async def _get_commands(self, request: Request) -> Response:
        return JSONResponse(
            {
                "commands": [each.as_json() for each in self._commands.all()],
                "streams": [{"name": each.name, "help": each.help} for each in self._commands.streams()],
            }
        )

    # --- telling ------------------------------------------------------------------------------

    async def _tell_call(self, request: Request) -> Response:
        call, command = request.path_params["call"], request.path_params["command"]
        given = await _body(request)
        found = self._commands.find(command, of_call=True)

        async def tell() -> Done:
            live = self._calls.get(call)
            _log.info("call=%s %s by %s", call, command, _who(request))
            return await self._commands.carry_out(found, given, live)

        return JSONResponse(dict(await self._on_daemon(tell(), found.within_s + DAEMON_ANSWERS_S)))

    async def _tell(self, request: Request) -> Response:
        command = request.path_params["command"]
        given = await _body(request)
        found = self._commands.find(command, of_call=False)

        async def tell() -> Done:
            _log.info("%s by %s", command, _who(request))
            return await self._commands.carry_out(found, given)

        return JSONResponse(dict(await self._on_daemon(tell(), found.within_s + DAEMON_ANSWERS_S)))

    # --- reading along ------------------------------------------------------------------------

    async def _events(self, request: Request) -> Response:
        words = request.query_params.get("words") == "1"
        only = request.query_params.get("call")
        reader: Reader[Event] = Reader(asyncio.get_running_loop())

        def shown(event: Event) -> Event | None:
            if only is not None and event.get("call") != only:
                return None
            return event if words else {key: event[key] for key in event if key not in _WORDS}

        async def begin() -> list[dict[str, Any]]:
            self._calls.feed.add(reader, shown)
            return [call.as_json() for call in self._calls if only is None or call.id == only]

        first = await self._on_daemon(begin())
        events = _server_sent(reader, {"type": "calls", "calls": first})
        return self._streaming(events, "text/event-stream", lambda: self._calls.feed.remove(reader))

    async def _stream(self, request: Request) -> Response:
        stream = self._commands.stream(request.path_params["name"])
        reader: Reader[bytes] = Reader(asyncio.get_running_loop(), stream.most_waiting)

        async def begin() -> Callable[[], None]:
            live = self._calls.get(request.path_params["call"])
            _log.info("call=%s %s by %s", live.id, stream.name, _who(request))
            return stream.open(live, reader)

        close = await self._on_daemon(begin())

        def end() -> None:
            reader.close()
            close()

        return self._streaming(_bytes(reader), stream.media_type, end)

    def _streaming(self, content: AsyncIterator[bytes], media_type: str, end: Callable[[], None]) -> Response:
        async def until_gone() -> AsyncIterator[bytes]:
            try:
                async for each in content:
                    yield each
            finally:
                self._daemon_loop.call_soon_threadsafe(end)

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(until_gone(), media_type=media_type, headers=headers)

    async def _on_daemon(self, work: Coroutine[Any, Any, T], within_s: float = DAEMON_ANSWERS_S) -> T:
        """What ``work`` results in on the daemon's loop.  Raises TimeoutError, and what it raises."""
        try:
            asked = asyncio.run_coroutine_threadsafe(work, self._daemon_loop)
        except RuntimeError:
            work.close()
            raise BusyError("the daemon is stopping") from None
        async with asyncio.timeout(within_s):
            return await asyncio.wrap_future(asked)


async def _server_sent(reader: Reader[Event], first: Event) -> AsyncIterator[bytes]:
    yield _sent(first)
    while True:
        taking: Awaitable[tuple[list[Event], int]] = reader.take()
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                events, lost = await taking
        except TimeoutError:
            yield b": still there\n\n"
            continue
        if lost:
            yield _sent({"type": "lost", "events": lost})
        for event in events:
            yield _sent(event)
        if not events:
            return


def _sent(event: Event) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


async def _bytes(reader: Reader[bytes]) -> AsyncIterator[bytes]:
    while True:
        blocks, _ = await reader.take()
        if not blocks:
            return
        yield b"".join(blocks)


async def _body(request: Request) -> object:
    """The request's JSON.  Raises ConfigError."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BODY:
            raise ConfigError(f"the request is longer than {_MOST_BODY} bytes")
    try:
        return json.loads(raw) if raw else {}
    except ValueError as error:
        raise ConfigError(f"the request is no JSON: {error}") from error


def _who(request: Request) -> str:
    peer = request.scope.get("offhook.peer")
    return "nobody known" if peer is None else f"uid={peer.uid} pid={peer.pid}"


def _quantile(values: list[float], share: float) -> float | None:
    """Of sorted ``values``, the nearest one."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def _problem(request: Request, error: Exception) -> Response:
    """One line, and whose fault it is."""
    match error:
        case RegistryError():
            status = 404
        case ConfigError():
            status = 400
        case BusyError():
            status = 503
        case TimeoutError():
            status = 504
        case _:
            status = 409
    return JSONResponse({"error": str(error) or "the daemon did not answer in time"}, status)


def _no_page(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"no page {request.method} {request.url.path}"}, 404)
