"""The calls that go on, as an operator is shown them.

Each is fed by its call: who has the floor, how long an answer took, how it ended.  Words are kept out unless
whoever owns them lets them be written down, too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from offhook.call.profile import CallProfile
from offhook.control.feed import Feed
from offhook.doors.base import CallOffer
from offhook.errors import RegistryError
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace, now_ms
from offhook.tools.base import Action
from offhook.tools.builtin.handover import HandOver

RECENT_TURNS = 200
"""Of all calls together, for the latency as it is now."""


class Handle(Protocol):
    """What can be done with a call while it goes on.  Lives on the daemon's loop."""

    def end(self, action: Action | None = None, *, goodbye: bool = False) -> None:
        """End it now, or with the agent's goodbye; ``action``: where the line goes then."""
        ...


class LiveCall:
    """One call.  Lives on the daemon's loop."""

    def __init__(
        self,
        offer: CallOffer,
        profile: CallProfile,
        agent: str,
        feed: Feed,
        recent_ms: deque[float],
        *,
        words: bool,
    ) -> None:
        """``agent`` is its key, by which commands call it; ``words``: what is said may be shown."""
        self.offer = offer
        self.profile = profile
        self.agent = agent
        self.words = words
        self.handle: Handle | None = None
        """The call; None before it has begun."""
        self.notes: dict[str, Any] = {}
        """What else there is to tell, by those who add it (recording, supervision): JSON."""
        self.floor = "opening"
        self.turns = 0
        self.turnaround_ms: float | None = None
        """Of the last answer that was heard."""
        self._began_ms = now_ms()
        self._began_ns = time.monotonic_ns()
        self._feed = feed
        self._recent_ms = recent_ms

    @property
    def id(self) -> str:
        return self.offer.call_id

    def as_json(self) -> dict[str, Any]:
        """Everything that is known of it."""
        return {
            "id": self.id,
            "tenant": self.profile.tenant,
            "agent": self.agent,
            "agent_name": self.profile.agent.name,
            "door": self.offer.door,
            "number": self.offer.dialled or None,
            "caller": self.offer.caller or None,
            "language": self.profile.agent.language,
            "began_ms": self._began_ms,
            "seconds": round((time.monotonic_ns() - self._began_ns) / 1e9, 1),
            "floor": self.floor,
            "turns": self.turns,
            "turnaround_ms": self.turnaround_ms,
            "words": self.words,
            "targets": {
                key: target.name for tool in self.hand_overs() for key, target in tool.targets.items()
            },
            **self.notes,
        }

    def moved(self, profile: CallProfile, agent: str) -> None:
        """Another agent goes on with it."""
        self.profile, self.agent = profile, agent
        self._feed.publish("moved", call=self.id, agent=agent, agent_name=profile.agent.name)

    def hand_overs(self) -> list[HandOver]:
        """The agent's tools that send a caller to somebody else."""
        toolbox = self.profile.policy.toolbox
        return (
            [] if toolbox is None else [tool for tool in toolbox.tools.values() if isinstance(tool, HandOver)]
        )

    # --- what the call tells -------------------------------------------------------------------

    def has_floor(self, floor: str) -> None:
        """Mostly, nothing has changed."""
        if floor == self.floor:
            return
        self.floor = floor
        self._feed.publish("floor", call=self.id, floor=floor)

    def answered(self, trace: TurnTrace) -> None:
        """The caller begins to hear an answer."""
        self.turns = trace.turn
        self.turnaround_ms = trace.turnaround_ms()
        if self.turnaround_ms is not None:
            self._recent_ms.append(self.turnaround_ms)
        self._feed.publish(
            "answer",
            call=self.id,
            turn=trace.turn,
            turnaround_ms=self.turnaround_ms,
            stages_ms=trace.stages_ms(),
        )

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        """A turn of the caller's is over, and its answer."""
        said = {"caller_text": caller_text, "audible_text": audible_text} if self.words else {}
        self._feed.publish(
            "turn",
            call=self.id,
            turn=trace.turn,
            turnaround_ms=trace.turnaround_ms(),
            stages_ms=trace.stages_ms(),
            act=trace.act,
            mood=trace.mood,
            interrupted=trace.interrupted,
            **said,
        )

    def ended(self, result: str, bill: Bill | None = None) -> None:
        """It is over; ``result`` is what the dialplan was told."""
        self._feed.publish("ended", call=self.id, result=result, turns=self.turns)


class LiveCalls:
    """All of one daemon's.  Lives on its loop."""

    def __init__(self, *, words: bool = False) -> None:
        """``words``: what is said with agents of the box's own may be shown."""
        self.feed = Feed()
        self.recent_ms: deque[float] = deque(maxlen=RECENT_TURNS)
        """Turnarounds, the newest last."""
        self._words = words
        self._calls: dict[str, LiveCall] = {}

    def __iter__(self) -> Iterator[LiveCall]:
        """The oldest first."""
        return iter(list(self._calls.values()))

    def get(self, call_id: str) -> LiveCall:
        """Raises RegistryError."""
        try:
            return self._calls[call_id]
        except KeyError:
            raise RegistryError(
                f"no call {call_id!r} goes on; `offhook calls live` lists those that do"
            ) from None

    @contextmanager
    def call(self, offer: CallOffer, profile: CallProfile, agent: str) -> Iterator[LiveCall]:
        """While a call goes on, it is seen."""
        tenant = None if profile.number is None else profile.number.tenant
        words = self._words if tenant is None else tenant.transcripts
        live = LiveCall(offer, profile, agent, self.feed, self.recent_ms, words=words)
        self._calls[live.id] = live
        self.feed.publish("began", call=live.id, state=live.as_json())
        try:
            yield live
        finally:
            if self._calls.get(live.id) is live:
                del self._calls[live.id]
