"""The control socket: a thread that serves it, and who may connect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from offhook.doors.eagi.unix_socket import BoundSocket, Peer, read_peer

_log = logging.getLogger("offhook.control")

PARTING_S = 1.0
"""Requests that go on when the daemon ends are waited for so long."""
MOST_AT_ONCE = 64
"""Connections."""


class ControlServer:
    """From construction to :meth:`close`."""

    def __init__(self, bound: BoundSocket, app: Starlette) -> None:
        """Serve ``app`` at ``bound``, which is ours from now on, on a thread of its own."""
        self._bound = bound
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        config = uvicorn.Config(
            app,
            http=_protocol(bound.gid),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            timeout_graceful_shutdown=int(PARTING_S),
            interface="asgi3",
        )
        self._server = _Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="offhook-control", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        return self._bound.path

    def close(self) -> None:
        """Answer no more.  Blocks for a moment."""
        self._serving.wait()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._server.stop.set)
        self._thread.join(2 * PARTING_S + 1)
        self._bound.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            _log.exception("the control socket is closed; calls go on")
        finally:
            self._serving.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving.set()
        await self._server.serve(sockets=[self._bound.sock])
        self._loop = None


class _Server(uvicorn.Server):
    """Waits for its end instead of looking ten times a second whether it has come."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stop.wait()


def _protocol(gid: int) -> type[H11Protocol]:
    class Protocol(H11Protocol):
        """Whoever connects is known by the kernel, and goes where their requests are logged."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # type: ignore[arg-type]
            sock: socket.socket = transport.get_extra_info("socket")
            try:
                peer = read_peer(sock)
            except OSError:
                peer = None
            if peer is None or not allowed(peer, gid):
                _log.warning("a connection of %s was not taken", "nobody known" if peer is None else peer)
                transport.abort()  # type: ignore[attr-defined]
                return
            app = self.app

            async def known(scope: Any, receive: Any, send: Any) -> None:
                await app({**scope, "offhook.peer": peer}, receive, send)

            self.app = known

    return Protocol


def allowed(peer: Peer, gid: int) -> bool:
    """Whether ``peer`` may control the daemon: its own user, root, or the socket's group."""
    return peer.uid in (0, os.geteuid()) or gid in (peer.gid, *peer.groups)
