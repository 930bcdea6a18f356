"""Runs tools for one call: what reads may be guessed ahead, what writes is done once.

A read may run in a revision that nobody hears; its result is kept for the turn.  A write runs behind the
commit of a turn, once: its key is claimed in the :class:`~offhook.tools.ledger.Requests` first, and whoever
asks for the same again gets the result that there is.  Cancelling whoever waits does not cancel a write that
was begun.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import asdict, replace
from typing import Any

from offhook.errors import DatabaseError, OffhookError, ToolError
from offhook.tools.base import Action, Context, Tool, ToolResult
from offhook.tools.breaker import Breaker
from offhook.tools.ledger import Entry, Requests, State, request_key
from offhook.tools.schema import problem_with

_log = logging.getLogger("offhook.tools")

MOST_IN_TURN = 4
"""Requests in one turn; a model that wants more goes in circles."""
MOST_IN_CALL = 40
CLOSING_S = 5.0
"""A write that was begun is waited for so long when a call ends."""
RESULT_CHARACTERS = 2_000
"""What a model reads of a result."""

Clock = Callable[[], float]
Told = Callable[[str, Mapping[str, Any], ToolResult], None]
"""Gets a tool's name, its values and what came of it."""
Took = Callable[[str, float, bool], None]
"""Gets a tool's name, the seconds that it took, and whether it did what was asked."""


class Toolbox:
    """The tools of one agent, in a stable order, with what is remembered of them between calls."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        ledger: Requests,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``close`` gives back what belongs to all of them."""
        self._close = close
        self.tools = dict(tools)
        self.ledger = ledger
        self.breakers = {name: Breaker() for name in self.tools}

    def __bool__(self) -> bool:
        return bool(self.tools)

    async def close(self) -> None:
        """Close every tool, whatever one of them does."""
        for tool in self.tools.values():
            try:
                await tool.close()
            except Exception as error:
                _log.warning("tool %s did not close: %s", tool.spec.name, error)
        if self._close is not None:
            await self._close()


class Executor:
    """One call's.  Lives on the event loop."""

    def __init__(
        self,
        toolbox: Toolbox,
        context: Context,
        clock: Clock = time.monotonic,
        told: Told | None = None,
        took: Took = lambda name, seconds, ok: None,
    ) -> None:
        """``told`` learns what came of each write, and with which values, but for those that are masked;
        ``took`` how long tools took."""
        self.context = context
        self._told = told
        self._took = took
        self.toolbox = toolbox
        self._clock = clock
        self._reads: dict[str, ToolResult] = {}
        self._writes: dict[str, asyncio.Task[ToolResult]] = {}
        self._made: dict[str, tuple[str, str]] = {}
        """Of each write's key: its tool, and the key that it would have if nothing had been undone."""
        self._undone: Counter[str] = Counter()
        """How often what a request had done was undone since, by that key."""
        self._count = 0

    @property
    def tools(self) -> Mapping[str, Tool]:
        return self.toolbox.tools

    def key(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Of a request; another one where what it had done in this call was undone: "book it after all"."""
        first = self._first_key(name, arguments)
        undone = self._undone[first]
        return self._first_key(name, {**arguments, "": undone}) if undone else first

    def _first_key(self, name: str, arguments: Mapping[str, Any]) -> str:
        return request_key(self.context.call_id, name, arguments, self.context.tenant)

    def turn_over(self) -> None:
        """What was read is old now."""
        self._reads.clear()

    def done(self, name: str, arguments: Mapping[str, Any]) -> ToolResult | None:
        """What came of a write in this call, when it was done."""
        task = self._writes.get(self.key(name, arguments))
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result()

    async def run(self, name: str, arguments: Mapping[str, Any], *, committed: bool) -> ToolResult:
        """Do it; the result of the same request where there is one.

        ``committed``: the turn is heard, and what writes may.  Never raises for what a tool does: a result
        that is not ``ok`` says what went wrong.  Raises ToolError for a write that is not committed: that is
        a fault of ours.
        """
        tool = self.tools.get(name)
        if tool is None:
            return ToolResult(f"there is no tool {name!r}; there are: {', '.join(self.tools)}", ok=False)
        wrong = problem_with(arguments, tool.spec.parameters)
        if wrong is not None:
            return ToolResult(wrong, ok=False)
        key = self.key(name, arguments)
        if tool.spec.effect == "reads":
            return await self._read(tool, arguments, key)
        if not committed:
            raise ToolError(f"tool {name} writes, and its turn is not committed", sent=False)
        task = self._writes.get(key)
        if task is None or _may_be_tried_again(task):
            if self._over():
                return _TOO_MANY
            task = asyncio.create_task(self._write(tool, arguments, key), name=f"tool-{name}")
            self._writes[key] = task
            self._made[key] = name, self._first_key(name, arguments)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for the writes that were begun: their results are written down."""
        open_ = [task for task in self._writes.values() if not task.done()]
        if open_:
            _, late = await asyncio.wait(open_, timeout=CLOSING_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _over(self) -> bool:
        self._count += 1
        return self._count > MOST_IN_CALL

    async def _read(self, tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
        known = self._reads.get(key)
        if known is not None:
            return known
        if self._over():
            return _TOO_MANY
        result = await self._attempt(tool, arguments, key)
        if result.ok:
            self._reads[key] = result
        return result

    async def _write(self, tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
        ledger, name = self.toolbox.ledger, tool.spec.name
        try:
            entry = await asyncio.to_thread(ledger.claim, key, self.context.call_id, name)
        except DatabaseError as error:
            if not tool.spec.heeds_key:
                _log.error("call=%s tool %s was not run: %s", self.context.call_id, name, error)
                return _NOT_DONE
            # It does the same key once by itself, and a caller is handed over without any database.
            _log.warning("call=%s tool %s runs without the ledger: %s", self.context.call_id, name, error)
            entry = Entry(State.CLAIMED)
        if entry.state is State.DONE:
            return _from_json(entry.result)
        if entry.state is State.BEGUN and not tool.spec.heeds_key:
            _log.warning("call=%s tool %s was begun before and never ended", self.context.call_id, name)
            return _UNSURE
        result = await self._attempt(tool, arguments, key)
        if result.ok:
            self._take_back(tool.spec.undoes, by=key)
        try:
            if result.ok:
                await asyncio.to_thread(ledger.done, key, _as_json(result))
            elif not result.unsure:
                await asyncio.to_thread(ledger.release, key)
        except DatabaseError as error:  # what came of it is true all the same, and it is not begun again
            _log.error("call=%s what tool %s did is not written down: %s", self.context.call_id, name, error)
        if self._told is not None:
            self._told(name, tool.spec.unmasked(arguments), result)
        return result

    def _take_back(self, undone: Container[str], by: str) -> None:
        """What these tools did before is as if it had not been; the request that undid it has been made."""
        for key, (name, first) in self._made.items():
            if name in undone and key != by:
                self._undone[first] += 1

    async def _attempt(self, tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
        """It is run, where it has not failed too often of late."""
        began = self._clock()
        if not self.toolbox.breakers[tool.spec.name].allows(began):
            return _NOT_DONE
        result = await self._tried(tool, arguments, key)
        self._took(tool.spec.name, self._clock() - began, result.ok)
        return result

    async def _tried(self, tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
        """One try, and a second one where certainly nothing was changed by the first."""
        spec, breaker = tool.spec, self.toolbox.breakers[tool.spec.name]
        context = replace(self.context, key=key)
        for last in (False, True):
            problem, sent = "", True
            try:
                async with asyncio.timeout(spec.timeout_s):
                    result = await tool.run(arguments, context)
                breaker.succeeded()
                return result
            except TimeoutError:
                problem = f"nothing within {spec.timeout_s:g} s"
            except ToolError as error:
                problem, sent = str(error), error.sent
            except OffhookError as error:
                problem = str(error)
            except Exception as error:
                # Whatever a stranger's code does, the call goes on.  Its words may hold the caller's.
                problem = type(error).__name__
                _log.debug("tool %s", spec.name, exc_info=True)
            if sent or last:
                breaker.failed(self._clock())
                _log.warning("call=%s tool %s has failed: %s", self.context.call_id, spec.name, problem)
                return _UNSURE if sent and spec.effect == "writes" else _NOT_DONE
        raise AssertionError("the second try returns")


_NOT_DONE = ToolResult("it did not work; nothing was changed", ok=False)
_UNSURE = ToolResult("it was begun, and nobody knows what became of it", ok=False, unsure=True)
_TOO_MANY = ToolResult("that was asked for too often in this call", ok=False)


def _may_be_tried_again(task: asyncio.Task[ToolResult]) -> bool:
    if not task.done():
        return False
    if task.cancelled() or task.exception() is not None:
        return True
    return not task.result().ok


def _as_json(result: ToolResult) -> dict[str, Any]:
    return {"value": result.value, "say": result.say, "action": result.action and asdict(result.action)}


def _from_json(held: Any) -> ToolResult:
    action = held.get("action")
    return ToolResult(held.get("value"), held.get("say", ""), action=Action(**action) if action else None)
