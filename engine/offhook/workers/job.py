"""One piece of work on a thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from offhook.errors import BusyError
from offhook.workers.claim import Claim

T = TypeVar("T")


class Job(Generic[T]):
    """A piece of work: waits for a thread, is done by one, or is given up."""

    def __init__(
        self, work: Callable[[Job[T]], T], loop: asyncio.AbstractEventLoop, claim: Claim, name: str = ""
    ) -> None:
        self.loop = loop
        self.claim = claim
        self.result: asyncio.Future[T] = loop.create_future()
        self.cancelled = False
        """Nobody wants it any more: it is not begun, and what has begun should end."""
        self.begun = False
        """A thread works on it."""
        self.displaced = False
        """It was given up for something more urgent."""
        self._name = name
        self._work = work
        self._since_s = 0.0
        self._given_s = 0.0
        """Of its thread's time, what it gave to others."""

    def gave(self, cpu_s: float) -> None:
        """So much of its thread's time went to another job.  From its own thread."""
        self._given_s += cpu_s
        self.beat()

    def beat(self) -> None:
        """It gets on: its thread is not hanging.  From its own thread."""
        self._since_s = time.monotonic()

    @property
    def quiet_s(self) -> float:
        """How long it has not got on."""
        return time.monotonic() - self._since_s

    def run(self) -> None:
        """Do it.  On its thread."""
        self.beat()
        self.begun = True
        begun_s, self._given_s = time.thread_time(), 0.0
        value, error = None, None
        try:
            value = self._work(self)
        except BaseException as raised:
            error = raised
        if self.displaced:
            error = BusyError("a caller who waits goes first")
        self._tell(value, error, time.thread_time() - begun_s - self._given_s)

    def _tell(self, value: T | None, error: BaseException | None, cpu_s: float) -> None:
        def tell() -> None:
            self.claim.charge(self._name, cpu_s)
            if self.result.done():
                return
            if error is not None:
                self.result.set_exception(error)
                self.result.exception()  # somebody may have stopped waiting: that is no matter for a log
            else:
                self.result.set_result(value)  # type: ignore[arg-type]

        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it everybody who waited
            self.loop.call_soon_threadsafe(tell)
