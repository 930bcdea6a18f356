"""A clock that a test moves: hours pass between two lines of a test, and nobody sleeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

_TURNS = 20_000
"""Of the event loop, each with a poll: a condition that does not hold after so many never will."""


class Clock:
    """The monotonic clock of the whole process, the event loop's included; it runs on between two jumps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead_ns = 0
        real_s, real_ns = time.monotonic, time.monotonic_ns
        monkeypatch.setattr(time, "monotonic", lambda: real_s() + self._ahead_ns / 1e9)
        monkeypatch.setattr(time, "monotonic_ns", lambda: real_ns() + self._ahead_ns)

    def pass_by(self, seconds: float) -> None:
        """So much time has passed; timers that are due run at the event loop's next turn."""
        self._ahead_ns += round(seconds * 1e9)


async def reached(condition: Callable[[], bool], what: str) -> None:
    """Let everybody work until ``condition`` holds; AssertionError says what never came."""
    for _ in range(_TURNS):
        if condition():
            return
        await asyncio.sleep(0.0005)
    raise AssertionError(f"never: {what}")
