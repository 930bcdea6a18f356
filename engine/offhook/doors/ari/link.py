"""The way to one Asterisk: events in, requests out, over whatever connection there is at the moment.

Connections come and go; the link stays.  A request that finds none waits for the next one, and one whose
connection broke is sent once more on it: every name in it is ours, so doing it twice changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from offhook.doors.ari.messages import Event, Request, Response, parse
from offhook.errors import AriError, DeadlineError, ProtocolError

_log = logging.getLogger("offhook.doors.ari")

REQUEST_S = 10.0
"""For a request, a connection that has to come back included: Asterisk tries again every half second."""
_MOST_WAITING = 1_024
"""Requests that wait for an answer at the same time."""


class Broken(Exception):
    """The connection is gone; whether the request was carried out, nobody knows."""


class Socket(Protocol):
    """A websocket: whole messages of text."""

    async def send(self, text: str, /) -> None:
        """Raises Broken."""
        ...

    def messages(self) -> AsyncIterator[str | bytes]:
        """All that come, until it is closed by either side."""
        ...


class Requests(Protocol):
    """One way to send a request and get its response."""

    async def request(self, request: Request) -> Response:
        """Raises Broken."""
        ...


class OnSocket:
    """Requests on the events' own socket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[Response]] = {}
        self._number = 0

    async def request(self, request: Request) -> Response:
        if len(self._waiting) >= _MOST_WAITING:
            raise Broken
        self._number += 1
        key = str(self._number)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            await self._socket.send(request.frame(key))
            return await answer
        finally:
            self._waiting.pop(key, None)

    def answered(self, key: str, response: Response) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(response)

    def close(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Broken())


class Link:
    """One Asterisk's.  Lives on the event loop."""

    def __init__(self, on_event: Callable[[Event], None], on_up: Callable[[], None]) -> None:
        """``on_up`` is called when a connection is there: what happened before it, nobody has told us."""
        self._on_event = on_event
        self._on_up = on_up
        self._requests: Requests | None = None
        self._up = asyncio.Event()
        self._serving: asyncio.Task[Any] | None = None

    @property
    def is_up(self) -> bool:
        """Whether events come."""
        return self._serving is not None

    def use(self, requests: Requests) -> None:
        """Requests take this way, whether events come or not."""
        self._requests = requests
        self._up.set()

    async def serve(self, socket: Socket) -> None:
        """One connection, until it is closed; a newer one takes its place.

        Raises ProtocolError for what is no ARI.
        """
        if self._serving is not None:
            self._serving.cancel()  # Asterisk connects anew where it knows the old one to be dead
        mine = self._serving = asyncio.current_task()
        own: OnSocket | None = None
        if self._requests is None or isinstance(self._requests, OnSocket):  # they have no way of their own
            own = OnSocket(socket)
            self.use(own)
        try:
            self._on_up()
            async for message in socket.messages():
                found = parse(message)
                if isinstance(found, Event):
                    self._on_event(found)
                elif own is not None:
                    own.answered(*found)
        except Broken:
            pass
        finally:
            if own is not None:
                own.close()
            if self._serving is mine:
                self._serving = None
                if own is not None:
                    self._up.clear()

    async def request(self, request: Request, *, within_s: float = REQUEST_S) -> Any:
        """What Asterisk answers, as JSON, or None.

        Raises AriError when it refuses, DeadlineError when there is no connection for so long.
        """
        again = False
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self._up.wait()
                    requests = self._requests
                    assert requests is not None, "else nothing is up"
                    try:
                        response = await requests.request(request)
                        break
                    except Broken:
                        again = True
                        if self._requests is requests:
                            await asyncio.sleep(0.1)  # a busy or restarting server is not asked in a loop
        except TimeoutError:
            raise DeadlineError(f"{request}: no answer from Asterisk within {within_s:g} s") from None
        if response.status < 300 or (again and response.status == 409):  # it was done the first time
            return response.body
        raise AriError(f"{request}: Asterisk says {response.status} {response.why}", response.status)


async def forever(
    connect: Callable[[], Awaitable[None]],
    name: str,
    *,
    until: Callable[[], bool] = lambda: False,
    first_s: float = 0.1,
    most_s: float = 5.0,
) -> None:
    """Hold a connection, again and again, with a line when it is lost and when it cannot be had.

    ``until``: it is not wanted any more.
    """
    wait_s, said = first_s, ""
    while not until():
        began = asyncio.get_running_loop().time()
        problem = "it was closed"
        try:
            await connect()
        except (OSError, ProtocolError, AriError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        if asyncio.get_running_loop().time() - began > most_s:
            wait_s, said = first_s, ""
        if problem != said:
            _log.warning("%s: %s; trying again", name, problem)
            said = problem
        with contextlib.suppress(TimeoutError):
            await asyncio.sleep(wait_s)
        wait_s = min(most_s, wait_s * 2)
