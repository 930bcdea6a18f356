"""What a call costs where others' servers are used: counted by the engines, in units of their price lists.

A call sets its bill in :data:`BILL`, and whatever is begun for it finds it there; an engine of this machine
costs nothing and writes nothing.  Counts may come from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

SECONDS, CHARACTERS = "seconds", "characters"
NEW_TOKENS, CACHED_TOKENS, WRITTEN_TOKENS = "new_tokens", "cached_tokens", "written_tokens"
UNITS = (SECONDS, CHARACTERS, NEW_TOKENS, CACHED_TOKENS, WRITTEN_TOKENS)
"""Of speech sent; of text sent; of a prompt, and of that what the server had ready; of an answer."""


@dataclass(slots=True)
class Bill:
    """One call's."""

    units: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0
    """In ``costs.currency``."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: float = 0.0

    def add(self, unit: str, count: float, price: float = 0.0) -> None:
        """``count`` of one of :data:`UNITS`, at ``price`` for one."""
        with self._lock:
            self.units[unit] = self.units.get(unit, 0.0) + count
            self.cost += count * price

    def include(self, other: Bill) -> None:
        """Add what stands on another one."""
        with self._lock:
            for unit, count in other.units.items():
                self.units[unit] = self.units.get(unit, 0.0) + count
            self.cost += other.cost

    def since_last(self) -> float:
        """What it has cost since this was asked before."""
        with self._lock:
            more, self._told = self.cost - self._told, self.cost
            return more

    def __str__(self) -> str:
        """For a log: ``cost=0.0123 seconds=41.2 characters=310``; only what there is."""
        counts = (f"{unit}={self.units[unit]:.10g}" for unit in UNITS if self.units.get(unit))
        return " ".join([f"cost={self.cost:.4f}", *counts])


BILL: ContextVar[Bill | None] = ContextVar("offhook-bill", default=None)


def add(unit: str, count: float, price: float = 0.0, *, bill: Bill | None = None) -> None:
    """To ``bill``, or to the one of whoever is at work here; nobody's work is on no bill."""
    bill = bill or BILL.get()
    if bill is not None and count:
        bill.add(unit, count, price)


@contextmanager
def billed(bill: Bill | None = None) -> Iterator[Bill]:
    """``bill``, or a new one, for all that is begun inside."""
    token = BILL.set(bill := bill or Bill())
    try:
        yield bill
    finally:
        BILL.reset(token)


class Ledger:
    """What each tenant's calls have cost on the present day (UTC), those that are going on included.

    Forgotten at the daemon's end; what is written down of tenants' calls, it is told when it begins.
    """

    def __init__(self) -> None:
        self._day = ""
        self._spent: dict[str | None, float] = {}
        self._running: list[tuple[str | None, Bill]] = []

    def add(self, tenant: str | None, cost: float, now: datetime | None = None) -> None:
        """``tenant`` None: the box's own agents."""
        self._turn_over(now)
        if cost:
            self._spent[tenant] = self._spent.get(tenant, 0.0) + cost

    @contextmanager
    def running(self, tenant: str | None, bill: Bill) -> Iterator[None]:
        """A call of the tenant's goes on, whose ``bill`` grows; at its end the whole of it is today's."""
        entry = (tenant, bill)
        self._running.append(entry)
        try:
            yield
        finally:
            self._running = [each for each in self._running if each is not entry]
            self.add(tenant, bill.cost)

    def spent(self, tenant: str | None, now: datetime | None = None) -> float:
        """Today."""
        self._turn_over(now)
        return self._spent.get(tenant, 0.0) + sum(bill.cost for who, bill in self._running if who == tenant)

    def today(self) -> dict[str | None, float]:
        """By tenant."""
        self._turn_over(None)
        tenants = {*self._spent, *(who for who, bill in self._running if bill.cost)}
        return {tenant: self.spent(tenant) for tenant in tenants}

    def _turn_over(self, now: datetime | None) -> None:
        day = (now or datetime.now(UTC)).date().isoformat()
        if day != self._day:
            self._day, self._spent = day, {}
