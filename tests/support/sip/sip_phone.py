"""A telephone that is rung: registers with Asterisk, is called, and answers, declines or lets it ring.

async with await SipPhone.register(server, "softphone", "change-me") as phone:
    ringing = await phone.rings()
    async with await ringing.answer() as call:      # a SipCall: speaks, hears, presses keys, hangs up
        await call.media.quiet(800)
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self

from tests.support.audio.media import MediaStream
from tests.support.sip import sip
from tests.support.sip.impairments import Impairments
from tests.support.sip.sip_client import CallRefusedError, SipCall

_EXPIRES_S = 3600


class SipPhone(asyncio.DatagramProtocol):
    """One telephone on loopback; several calls may reach it."""

    def __init__(self, server: tuple[str, int], user: str) -> None:
        self._server, self._user = server, user
        self._transport: asyncio.DatagramTransport
        self._local: tuple[str, int] = ("", 0)
        self._registering: SipCall | None = None
        self._calls: dict[str, IncomingCall] = {}
        self._ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._password: str | None = None
        """None: it is not registered."""

    @classmethod
    async def register(
        cls, server: tuple[str, int], user: str, password: str, *, local_host: str = "127.0.0.1"
    ) -> Self:
        """A phone that Asterisk knows.  Raises CallRefusedError or TimeoutError."""
        phone = await cls.at(server, user, local_host=local_host)
        try:
            await phone._register(password, _EXPIRES_S)
        except BaseException:
            phone.close()
            raise
        phone._password = password
        return phone

    @classmethod
    async def at(cls, server: tuple[str, int], user: str, *, local_host: str = "127.0.0.1") -> Self:
        """A phone at :attr:`address`, which Asterisk has in its configuration."""
        phone = cls(server, user)
        loop = asyncio.get_running_loop()
        phone._transport, _ = await loop.create_datagram_endpoint(lambda: phone, local_addr=(local_host, 0))
        phone._local = phone._transport.get_extra_info("sockname")
        return phone

    @property
    def address(self) -> tuple[str, int]:
        return self._local

    async def rings(self, timeout_s: float = 30.0) -> IncomingCall:
        """The next call."""
        async with asyncio.timeout(timeout_s):
            return await self._ringing.get()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._password is not None:
                await self._register(self._password, 0)
        finally:
            self.close()

    def close(self) -> None:
        self._transport.close()

    def send(self, message: sip.Message) -> None:
        self._transport.sendto(message.pack(), self._server)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        message = sip.parse(data)
        if message is None:
            return
        if self._registering is not None and message.get("Call-ID") == self._registering._call_id:
            self._registering.datagram_received(data, addr)
            return
        call = self._calls.get(message.get("Call-ID"))
        if call is not None:
            call.datagram_received(data, addr)
        elif message.method == "INVITE":
            call = self._calls[message.get("Call-ID")] = IncomingCall(self, self._server, self._user, message)
            self.send(sip.answer(message, 180, "Ringing", contact=call._contact))
            self._ringing.put_nowait(call)
        elif message.method and message.method != "ACK":
            self.send(sip.answer(message, 200, "OK"))  # OPTIONS

    async def _register(self, password: str, expires_s: int) -> None:
        """REGISTER is no call, but is sent, repeated and answered as a call's requests are."""
        sender = self._registering = _Registration(self, self._server, self._user)
        try:
            async with asyncio.timeout(10):
                await sender.register(password, expires_s)
        finally:
            self._registering = None


class _OnPhone(SipCall):
    """Sends by the phone's socket."""

    def __init__(self, phone: SipPhone, server: tuple[str, int], user: str) -> None:
        super().__init__(server, user, user, None)
        self._phone = phone
        self._host, self._port = phone.address

    def _send(self, message: sip.Message) -> None:
        self._phone.send(message)


class _Registration(_OnPhone):
    async def register(self, password: str, expires_s: int) -> None:
        self._target = f"sip:{self._server[0]}:{self._server[1]}"
        self._to = f"<sip:{self._user}@{self._server[0]}>"
        response = await self._transact(self._asking(expires_s))
        if response.status == 401:
            request = self._asking(expires_s)
            credentials = sip.digest(
                response.get("WWW-Authenticate"),
                method="REGISTER",
                uri=self._target,
                user=self._user,
                password=password,
            )
            request.headers.append(("Authorization", credentials))
            response = await self._transact(request)
        if response.status >= 300:
            raise CallRefusedError(response.status, response.reason)

    def _asking(self, expires_s: int) -> sip.Message:
        request = self._request("REGISTER")
        request.headers.append(("Expires", str(expires_s)))
        return request


class IncomingCall(_OnPhone):
    """A call that rings; a :class:`SipCall` once it is answered."""

    def __init__(self, phone: SipPhone, server: tuple[str, int], user: str, invite: sip.Message) -> None:
        super().__init__(phone, server, user)
        self._invite_received = invite
        self._call_id = invite.get("Call-ID")
        self._to = invite.get("From")
        self._target = invite.get("Contact").partition(";")[0].strip("<> ")
        self._routes = invite.all("Record-Route")
        self._accepted: sip.Message | None = None
        self.cancelled = asyncio.Event()
        """Nobody waits for an answer any more."""

    async def answer(self) -> Self:
        """Lift the receiver."""
        remote = sip.parse_sdp(self._invite_received.body)
        assert remote is not None, "a call without audio"
        self.media = MediaStream(self._host, None, Impairments())
        body = sip.offer(self._host, self.media.port, 1)
        self._accepted = self._final(200, "OK", body)
        self._send(self._accepted)
        self.answered_ns = time.monotonic_ns()
        self.media.start((remote.host, remote.port))
        return self

    def refuse(self, status: int = 486, reason: str = "Busy Here") -> None:
        """Press the red button."""
        self._send(self._final(status, reason))

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        message = sip.parse(data)
        if message is not None and message.method == "CANCEL":
            self._send(sip.answer(message, 200, "OK"))
            self._send(self._final(487, "Request Terminated"))
            self.cancelled.set()
        elif message is not None and message.method == "INVITE" and not self._in_dialog(message):
            if self._accepted is not None:
                self._send(self._accepted)  # it was lost
        else:
            super().datagram_received(data, addr)

    def _in_dialog(self, message: sip.Message) -> bool:
        return "tag=" in message.get("To")

    def _final(self, status: int, reason: str, body: str = "") -> sip.Message:
        invite = self._invite_received
        answer = sip.answer(invite, status, reason, body=body, contact=self._contact)
        answer.headers = [
            (name, f"{invite.get('To')};tag={self._local_tag}" if name == "To" else value)
            for name, value in answer.headers
        ]
        return answer

    def _request(self, method: str, *, body: str = "") -> sip.Message:
        request = super()._request(method, body=body)
        ours = f"{self._invite_received.get('To')};tag={self._local_tag}"
        request.headers = [(name, ours if name == "From" else value) for name, value in request.headers]
        return request

    def _close(self) -> None:
        if hasattr(self, "media"):
            self.media.close()
