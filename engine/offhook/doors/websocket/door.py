"""Who comes by websocket, and which call it is."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from offhook.doors.announced import Announced, was_announced
from offhook.doors.base import CallOffer, Line
from offhook.doors.media import Media
from offhook.doors.network import HELLO_TIMEOUT_S, Connection
from offhook.doors.upgrade import Handshake, Login, read_text_message
from offhook.doors.websocket.control import Control, Event, is_json, parse_event
from offhook.doors.websocket.line import WebSocketLine
from offhook.errors import BusyError, ConfigError, OffhookError, ProtocolError

_log = logging.getLogger("offhook.doors.websocket")

_RATES_HZ = {"slin": 8_000, "slin16": 16_000}
_NAMES = frozenset({"uuid", "dialled", "caller", "caller_name", "account", "language"})
"""What the URI may say of a call; anything else is an argument, such as ``agent``."""
_ARGUMENT = re.compile(r"[a-z_]{1,32}")

Take = Callable[[Line], Awaitable[None]]
Check = Callable[[CallOffer], str | None]
"""What would become of a call: None, or the result of one that is refused.  Raises BusyError, ConfigError."""


class WebSocketDoor:
    """One daemon's.  Lives on the event loop."""

    def __init__(
        self,
        path: str,
        login: tuple[str, str] | None,
        announced: Announced,
        media: Media,
        take: Take,
        check: Check,
    ) -> None:
        """``login``: user name and password; None: whoever can connect may come."""
        self._path = path
        self._login = None if login is None else Login(*login)
        self._announced = announced
        self._media = media
        self._take = take
        self._check = check

    async def serve(self, connection: Connection) -> None:
        """One connection, from its first byte to the end of its call."""
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            handshake = Handshake(
                connection, self._path, self._login, door="doors.websocket", subprotocol="media"
            )
            key, offer = await self._offer(await handshake.read())
            if offer is None:
                await handshake.refuse(410, "that UUID serves no more")
                return
            try:
                refusal = self._check(offer)
            except OffhookError as error:
                self._announced.leave(key, "busy" if isinstance(error, BusyError) else "failed")
                await handshake.refuse(503, "not now")  # the dialplan goes on: nobody has been answered
                raise
            if refusal is not None:
                self._announced.leave(key, refusal)
                await handshake.refuse(403, refusal)
                return
            await handshake.accept()
            message = await read_text_message(connection)
            started = parse_event(message)
        connection.known()
        offer = replace(offer, rate_hz=_rate_hz(started))
        if offer.call_id == str(key):  # nobody has announced it
            offer = replace(offer, call_id=started.get("channel_id") or offer.call_id)
        control = Control(is_json(message))
        line = WebSocketLine(connection, offer, self._media, key, self._announced, control)
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

    async def _offer(self, said: Mapping[str, str]) -> tuple[uuid.UUID, CallOffer | None]:
        """Announced, or as the URI has it; None: it was announced, and its UUID serves no more."""
        try:
            key = uuid.UUID(said.get("uuid", ""))
        except ValueError:
            key = uuid.uuid4()
        offer = await self._announced.claim(key)
        if offer is not None:
            return key, replace(offer, door="websocket")
        if was_announced(key):
            _log.warning("a call has come twice, or was announced too long ago: each wants a step /offer")
            return key, None
        arguments = tuple(
            f"{name}={value}"
            for name, value in said.items()
            if name not in _NAMES and _ARGUMENT.fullmatch(name)
        )
        return key, CallOffer(
            "websocket",
            str(key),
            dialled=said.get("dialled", ""),
            caller=said.get("caller", ""),
            caller_name=said.get("caller_name", ""),
            account=said.get("account", ""),
            language=said.get("language", ""),
            arguments=arguments,
        )


def _rate_hz(started: Event) -> int:
    if started.name != "MEDIA_START":
        raise ProtocolError("its first message is not MEDIA_START")
    rate_hz = _RATES_HZ.get(started.get("format"))
    if rate_hz is None:
        raise ProtocolError(
            f"its audio is {started.get('format')[:40]!r}: Dial(WebSocket/.../c(slin)) or c(slin16)"
        )
    return rate_hz
