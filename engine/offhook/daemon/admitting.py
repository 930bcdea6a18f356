"""Who gets one of the places that are left: what would make answers slow, and what is kept for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from offhook.config import Config
from offhook.daemon.pace import Pace, load, reserved_for_others
from offhook.errors import BusyError, ConfigError


class SlowError(BusyError):
    """There is a place, and whoever took it would make all wait."""


def refusal(error: BusyError | ConfigError) -> str:
    """Which of the metrics' reasons it is that a call was not taken for."""
    if isinstance(error, ConfigError):
        return "failed"
    return "slow" if isinstance(error, SlowError) else "busy"


class Admitting:
    """One daemon's.  Lives on the event loop."""

    def __init__(self, config: Config) -> None:
        admission = config.admission
        self.pace = Pace(admission.p95_ms, None if admission.p95_ms is None else load(config))
        self._running: Counter[str | None] = Counter()

    def reread(self, config: Config) -> None:
        """Go by this configuration from now on; the table stays."""
        self.pace.limit_ms = config.admission.p95_ms

    def check(self, config: Config, tenant: str | None) -> None:
        """Raises BusyError when ``tenant`` (None: the box's own agents) gets no place now."""
        running = self._running.total()
        problem = self.pace.problem(running)
        if problem is not None:
            raise SlowError(problem)
        kept = reserved_for_others(config.admission.reserved, self._running, tenant)
        if kept and running + 1 + kept > config.daemon.max_calls:
            raise BusyError("the places that are left are reserved (admission.reserved)")

    @contextmanager
    def call(self, tenant: str | None) -> Iterator[None]:
        """It has one, for as long as this lasts."""
        self._running[tenant] += 1
        try:
            yield
        finally:
            self._running[tenant] -= 1
