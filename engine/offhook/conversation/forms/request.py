"""What a turn has a tool do, and how that is carried out and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from offhook.tools.base import Action, ToolResult
from offhook.tools.executor import Executor

WORKING_AFTER_S = 0.4
"""A tool that takes longer than this is announced: silence after a question is taken for not having been
heard."""


@dataclass(frozen=True, slots=True)
class Request:
    """A tool that is to be run for a turn, and what is said while it works."""

    tool: str
    arguments: Mapping[str, Any]
    writes: bool
    working: str
    then: str = ""
    """Said behind what came of it: the question that was open."""


class Performance:
    """Runs a request and gives what is said meanwhile and of its result.  Iterate once.

    What writes waits for ``committed``; what reads is done at once, heard or not.
    """

    def __init__(
        self,
        request: Request,
        executor: Executor,
        committed: Callable[[], Awaitable[object]],
        told: Callable[[ToolResult], str],
        announce_after_s: float = WORKING_AFTER_S,
    ) -> None:
        self.result: ToolResult | None = None
        """Once it is there."""
        self._request = request
        self._executor = executor
        self._committed = committed
        self._told = told
        self._announce_after_s = announce_after_s

    @property
    def action(self) -> Action | None:
        """What becomes of the line."""
        return None if self.result is None else self.result.action

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        if self._request.writes:
            await self._committed()
        run = asyncio.create_task(
            self._executor.run(self._request.tool, self._request.arguments, committed=self._request.writes)
        )
        try:
            done, _ = await asyncio.wait({run}, timeout=self._announce_after_s)
            if not done and self._request.working:
                yield self._request.working
            self.result = await run
        finally:
            run.cancel()  # a write goes on all the same: the executor sees to that
        yield self._told(self.result)
