"""One AGI session: a command at a time, its reply matched to it, whatever happens.

The hard part is interruption.  A new line on the pipe ends a STREAM FILE at once, and the
ended command prints no reply; unless it was over by itself a moment earlier, then it prints
one after all.  So we interrupt with a *marker*: ``GET FULL VARIABLE offhook-N``, whose reply
repeats its unique text.  A reply that repeats a marker belongs to the marker, and means that
whatever ran before is over; any other reply belongs to the command that runs.

One more trap: Asterisk reads its pipe through stdio.  Two lines that lie in the pipe
together are both taken into stdio's buffer, and the second is not noticed until a further
byte arrives.  So a marker that is not answered soon is followed by another, and no command
is written while a marker is unanswered.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from offhook.doors.agi.agi_lines import AgiLines
from offhook.doors.agi.agi_text import (
    MAX_COMMAND_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADER_LINES,
    MAX_LINE_BYTES,
    AgiEnvironment,
    Reply,
    is_reply_whole,
    parse_reply,
)
from offhook.errors import AgiError, DeadlineError, HangupError, OffhookError

log = logging.getLogger(__name__)

_MARKER_REPEAT_S = 0.01
_MARKER_REPEAT_MAX_S = 0.64


class Interruption(enum.Enum):
    """What a command does when another line is written while it runs."""

    IGNORED = "runs to its end"
    SILENT = "ends without a reply"
    REPLIES = "ends with a reply"


class Lost(enum.Enum):
    """Why a command has no reply."""

    CUT = "interrupted"
    ENDED = "session over"


class _Running:
    """A command that has been written; ``over`` becomes its reply, or why there is none."""

    def __init__(self, interruption: Interruption) -> None:
        self.interruption = interruption
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[Reply | Lost] = loop.create_future()
        self.abandoned: asyncio.Future[None] = loop.create_future()

    def finish(self, how: Reply | Lost) -> None:
        if not self.over.done():
            self.over.set_result(how)

    def abandon(self) -> None:
        if not self.abandoned.done():
            self.abandoned.set_result(None)


class AgiSession:
    """Owns both descriptors from the start; :meth:`close` closes them.

    Lives on the running event loop.  Callers queue up for :meth:`run`.  ``ended`` is set when
    the channel is known to be gone or the session has become unusable.
    """

    def __init__(self, read_fd: int, write_fd: int, reply_timeout_s: float) -> None:
        self.ended = asyncio.Event()
        self._fds = {read_fd, write_fd}
        self._reply_timeout_s = reply_timeout_s
        self._failure: tuple[type[OffhookError], str] | None = None
        self._closed = False
        self._header: list[str] | None = []
        self._header_bytes = 0
        self._header_over = asyncio.Event()
        self._answered = False
        """A reply has begun: what comes from here on are replies."""
        self._partial: list[str] = []
        self._partial_bytes = 0
        self._running: _Running | None = None
        self._queue = asyncio.Lock()
        self._marking = asyncio.Lock()
        self._markers: deque[str] = deque()
        self._marker_numbers = itertools.count(1)
        self._in_step = asyncio.Event()
        self._in_step.set()
        try:
            self._lines = AgiLines(read_fd, write_fd, self._on_line, self._fail)
        except BaseException:
            for fd in self._fds:
                os.close(fd)
            raise

    def close(self) -> None:
        """End the session and close the descriptors; a second time is harmless."""
        if self._closed:
            return
        self._closed = True
        self._fail(HangupError("the AGI session is closed"))
        for fd in self._fds:
            os.close(fd)

    async def gone(self) -> None:
        """Wait for the end, and raise what it was."""
        await self.ended.wait()
        self._check()
        raise HangupError("the channel has hung up")

    async def read_header(self, timeout_s: float) -> AgiEnvironment:
        """The header Asterisk sends first.  Call once, before any command."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._header_over.wait()
        except TimeoutError:
            self._fail(AgiError(f"AGI header did not end within {timeout_s:g} s"))
        self._check()
        assert self._header is not None
        try:
            environment = AgiEnvironment.parse(self._header)
        except AgiError as error:
            self._fail(error)
            raise
        self._header = None
        return environment

    async def run(
        self,
        line: str,
        interruption: Interruption,
        timeout_s: float | None,
        written: Callable[[], None] | None = None,
    ) -> Reply | Lost:
        """Write one command when it is its turn, and wait for its reply or its interruption.

        ``written`` is called when it is on its way.
        ``timeout_s`` is for the reply; None waits as long as the session lasts.  When the
        waiting task is cancelled, the command goes on, and the next one interrupts it.
        """
        data = line.encode("utf-8", "replace") + b"\n"
        if len(data) > MAX_COMMAND_BYTES or b"\n" in data[:-1] or b"\0" in data:
            raise AgiError(f"AGI command of {len(data)} bytes is too long or not one line")
        async with self._queue:
            await self._wait_turn()
            await self._write(data)
            running = self._running = _Running(interruption)
            if written is not None:
                written()
        try:
            done, _ = await asyncio.wait({running.over}, timeout=timeout_s)
        except asyncio.CancelledError:
            running.abandon()
            raise
        if not done:
            assert timeout_s is not None
            raise self._too_late(timeout_s)
        how = running.over.result()
        if how is Lost.ENDED:
            self._check()
        if isinstance(how, Reply) and how.code != 200:
            raise self._refusal(how, line)
        return how

    async def interrupt(self) -> bool:
        """End what runs now, if it can be; returns once Asterisk has confirmed that it is over.

        True when it was cut, False when nothing was running or it had ended by itself.
        """
        running = self._running
        if running is None or running.interruption is Interruption.IGNORED:
            return False
        await self._synchronise(running)
        how = running.over.result() if running.over.done() else Lost.ENDED
        if running.interruption is Interruption.REPLIES:
            return isinstance(how, Reply) and how.result == "1"
        return how is Lost.CUT

    async def _wait_turn(self) -> None:
        """Wait until nothing runs and every marker is answered."""
        while (running := self._running) is not None:
            if running.abandoned.done():
                if running.interruption is Interruption.IGNORED:
                    done, _ = await asyncio.wait({running.over}, timeout=self._reply_timeout_s)
                    if not done:
                        raise self._too_late(self._reply_timeout_s)
                else:
                    await self._synchronise(running)
            else:
                either: set[asyncio.Future[Any]] = {running.over, running.abandoned}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._markers:
            await self._synchronise(None)
        self._check()
        if self._header is not None:
            raise RuntimeError("read_header() comes before any command")

    async def _synchronise(self, running: _Running | None) -> None:
        """End ``running`` by markers and wait until all of them are answered."""
        async with self._marking:
            if running is not None and running.over.done() and not self._markers:
                return
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._reply_timeout_s
            patience_s = _MARKER_REPEAT_S
            while True:
                self._check()
                marker = f"offhook-{next(self._marker_numbers)}"
                await self._write(f"GET FULL VARIABLE {marker}\n".encode())
                self._markers.append(marker)
                self._in_step.clear()
                left_s = deadline - loop.time()
                try:
                    async with asyncio.timeout(min(patience_s, max(0.0, left_s))):
                        await self._in_step.wait()
                except TimeoutError:
                    if left_s <= patience_s:
                        raise self._too_late(self._reply_timeout_s) from None
                    patience_s = min(2 * patience_s, _MARKER_REPEAT_MAX_S)
                else:
                    self._check()
                    return

    async def _write(self, data: bytes) -> None:
        try:
            await self._lines.write(data, self._reply_timeout_s)
        except OffhookError as error:
            self._fail(error)
            raise

    # -- replies ----------------------------------------------------------------------------

    def _on_line(self, line: str) -> None:
        try:
            if not self._header_over.is_set():
                self._take_header_line(line)
            elif line == "HANGUP":  # network AGI says so in between; ours is told by SIGHUP
                self.ended.set()
            else:
                self._take_reply_line(line)
        except AgiError as error:
            self._fail(error)

    def _take_header_line(self, line: str) -> None:
        assert self._header is not None
        if not line:
            self._header_over.set()
            return
        self._header.append(line)
        self._header_bytes += len(line) + 1
        if len(self._header) > MAX_HEADER_LINES or self._header_bytes > MAX_HEADER_BYTES:
            raise AgiError(
                f"AGI header does not end within {MAX_HEADER_LINES} lines and {MAX_HEADER_BYTES} bytes"
            )

    def _take_reply_line(self, line: str) -> None:
        if not self._answered:
            # A line break at the end of an argument, as ${SHELL()} leaves one, has ended the header early.
            if not line:
                return
            if not line[:3].isdigit():
                raise AgiError(
                    "the AGI header goes on behind an empty line: an argument in the dialplan has a line"
                    " break: take it out, for example with ${FILTER(A-Za-z0-9.=-,...)}"
                )
            self._answered = True
        self._partial.append(line)
        self._partial_bytes += len(line) + 1
        text = "\n".join(self._partial)
        if is_reply_whole(text):
            self._partial, self._partial_bytes = [], 0
            self._take_reply(parse_reply(text))
        elif self._partial_bytes > MAX_LINE_BYTES or len(self._partial) > MAX_HEADER_LINES:
            raise AgiError("AGI reply does not end")

    def _take_reply(self, reply: Reply) -> None:
        running = self._running
        if self._markers and reply.text == self._markers[0] and reply.code == 200:
            self._markers.popleft()
            if running is not None:
                if running.interruption is not Interruption.SILENT:
                    raise AgiError("Asterisk answered a later AGI command first: out of step")
                self._running = None
                running.finish(Lost.CUT)
            if not self._markers:
                self._in_step.set()
        elif running is not None:
            self._running = None
            running.finish(reply)
        else:
            raise AgiError(f"Asterisk sent a reply ({reply.code}) that belongs to no command")

    # -- the end ----------------------------------------------------------------------------

    def _refusal(self, reply: Reply, line: str) -> OffhookError:
        if reply.code == 511:
            self.ended.set()
            return HangupError("the channel has hung up")
        command = " ".join(itertools.takewhile(lambda word: word[0] != '"', line.split()))
        words = (reply.text or "").split("\n")[0]
        return AgiError(f"Asterisk refused the AGI command {command}: {reply.code} {words[:200]}")

    def _too_late(self, timeout_s: float) -> DeadlineError:
        error = DeadlineError(f"Asterisk did not answer an AGI command within {timeout_s:g} s")
        self._fail(error)
        return error

    def _fail(self, error: OffhookError) -> None:
        """The session is over; whoever waits is told."""
        if self._failure is None:
            self._failure = (type(error), str(error))
            if not isinstance(error, HangupError):
                log.warning("AGI session given up: %s", error)
        self._lines.stop()
        running, self._running = self._running, None
        if running is not None:
            running.finish(Lost.ENDED)
        self.ended.set()
        self._header_over.set()
        self._in_step.set()

    def _check(self) -> None:
        if self._failure is not None:
            kind, message = self._failure
            raise kind(message)
