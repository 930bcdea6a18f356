"""Whether somebody else's service is asked at all: not for a while, once it has failed a few times in a row.

Pure: time is an argument.  May be used from several threads.
"""

from __future__ import annotations

import threading

from offhook.errors import BusyError

FAILURES = 2
"""So many in a row, and callers do not wait for it any more."""
AWAY_S = 30.0
"""Then it is left alone for so long; after that one is sent ahead, to see."""
ASKED_S = 3_600.0
"""One that asks for more is asked again after this: limits are raised, keys are replaced."""


class Breaker:
    """One service's."""

    def __init__(self, *, failures: int = FAILURES, away_s: float = AWAY_S) -> None:
        self._failures = failures
        self._away_s = away_s
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._closed_until_s: float | None = None
        self._trying = False

    def lets(self, now_s: float) -> bool:
        """Whether the service may be asked now; who is let through tells how it went."""
        with self._lock:
            if self._closed_until_s is None:
                return True
            if now_s < self._closed_until_s or self._trying:
                return False
            self._trying = True
            return True

    def went_well(self) -> bool:
        """The service has answered; True when it had been away."""
        with self._lock:
            was_away = self._closed_until_s is not None
            self._in_a_row, self._closed_until_s, self._trying = 0, None, False
            return was_away

    def failed(self, now_s: float, error: Exception | None = None) -> bool:
        """The service was late, or has failed; True when it is left alone from now on.

        ``error`` says why; a service that asks to be left alone is, for as long, up to :data:`ASKED_S`.
        """
        asks_s = min(error.asks_s, ASKED_S) if isinstance(error, BusyError) else 0.0
        with self._lock:
            self._in_a_row += 1
            self._trying = False
            if self._in_a_row < self._failures and asks_s <= self._away_s:
                return False
            is_new = self._closed_until_s is None
            until_s = now_s + max(self._away_s, asks_s)
            # Requests that were on their way do not shorten it.
            self._closed_until_s = max(self._closed_until_s or until_s, until_s)
            return is_new

    def given_up(self) -> None:
        """Nobody waited for the answer: it says nothing about the service."""
        with self._lock:
            self._trying = False
