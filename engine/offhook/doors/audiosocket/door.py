"""Who comes by AudioSocket, and which call it is.

A connection says nothing but a UUID.  Either the dialplan has announced a call under it
(:mod:`offhook.doors.announced`), or the configuration says which agent answers there, or only this machine
can connect: then any UUID is the default agent's.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from offhook.doors.announced import Announced, was_announced
from offhook.doors.audiosocket.line import AudioSocketLine
from offhook.doors.base import CallOffer, Line
from offhook.doors.media import Media
from offhook.doors.network import HELLO_TIMEOUT_S, Connection
from offhook.errors import BusyError, ConfigError, ProtocolError

_log = logging.getLogger("offhook.doors.audiosocket")

_TYPE_UUID = 0x01
_UUID_BYTES = 16
_HEADER = struct.Struct(">BH")
_RATES_HZ = {0x10: 8_000, 0x12: 16_000}
_OTHER_AUDIO = range(0x10, 0x19)
_SILENCE = _HEADER.pack(0x10, 320) + bytes(320)
RATE_WITHIN_S = 0.2
"""For the first frame of audio, which says the rate, where nobody has announced it; a caller's phone may not
send any before it hears something."""
_FRAME_S = 0.02

Take = Callable[[Line], Awaitable[None]]
"""Takes a call and holds it to its end; raises BusyError or ConfigError where it does not."""


class AudioSocketDoor:
    """One daemon's.  Lives on the event loop."""

    def __init__(
        self,
        agents: Mapping[str, str],
        announced: Announced,
        media: Media,
        take: Take,
        *,
        local: bool,
    ) -> None:
        """``agents``: by UUID, the one that answers there; ``local``: only this machine can connect.

        Raises ConfigError for what is no UUID.
        """
        self._announced = announced
        self._media = media
        self._take = take
        self._local = local
        self._agents = {_uuid(text): agent for text, agent in agents.items()}

    async def serve(self, connection: Connection) -> None:
        """One connection, from its first byte to the end of its call."""
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            kind, size = _HEADER.unpack(await connection.read_exactly(_HEADER.size))
            if (kind, size) != (_TYPE_UUID, _UUID_BYTES):
                raise ProtocolError("that is not AudioSocket: it begins with a UUID")
            key = uuid.UUID(bytes=await connection.read_exactly(_UUID_BYTES))
            offer = await self._announced.claim(key)
            if offer is None:
                offer = replace(self._unannounced(key), rate_hz=await _first_rate_hz(connection))
        connection.known()
        line = AudioSocketLine(
            connection, replace(offer, door="audiosocket"), self._media, key, self._announced
        )
        try:
            await (self._announced.taker(key) or self._take)(line)
        except BusyError:
            self._announced.leave(key, "busy")
            raise
        except ConfigError:
            self._announced.leave(key, "failed")
            raise
        finally:
            line.close()
            self._announced.leave(key, "failed")  # unless it has said something else

    def _unannounced(self, key: uuid.UUID) -> CallOffer:
        agent = self._agents.get(key)
        if agent is None and was_announced(key):  # somebody else's caller would be the default agent's
            raise ProtocolError(
                "the call with its UUID has come already, or was announced too long ago:"
                " each wants a step /offer"
            )
        if agent is None and not self._local:
            raise ProtocolError(
                "nobody has announced its UUID: announce the call by FastAGI, or name the UUID in"
                " doors.audiosocket.agents"
            )
        arguments = () if agent is None else (f"agent={agent}",)
        return CallOffer("audiosocket", str(key), arguments=arguments)


async def _first_rate_hz(connection: Connection) -> int:
    """The rate of the audio that comes, which stays unread.

    Meanwhile silence is sent: Asterisk waits for a frame of ours in the thread that would send us the
    caller's (asterisk#2089), so whoever waited for theirs first might wait for ever.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + RATE_WITHIN_S
    while loop.time() < deadline:
        await connection.send(_SILENCE)
        try:
            kind = await asyncio.wait_for(connection.peek(), _FRAME_S)
        except TimeoutError:
            continue
        if kind is None:
            raise ProtocolError("it closed before it had said what it wants")
        if kind in _RATES_HZ:
            return _RATES_HZ[kind]
        if kind in _OTHER_AUDIO:
            raise ProtocolError(
                "its audio has neither 8 nor 16 kHz: Dial(AudioSocket/.../c(slin)) or c(slin16)"
            )
        break
    return 8_000


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise ConfigError(
            f"doors.audiosocket.agents: {text[:80]!r} is no UUID: write one such as {uuid.uuid4()}"
        ) from error
