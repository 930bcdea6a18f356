"""Work beside a call, or beside the daemon, whose failures somebody is told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Tasks; ``failed`` is told of each that ends with an error, and of its name."""

    def __init__(self, failed: Callable[[BaseException, str], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()

    def spawn(
        self, work: Coroutine[Any, Any, None], name: str | None = None, *, clears: bool = False
    ) -> asyncio.Task[None]:
        """Run ``work``.  What ``clears`` up behind something is waited for, and never cancelled."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        if clears:
            self._clearing.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel what may be cancelled, and wait for everything."""
        for task in self._tasks - self._clearing:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._clearing.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed(error, task.get_name())
