"""Calls that the dialplan has announced, and what has become of them.

AudioSocket brings nothing but a UUID, and takes nothing back; chan_websocket brings what its URI can say.
So the dialplan says by one step of FastAGI who calls, gets a UUID for it, and asks by another, once the call
is back, how it went.  A UUID is made of random bits, serves once and not for long: who has it was told it.
One that serves no more can still be told from others: its call is nobody else's.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from offhook.doors.base import HANGUP, RESULT_VARIABLE, CallOffer, Line
from offhook.errors import BusyError

CLAIM_WITHIN_S = 120.0
"""From the announcement to the call: Asterisk connects a moment later, unless the dialplan plays something
in between."""
_VERSION = 8
"""Of our UUIDs (RFC 9562: for whoever makes them by a rule of their own); random ones have 4."""
KEEP_S = 300.0
"""For the dialplan to ask how a call went that is over."""
MOST = 2048
"""Announcements and results that are kept."""

TakeLine = Callable[[Line], Awaitable[None]]
"""Takes a call and holds it to its end; raises BusyError or ConfigError where it does not."""


@dataclass(slots=True)
class _Call:
    offer: CallOffer
    until: float
    """When it is forgotten; what has been claimed and is not over is never."""
    take: TakeLine | None = None
    claimed: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    variables: dict[str, str] = field(default_factory=dict)


class Elsewhere(Protocol):
    """Another daemon at the same doors: the one that this one succeeds, whose calls go on.

    Neither raises; one that has gone knows nothing.
    """

    async def claim(self, key: uuid.UUID) -> CallOffer | None: ...

    async def variables(self, key: uuid.UUID, wait_s: float | None) -> Mapping[str, str] | None: ...


class Announced:
    """One daemon's.  Lives on the event loop."""

    def __init__(self) -> None:
        self._calls: dict[uuid.UUID, _Call] = {}
        self.elsewhere: Elsewhere | None = None
        """Asked for what is not known here."""

    def announce(self, offer: CallOffer, take: TakeLine | None = None) -> uuid.UUID:
        """A call will come, and ``take`` takes it; None: as the door that it comes through does.

        Raises BusyError when too many have been announced that did not come.
        """
        self._forget()
        if len(self._calls) >= MOST:
            raise BusyError(f"{MOST} calls have been announced, and not come")
        key = _new_key()
        self._calls[key] = _Call(offer, time.monotonic() + CLAIM_WITHIN_S, take)
        return key

    async def claim(self, key: uuid.UUID) -> CallOffer | None:
        """The call that has come, once; None when nobody has announced it, or too long ago."""
        self._forget()
        call = self._calls.get(key)
        if call is None and self.elsewhere is not None:
            offer = await self.elsewhere.claim(key)
            if offer is not None:
                self._calls[key] = _Call(offer, time.monotonic() + CLAIM_WITHIN_S, claimed=True)
            return offer
        if call is None or call.claimed:
            return None
        call.claimed = True
        return call.offer

    def taker(self, key: uuid.UUID) -> TakeLine | None:
        """Who takes the call; None: whoever takes those of its door."""
        call = self._calls.get(key)
        return None if call is None else call.take

    def leave(self, key: uuid.UUID, result: str, variables: Mapping[str, str] | None = None) -> None:
        """A call is over.  The first word counts."""
        call = self._calls.get(key)
        if call is None or call.over.is_set():
            return
        if result != HANGUP:
            call.variables = {**(variables or {}), RESULT_VARIABLE: result}
        call.until = time.monotonic() + KEEP_S
        call.over.set()

    async def variables(self, key: uuid.UUID, wait_s: float | None) -> Mapping[str, str]:
        """What a call has left for the dialplan; waits for one that is not quite over, for ever if None.

        ``unavailable`` is the result of one that never came, ``failed`` of one that says nothing.
        """
        self._forget()
        call = self._calls.get(key)
        if call is None and self.elsewhere is not None:
            known = await self.elsewhere.variables(key, wait_s)
            if known is not None:
                return known
        if call is None or not call.claimed:
            return {RESULT_VARIABLE: "unavailable"}
        try:
            await asyncio.wait_for(call.over.wait(), wait_s)
        except TimeoutError:
            return {RESULT_VARIABLE: "failed"}
        self._calls.pop(key, None)
        return call.variables

    def _forget(self) -> None:
        now = time.monotonic()
        for key in [
            key
            for key, call in self._calls.items()
            if call.until < now and (call.over.is_set() or not call.claimed)
        ]:
            del self._calls[key]


def was_announced(key: uuid.UUID) -> bool:
    """Whether ``key`` was made by :meth:`Announced.announce`, of whichever daemon, however long ago."""
    return key.version == _VERSION


def _new_key() -> uuid.UUID:
    bits = secrets.randbits(128) & ~(0xF << 76 | 0x3 << 62)
    return uuid.UUID(int=bits | _VERSION << 76 | 0x2 << 62)
