"""The HTTP upgrade that makes a connection a websocket, and the first message on it.

The handshake is the library's (``websockets``, without its I/O); the frames behind it are native, decoded
and paced on threads that never wait for Python (bench/bench_doors.py has what either costs the event loop).
So no byte behind the handshake is read here, but for the one message that says what will come.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from offhook.doors.network import Connection
from offhook.errors import ProtocolError

_quiet = logging.getLogger("offhook.doors.upgrade.wire")
_quiet.setLevel(logging.WARNING)  # below that, the library logs headers and messages: passwords, numbers
_OP_TEXT = 0x1
_LEFT_OUT = frozenset({0x82, 0x89})
"""Audio and pings, each in one frame."""
_MOST_REQUEST_BYTES = 16_384
_MOST_MESSAGE_BYTES = 65_536
"""MEDIA_START brings the channel's variables."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who may come: ``username`` and ``password`` of websocket_client.conf."""

    username: str
    password: str

    def fits(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, f"{self.username}:{self.password}".encode())


class Handshake:
    """One connection's.  :meth:`read` first, then :meth:`accept` or :meth:`refuse`."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        login: Login | None,
        *,
        door: str,
        subprotocol: str,
        max_size: int | None = None,
    ) -> None:
        """``door``: whose settings have path and login, for a log.  ``subprotocol``: what is spoken where the
        client offers it (``protocols`` in websocket_client.conf).  ``max_size``: of a message. [bytes]
        """
        self._connection = connection
        self._path = path
        self._login = login
        self._door = door

        def select(protocol: ServerProtocol, offered: object) -> Subprotocol | None:
            """Ours, if it is among what the client offers; one that offers none gets none."""
            ours = isinstance(offered, list | tuple) and subprotocol in offered
            return Subprotocol(subprotocol) if ours else None

        self.protocol = ServerProtocol(
            subprotocols=[Subprotocol(subprotocol)],
            select_subprotocol=select,
            max_size=max_size,
            logger=_quiet,
        )
        """What is spoken once it is accepted."""
        self._request: Request | None = None

    async def read(self) -> Mapping[str, str]:
        """What the URI says of the call.  Raises ProtocolError, and has answered why."""
        read = 0
        while self._request is None:
            data = await self._connection.read_some(4096)
            read += len(data)
            if not data or read > _MOST_REQUEST_BYTES:
                raise ProtocolError("that is no request for a websocket")
            self.protocol.receive_data(data)
            for event in self.protocol.events_received():
                if isinstance(event, Request):
                    self._request = event
            if self.protocol.handshake_exc is not None and self._request is None:
                await self.flush()
                raise ProtocolError("that is no request for a websocket")
        request, where = self._request, urlsplit(self._request.path)
        if where.path.rstrip("/") != self._path.rstrip("/"):
            await self.refuse(404, f"the door is {self._path}")
            raise ProtocolError(f"it asked for another path than {self._path}")
        if self._login is not None and not self._login.fits(request.headers.get("Authorization", "")):
            await self.refuse(401, f"user name and password are those of {self._door}")
            raise ProtocolError(f"its user name or password is not that of {self._door}")
        return dict(parse_qsl(where.query, max_num_fields=64))

    async def accept(self) -> None:
        """From now on it is a websocket.  Raises ProtocolError when the request was for none."""
        assert self._request is not None
        response = self.protocol.accept(self._request)
        self.protocol.send_response(response)
        await self.flush()
        if response.status_code != 101:
            error = self.protocol.handshake_exc
            why = str(error) if isinstance(error, InvalidHandshake) else "no websocket"
            raise ProtocolError(f"its handshake failed: {why}")

    async def refuse(self, status: int, why: str) -> None:
        """Answer that it will be none."""
        self.protocol.send_response(self.protocol.reject(status, why + "\n"))
        await self.flush()

    async def flush(self) -> None:
        """Send what the protocol has to say."""
        for data in self.protocol.data_to_send():
            if data:
                await self._connection.send(data)


async def read_text_message(connection: Connection) -> bytes:
    """The first text, which has to be in one frame, and not a byte more.

    An Asterisk that is busy sends audio before it (asterisk#1712): that, and pings, are left out.  Raises
    ProtocolError for anything else.
    """
    room = _MOST_MESSAGE_BYTES
    while True:
        first, second = await connection.read_exactly(2)
        size = second & 0x7F
        if first not in _LEFT_OUT | {0x80 | _OP_TEXT} or not second & 0x80:
            raise ProtocolError("its first message is not MEDIA_START")
        if size == 126:
            size = int.from_bytes(await connection.read_exactly(2))
        elif size == 127:
            size = int.from_bytes(await connection.read_exactly(8))
        if size > room:
            raise ProtocolError(f"its first message has more than {_MOST_MESSAGE_BYTES} bytes")
        mask = await connection.read_exactly(4)
        payload = await connection.read_exactly(size)
        if first not in _LEFT_OUT:
            return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        room -= size
