"""Which event loop a thread is in."""

from __future__ import annotations

import asyncio


def is_current(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether ``loop`` runs this very code.  From any thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
