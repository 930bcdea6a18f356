"""A daemon's end: the calls that it holds are waited for, each kind of end for so long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from offhook.config import DaemonConfig
from offhook.daemon import systemd
from offhook.daemon.entrances import Entrances
from offhook.daemon.succession import Predecessor, Successor

_log = logging.getLogger("offhook.daemon.daemon")


async def drained(
    entrances: Entrances,
    limits: DaemonConfig,
    stopping: asyncio.Event,
    successor: Successor | None,
    before: Predecessor | None,
) -> None:
    """Let calls end, and end what is left of them.

    With a ``successor`` ours go on for ``limits.overlap_s``, or until ``stopping`` is set.  Whoever stops
    waits ``limits.drain_s``, and has ``before``, whose calls go on beside ours, do the same.
    """
    if successor is not None:
        going_on = entrances.active_calls
        _log.info("process %d takes the calls; calls=%d go on here", successor.pid, going_on)
        listening = asyncio.create_task(successor.listen(stopping.set))
        await _one_of(limits.overlap_s, entrances.drained(), stopping.wait())
    else:
        systemd.notify("STOPPING=1")
    entrances.stop_accepting()
    calls = entrances.active_calls
    if stopping.is_set() and (calls or before is not None):
        _log.info("draining calls=%d for up to %.0f s", calls, limits.drain_s)
        others = [] if before is None else [before.ended()]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(entrances.drained(), *others), limits.drain_s)
    await entrances.close()
    if successor is not None:
        listening.cancel()
        successor.let_go()
    if before is not None:
        before.close()


async def _one_of(limit_s: float, *work: Coroutine[Any, Any, Any]) -> None:
    """Wait until one is done, or the time is over; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in work]
    await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
