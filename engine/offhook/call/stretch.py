"""A stretch of the caller's audio in one session of the recogniser, and what was found of it so far."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from offhook.engines.stt.base import RecognitionSession, Transcript

T = TypeVar("T")

EVERY_MS = 350
"""Between two looks ahead at a turn that goes on, at least ..."""
SHARE = 6
"""... and at least so many times what the last one took: at most a sixth of one core per speaking caller."""
GROWTH = 0.6
"""A look costs what all of the turn costs so far.  So the next one waits until it has grown by this share:
then all looks at a turn together cost about twice the last one, and not its square."""


class Stretch:
    """Audio of one turn, or of what its parts have left of it, in one session."""

    def __init__(self, start_samples: int, session: RecognitionSession) -> None:
        self.start_samples = start_samples
        self.pushed_samples = start_samples
        self.covers_samples = start_samples
        """Speech up to this position is in the session, with what belongs behind it."""
        self.session = session
        self.looking = 0
        """Looks that somebody waits for."""
        self.unseen: str | None = None
        """The words of the latest look, until they are compared with those of the one before."""
        self.before: list[str] = []
        """Words that were compared last."""
        self.sent = 0
        """Words that the language model has got ahead."""
        self.next_s = 0.0
        """No look ahead before, on the monotonic clock."""
        self.looked_samples = start_samples
        """What was there when the latest look was taken, of those that cost cores of ours."""
        self.confirmed: tuple[int, Transcript] | None = None
        """The final words of speech up to there, where a guess was made of them before."""
        self._closed = False

    async def look(self, words: Coroutine[Any, Any, T]) -> T:
        """Wait for ``words`` of the session."""
        self.looking += 1
        began_s = time.monotonic()
        try:
            return await words
        finally:
            now_s = time.monotonic()
            self.next_s = now_s + max(EVERY_MS / 1000, (now_s - began_s) * SHARE)
            self.looking -= 1
            if self._closed:
                self.close()

    def next_samples(self, first_samples: int) -> int:
        """No look ahead before the caller's audio has come there; ``first_samples`` are the first one's."""
        seen = self.looked_samples - self.start_samples
        return self.start_samples + max(first_samples, round(seen * (1 + GROWTH)))

    def close(self) -> None:
        """The turn is over; who still waits for its words gets them."""
        self._closed = True
        if not self.looking:
            self.session.cancel()
