"""Both sides of the daemon's door: launchers that knock, and calls that are kept until told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from offhook.doors.eagi.handoff import Hello, Reason, Verdict, VerdictKind, send_hello
from offhook.doors.eagi.listener import Handoff

WAIT_S = 60.0

ACCEPTED = Verdict(VerdictKind.ACCEPTED)
BUSY = Verdict(VerdictKind.BUSY)
DONE = Verdict(VerdictKind.DONE)


def failed(reason: Reason) -> Verdict:
    return Verdict(VerdictKind.FAILED, reason)


class Calls:
    """An on_call that keeps every call until it is told what to do with it."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Handoff] = asyncio.Queue()
        self.release = asyncio.Event()

    async def __call__(self, handoff: Handoff) -> None:
        handoff.accepted()
        self.arrived.put_nowait(handoff)
        await self.release.wait()
        handoff.done()

    async def next(self) -> Handoff:
        return await asyncio.wait_for(self.arrived.get(), WAIT_S)


class Client:
    """A launcher's end of a connection, and Asterisk's ends of the pipes it brings."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.setblocking(False)
        self.sock.connect(str(path))
        in_read, self.replies = os.pipe()
        self.commands, out_write = os.pipe()
        audio_read, self.audio = os.pipe()
        self.launchers = [in_read, out_write, audio_read]

    def hello(self, *args: str, has_audio: bool = True) -> Client:
        send_hello(self.sock, Hello(args, has_audio), self.launchers[: 3 if has_audio else 2])
        return self

    def send(self, packet: bytes, count: int = 3) -> Client:
        with contextlib.suppress(BrokenPipeError):  # turned away already
            socket.send_fds(self.sock, [packet], (self.launchers * 20)[:count])
        return self

    async def answer(self) -> Verdict | None:
        """The daemon's next answer; None when it has closed."""
        loop = asyncio.get_running_loop()
        try:
            packet = await asyncio.wait_for(loop.sock_recv(self.sock, 100), WAIT_S)
        except ConnectionResetError:
            return None
        return Verdict.parse(packet) if packet else None

    def close(self) -> None:
        self.sock.close()
        for fd in (self.replies, self.commands, self.audio, *self.launchers):
            os.close(fd)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()
