"""Once a day: what is older than its tenant wants to keep it is deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from offhook.errors import OffhookError

_log = logging.getLogger("offhook.daemon.retention")

DAY_S = 24 * 60 * 60.0
RETRY_S = 60 * 60.0
"""After a day on which it could not be done, because the database was away."""
Sleep = Callable[[float], Awaitable[None]]


async def keep_purging(purge: Callable[[], object], sleep: Sleep = asyncio.sleep) -> None:
    """Call ``purge`` at once and then daily, in a thread; what fails is told, and tried again soon."""
    while True:
        try:
            await asyncio.to_thread(purge)
        except OffhookError as error:
            _log.warning("old calls are not deleted yet: %s", error)
            await sleep(RETRY_S)
        else:
            await sleep(DAY_S)
