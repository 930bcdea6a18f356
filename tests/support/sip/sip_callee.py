"""A telephone that is called: rings, answers or does not, and then speaks and hears as the caller's does."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Self

from tests.support.audio.media import MediaStream
from tests.support.sip import sip
from tests.support.sip.impairments import Impairments


class SipCallee(asyncio.DatagramProtocol):
    """Takes one call at a time, at an address of its own.  ``async with SipCallee.listening() as callee``."""

    def __init__(self, *, status: int = 200) -> None:
        """``status``: the final answer to an INVITE, such as 486 for an engaged line."""
        self.media: MediaStream
        self.invited = asyncio.Event()
        self.answered = asyncio.Event()
        self.over = asyncio.Event()
        self.invites = 0
        self.caller = ""
        """The From header of the latest INVITE."""
        self._status = status
        self._tag = secrets.token_hex(4)
        self._transport: asyncio.DatagramTransport
        self._host = ""
        self._port = 0

    @classmethod
    async def listening(cls, *, port: int = 0, status: int = 200) -> Self:
        callee = cls(status=status)
        loop = asyncio.get_running_loop()
        callee._transport, _ = await loop.create_datagram_endpoint(
            lambda: callee, local_addr=("127.0.0.1", port)
        )
        callee._host, callee._port = callee._transport.get_extra_info("sockname")
        callee.media = MediaStream(callee._host, None, Impairments())
        return callee

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.media.close()
        self._transport.abort()
        await asyncio.sleep(0)  # the port is free from here on

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        message = sip.parse(data)
        if message is None or message.status:
            return
        if message.method == "INVITE":
            self._invited(message, addr)
        elif message.method == "ACK":
            if self._status == 200:
                self.answered.set()
        else:
            self._send(sip.answer(message, 200, "OK"), addr)
            if message.method in ("BYE", "CANCEL"):
                self.media.end("hung up by the server")
                self.over.set()

    def error_received(self, exc: Exception) -> None:
        """A port is closed on the other side."""

    def _invited(self, request: sip.Message, addr: tuple[str | object, int]) -> None:
        self.invites += 1
        self.caller = request.get("From")
        self.invited.set()
        request.headers = [
            (name, f"{value};tag={self._tag}" if name.lower() == "to" and "tag=" not in value else value)
            for name, value in request.headers
        ]
        contact = f"<sip:callee@{self._host}:{self._port}>"
        if self._status != 200:
            self._send(sip.answer(request, self._status, "No"), addr)
            return
        self._send(sip.answer(request, 180, "Ringing", contact=contact), addr)
        remote = sip.parse_sdp(request.body)
        body = sip.offer(self._host, self.media.port, 1)
        self._send(sip.answer(request, 200, "OK", body=body, contact=contact), addr)
        if remote is not None:
            self.answered_ns = time.monotonic_ns()
            self.media.start((remote.host, remote.port))

    def _send(self, message: sip.Message, addr: tuple[str | object, int]) -> None:
        self._transport.sendto(message.pack(), addr)
