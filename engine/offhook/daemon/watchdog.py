"""Whether all that a call needs still moves: the event loop and the native threads beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from offhook.core import PlayoutThread
from offhook.doors.media import Hearing, Sending
from offhook.engines.llm.base import LanguageModel

_log = logging.getLogger("offhook.daemon.watchdog")

Beat = Callable[[], int]
"""A number, and a wake-up: by the next question it is another one, if the thread still moves.

Whoever asks has to get by with waiting for a lock that is held for microseconds: a lock that is never let go
of holds the event loop, which is seen as well.
"""

LOOKS = 4
"""So often within the time after which a daemon that says nothing is killed: a thread that is busy for a
while (a long prompt on a slow machine) has some of them to miss."""


class Watchdog:
    """Tells the service manager that the daemon lives, for as long as every part of it moves.

    Runs on the event loop, which is the first of these parts: a loop that stands still tells nothing.
    """

    def __init__(self, beats: Mapping[str, Beat], alive: Callable[[], None], limit_s: float) -> None:
        """``alive`` is called by each :meth:`look` that finds nothing standing still.

        ``limit_s`` is how long nothing may be told before the daemon is given up.
        """
        self._beats = beats
        self._alive = alive
        self._interval_s = limit_s / LOOKS
        self._last = {name: beat() for name, beat in beats.items()}
        self._still: set[str] = set()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            self.look()

    def look(self) -> None:
        """Ask every part once.  A part that stands still is logged when it is noticed first."""
        now = {name: beat() for name, beat in self._beats.items()}
        still = {name for name, number in now.items() if number == self._last[name]}
        for name in sorted(still - self._still):
            _log.error("the %s has not moved for %.0f s", name, self._interval_s)
        for name in sorted(self._still - still):
            _log.warning("the %s moves again", name)
        self._last, self._still = now, still
        if not still:
            self._alive()


def parts(
    hearing: Hearing, playout: PlayoutThread, sending: Sending | None, models: Sequence[LanguageModel]
) -> dict[str, Beat]:
    """The native threads that calls need, by their names."""
    beats: dict[str, Beat] = {"media thread": hearing.beat, "playout thread": playout.beat}
    if sending is not None:
        beats["sender thread"] = sending.beat
    for number, model in enumerate(models, 1):
        beat = getattr(model, "beat", None)
        if beat is not None:  # a server's model has no thread here
            beats["language model's thread" if number == 1 else f"model {number}'s thread"] = beat
    return beats
