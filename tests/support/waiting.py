"""Waiting for something that announces itself to nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


async def eventually(condition: Callable[[], bool], what: str, *, timeout_s: float = 10.0) -> None:
    """Asks until ``condition`` holds.  AssertionError says what did not happen in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        await asyncio.sleep(0.02)
