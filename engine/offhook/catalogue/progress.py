"""How far a download is, for whoever waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_LINE_EVERY_S = 5.0
_CHANGE_EVERY_S = 0.2


class Progress:
    """How far a download is: one line that changes on a terminal, else one every few seconds."""

    def __init__(
        self, what: str, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._out = sys.stderr if out is None else out
        self._clock = clock
        self._tty = self._out.isatty()
        self._shown_at = clock() if not self._tty else 0.0

    def at(self, done: int, total: int | None) -> None:
        """``done`` of ``total`` bytes are here."""
        now = self._clock()
        if now - self._shown_at < (_CHANGE_EVERY_S if self._tty else _LINE_EVERY_S):
            return
        self._shown_at = now
        share = f" of {megabytes(total)} ({100 * done // total} %)" if total else ""
        line = f"{self._what}: {megabytes(done)}{share}"
        print(
            f"\r{line}\x1b[K" if self._tty else line,
            end="" if self._tty else "\n",
            file=self._out,
            flush=True,
        )

    def close(self) -> None:
        """Leave the line."""
        if self._tty:
            print("\r\x1b[K", end="", file=self._out, flush=True)


def megabytes(count: int) -> str:
    """``81.8 MB``"""
    return f"{count / 1e6:.1f} MB"
