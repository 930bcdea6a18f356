"""ARI the other way round: Asterisk connects to us (22.5 or newer), so that it has no port open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from websockets.frames import Frame, Opcode

from offhook.doors.ari.classic import MAX_MESSAGE_BYTES
from offhook.doors.ari.link import Broken, Link
from offhook.doors.network import HELLO_TIMEOUT_S, Connection
from offhook.doors.upgrade import Handshake, Login

PATH = "/ari"
SUBPROTOCOL = "ari"
_READ_BYTES = 65_536
PING_S = 0.1, 10.0
"""How soon the first ping is sent, and how far apart they are at last.

Asterisk (seen with 22.10) reads a request that reaches it together with our side of the handshake into its
buffer, and looks there only when more comes: without a ping it is answered never, or at the next event.  The
late ones find a peer that has vanished without a word.
"""


class _Server:
    """A connection that has become a websocket, as a :class:`Socket`."""

    def __init__(self, connection: Connection, handshake: Handshake) -> None:
        self._connection = connection
        self._handshake = handshake
        self._sending = asyncio.Lock()

    async def send(self, text: str, /) -> None:
        self._handshake.protocol.send_text(text.encode())
        await self._flush()

    async def messages(self) -> AsyncIterator[str | bytes]:
        protocol, parts = self._handshake.protocol, bytearray()
        while True:
            for event in protocol.events_received():
                if not isinstance(event, Frame):
                    continue
                if event.opcode is Opcode.CLOSE:
                    await self._flush()
                    return
                if event.opcode in (Opcode.TEXT, Opcode.CONT):
                    parts += event.data
                    if event.fin:
                        yield bytes(parts)
                        parts.clear()
            await self._flush()  # a ping's pong
            try:
                data = await self._connection.read_some(_READ_BYTES)
            except OSError as error:
                raise Broken from error
            if not data:
                return
            protocol.receive_data(data)

    async def ping(self) -> None:
        """Again and again, until nobody is there any more."""
        wait_s, most_s = PING_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(most_s, 2 * wait_s)
            self._handshake.protocol.send_ping(b"")
            try:
                await self._flush()
            except Broken:
                return  # whoever reads is told the same

    async def _flush(self) -> None:
        """In order, whoever sends."""
        async with self._sending:
            try:
                await self._handshake.flush()
            except OSError as error:
                raise Broken from error


class DialledIn:
    """Takes Asterisk's connections.  Lives on the event loop."""

    def __init__(self, link: Link, login: tuple[str, str] | None) -> None:
        """``login``: user name and password; None: only this machine can connect."""
        self._link = link
        self._login = None if login is None else Login(*login)

    async def serve(self, connection: Connection) -> None:
        """One connection, from its first byte to its end.  Raises ProtocolError for what is no ARI."""
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            handshake = Handshake(
                connection,
                PATH,
                self._login,
                door="doors.ari",
                subprotocol=SUBPROTOCOL,
                max_size=MAX_MESSAGE_BYTES,
            )
            await handshake.read()
            await handshake.accept()
        connection.known()
        server = _Server(connection, handshake)
        pinging = asyncio.create_task(server.ping(), name="ari-ping")
        try:
            await self._link.serve(server)
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
