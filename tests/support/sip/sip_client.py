"""A telephone for tests and benchmarks: places a SIP call, speaks in real time, hears and measures.

    async with await SipCall.place(("127.0.0.1", port), "700", user="softphone", password="...") as call:
        await call.media.quiet(800)                    # the greeting is over
        turn = await call.ask(phrases["01_hours"])     # says it, waits for the answer and its end
        print(turn.turnaround_ms, len(turn.answer))

Several calls may run at once on one event loop.  UDP, G.711 µ-law, 20 ms.  No
registration; digest authentication when the server asks for it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tests.support.audio.audio import Phrase
from tests.support.audio.media import CallEndedError, MediaStream, Utterance
from tests.support.sip import sip
from tests.support.sip.impairments import Impairments

_T1_S = 0.5


class CallRefusedError(ConnectionError):
    """The INVITE ended with a final answer other than 200."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what came back, timed where the caller is."""

    utterance: Utterance
    answer_from_ns: int
    """When the first audible sample of the answer was heard."""
    answer_to_ns: int
    answer: NDArray[np.int16]
    """The received audio from the end of the question to the end of the answer. [8 kHz]"""
    premature: bool
    """Something audible came while the caller was still speaking."""

    @property
    def turnaround_ms(self) -> float:
        """The caller's last audible sample to the first audible sample of the answer."""
        return (self.answer_from_ns - self.utterance.ended_ns) / 1e6


class SipCall(asyncio.DatagramProtocol):
    """One call, as seen by the caller."""

    def __init__(self, server: tuple[str, int], extension: str, user: str, password: str | None) -> None:
        self.media: MediaStream
        self.ended_by: str | None = None
        """``caller`` or ``server`` once the call is over."""
        self.ended_ns: int | None = None
        self.answered_ns: int | None = None
        self.answered_by = ""
        """The address that the audio comes from."""
        self.referred_to: str | None = None
        """Where the server has asked to call instead: SIP's REFER."""
        self._server = server
        self._user, self._password = user, password
        self._target = f"sip:{extension}@{server[0]}:{server[1]}"
        self._call_id = f"{secrets.token_hex(8)}@offhook"
        self._local_tag, self._sequence = secrets.token_hex(4), 0
        self._to = f"<{self._target}>"
        self._routes: list[str] = []
        self._ack: sip.Message | None = None
        self._responses: dict[str, asyncio.Queue[sip.Message]] = {}
        self._over = asyncio.Event()
        self._transport: asyncio.DatagramTransport
        self._host = ""
        self._port = 0

    @classmethod
    async def place(
        cls,
        server: tuple[str, int],
        extension: str,
        *,
        user: str = "caller",
        password: str | None = None,
        local_host: str = "127.0.0.1",
        background: NDArray[np.int16] | None = None,
        impairments: Impairments | None = None,
        timeout_s: float = 30.0,
    ) -> Self:
        """Calls and returns when the call is answered.

        Raises :class:`CallRefusedError`, or TimeoutError when no final answer comes in time.
        """
        call = cls(server, extension, user, password)
        loop = asyncio.get_running_loop()
        call._transport, _ = await loop.create_datagram_endpoint(lambda: call, local_addr=(local_host, 0))
        call._host, call._port = call._transport.get_extra_info("sockname")
        call.media = MediaStream(local_host, background, impairments or Impairments())
        try:
            async with asyncio.timeout(timeout_s):
                await call._invite()
        except BaseException:
            call._close()
            raise
        return call

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._over.is_set():
                await self.hang_up()
        finally:
            self._close()

    # -- what a person does -----------------------------------------------------------------------------

    async def ask(self, phrase: Phrase, *, quiet_ms: int = 1200, timeout_s: float = 60.0) -> Turn:
        """Says a phrase, waits for the answer, and for ``quiet_ms`` of silence after it.

        An agent that hangs up after its answer ends the turn too.  Raises TimeoutError
        when nothing is heard, :class:`CallEndedError` when the call ends before an answer.
        """
        utterance = await self.media.say(phrase)
        ended_ns = utterance.ended_ns
        answer_from_ns = await self.media.heard_after(ended_ns, timeout_s=timeout_s)
        try:
            await self.media.quiet(quiet_ms, timeout_s=60.0)
        except CallEndedError:
            if self.ended_by != "server":
                raise
        received = self.media.received
        answer_to_ns = received.last_audible_ns or answer_from_ns
        before_ns = received.last_audible_before_ns(ended_ns)
        began_ns = utterance.first_audible_ns
        return Turn(
            utterance,
            answer_from_ns,
            answer_to_ns,
            received.between(ended_ns, answer_to_ns + 100_000_000),
            before_ns is not None and began_ns is not None and before_ns > began_ns,
        )

    async def hang_up(self) -> None:
        """Sends BYE and waits for its answer.  Harmless when the other side was faster."""
        if self._over.is_set():
            return
        self._ended("caller")
        try:
            await self._transact(self._request("BYE"), timeout_s=20.0)
        except TimeoutError:
            raise TimeoutError("no answer to BYE within 20 s") from None

    async def wait_ended(self, timeout_s: float = 30.0) -> None:
        """Waits for the other side's BYE."""
        async with asyncio.timeout(timeout_s):
            await self._over.wait()

    # -- transactions we start --------------------------------------------------------------------------

    async def _invite(self) -> None:
        self._sequence = 1
        request = self._request("INVITE", body=sip.offer(self._host, self.media.port, 1))
        response = await self._transact(request)
        if response.status in (401, 407) and self._password is not None:
            self._send(self._failure_ack(request, response))
            asked, reply = (
                ("WWW-Authenticate", "Authorization")
                if response.status == 401
                else ("Proxy-Authenticate", "Proxy-Authorization")
            )
            credentials = sip.digest(
                response.get(asked),
                method="INVITE",
                uri=self._target,
                user=self._user,
                password=self._password,
            )
            self._sequence += 1
            request = self._request("INVITE", body=sip.offer(self._host, self.media.port, 1))
            request.headers.append((reply, credentials))
            response = await self._transact(request)
        if response.status >= 300:
            self._send(self._failure_ack(request, response))
            raise CallRefusedError(response.status, response.reason)
        self._to = response.get("To")
        self._routes = response.all("Record-Route")[::-1]
        self._target = response.get("Contact").partition(";")[0].strip("<> ") or self._target
        self._ack = self._request("ACK")
        self._send(self._ack)
        remote = sip.parse_sdp(response.body)
        if remote is None:
            raise CallRefusedError(response.status, "answered without audio")
        self.answered_ns = time.monotonic_ns()
        self.media.start((remote.host, remote.port))
        self.answered_by = remote.host

    def _request(self, method: str, *, body: str = "") -> sip.Message:
        if method not in ("INVITE", "ACK"):
            self._sequence += 1
        headers = [
            ("Via", f"SIP/2.0/UDP {self._host}:{self._port};rport;branch={sip.branch()}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", f"<sip:{self._user}@{self._host}>;tag={self._local_tag}"),
            ("To", self._to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._sequence} {method}"),
            ("Contact", self._contact),
            ("User-Agent", "offhook test caller"),
        ]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return sip.Message(headers, body, method=method, uri=self._target)

    def _failure_ack(self, request: sip.Message, response: sip.Message) -> sip.Message:
        """The ACK of a refusal belongs to the INVITE's own transaction: same branch, same URI."""
        headers = [(name, request.get(name)) for name in ("Via", "Max-Forwards", "From", "Call-ID")]
        headers += [("To", response.get("To")), ("CSeq", f"{request.cseq[0]} ACK")]
        return sip.Message(headers, method="ACK", uri=request.uri)

    async def _transact(self, request: sip.Message, timeout_s: float | None = None) -> sip.Message:
        """Sends a request, again and again until it is answered; returns the final response."""
        responses: asyncio.Queue[sip.Message] = asyncio.Queue()
        key = request.get("CSeq")
        self._responses[key] = responses
        try:
            async with asyncio.timeout(timeout_s):
                interval_s = _T1_S
                self._send(request)
                provisional = False
                while True:
                    try:
                        async with asyncio.timeout(None if provisional else interval_s):
                            response = await responses.get()
                    except TimeoutError:
                        interval_s = min(interval_s * 2, 4.0)
                        self._send(request)
                        continue
                    if response.status >= 200:
                        return response
                    provisional = request.method == "INVITE"
        finally:
            del self._responses[key]

    # -- what arrives -----------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """A SIP message, or something to ignore."""
        message = sip.parse(data)
        if message is None or message.get("Call-ID") != self._call_id:
            return
        if message.status:
            waiting = self._responses.get(message.get("CSeq"))
            if waiting is not None:
                waiting.put_nowait(message)
            elif message.cseq[1] == "INVITE" and message.status == 200 and self._ack is not None:
                self._send(self._ack)  # our ACK was lost
            return
        handler = _HANDLERS.get(message.method)
        if handler is not None:
            handler(self, message)
        elif message.method != "ACK":
            self._send(sip.answer(message, 405, "Method Not Allowed"))

    def error_received(self, exc: Exception) -> None:
        """A port is closed on the other side: retransmission or the timeout deals with it."""

    def _on_bye(self, request: sip.Message) -> None:
        self._send(sip.answer(request, 200, "OK"))
        self._ended("server")

    def _on_accepted(self, request: sip.Message) -> None:
        self._send(sip.answer(request, 200, "OK"))

    def _on_refer(self, request: sip.Message) -> None:
        self.referred_to = request.get("Refer-To")
        self._send(sip.answer(request, 202, "Accepted"))

    def _on_reinvite(self, request: sip.Message) -> None:
        remote = sip.parse_sdp(request.body)
        body = sip.offer(self._host, self.media.port, request.cseq[0] + 1)
        self._send(sip.answer(request, 200, "OK", body=body, contact=self._contact))
        if remote is not None:
            self.media.start((remote.host, remote.port))

    @property
    def _contact(self) -> str:
        return f"<sip:{self._user}@{self._host}:{self._port}>"

    def _ended(self, by: str) -> None:
        if self.ended_by is None:
            self.ended_by, self.ended_ns = by, time.monotonic_ns()
            self.media.end(f"hung up by the {by}")
            self._over.set()

    def _send(self, message: sip.Message) -> None:
        self._transport.sendto(message.pack(), self._server)

    def _close(self) -> None:
        self.media.close()
        self._transport.close()


_HANDLERS: dict[str, Callable[[SipCall, sip.Message], None]] = {
    "BYE": SipCall._on_bye,
    "INVITE": SipCall._on_reinvite,
    "OPTIONS": SipCall._on_accepted,
    "REFER": SipCall._on_refer,
    "INFO": SipCall._on_accepted,
    "NOTIFY": SipCall._on_accepted,
    "UPDATE": SipCall._on_accepted,
}
