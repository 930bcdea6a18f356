"""A tool that fails again and again is left alone for a while: callers do not wait for its time-out.
Pure."""

from __future__ import annotations

from dataclasses import dataclass

FAILURES = 3
"""In a row, after which a tool is left alone ..."""
REST_S = 30.0
"""... for so long; then one request tries it."""


@dataclass(slots=True)
class Breaker:
    """Of one tool.  Times are monotonic seconds."""

    failures: int = 0
    open_until_s: float = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether it may be tried.  One that has rested is tried by one request; the others still wait."""
        if self.failures < FAILURES:
            return True
        if now_s < self.open_until_s:
            return False
        self.open_until_s = now_s + REST_S
        return True

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self, now_s: float) -> None:
        self.failures += 1
        if self.failures >= FAILURES:
            self.open_until_s = now_s + REST_S
