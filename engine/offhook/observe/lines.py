"""Files of lines that grow while calls run: appended without ever making a call wait or fail."""

from __future__ import annotations

import logging
import os
import queue
import threading
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import unwritable

# O_NONBLOCK: a FIFO that nobody reads must not hold the writer.
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class LineWriter:
    """Appends lines to a file from a thread of its own.

    :meth:`put` never blocks and never raises: lines wait in a bounded queue, and what
    does not fit is dropped and counted.  The file is opened for each line, so that a
    rotated or deleted file is followed; beyond ``max_bytes`` it is moved to ``NAME.1``
    (one older generation is kept).  A failing disk is counted, and logged once until
    it works again.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        *,
        mode: int = 0o640,
        max_bytes: int | None = None,
        max_waiting: int = 1024,
    ) -> None:
        """``kind`` is what messages call the file, ``mode`` its mode; ``max_bytes`` None: no limit.

        Raises ConfigError when ``path`` cannot be appended to now; later failures are only counted.
        """
        self.path = path
        self.written = 0
        """Lines in the file."""
        self.dropped = 0
        """Lines lost to a full queue or a failing disk."""
        self._kind = kind
        self._mode = mode
        self._max_bytes = max_bytes
        self._torn = False
        self._failing = False
        self._waiting: queue.Queue[str | None] = queue.Queue(max_waiting)
        name = kind.split()[0]
        self._log = logging.getLogger(f"offhook.{name}")
        try:
            os.close(os.open(path, _OPEN_FLAGS, mode))
        except OSError as error:
            raise ConfigError(f"{kind} {path}: cannot be written: {unwritable(path, error)}") from error
        self._thread = threading.Thread(target=self._run, name=f"offhook-{name}", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Queue one line.  Any thread; returns at once."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost(1, "the queue is full")

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, for at most ``timeout_s``; safe to call twice."""
        if self._thread.is_alive():
            try:
                self._waiting.put(None, timeout=timeout_s)
            except queue.Full:
                return  # the disk hangs; the daemon thread dies with the process
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                self._append(line.encode(errors="replace") + b"\n")
            except OSError as error:
                self._lost(1, error.strerror or str(error))
            else:
                self.written += 1
                self._failing = False

    def _append(self, line: bytes) -> None:
        fd = os.open(self.path, _OPEN_FLAGS, self._mode)
        try:
            size = os.fstat(fd).st_size
            if self._max_bytes is not None and size and size + len(line) > self._max_bytes:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                os.close(fd)
                fd = -1
                fd = os.open(self.path, _OPEN_FLAGS, self._mode)
                self._torn = False
            if self._torn:  # half a line was left behind: do not glue this one to it
                line = b"\n" + line
            done = os.write(fd, line)
            self._torn = done < len(line)
            if self._torn:
                raise OSError(0, "the disk took only part of a line")
        finally:
            if fd >= 0:
                os.close(fd)

    def _lost(self, lines: int, why: str) -> None:
        self.dropped += lines
        if not self._failing:
            self._failing = True
            self._log.warning("%s %s: turns are being lost: %s", self._kind, self.path, why)
