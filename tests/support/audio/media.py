"""One call's RTP: a real-time sender, a receiver with kernel time stamps, and waiting on what is heard.

The clock never drifts: frame *n* is due at ``start + n x 20 ms``, however late frame
*n - 1* was.  A frame sent at *t* holds what the caller spoke in the 20 ms before *t*,
so the caller's last sample is timed where a listener in the room would time it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.support.audio.audio import Phrase
from tests.support.sip import g711
from tests.support.sip.impairments import Impairments
from tests.support.sip.rtp import (
    FRAME_NS,
    FRAME_SAMPLES,
    PCMU,
    SAMPLE_NS,
    TELEPHONE_EVENT,
    Packet,
    ReceivedAudio,
)

_SO_TIMESTAMPNS = 35  # asm-generic; Python names it only from 3.13 on
_TIMESPEC = struct.Struct("@ll")
_KEYS = "0123456789*#ABCD"


class CallEndedError(ConnectionError):
    """The other side is gone, so what was waited for will not come."""


@dataclass(slots=True)
class Utterance:
    """One phrase on its way to the other side; times are monotonic, None until that sample was sent."""

    phrase: Phrase
    done: asyncio.Future[None]
    first_audible_ns: int | None = None
    last_audible_ns: int | None = None
    position: int = 0
    """Samples sent so far."""

    @property
    def ended_ns(self) -> int:
        """When the last audible sample was spoken."""
        if self.last_audible_ns is None:
            raise ValueError(f"{self.phrase.name} has not been spoken to its end")
        return self.last_audible_ns


@dataclass(slots=True)
class _Key:
    event: int
    frames: int
    sent_frames: int = 0
    timestamp: int = 0
    done: asyncio.Future[None] | None = None


@dataclass(slots=True)
class SendClock:
    """How well the sender kept its times: a figure measured with a late clock is worth little."""

    started_ns: int = 0
    """When the first frame was due; frame *n* holds the 20 ms before ``started_ns + n x 20 ms``."""
    frames: int = 0
    worst_late_ns: int = 0
    late_frames: int = 0
    """Frames sent more than 5 ms after they were due."""


@dataclass(slots=True)
class MediaStream:
    """The audio half of a call.  Made and used on one event loop; ``start()`` once, ``close()`` always."""

    local_host: str
    background: NDArray[np.int16] | None = None
    """Noise under everything the caller sends, looped; None sends digital silence."""
    impairments: Impairments = field(default_factory=Impairments)
    """What befalls the caller's audio on its way; nothing, unless told."""
    received: ReceivedAudio = field(init=False)
    clock: SendClock = field(default_factory=SendClock)
    received_digits: str = ""
    _socket: socket.socket = field(init=False)
    _remote: tuple[str, int] | None = None
    _utterances: deque[Utterance] = field(default_factory=deque)
    _keys: deque[_Key] = field(default_factory=deque)
    _sender: asyncio.Task[None] | None = None
    _pulse: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: str | None = None
    _sequence: int = field(default_factory=lambda: secrets.randbits(16))
    _timestamp: int = field(default_factory=lambda: secrets.randbits(32))
    _ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    _background_position: int = 0

    def __post_init__(self) -> None:
        """Binds the port, so that it can be offered before anything is sent."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)
        self._socket.bind((self.local_host, 0))
        self.received = ReceivedAudio(time.monotonic_ns())
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    @property
    def port(self) -> int:
        """The UDP port that takes the other side's audio."""
        port: int = self._socket.getsockname()[1]
        return port

    def start(self, remote: tuple[str, int]) -> None:
        """Begins to send, silence at first; a second call only changes the address (re-INVITE)."""
        self._remote = remote
        if self._sender is None:
            self.received.origin_ns = time.monotonic_ns()
            self._sender = asyncio.create_task(self._send_in_real_time())

    def end(self, why: str) -> None:
        """The call is over: sending stops, and whoever waits learns ``why``."""
        if self._ended is not None:
            return
        self._ended = why
        if self._sender is not None:
            self._sender.cancel()
        pending = [utterance.done for utterance in self._utterances]
        pending += [key.done for key in self._keys if key.done is not None]
        for future in pending:
            if not future.done():
                future.set_exception(CallEndedError(why))
                future.exception()  # nobody has to wait for it
        self._wake()

    def close(self) -> None:
        """Frees the port.  Safe to call twice."""
        self.end("the caller closed the stream")
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    # -- speaking ---------------------------------------------------------------------------------------

    def begin(self, phrase: Phrase) -> Utterance:
        """Puts a phrase behind those already waiting; with none waiting it starts with the next frame."""
        if self._ended is not None:
            raise CallEndedError(self._ended)
        utterance = Utterance(phrase, asyncio.get_running_loop().create_future())
        self._utterances.append(utterance)
        return utterance

    async def say(self, phrase: Phrase) -> Utterance:
        """Speaks a phrase, and returns when its last sample was sent."""
        utterance = self.begin(phrase)
        await utterance.done
        return utterance

    async def press(self, digits: str, *, press_ms: int = 100, gap_ms: int = 80) -> None:
        """Presses keys (RFC 4733), and returns when the last one was released."""
        for digit in digits:
            if self._ended is not None:
                raise CallEndedError(self._ended)
            key = _Key(_KEYS.index(digit.upper()), max(2, press_ms // 20))
            key.done = asyncio.get_running_loop().create_future()
            self._keys.append(key)
            await key.done
            await asyncio.sleep(gap_ms / 1000)  # the pause between keys is part of what is sent

    async def _send_in_real_time(self) -> None:
        self.clock.started_ns = time.monotonic_ns()
        while True:
            due_ns = self.clock.started_ns + self.clock.frames * FRAME_NS
            if (ahead_ns := due_ns - time.monotonic_ns()) > 0:
                await asyncio.sleep(ahead_ns / 1e9)
            late_ns = time.monotonic_ns() - due_ns
            self.clock.worst_late_ns = max(self.clock.worst_late_ns, late_ns)
            self.clock.late_frames += late_ns > 5_000_000
            self.clock.frames += 1
            if self._keys:
                self._send_key_frame()
            else:
                self._send_audio_frame(due_ns)
            self._timestamp += FRAME_SAMPLES

    def _send_audio_frame(self, due_ns: int) -> None:
        frame = np.zeros(FRAME_SAMPLES, dtype=np.int32)
        utterance = self._utterances[0] if self._utterances else None
        spoken = 0
        if utterance is not None:
            part = utterance.phrase.samples[utterance.position : utterance.position + FRAME_SAMPLES]
            spoken = len(part)
            frame[:spoken] = part
        if self.background is not None:
            indices = np.arange(FRAME_SAMPLES) + self._background_position
            frame += np.take(self.background, indices, mode="wrap")
            self._background_position += FRAME_SAMPLES
        echo, loss = self.impairments.echo, self.impairments.loss
        if echo is not None:
            # One sound card has one clock: when this loop wakes late, a frame's sound is not another one.
            frame += np.round(echo.frame(due_ns)).astype(np.int32)
        mixed = np.clip(frame, -32_768, 32_767).astype(np.int16)
        if loss is not None and loss.loses():
            self._sequence = (self._sequence + 1) & 0xFFFF  # spoken, but never arrives
        else:
            self._send(PCMU, self._timestamp, g711.encode(mixed))
        sent_ns = time.monotonic_ns()
        if self.impairments.sent_hook is not None:
            self.impairments.sent_hook(mixed, sent_ns)
        if utterance is None:
            return
        start, phrase = utterance.position, utterance.phrase
        if start <= phrase.first_audible < start + FRAME_SAMPLES:
            utterance.first_audible_ns = _spoken_ns(sent_ns, phrase.first_audible - start)
        if start <= phrase.last_audible < start + FRAME_SAMPLES:
            utterance.last_audible_ns = _spoken_ns(sent_ns, phrase.last_audible - start)
        utterance.position += spoken
        if utterance.position >= len(phrase.samples):
            self._utterances.popleft()
            if not utterance.done.done():
                utterance.done.set_result(None)

    def _send_key_frame(self) -> None:
        key = self._keys[0]
        if key.sent_frames == 0:
            key.timestamp = self._timestamp
        key.sent_frames += 1
        last = key.sent_frames >= key.frames
        duration = min(key.sent_frames * FRAME_SAMPLES, 0xFFFF)
        payload = struct.pack("!BBH", key.event, (0x80 if last else 0) | 10, duration)
        for _ in range(3 if last else 1):  # the end is sent three times, in case one is lost
            self._send(TELEPHONE_EVENT, key.timestamp, payload, marker=key.sent_frames == 1)
        if last:
            self._keys.popleft()
            if key.done is not None and not key.done.done():
                key.done.set_result(None)

    def _send(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool = False) -> None:
        packet = Packet(payload_type, self._sequence, timestamp, self._ssrc, payload, marker)
        self._sequence = (self._sequence + 1) & 0xFFFF
        assert self._remote is not None
        # A frame may be lost, as on any network; that the other side is gone is told by SIP.
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._socket.sendto(packet.pack(), self._remote)

    # -- listening --------------------------------------------------------------------------------------

    async def heard_after(self, after_ns: int, *, timeout_s: float = 60.0) -> int:
        """Waits for the first audible sample at or after a moment; returns when it was heard."""
        async with asyncio.timeout(timeout_s):
            while (heard_ns := self.received.first_audible_ns(after_ns)) is None:
                await self._next_arrival()
        return heard_ns

    async def quiet(self, quiet_ms: int, *, timeout_s: float = 30.0) -> None:
        """Waits until nothing audible has come for ``quiet_ms``, counted from now at the earliest."""
        since_ns = time.monotonic_ns()
        async with asyncio.timeout(timeout_s):
            while True:
                quiet_from_ns = max(self.received.last_audible_ns or since_ns, since_ns)
                left_ns = quiet_from_ns + quiet_ms * 1_000_000 - time.monotonic_ns()
                if left_ns <= 0:
                    return
                if self._ended is not None:
                    raise CallEndedError(self._ended)
                await asyncio.sleep(left_ns / 1e9)

    async def _next_arrival(self) -> None:
        if self._ended is not None:
            raise CallEndedError(self._ended)
        await self._pulse.wait()

    def _wake(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    def _readable(self) -> None:
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            at_ns = _arrival_ns(ancillary)
            packet = Packet.parse(data)
            if packet is None:
                continue
            lost = self.impairments.loss_back
            if packet.payload_type == PCMU and not (lost is not None and lost.loses()):
                self.received.add(packet, at_ns)
                if self.impairments.echo is not None:
                    self.impairments.echo.hear(g711.decode(packet.payload), at_ns)
                self._wake()


def _spoken_ns(sent_ns: int, index: int) -> int:
    """When sample ``index`` of a frame sent at ``sent_ns`` was spoken."""
    return sent_ns - (FRAME_SAMPLES - 1 - index) * SAMPLE_NS


def _arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The kernel's receive time on the monotonic clock; now, when the kernel gave none."""
    now_ns = time.monotonic_ns()
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            age_ns = time.time_ns() - (seconds * 1_000_000_000 + nanoseconds)
            # A step of the wall clock between the two readings would make nonsense of the age.
            return now_ns - age_ns if 0 <= age_ns < 1_000_000_000 else now_ns
    return now_ns
