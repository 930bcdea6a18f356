"""ARI in the daemon: the way to Asterisk, and the application behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from offhook.config import AriConfig
from offhook.doors.announced import Announced
from offhook.doors.ari.calls import MediaWay
from offhook.doors.ari.classic import Classic
from offhook.doors.ari.dialled_in import DialledIn
from offhook.doors.ari.door import AriDoor
from offhook.doors.ari.link import forever
from offhook.doors.base import CallOffer, Line
from offhook.doors.network import NetworkListener

_GO_ON_S = 3.0
"""For callers whose call was cut off to go on in the dialplan."""


class AriApplication:
    """One daemon's.  Lives on the event loop."""

    def __init__(
        self,
        config: AriConfig,
        password: str | None,
        listener: NetworkListener | None,
        media_host: str,
        announced: Announced,
        take: Callable[[Line], Awaitable[None]],
        check: Callable[[CallOffer], str | None],
    ) -> None:
        """``listener``: Asterisk connects there; None: we connect.  Raises ConfigError."""
        way = MediaWay("slin16" if config.wideband else "slin", config.media, media_host)
        self.door = AriDoor(config.app, way, announced, take, check, config.actions)
        self._listener = listener
        self._config = config
        self._password = password
        self._classic: Classic | None = None
        self._connecting: asyncio.Task[None] | None = None
        if config.url is not None:
            assert password is not None, "else the doors have refused it"
            self._classic = Classic(config.url, config.username, password, config.app)

    def start(self) -> None:
        """Connect, or be connected to, from now on and again and again."""
        link = self.door.link
        if self._classic is not None:
            classic = self._classic
            door = self.door
            connecting = forever(lambda: classic.connect(link), "ari", until=lambda: door.replaced)
            self._connecting = asyncio.create_task(connecting, name="ari")
        if self._listener is not None:
            login = None if self._password is None else (self._config.username, self._password)
            self._listener.start(DialledIn(link, login).serve)

    async def close(self) -> None:
        """Whose audio was cut off goes on in the dialplan, then this ends.  Any number of times."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.door.drained(), _GO_ON_S)
        await self.door.close()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._classic is not None:
            await self._classic.close()
