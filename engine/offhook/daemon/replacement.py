"""A daemon's own replacement: begun by its operator or by the service manager, one at a time."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from offhook.control.commands import Commands, Done, Nothing
from offhook.daemon import systemd
from offhook.daemon.entrances import Entrances
from offhook.daemon.succession import READY_WITHIN_S, STEP_WITHIN_S, Successor, UpgradeError, hand_over
from offhook.doors.announced import Announced

_log = logging.getLogger("offhook.daemon.replacement")


class Replacement:
    """One daemon's.  Lives on the event loop."""

    def __init__(self) -> None:
        self.successor: Successor | None = None
        """Who takes the calls."""
        self._busy = False
        self._restarting = False
        """The service manager restarts us, and its SIGTERM is yet to come."""
        self._waiting: asyncio.Task[None] | None = None

    async def begin(self, entrances: Entrances, announced: Announced, restarting: bool) -> Successor:
        """Have a new process take the calls.  Raises UpgradeError; then everything is as before.

        ``restarting``: the service manager is stopping us, to start us again.  It waits for our end then, and
        finds the new process (:mod:`offhook.daemon.adoption`).
        """
        if self._busy:
            raise UpgradeError("a successor is being started already")
        self._busy = True
        if restarting:
            self._waiting = asyncio.create_task(systemd.wait_for_us())
        try:
            self.successor = await hand_over(entrances, announced, named=not restarting)
        except BaseException:
            self.close()
            raise
        finally:
            self._busy = False
        self._restarting = restarting
        return self.successor

    def expects_the_end(self) -> bool:
        """Whether a SIGTERM is the one of the restart: our calls go on then.  The next one is meant."""
        if not self._restarting or self.successor is None:
            return False
        self._restarting = False
        _log.info("restarted: process %d is the service once our calls are over", self.successor.pid)
        return True

    def close(self) -> None:
        """The manager need not wait any longer.  Any number of times."""
        if self._waiting is not None:
            self._waiting.cancel()


def add_upgrade(commands: Commands, replaced: Callable[[bool], Awaitable[tuple[int, int]]]) -> None:
    """``POST /v1/daemon/upgrade``, and ``restart`` for a service manager that stops us to start us again.

    ``replaced`` is told whether it is a restart; it gives the new process's number, and the calls that stay.
    """

    async def become(restarting: bool) -> Done:
        pid, calls = await replaced(restarting)
        return {"pid": pid, "before": os.getpid(), "calls": calls}

    async def upgrade(_: Nothing) -> Done:
        return await become(False)

    async def restart(_: Nothing) -> Done:
        return await become(True)

    within_s = READY_WITHIN_S + 2 * STEP_WITHIN_S
    words = "have a new process take the calls; those that run end in this one"
    commands.add("upgrade", words, Nothing, upgrade, within_s=within_s)
    words = "the same, for a service manager that has begun to restart this one"
    commands.add("restart", words, Nothing, restart, within_s=within_s)
