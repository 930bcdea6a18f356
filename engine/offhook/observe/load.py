"""How busy the machine is, and what that leaves for work that may be thrown away."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CpuTimes = Callable[[], tuple[float, float]]
FULL_CALLERS_PER_CORE = 2


class Speculation(enum.IntEnum):
    """How much is done before it is known to be wanted."""

    OFF = 0
    """An answer is begun when the caller's turn is over."""
    PAUSES = 1
    """An answer is begun in each pause that lasts."""
    FULL = 2
    """In each pause at once, and the caller's words are recognised while they speak."""


def machine_times() -> tuple[float, float]:
    """Busy and total CPU time of the whole machine so far, in ticks, from ``/proc/stat``.

    The whole machine, not this process: Asterisk and the database want their share too.
    """
    fields = [float(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]  # idle and iowait
    return sum(fields) - idle, sum(fields)


@dataclass(slots=True)
class LoadGauge:
    """The share of the machine that is busy, smoothed, and the level of speculation it allows.

    Levels change with hysteresis: at a load that stays near a limit nothing flips.  Where many callers are on
    the line one's guesses are in the way of another's answer before the machine is busy on the average: some
    pause in the same moment.  So their number counts, too.
    """

    times: CpuTimes = machine_times
    allowed: Speculation = Speculation.FULL
    """Never more than this (the configuration's word)."""
    full_below: float = 0.80
    """Busy share under which everything is allowed."""
    pauses_below: float = 0.95
    callers: Callable[[], int] = lambda: 0
    """How many are on the line."""
    full_callers: int = field(default_factory=lambda: FULL_CALLERS_PER_CORE * len(os.sched_getaffinity(0)))
    """With so many everything is allowed, with one more it is not."""
    hysteresis: float = 0.10
    busy: float = 0.0
    level: Speculation = field(init=False)
    _last: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.level = self.allowed

    def sample(self) -> Speculation:
        """Look at the machine: call about twice a second.  Returns the level from now on."""
        try:
            now = self.times()
        except (OSError, ValueError, IndexError):
            return self.level  # not a Linux machine as we know them: what the configuration says
        if self._last is not None and now[1] > self._last[1]:
            share = (now[0] - self._last[0]) / (now[1] - self._last[1])
            self.busy += 0.3 * (share - self.busy)
        self._last = now
        self.level = min(self.allowed, self._level())
        return self.level

    def _level(self) -> Speculation:
        def limit(level: Speculation, value: float) -> float:
            return value if self.level < level else value + self.hysteresis / 2

        idle = self.busy < limit(Speculation.FULL, self.full_below - self.hysteresis / 2)
        if idle and self.callers() <= self.full_callers:
            return Speculation.FULL
        if self.busy < limit(Speculation.PAUSES, self.pauses_below - self.hysteresis / 2):
            return Speculation.PAUSES
        return Speculation.OFF
