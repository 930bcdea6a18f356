"""A long turn of the caller's, recognised part by part while it goes on.

The ring of the caller's audio keeps half a minute, and recognisers are made for less: given a minute, they
repeat themselves.  So what has been said is cut at a pause well before either matters, and the
words of the parts are joined for the turn.  A turn of ordinary length is never cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from offhook.end_of_turn.levels import LEVEL_MS, frame_levels
from offhook.errors import BusyError

PART_S = 12.0
"""A part is cut at the first pause after so much ..."""
LONGEST_PART_S = 18.0
"""... and where it is quietest when there was none."""
RING_SHARES = 0.45, 0.7
"""Both are no more than these shares of the ring, whose oldest audio is overwritten."""
QUIETEST_S = 2.0
"""Without a pause, the quietest moment of the latest audio."""
PAUSE_MS = 150
"""Shorter silences are closures inside a word."""
POST_ROLL_MS = 100
"""Of the pause that ends a part; the next one begins with all of it."""
_AGAIN_S = 0.3
_TRIES = 20
"""A recogniser with too much to do is asked again; meanwhile the caller goes on."""

Samples = NDArray[np.int16]
Read = Callable[[int, int], tuple[Samples, Samples]]
"""The caller's audio between two positions, and what we sent until its end: ``[samples]`` each."""
Hear = Callable[[Samples, Samples, int], Awaitable[str]]
"""The words in the caller's audio; what we sent; how many ms of it are voiced."""


class Parts:
    """The parts of the turn that is going on.  Lives on the event loop."""

    def __init__(self, read: Read, hear: Hear, told: Callable[[], None], rate_hz: int, ring_s: float) -> None:
        """``told`` is called when a part's words are known and there are some."""
        self._read = read
        self._hear = hear
        self._told = told
        self._rate_hz = rate_hz
        self._part_samples = round(min(PART_S, RING_SHARES[0] * ring_s) * rate_hz)
        self._longest_samples = round(min(LONGEST_PART_S, RING_SHARES[1] * ring_s) * rate_hz)
        self._turn: int | None = None
        """Where the turn begins; None while there is none."""
        self._cut = 0
        """Where its last part ends."""
        self._voiced_ms = 0
        """Voiced audio in its parts."""
        self._pause: tuple[int, int] | None = None
        """The latest pause that they went on after: position, and voiced ms of the turn until then."""
        self._latest: tuple[int, int] | None = None
        """The same of one that they have not gone on after yet."""
        self._words: list[asyncio.Task[str]] = []

    def of(self, turn_samples: int) -> list[asyncio.Task[str]]:
        """The words of the parts of the turn that began there; to be awaited shielded, in order."""
        return list(self._words) if turn_samples == self._turn else []

    def rest(self, turn_samples: int, pre_roll_samples: int) -> tuple[int, int]:
        """Where the audio of that turn begins that is in no part; how many ms in the parts were voiced."""
        if turn_samples == self._turn and self._words:
            return self._cut, self._voiced_ms
        return max(0, turn_samples - pre_roll_samples), 0

    def paused(self, position_samples: int, voiced_ms: int) -> None:
        """The caller has paused there, after ``voiced_ms`` of voiced audio in the turn."""
        self._latest = (position_samples, voiced_ms)

    def went_on(self, position_samples: int) -> None:
        """They have gone on there; what was between was a pause, or the closure of a consonant in a word."""
        if self._latest is not None:
            if position_samples - self._latest[0] >= PAUSE_MS * self._rate_hz // 1000:
                self._pause = self._latest
            self._latest = None

    def attend(self, turn_samples: int | None, written_samples: int, pre_roll_samples: int) -> None:
        """The turn that began there goes on, audio has come to ``written_samples``; None: there is none."""
        if turn_samples != self._turn:
            if self._pause is not None and (turn_samples is None or self._pause[0] < turn_samples):
                self._pause = None
            self._turn, self._words, self._voiced_ms = turn_samples, [], 0
            self._cut = max(0, (turn_samples or 0) - pre_roll_samples)
        if turn_samples is None or written_samples - self._cut < self._part_samples:
            return
        if self._pause is not None and self._pause[0] - self._cut >= self._part_samples // 2:
            self._cut_at(*self._pause)
        elif written_samples - self._cut >= self._longest_samples:
            position = self._quietest(written_samples)
            # Nobody has told how much of it was voiced: most of it, or there would have been a pause.
            self._cut_at(position, self._voiced_ms + (position - self._cut) * 1000 // self._rate_hz)

    def close(self) -> None:
        """Whatever is being recognised is wanted no more."""
        for task in self._words:
            task.cancel()

    def _quietest(self, written_samples: int) -> int:
        audio, _ = self._read(written_samples - round(QUIETEST_S * self._rate_hz), written_samples)
        levels = frame_levels(audio, self._rate_hz)
        frame = LEVEL_MS * self._rate_hz // 1000
        behind = len(levels) - int(levels.argmin()) if len(levels) else 0
        return written_samples - behind * frame + frame // 2

    def _cut_at(self, position: int, voiced_ms: int) -> None:
        audio, played = self._read(self._cut, position + POST_ROLL_MS * self._rate_hz // 1000)
        work = self._recognize(audio, played, max(0, voiced_ms - self._voiced_ms))
        self._cut, self._voiced_ms = position, max(voiced_ms, self._voiced_ms)
        task = asyncio.create_task(work, name="part")
        task.add_done_callback(_seen)
        self._words.append(task)

    async def _recognize(self, audio: Samples, played: Samples, voiced_ms: int) -> str:
        for left in reversed(range(_TRIES)):
            try:
                words = await self._hear(audio, played, voiced_ms)
            except BusyError:
                if not left:
                    raise
                await asyncio.sleep(_AGAIN_S)
                continue
            if words:
                self._told()
            return words
        raise AssertionError("unreachable")


def _seen(task: asyncio.Task[str]) -> None:
    """Its error is raised where the words are wanted, if they are."""
    if not task.cancelled():
        task.exception()
