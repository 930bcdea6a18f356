"""Asterisk's side of an AGI session over real pipes: by hand, or reading its pipe as Asterisk does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

from offhook.doors.agi.agi import AgiChannel
from offhook.doors.agi.agi_text import split_command

WAIT_S = 60.0
HEADER = b"agi_request: offhook-eagi\nagi_channel: PJSIP/trunk-00000001\nagi_uniqueid: 1699.7\n\n"

T = TypeVar("T")


async def soon(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """What ``work`` results in, without waiting for ever."""
    return await asyncio.wait_for(work, WAIT_S)


class AsteriskSide:
    """The test plays Asterisk: it reads command lines and says what it likes."""

    def __init__(self, *, sockets: bool = False) -> None:
        if sockets:
            ours, theirs = socket.socketpair()
            self.channel_fds = (os.dup(theirs.fileno()), theirs.detach())
            self.commands, self.replies = os.dup(ours.fileno()), ours.detach()
        else:
            in_read, self.replies = os.pipe()
            self.commands, out_write = os.pipe()
            self.channel_fds = (in_read, out_write)
        os.set_blocking(self.commands, False)
        self.rest = b""

    def say(self, data: bytes | str) -> None:
        os.write(self.replies, data.encode() if isinstance(data, str) else data)

    async def readable(self) -> None:
        """Wait until poll() would report the command pipe."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.add_reader(self.commands, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(self.commands)

    async def line(self) -> str:
        """The next command, without its newline."""
        async with asyncio.timeout(WAIT_S):
            while b"\n" not in self.rest:
                await self.readable()
                chunk = os.read(self.commands, 4096)
                assert chunk, "the session was closed instead"
                self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def silent(self) -> bool:
        """Whether nothing has been written that was not read."""
        try:
            return not self.rest and not os.read(self.commands, 1)
        except BlockingIOError:
            return True

    def hang_up(self) -> None:
        """Close the pipes, as Asterisk does with AGIEXITONHANGUP=yes."""
        for fd in (self.commands, self.replies):
            with contextlib.suppress(OSError):
                os.close(fd)


class StdioAsterisk(AsteriskSide):
    """Runs commands like ``run_agi`` of ``res_agi.c``.

    It polls the pipe's descriptor, but reads through a buffer that takes whatever is there:
    a line left in the buffer is not noticed until another byte comes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.over: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Set for a file's name, or "digit": its playing, or waiting, ends by itself."""
        self.playing = asyncio.Event()
        self.delays: Iterator[int] = iter(())
        """How many rounds of the event loop pass before each poll."""

    async def run(self) -> None:
        self.say(HEADER)
        while True:
            for _ in range(next(self.delays, 0)):
                await asyncio.sleep(0)
            await self.readable()
            line = self._fgets()
            if line is None:
                return
            await self._execute(split_command(line))

    def _fgets(self) -> str | None:
        while b"\n" not in self.rest:
            chunk = os.read(self.commands, 4096)
            if not chunk:
                return None
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    async def _execute(self, words: list[str]) -> None:
        match words:
            case ["STREAM", "FILE", name, _, _]:
                if not await self._interrupted(name):
                    self.say("200 result=0 endpos=8000\n")
            case ["GET", "DATA", name, _, _]:
                if not await self._interrupted(name):
                    self.say("200 result=42 (timeout)\n")
            case ["WAIT", "FOR", "DIGIT", _]:
                self.say("200 result=1\n" if await self._interrupted("digit") else "200 result=0\n")
            case ["GET", "VARIABLE", name]:
                self.say(f"200 result=1 (value of {name})\n")
            case ["GET", "FULL", "VARIABLE", expression]:
                self.say(f"200 result=1 ({expression})\n")
            case ["NOOP"]:
                self.say("200 result=0\n")
            case _:
                self.say("510 Invalid or unknown command\n")

    async def _interrupted(self, what: str) -> bool:
        """Until it is over by itself (False) or the pipe is readable (True)."""
        self.playing.set()
        over = asyncio.ensure_future(self.over[what].wait())
        readable = asyncio.ensure_future(self.readable())
        try:
            await asyncio.wait({over, readable}, return_when=asyncio.FIRST_COMPLETED)
            return not over.done()
        finally:
            over.cancel()
            readable.cancel()
            await asyncio.gather(over, readable, return_exceptions=True)
            self.playing.clear()


@contextlib.asynccontextmanager
async def by_hand(
    *, sockets: bool = False, header: bool = True, reply_timeout_s: float = WAIT_S
) -> AsyncIterator[tuple[AgiChannel, AsteriskSide]]:
    """A channel (its header read) and the side to play."""
    side = AsteriskSide(sockets=sockets)
    channel = AgiChannel(*side.channel_fds, reply_timeout_s=reply_timeout_s)
    try:
        if header:
            side.say(HEADER)
            await channel.read_header(WAIT_S)
        yield channel, side
    finally:
        channel.close()
        side.hang_up()


@contextlib.asynccontextmanager
async def like_asterisk() -> AsyncIterator[tuple[AgiChannel, StdioAsterisk]]:
    """A channel (its header read) and an Asterisk that runs by itself."""
    side = StdioAsterisk()
    running = asyncio.ensure_future(side.run())
    channel = AgiChannel(*side.channel_fds, reply_timeout_s=WAIT_S)
    try:
        await channel.read_header(WAIT_S)
        yield channel, side
    finally:
        channel.close()
        await running
        side.hang_up()
