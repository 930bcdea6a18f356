"""One thing that we say: its words, its audio in a growing file, and how far it was heard."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.core import PlayoutThread
from offhook.errors import PlaybackError
from offhook.playout.folder import GrowingClip, Shelf

TAIL_MS = 60
"""The end of an answer that the clocks of Asterisk and ours may disagree about."""
QUIET_SAMPLE = 100
"""No sample of a voice's silence is louder; -50 dBFS, as at the beginning of what a voice gives."""


@dataclass(slots=True)
class _Clause:
    text: str
    start_samples: int
    stop_samples: int
    """Of its last sound: the silence behind it is part of no word."""


class Answer:
    """Written by the pipeline while it is made, played by the speaker, perhaps at the same time.

    Positions count samples of its audio; silence that was put in because audio came late does not
    count.  One that was stopped goes on where it was, in the same file.
    """

    def __init__(self, shelf: Shelf, thread: PlayoutThread, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.ready = asyncio.Event()
        """Set when there is something to play, or never will be."""
        self.finished = False
        """Nothing more will be added."""
        self.restarts = 0
        """Times that Asterisk met the file's end before the answer's, and was sent on."""
        self._shelf = shelf
        self._thread = thread
        self._clip: GrowingClip | None = None
        self._past: GrowingClip | None = None
        """The clip when its file is gone: what was in the air can still be asked for."""
        self._dropped = False
        self._clauses: list[_Clause] = []
        self._heard_samples = 0
        """How far it was heard when it was last cut."""
        self._playing = False
        self._underruns = 0

    # --- making it -------------------------------------------------------------------------------

    def clause(self, text: str) -> None:
        """The blocks that follow speak ``text``."""
        end = self.written_samples
        self._clauses.append(_Clause(text, end, end))

    def write(self, block: NDArray[np.int16]) -> None:
        """Add audio: ``[samples]`` int16.  Raises PlaybackError (disk full, folder gone)."""
        if not len(block) or self._dropped:
            return
        if self._clip is None:
            self._clip = self._shelf.grow(self._thread, self.rate_hz)
        try:
            self._clip.write(block)
        except PlaybackError:
            if not self._clip.written_samples:  # a file that holds nothing is not played
                empty, self._clip = self._clip, None
                empty.drop()
            if self._clauses and self._clauses[-1].stop_samples == self._clauses[-1].start_samples:
                self._clauses.pop()  # nobody will hear these words
            raise
        sounds = np.flatnonzero(np.abs(block.astype(np.int32)) > QUIET_SAMPLE)
        if self._clauses and len(sounds):
            self._clauses[-1].stop_samples = self.written_samples - len(block) + int(sounds[-1]) + 1
        self.ready.set()

    def finish(self) -> None:
        """Nothing more will come.  Raises PlaybackError, once, when the file's end could not be written.

        Whoever waits for :attr:`ready` goes on in any case.
        """
        if not self.finished:
            self.finished = True
            try:
                if self._clip is not None:
                    self._clip.finish()
            finally:
                self.ready.set()

    @property
    def text(self) -> str:
        """All of its words."""
        return " ".join(clause.text for clause in self._clauses)

    @property
    def written_samples(self) -> int:
        return 0 if self._clip is None else self._clip.written_samples

    @property
    def underruns(self) -> int:
        """Times that its audio ran dry and silence was put in."""
        return self._underruns if self._clip is None else self._clip.underruns

    # --- playing it ------------------------------------------------------------------------------

    @property
    def name(self) -> str | None:
        """What STREAM FILE wants; None when there is nothing to play."""
        return None if self._clip is None else self._clip.name

    @property
    def offset_samples(self) -> int:
        """Where in the file STREAM FILE has to begin: at what was not heard yet."""
        return 0 if self._clip is None else self._clip.offset_samples(self._heard_samples)

    @property
    def heard_all(self) -> bool:
        """Nothing is left, though a frame or two more may be Asterisk's to lose."""
        return self.finished and self.written_samples - self._heard_samples <= self.rate_hz * TAIL_MS // 1000

    def started(self, at_ns: int) -> None:
        """STREAM FILE is about to be written at ``at_ns``, to begin at :attr:`offset_samples`."""
        if self._clip is not None:
            offset = self.offset_samples
            self._playing = True
            self._clip.start(at_ns, offset)

    def stopped(self, at_ns: int) -> None:
        """Playback was cut, or ended by itself, at ``at_ns``."""
        if self._playing and self._clip is not None:
            self._playing = False
            self._clip.stop(at_ns)
            self._heard_samples = self._clip.position(at_ns)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What the caller was sent between two times: ``[samples]`` int16, zeros where nothing was."""
        clip = self._clip or self._past
        if clip is None:
            return np.zeros(max(0, (stop_ns - start_ns) * self.rate_hz // 1_000_000_000), np.int16)
        return clip.played(start_ns, stop_ns)

    def heard_text(self, now_ns: int) -> str:
        """The words that were heard by ``now_ns``; the last one perhaps not to its end."""
        position = self._position(now_ns)
        words: list[str] = []
        for clause in self._clauses:
            length = clause.stop_samples - clause.start_samples
            share = 1.0 if not length else (position - clause.start_samples) / length
            if share <= 0:
                break
            spoken = clause.text.split()
            words += spoken[: round(min(1.0, share) * len(spoken))]
        return " ".join(words)

    def text_between(self, start_ns: int, stop_ns: int) -> str:
        """The words that were in the air between two times, those included that were only begun or ended."""
        clip = self._clip or self._past
        if clip is None:
            return ""
        first, last = clip.position(start_ns), clip.position(stop_ns)
        words: list[str] = []
        for clause in self._clauses:
            length = clause.stop_samples - clause.start_samples
            from_, to = max(0, first - clause.start_samples), min(length, last - clause.start_samples)
            if to > from_:
                spoken = clause.text.split()
                words += spoken[from_ * len(spoken) // length : -(-to * len(spoken) // length)]
        return " ".join(words)

    def drop(self) -> None:
        """Remove the file.  Any number of times."""
        self.stopped(time.monotonic_ns())
        clip, self._clip, self._dropped = self._clip, None, True
        self.ready.set()
        if clip is not None:
            self._past = clip
            self._underruns = clip.underruns
            clip.drop()

    def _position(self, now_ns: int) -> int:
        if self._playing and self._clip is not None:
            return self._clip.position(now_ns)
        return self._heard_samples
