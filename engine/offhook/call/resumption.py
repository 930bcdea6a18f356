"""Calls that come back: what was said is kept for some minutes, and the conversation goes on where it was.

A call leaves us for a person, a queue or another agent, and comes back when nobody answers there; the
dialplan then runs the same step again with ``resume=WHY`` behind it.  What is kept is in memory alone, is
taken once, and only by the channel and the tenant whose it was; what nobody takes is forgotten.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from offhook.call.profile import CallProfile
from offhook.conversation.history import Exchange
from offhook.doors.base import CallOffer

RESUME_ARGUMENT = "resume="
"""``EAGI(offhook-eagi,${UNIQUEID},resume=noanswer)`` goes on with the conversation that this channel had."""
HANDED_OVER = frozenset({"transfer", "attended", "queue", "voicemail", "agent", "takeover"})
"""Results after which a caller may come back."""
LOST = frozenset({"failed", "unavailable", "cut", "moved"})
"""What ``resume=`` says of a conversation that broke off, or came through another door, and was not handed
over."""
MOST_KEPT = 256
"""Calls that are kept at once; the oldest makes room."""
MOST_EXCHANGES = 60
"""Of one call: its last ones."""

Opening = Literal["greeting", "returned", "resumed"]
"""What is said first: the greeting, "nobody answers there", or "we were cut off"."""
Later = Callable[[float, Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Kept:
    """One conversation, as far as it has come.  Plain values, so that it can be written down."""

    call_id: str
    agent: str
    """Who held it, by name."""
    tenant: str | None
    exchanges: tuple[Exchange, ...]
    part: int = 1
    """How many times the call was with us: 1 after the first."""
    why: str = ""
    """Why it has come back, as the dialplan says: ``noanswer``, ``busy``, ``failed``, ``moved``."""

    def opening(self, agent: str) -> Opening:
        """What ``agent`` says first to the caller who is back."""
        if agent != self.agent:
            return "greeting"
        return "resumed" if self.why in LOST else "returned"


def kept_exchanges(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """What of a history goes on: the words, and no form, which belongs to tools of that moment."""
    return tuple(replace(each, form=None) for each in exchanges[-MOST_EXCHANGES:])


def begun(offer: CallOffer, profile: CallProfile, back: Kept | None) -> Kept:
    """A call of which nothing new has been said; ``back``: what was said before."""
    exchanges, part = ((), 1) if back is None else (back.exchanges, back.part + 1)
    return Kept(offer.call_id, profile.agent.name, profile.tenant, exchanges, part)


class Resumptions:
    """One daemon's.  Lives on the event loop."""

    def __init__(
        self,
        keep_s: float,
        *,
        most: int = MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
        later: Later | None = None,
    ) -> None:
        """``keep_s`` 0 keeps nothing.  ``later`` runs something after so many seconds; None: the loop."""
        self.keep_s = keep_s
        self._most = most
        self._clock = clock
        self._later = later
        self._kept: OrderedDict[tuple[str | None, str], tuple[float, Kept]] = OrderedDict()
        """Oldest first, with the moment until which each is kept."""

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, kept: Kept) -> None:
        """The caller may come back within ``keep_s``."""
        if self.keep_s <= 0 or not kept.call_id:
            return
        key = (kept.tenant, kept.call_id)
        self._kept.pop(key, None)
        self._kept[key] = (self._clock() + self.keep_s, kept)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        (self._later or asyncio.get_running_loop().call_later)(self.keep_s, self.forget)

    def take(self, call_id: str, tenant: str | None, why: str) -> Kept | None:
        """The conversation of a call that has come back, once; None: there is none any more."""
        self.forget()
        _, kept = self._kept.pop((tenant, call_id), (0.0, None))
        return None if kept is None else replace(kept, why=why)

    def forget(self) -> None:
        """Erase what nobody has come back for."""
        now = self._clock()
        for key in [key for key, (until, _) in self._kept.items() if until <= now]:
            del self._kept[key]
