"""The Wyoming protocol (Home Assistant's): events over TCP, each a line of JSON, its data, and bytes.

``{"type": ..., "data_length": n, "payload_length": m}`` and a newline, then ``n`` bytes of JSON and ``m``
bytes of payload.  Older peers write ``data`` into the line itself.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from offhook.engines.remote.refusals import shown
from offhook.engines.remote.service import Service
from offhook.errors import DeadlineError, ModelError

_MAX_LINE_BYTES = 1 << 20
_MAX_PART_BYTES = 16 << 20
_IDLE = 4
"""Connections that stay open for the next clause or utterance."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; see https://github.com/OHF-Voice/wyoming for their types."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def encode(self) -> bytes:
        """As it is sent."""
        data = json.dumps(self.data, ensure_ascii=False).encode("utf-8", "replace") if self.data else b""
        line: dict[str, Any] = {"type": self.kind, "version": "1.5.0"}
        if data:
            line["data_length"] = len(data)
        if self.payload:
            line["payload_length"] = len(self.payload)
        return json.dumps(line).encode() + b"\n" + data + self.payload


class WyomingLine:
    """One connection to a Wyoming server; errors name the server in one line."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self.used = False
        """Something has been asked over it before: it may have gone stale."""

    @classmethod
    async def open(cls, service: Service) -> WyomingLine:
        """Connect.  Raises DeadlineError or ModelError."""
        parts = urlsplit(service.url)
        try:
            async with asyncio.timeout(service.connect_timeout_s):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port, limit=_MAX_LINE_BYTES
                )
        except TimeoutError:
            raise DeadlineError(
                f"{service.url}: no connection within {service.connect_timeout_s:g} s:"
                f" is the server up, and {service.section}.base_url right?"
            ) from None
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else shown(str(error), service)
            raise ModelError(
                f"{service.url}: no connection ({why}): start the Wyoming server there"
            ) from error
        return cls(service, reader, writer)

    async def send(self, *events: Event) -> None:
        """Raises ModelError when the server is gone."""
        try:
            for event in events:
                self._writer.write(event.encode())
            await self._writer.drain()
        except OSError as error:
            raise self._broken() from error

    async def receive(self) -> Event:
        """The next event.  Raises ModelError for the connection's end and for what is no event."""
        try:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise self._broken()
            head = json.loads(line)
            if not isinstance(head, dict) or not isinstance(head.get("type"), str):
                raise ValueError
            data = head.get("data") or {}
            more = json.loads(await self._part(head.get("data_length")) or b"{}")
            payload = await self._part(head.get("payload_length"))
            return Event(head["type"], {**data, **more}, payload)
        except (ValueError, TypeError, RecursionError) as error:
            url = self._service.url
            raise ModelError(f"{url} does not speak Wyoming: an event cannot be read") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise self._broken() from error

    def close(self) -> None:
        """Hang up: the server sees it at once."""
        self._writer.transport.abort()

    async def _part(self, size: object) -> bytes:
        if not size:
            return b""
        if not isinstance(size, int) or not 0 < size <= _MAX_PART_BYTES:
            raise ValueError("a part of impossible size")
        return await self._reader.readexactly(size)

    def _broken(self) -> ModelError:
        return ModelError(f"{self._service.url}: the connection broke: look into the Wyoming server's log")


class WyomingLines:
    """Connections to one server, kept for the next request; on one event loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._idle: list[WyomingLine] = []

    async def take(self) -> WyomingLine:
        """An idle connection or a new one.  Raises DeadlineError or ModelError."""
        while self._idle:
            line = self._idle.pop()
            if not line._reader.at_eof():
                return line
            line.close()
        return await WyomingLine.open(self._service)

    def give_back(self, line: WyomingLine) -> None:
        """A connection whose request has been answered completely."""
        line.used = True
        if len(self._idle) < _IDLE:
            self._idle.append(line)
        else:
            line.close()

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop().close()
