"""Lines over the two descriptors of an AGI session, on the event loop.

Reading is bounded line by line, writing waits (with a deadline) while Asterisk reads slowly.
Pipes and sockets will do; the descriptors stay the caller's to close.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from offhook.doors.agi.agi_text import MAX_LINE_BYTES
from offhook.errors import AgiError, DeadlineError, HangupError, OffhookError

_CHUNK_BYTES = 65_536


class AgiLines:
    """Calls ``on_line`` for each line from Asterisk, and ``on_end`` once when no more can come.

    Reading starts at once.  Not thread-safe: everything happens on the running loop.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        on_line: Callable[[str], None],
        on_end: Callable[[OffhookError], None],
    ) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""
        self._open = True
        self._ready: asyncio.Future[None] | None = None
        self._write_lock = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        try:
            self._loop.add_reader(read_fd, self._on_readable)
        except PermissionError as error:
            raise AgiError("AGI input is neither a pipe nor a socket") from error

    def stop(self) -> None:
        """Read and write no more; before the descriptors are closed."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_fd)
            if self._ready is not None:
                self._loop.remove_writer(self._write_fd)
                if not self._ready.done():
                    self._ready.set_result(None)

    async def write(self, data: bytes, timeout_s: float) -> None:
        """Write all of ``data``, after earlier writers.

        Raises HangupError when Asterisk has closed, DeadlineError when it reads nothing.
        Cancelled between the halves of a command (only a socket splits one), it ends the session.
        """
        async with self._write_lock:
            left = data
            try:
                async with asyncio.timeout(timeout_s):
                    while left:
                        if not self._open:
                            raise HangupError("the AGI session is closed")
                        try:
                            left = left[os.write(self._write_fd, left) :]
                        except BlockingIOError:
                            await self._writable()
            except TimeoutError as error:
                raise DeadlineError(f"Asterisk read no AGI command for {timeout_s:g} s") from error
            except OSError as error:
                raise HangupError("Asterisk has closed the AGI session") from error
            finally:
                if left and len(left) < len(data):
                    self._end(AgiError("an AGI command was cut off half written"))

    async def _writable(self) -> None:
        self._ready = ready = self._loop.create_future()
        self._loop.add_writer(self._write_fd, lambda: None if ready.done() else ready.set_result(None))
        try:
            await ready
        finally:
            self._ready = None
            if self._open:  # else stop() did it, and the number may be another's by now
                self._loop.remove_writer(self._write_fd)

    def _on_readable(self) -> None:
        try:
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._end(HangupError("Asterisk has closed the AGI session"))
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if not self._open:
                return  # on_line had enough
            if len(line) > MAX_LINE_BYTES:
                break
            self._on_line(line.rstrip(b"\r").decode("utf-8", "replace"))
        else:
            if len(self._rest) <= MAX_LINE_BYTES:
                return
        self._end(AgiError(f"AGI line longer than {MAX_LINE_BYTES} bytes"))

    def _end(self, error: OffhookError) -> None:
        if self._open:
            self.stop()
            with contextlib.suppress(OffhookError):
                self._on_end(error)
