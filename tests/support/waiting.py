"""Waiting for something that announces itself to nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_PAUSE_S = 0.02


async def eventually(condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
    """Asks until ``condition`` holds.  AssertionError says what did not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        await asyncio.sleep(_PAUSE_S)


def until(condition: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
    """The same without an event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(_PAUSE_S)
