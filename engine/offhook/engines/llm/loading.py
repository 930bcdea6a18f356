"""Servers that unload their model after a while, and give a load up when whoever began it goes away.

Ollama does both.  A call that begins after a quiet hour would wait for a load, give up at its deadline,
and so end the load for the next call, too, at any number of calls.  So a load is begun when a call
begins, while it is greeted, by a request that nobody cancels; and a request that is given up without any
answer goes on behind the scenes when a load may depend on it.  One such request is enough.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

import httpx

from offhook.engines.llm.dialect import Dialect, Sending, build_request, let_go, read_body
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.remote.refusals import broken, detail_of, refused

logger = logging.getLogger(__name__)

ASLEEP_S = 60.0
"""A server that has not answered for so long may have unloaded its model, or given it up for another one."""
SLOW_S = 3.0
"""A request without any answer for so long may be waiting for a load."""
KEPT_S = 900.0
"""So long a load is kept alive at most: the largest models from a slow disk."""


class LoadKeeper:
    """Keeps one model loaded on one server, if the server is of that kind; lives on the event loop."""

    def __init__(
        self, endpoint: Endpoint, dialect: Dialect, n_ctx: int, *, asleep_s: float = ASLEEP_S
    ) -> None:
        """``asleep_s``: without an answer for so long, nobody knows whether the model is loaded; infinite:
        it always is."""
        self.task: asyncio.Task[None] | None = None
        """The request that nobody cancels, while there is one."""
        self._endpoint = endpoint
        self._dialect = dialect
        self._n_ctx = n_ctx
        self._asleep_s = asleep_s
        self._answered_s: float | None = None
        self._closed = False

    def answered(self) -> None:
        """The server has the model: it has just written something."""
        self._answered_s = asyncio.get_running_loop().time()

    def wake(self, client: Callable[[], httpx.AsyncClient]) -> None:
        """Have the model loaded, if it is not: where it is, that costs next to nothing."""
        load = self._dialect.load(self._n_ctx)
        if load is None or self.task is not None or self._asleep_s == math.inf:
            return
        request = build_request(client(), self._endpoint, *load)
        self._hold(asyncio.create_task(client().send(request, stream=True), name="offhook-llm-load"))

    def keep(self, sending: Sending, waited_s: float) -> bool:
        """Take over a request that is given up after ``waited_s`` without an answer; False: cancel it."""
        if self._closed or self.task is not None or self._dialect.load(self._n_ctx) is None:
            return False
        if waited_s < SLOW_S and not self._asleep():
            return False
        self._hold(sending)
        return True

    def close(self) -> None:
        """Let go of the server."""
        self._closed = True
        if self.task is not None:
            self.task.cancel()

    def _asleep(self) -> bool:
        if self._answered_s is None:
            return self._asleep_s < math.inf
        return asyncio.get_running_loop().time() - self._answered_s > self._asleep_s

    def _hold(self, sending: Sending) -> None:
        self.task = asyncio.create_task(self._held(sending), name="offhook-llm-held")

    async def _held(self, sending: Sending) -> None:
        """Until the server begins to answer: what it says is nobody's business any more."""
        at, began_s = self._endpoint.url, asyncio.get_running_loop().time()
        try:
            await asyncio.wait([sending], timeout=KEPT_S)
            if not sending.done():
                logger.warning("%s: %s was not loaded within %g s", at, self._endpoint.model, KEPT_S)
            elif not sending.cancelled():
                await self._judge(sending.result())
                took_s = asyncio.get_running_loop().time() - began_s
                if took_s >= SLOW_S:
                    logger.info("%s: it took %.0f s until %s answered", at, took_s, self._endpoint.model)
        except httpx.HTTPError as error:
            logger.warning("%s", broken(error, self._endpoint, self._dialect.hints, begun=False))
        finally:
            self.task = None
            if not sending.done():
                sending.cancel()
                await asyncio.wait([sending])
            await let_go(sending)

    async def _judge(self, response: httpx.Response) -> None:
        if response.status_code == 200:
            self.answered()
            return
        detail = detail_of(await read_body(response))
        hints = self._dialect.hints
        logger.warning("%s", refused(response.status_code, response.headers, detail, self._endpoint, hints))
