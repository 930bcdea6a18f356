"""Everything that callers and monitoring come in by, opened, handed on and closed together."""

from __future__ import annotations

import asyncio
import socket

from offhook.daemon.doors import OtherDoors
from offhook.daemon.inherited import EAGI, METRICS
from offhook.doors.eagi.listener import Listener
from offhook.observe.http import StatusServer


class Entrances:
    """One daemon's.  Lives on the event loop."""

    def __init__(self, listener: Listener, doors: OtherDoors, *, managed: bool = False) -> None:
        """``managed``: the sockets were the service manager's before they were ours."""
        self.managed = managed
        self._calls: tuple[Listener | OtherDoors, ...] = (listener, doors)
        self._listener = listener
        self._doors = doors
        self.status: StatusServer | None = None
        """The pages for monitoring, where they are wanted."""

    @property
    def active_calls(self) -> int:
        return sum(each.active_calls for each in self._calls)

    def sockets(self) -> dict[str, list[socket.socket]]:
        """Those that listen, by the names that :mod:`offhook.daemon.inherited` knows."""
        found = {EAGI: self._listener.sockets, **self._doors.sockets()}
        if self.status is not None:
            found[METRICS] = self.status.sockets
        return found

    def pause(self) -> None:
        """Let callers queue."""
        for each in self._calls:
            each.pause()

    def go_on(self) -> None:
        for each in self._calls:
            each.go_on()

    async def hand_on(self) -> None:
        """Another process takes who comes from now on; the calls that are here go on."""
        for each in self._calls:
            each.hand_on()
        if self.status is not None:
            await asyncio.to_thread(self.status.close)

    def stop_accepting(self) -> None:
        """Turn away who comes from now on."""
        for each in self._calls:
            each.stop_accepting()

    async def drained(self) -> None:
        """Wait until no call is left."""
        await asyncio.gather(*(each.drained() for each in self._calls))

    async def close(self) -> None:
        """End what is left.  Any number of times."""
        for each in self._calls:
            await each.close()
        if self.status is not None:
            await asyncio.to_thread(self.status.close)
