"""A TCP relay whose connections a test can cut, and refuse for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Relay:
    """Listens at one address and connects on to another."""

    def __init__(self, to: str) -> None:
        self._to = to
        self.open = True
        """False: whoever connects is cut off at once."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    def cut(self) -> int:
        """End every connection, without a goodbye; how many there were."""
        writers = list(self._writers)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    @contextlib.asynccontextmanager
    async def at(self, address: str) -> AsyncIterator[Relay]:
        host, _, port = address.rpartition(":")
        self._server = await asyncio.start_server(self._serve, host, int(port))
        try:
            yield self
        finally:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.open:
            writer.transport.abort()
            return
        host, _, port = self._to.rpartition(":")
        other, onward = await asyncio.open_connection(host, int(port))
        pair = {writer, onward}
        self._writers |= pair
        try:
            await asyncio.gather(_pump(reader, onward), _pump(other, writer))
        finally:
            self._writers -= pair
            for each in pair:
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
