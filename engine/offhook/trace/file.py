"""The trace file: one JSON line per turn, appended without ever making a call wait."""

from __future__ import annotations

import logging
import os
import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path

from offhook.config import BudgetConfig
from offhook.errors import ConfigError
from offhook.files import unreadable, unwritable
from offhook.trace.record import TurnTrace

_log = logging.getLogger("offhook.trace")

# O_NONBLOCK: a FIFO that nobody reads must not hold the writer.
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class TraceWriter:
    """Appends turns to a file from a thread of its own.

    :meth:`write` never blocks and never raises: lines wait in a bounded queue, and what
    does not fit is dropped and counted.  The file is opened for each line, so that a
    rotated or deleted file is followed; beyond ``max_bytes`` it is moved to ``NAME.1``
    (one older generation is kept).  A failing disk is counted, and logged once until
    it works again.
    """

    def __init__(
        self,
        path: Path,
        budgets: BudgetConfig | None = None,
        *,
        max_bytes: int = 64 * 2**20,
        max_waiting: int = 1024,
    ) -> None:
        """Raises ConfigError when ``path`` cannot be appended to now; later failures are only counted."""
        self.path = path
        self.written = 0
        """Lines in the file."""
        self.dropped = 0
        """Lines lost to a full queue or a failing disk."""
        self._budgets = budgets
        self._max_bytes = max_bytes
        self._torn = False
        self._failing = False
        self._waiting: queue.Queue[str | None] = queue.Queue(max_waiting)
        try:
            os.close(os.open(path, _OPEN_FLAGS, 0o640))
        except OSError as error:
            raise ConfigError(f"trace file {path}: cannot be written: {unwritable(path, error)}") from error
        self._thread = threading.Thread(target=self._run, name="offhook-trace", daemon=True)
        self._thread.start()

    def write(self, turn: TurnTrace) -> None:
        """Queue one turn.  Any thread; returns at once."""
        try:
            self._waiting.put_nowait(turn.to_json(self._budgets))
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
                self._append(line.encode() + b"\n")
            except OSError as error:
                self._lost(1, error.strerror or str(error))
            else:
                self.written += 1
                self._failing = False

    def _append(self, line: bytes) -> None:
        fd = os.open(self.path, _OPEN_FLAGS, 0o640)
        try:
            size = os.fstat(fd).st_size
            if size and size + len(line) > self._max_bytes:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                os.close(fd)
                fd = -1
                fd = os.open(self.path, _OPEN_FLAGS, 0o640)
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
            _log.warning("trace file %s: turns are being lost: %s", self.path, why)


@dataclass(slots=True)
class TraceLog:
    """What a trace file held."""

    turns: list[TurnTrace] = field(default_factory=list)
    skipped: int = 0
    """Lines that are torn, damaged or of another version."""

    def of_call(self, call_id: str) -> list[TurnTrace]:
        """The turns of one call, in the order they were written."""
        return [turn for turn in self.turns if turn.call_id == call_id]

    def calls(self) -> list[str]:
        """Call ids, oldest first."""
        return list(dict.fromkeys(turn.call_id for turn in self.turns))


def read_traces(path: Path) -> TraceLog:
    """Read a trace file, while it may still be written.

    Damaged lines (a full disk, a daemon killed while writing) are counted, not fatal.
    Raises ConfigError when the file cannot be read at all.
    """
    log = TraceLog()
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    log.turns.append(TurnTrace.from_json(line))
                except ValueError:
                    log.skipped += 1
    except OSError as error:
        raise unreadable(path, error) from error
    return log
