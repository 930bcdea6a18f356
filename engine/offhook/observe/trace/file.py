"""The trace file: one JSON line per turn, appended without ever making a call wait."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from offhook.config import BudgetConfig
from offhook.files import unreadable
from offhook.observe.lines import LineWriter
from offhook.observe.trace.record import TurnTrace


class TraceWriter(LineWriter):
    """The trace file; see :class:`~offhook.observe.lines.LineWriter`."""

    def __init__(
        self,
        path: Path,
        budgets: BudgetConfig | None = None,
        *,
        max_bytes: int = 64 * 2**20,
        max_waiting: int = 1024,
    ) -> None:
        """Raises ConfigError when ``path`` cannot be appended to now; later failures are only counted."""
        self._budgets = budgets
        super().__init__(path, "trace file", max_bytes=max_bytes, max_waiting=max_waiting)

    def write(self, turn: TurnTrace) -> None:
        """Queue one turn.  Any thread; returns at once."""
        self.put(turn.to_json(self._budgets))


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


def read_traces(path: Path, *, last_bytes: int | None = None) -> TraceLog:
    """Read a trace file, while it may still be written; ``last_bytes``: no more than so much of its end.

    Damaged lines (a full disk, a daemon killed while writing) are counted, not fatal.
    Raises ConfigError when the file cannot be read at all.
    """
    log = TraceLog()
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if last_bytes is not None and size > last_bytes:
                file.seek(size - last_bytes)
                file.readline()  # the end of a line whose beginning is left out
            for raw in file:
                line = raw.decode("utf-8", "replace")
                if not line.strip():
                    continue
                try:
                    log.turns.append(TurnTrace.from_json(line))
                except ValueError:
                    log.skipped += 1
    except OSError as error:
        raise unreadable(path, error) from error
    return log
