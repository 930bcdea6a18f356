"""Connections that have not said all that they want: a deadline for each, and room for some.

uvicorn closes none of them, and answers nobody any more once there are as many as it serves at once; so a
stranger who connects and says nothing, or half of something, would close the pages to everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

WITHIN_S = 10.0
"""For a request to come as a whole, from its connection or its first byte on."""
MOST = 64
"""Requests that are not whole; one more pushes out the oldest: an honest one comes at once."""
_KNOWN = "offhook.known"


def known(scope: Scope) -> None:
    """Whoever sends this request has logged in: its body may take its time."""
    told: Callable[[], None] | None = scope.get("state", {}).get(_KNOWN)
    if told is not None:
        told()


def patient_protocol(within_s: float = WITHIN_S, most: int = MOST) -> type[H11Protocol]:
    """uvicorn's protocol for one server.  Lives on its event loop."""
    unfinished: dict[_Bounded, asyncio.TimerHandle] = {}  # in order of arrival

    class Patient(_Bounded):
        def begin(self) -> None:
            if self in unfinished:
                return
            if len(unfinished) >= most:
                next(iter(unfinished)).give_up()
            unfinished[self] = self.loop.call_later(within_s, self.give_up)

        def end(self) -> None:
            timer = unfinished.pop(self, None)
            if timer is not None:
                timer.cancel()

    return Patient


class _Bounded(H11Protocol):
    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        super().__init__(config, server_state, {**app_state, _KNOWN: self._is_known}, _loop)
        self._trusted = False

    def begin(self) -> None:
        """A request is expected, or has begun to come."""
        raise NotImplementedError

    def end(self) -> None:
        """It has come, or never will.  Any number of times."""
        raise NotImplementedError

    def give_up(self) -> None:
        self.end()
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        whole = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        if whole or self._trusted or self.transport.is_closing():
            self.end()
        else:
            self.begin()
        if whole:
            self._trusted = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.end()
        super().connection_lost(exc)

    def _is_known(self) -> None:
        self._trusted = True
        self.end()
