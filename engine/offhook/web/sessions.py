"""Who is logged in, and how often somebody may try: in memory, so that a restart logs everybody out."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]

MOST_SESSIONS = 1_000
MOST_FAILED, FAILED_WITHIN_S = 5, 300.0
"""Wrong passwords from one address; then it waits."""
MOST_FAILED_OF_ALL = 100
"""From all addresses together, in the same time."""
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's."""

    user: str
    csrf: str = field(repr=False)
    """Every form brings it along: another site's page does not know it."""
    until_s: float

    def is_own(self, csrf: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """Those of one server."""

    def __init__(self, hours: float, clock: Clock = time.monotonic) -> None:
        self._length_s = hours * 3600
        self._clock = clock
        self._known: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: str) -> tuple[str, Session]:
        """A new one, and the secret by which its browser is known."""
        token = secrets.token_urlsafe(32)
        session = Session(user, secrets.token_urlsafe(32), self._clock() + self._length_s)
        while len(self._known) >= MOST_SESSIONS:
            self._known.popitem(last=False)
        self._known[token] = session
        return token, session

    def find(self, token: str) -> Session | None:
        session = self._known.get(token)
        if session is None or session.until_s > self._clock():
            return session
        del self._known[token]
        return None

    def end(self, token: str) -> None:
        self._known.pop(token, None)


class Tries:
    """Wrong passwords, by address."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()
        self._of_all: deque[float] = deque(maxlen=MOST_FAILED_OF_ALL)

    def wait_s(self, address: str) -> float:
        """How long ``address`` has to wait before it may try again; 0: not at all."""
        now = self._clock()
        waits = [0.0]
        for tries, most in ((self._failed.get(address), MOST_FAILED), (self._of_all, MOST_FAILED_OF_ALL)):
            if tries is not None and len(tries) == most:
                waits.append(tries[0] + FAILED_WITHIN_S - now)
        return max(waits)

    def failed(self, address: str) -> None:
        now = self._clock()
        self._failed.setdefault(address, deque(maxlen=MOST_FAILED)).append(now)
        self._failed.move_to_end(address)
        self._of_all.append(now)
        while len(self._failed) > _MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        self._failed.pop(address, None)
