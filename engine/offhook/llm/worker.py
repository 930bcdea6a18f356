"""The thread that owns a llama context.

Everything that computes is a job for this thread, done in the order of asking; between
two jobs each running generation writes one token, so that a generation of one call
delays the others by a token at a time and not by an answer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from offhook.errors import ModelError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Steps(Protocol):
    """Work that is done a step at a time between other work."""

    def step(self) -> bool:
        """Do the next step; False when there is no more.  Must not raise."""
        ...


class Worker:
    """One thread, a queue of jobs, and the generations that are running."""

    def __init__(self, name: str) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self._running: list[Steps] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def post(self, job: Callable[[], None]) -> None:
        """Do ``job`` on the worker, nobody waits for it.  From any thread; ModelError when stopped."""
        with self._wake:
            if self._stopping:
                raise ModelError("the language model is closed")
            self._jobs.append(job)
            self._wake.notify()

    async def call(self, job: Callable[[], T]) -> T:
        """Do ``job`` on the worker and wait.  A cancelled wait does not stop it once begun or queued."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if future.done():  # nobody waits any more
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result: T | None = None
            error: BaseException | None = None
            try:
                result = job()
            except Exception as raised:
                error = raised
            tell(loop, lambda: settle(result, error))

        self.post(run)
        return await future

    def begin(self, steps: Steps) -> None:
        """Let ``steps`` run between jobs.  Worker thread only."""
        self._running.append(steps)

    def stop(self, last: Callable[[], None]) -> None:
        """Finish the jobs already asked for, do ``last`` on the worker, and end the thread."""
        with self._wake:
            if self._stopping:
                return
            self._stopping = True
            self._jobs.append(last)
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._running and not self._stopping:
                    self._wake.wait()
                jobs, self._jobs = self._jobs, deque()
                stopping = self._stopping
            for job in jobs:
                try:
                    job()
                except Exception:
                    logger.exception("a language model job failed")
            if stopping:
                return
            self._running = [steps for steps in self._running if steps.step()]


def tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    """Run ``what`` in ``loop`` from another thread; nothing when the loop is gone."""
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:  # closed: whoever asked is not there any more
        logger.debug("an answer came after its event loop had closed")
