"""One call from its first agent to its last: each hands it to the next on the same line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from offhook.call.call import Call
from offhook.call.doubt import Doubt
from offhook.call.profile import CallProfile
from offhook.call.resumption import Kept, kept_exchanges
from offhook.call.services import Services
from offhook.call.wire import Wire
from offhook.control.live import LiveCall
from offhook.daemon.profiles import Prepared
from offhook.doors.base import Line
from offhook.errors import OffhookError
from offhook.observe.bill import Bill
from offhook.tenants.snapshot import Number

_log = logging.getLogger("offhook.daemon.relay")

MOST_MOVES = 20
"""Agents who send a caller to each other for ever are stopped: then the dialplan says what comes."""

Seat = Callable[[str, ExitStack], Awaitable[tuple[Prepared, Number | None]]]
"""Makes an agent ready by its name, and enters what it holds while it talks; and its tenant's number.

Raises ConfigError, BusyError, ModelError.
"""


class Relay:
    """One call's.  Lives on the event loop."""

    def __init__(self, line: Line, live: LiveCall, services: Services, seat: Seat) -> None:
        """``line`` is accepted, and the relay's from now on."""
        self.bill = Bill()
        """Of all agents together."""
        self._live = live
        self._services = services
        self._seat = seat
        self._wire = Wire(line)
        self._profile: CallProfile
        """Of the agent who has the call, or had it last."""
        self._call: Call
        self._next: tuple[str, ExitStack] | None = None
        self._moves = 0

    async def run(self, profile: CallProfile, back: Kept | None) -> str:
        """Hold the conversation; returns how it ended, as :meth:`Call.run` does."""
        held = ExitStack()
        try:
            while True:
                self._profile = replace(profile, find_agent=self._find)
                self._call = self._live.handle = call = Call(self._wire, self._profile, self._services, back)
                try:
                    result = await self._hold(call, profile.doubt)
                finally:
                    self.bill.include(call.bill)
                if call.successor is None or self._next is None:
                    return result
                (name, taken), self._next = self._next, None
                held.close()
                held = taken
                back = self._handed_on()
                profile = call.successor
                self._live.moved(profile, name)
        finally:
            held.close()
            if self._next is not None:
                self._next[1].close()

    async def _hold(self, call: Call, doubt: Doubt | None) -> str:
        if doubt is None:
            return await call.run()
        watching = asyncio.create_task(doubt.watch(self._wire.output, partial(call.end, stays=True)))
        try:
            result = await call.run()
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        if not watching.cancelled() and watching.exception() is not None:
            _log.error("call=%s who answered was not made sure", self._live.id, exc_info=watching.exception())
        if not call.stayed or call.successor is not None:
            return result
        return await doubt.leave_message(self._wire, self._profile)

    async def _find(self, name: str) -> CallProfile | None:
        """The agent of that name, for this caller; None where it cannot, with a line."""
        taken = ExitStack()
        try:
            if self._moves >= MOST_MOVES:
                _log.warning("call=%s has been moved %d times: no more", self._live.id, self._moves)
                return None
            prepared, number = await self._seat(name, taken)
        except OffhookError as error:
            taken.close()
            _log.error("call=%s cannot be moved to agent %s: %s", self._live.id, name, error)
            return None
        except asyncio.CancelledError:
            taken.close()
            raise
        self._moves += 1
        self._next = (name, taken)
        had = self._profile
        return replace(
            prepared.profile,
            number=number,
            recorded=had.recorded,
            on_done=had.on_done,
            on_turn=had.on_turn,
            watcher=had.watcher,
        )

    def kept(self, call_id: str, back: Kept | None) -> Kept:
        """What is kept for a caller who may come back; ``back``: what was kept before."""
        part = 1 if back is None else back.part + 1
        exchanges = kept_exchanges(self._call.history.exchanges)
        return Kept(call_id, self._profile.agent.name, self._profile.tenant, exchanges, part)

    def _handed_on(self) -> Kept:
        """What the next agent knows: the words, and nothing that is the last agent's own."""
        kept = self.kept(self._call.id, None)
        exchanges = tuple(replace(each, facts=()) for each in kept.exchanges)
        return replace(kept, exchanges=exchanges, why="agent")
