"""How soon a piece of work is needed, and by whom."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable

LATEST_NS = 1 << 62
"""Later than any point in time."""


class Urgency(enum.IntEnum):
    """Who waits for a piece of work."""

    COMMITTED = 0
    """A caller, now."""
    PREPARED = 1
    """Perhaps a caller: they have paused, and may have finished."""
    AHEAD = 2
    """Nobody yet: the caller still speaks."""


class Claim:
    """What a piece of work is for, and how soon it is needed; shared by all the work of one answer.

    Changes count at once, for what waits for a thread or a core as well.
    """

    __slots__ = ("_urgency", "_watchers", "cpu_s", "others", "since_ns")

    def __init__(
        self, urgency: Urgency = Urgency.COMMITTED, since_ns: int = 0, others: Iterable[Claim] = ()
    ) -> None:
        """``since_ns``: since when the caller waits, monotonic: of two that are as urgent the longer wait
        goes first.  ``others`` want the same work as well: it is as urgent as the most urgent of them.
        """
        self.since_ns = since_ns
        self.others: list[Claim] = []
        self.cpu_s: dict[str, float] = {}
        """Seconds of processor time, by the name of the workers that have done the work."""
        self._urgency = urgency
        self._watchers: set[Callable[[], None]] = set()
        for other in others:
            self.join(other)

    @property
    def urgency(self) -> Urgency:
        """Of its own; see :attr:`rank`."""
        return self._urgency

    @urgency.setter
    def urgency(self, urgency: Urgency) -> None:
        self._urgency = urgency
        self._changed()

    def join(self, other: Claim) -> None:
        """``other`` wants the same work."""
        self.others.append(other)
        other.watch(self._changed)
        self._changed()

    def leave(self, other: Claim) -> None:
        """It wants it no more."""
        self.others.remove(other)
        other._watchers.discard(self._changed)
        self._changed()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever the rank may be another; once, however often this is asked."""
        self._watchers.add(changed)

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()

    @property
    def rank(self) -> tuple[Urgency, int]:
        """What goes first is less."""
        return min([(self.urgency, self.since_ns), *(other.rank for other in self.others)])

    def charge(self, what: str, seconds: float) -> None:
        """So much processor time was used for it, or for the most urgent of the others."""
        if self.others:
            min(self.others, key=lambda other: other.rank).charge(what, seconds)
        else:
            self.cpu_s[what] = self.cpu_s.get(what, 0.0) + seconds
