"""One thing that we say: its words, its audio on a track, and how far it was audible to the caller."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offhook.errors import PlaybackError

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


class Track(Protocol):
    """Where an utterance's audio lies while it is made and played, such as a file that grows.

    *Content* is what :meth:`write` was given; positions count its samples.  An *offset* is where a playback
    begins, in whatever the track is made of; silence that was put in where content came late counts there.
    Times are monotonic.
    """

    @property
    def written_samples(self) -> int:
        """Content so far."""
        ...

    @property
    def underruns(self) -> int:
        """How often content came late, however long it took."""
        ...

    def write(self, audio: NDArray[np.int16], /) -> None:
        """Append ``[samples]`` int16.  Raises PlaybackError (disk full, now or earlier)."""
        ...

    def finish(self) -> None:
        """Nothing more will come.  Any number of times.  Raises PlaybackError as :meth:`write` does."""
        ...

    def offset_samples(self, position: int, /) -> int:
        """Where a playback has to begin that goes on from ``position``, or up to a frame before."""
        ...

    def start(self, at_ns: int, offset_samples: int = 0, /) -> None:
        """It is played from that offset on."""
        ...

    def stop(self, at_ns: int, /) -> None:
        """The playback was cut, or is over.  Harmless when none runs."""
        ...

    def position(self, now_ns: int, /) -> int:
        """How much of the content had been played by then. [samples]"""
        ...

    def played(self, start_ns: int, stop_ns: int, /) -> NDArray[np.int16]:
        """What was in the air between two moments: ``[samples]``, zeros where nothing was."""
        ...

    def drop(self) -> None:
        """Give it up; what was played can still be asked for.  Any number of times."""
        ...


class Utterance:
    """Written by the pipeline while it is made, played by the call's output, perhaps at the same time.

    Positions count samples of its audio; silence that was put in because audio came late does not
    count.  One that was stopped goes on where it was.
    """

    def __init__(self, rate_hz: int, make_track: Callable[[], Track]) -> None:
        """``make_track`` is called with the first audio; it raises PlaybackError."""
        self.rate_hz = rate_hz
        self.ready = asyncio.Event()
        """Set when there is something to play, or never will be."""
        self.finished = False
        """Nothing more will be added."""
        self.restarts = 0
        """Times that its playback ended before it did, and was begun again."""
        self._make_track = make_track
        self._track: Track | None = None
        self._past: Track | None = None
        """The track when it is given up: what was in the air can still be asked for."""
        self._dropped = False
        self._clauses: list[_Clause] = []
        self._audible_samples = 0
        """How far it was audible when it was last cut."""
        self._playing = False
        self._underruns = 0

    # --- making it -------------------------------------------------------------------------------

    def clause(self, text: str) -> None:
        """The blocks that follow speak ``text``."""
        end = self.written_samples
        self._clauses.append(_Clause(text, end, end))

    def say(self, text: str, audio: NDArray[np.int16]) -> None:
        """Add a clause and all of its audio, which are known.  Raises PlaybackError as :meth:`write` does."""
        self.clause(text)
        self.write(audio)

    def write(self, block: NDArray[np.int16]) -> None:
        """Add audio: ``[samples]`` int16.  Raises PlaybackError (disk full, folder gone)."""
        if not len(block) or self._dropped:
            return
        if self._track is None:
            self._track = self._make_track()
        try:
            self._track.write(block)
        except PlaybackError:
            if not self._track.written_samples:  # a track that holds nothing is not played
                empty, self._track = self._track, None
                empty.drop()
            if self._clauses and self._clauses[-1].stop_samples == self._clauses[-1].start_samples:
                self._clauses.pop()  # nobody will ever hear these words
            raise
        sounds = np.flatnonzero(np.abs(block.astype(np.int32)) > QUIET_SAMPLE)
        if self._clauses and len(sounds):
            self._clauses[-1].stop_samples = self.written_samples - len(block) + int(sounds[-1]) + 1
        self.ready.set()

    def finish(self) -> None:
        """Nothing more will come.  Raises PlaybackError, once, when the end could not be written.

        Whoever waits for :attr:`ready` goes on in any case.
        """
        if not self.finished:
            self.finished = True
            try:
                if self._track is not None:
                    self._track.finish()
            finally:
                self.ready.set()

    @property
    def text(self) -> str:
        """All of its words."""
        return " ".join(clause.text for clause in self._clauses)

    @property
    def written_samples(self) -> int:
        return 0 if self._track is None else self._track.written_samples

    @property
    def underruns(self) -> int:
        """Times that its audio ran dry and silence was put in."""
        return self._underruns if self._track is None else self._track.underruns

    # --- playing it ------------------------------------------------------------------------------

    @property
    def track(self) -> Track | None:
        """What is played; None when there is nothing to play."""
        return self._track

    @property
    def offset_samples(self) -> int:
        """Where on the track a playback has to begin: at what was not audible yet."""
        return 0 if self._track is None else self._track.offset_samples(self._audible_samples)

    @property
    def all_audible(self) -> bool:
        """Nothing is left, though a frame or two more may be somebody else's to lose."""
        return (
            self.finished and self.written_samples - self._audible_samples <= self.rate_hz * TAIL_MS // 1000
        )

    def started(self, at_ns: int) -> None:
        """A playback begins at ``at_ns``, at :attr:`offset_samples`."""
        if self._track is not None:
            offset = self.offset_samples
            self._playing = True
            self._track.start(at_ns, offset)

    def stopped(self, at_ns: int) -> None:
        """Playback was cut, or ended by itself, at ``at_ns``."""
        if self._playing and self._track is not None:
            self._playing = False
            self._track.stop(at_ns)
            self._audible_samples = self._track.position(at_ns)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What the caller was sent between two times: ``[samples]`` int16, zeros where nothing was."""
        track = self._track or self._past
        if track is None:
            return np.zeros(max(0, (stop_ns - start_ns) * self.rate_hz // 1_000_000_000), np.int16)
        return track.played(start_ns, stop_ns)

    def audible_text(self, now_ns: int) -> str:
        """The words that were audible by ``now_ns``; the last one perhaps not to its end."""
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
        track = self._track or self._past
        if track is None:
            return ""
        first, last = track.position(start_ns), track.position(stop_ns)
        words: list[str] = []
        for clause in self._clauses:
            length = clause.stop_samples - clause.start_samples
            from_, to = max(0, first - clause.start_samples), min(length, last - clause.start_samples)
            if to > from_:
                spoken = clause.text.split()
                words += spoken[from_ * len(spoken) // length : -(-to * len(spoken) // length)]
        return " ".join(words)

    def drop(self) -> None:
        """Give its track up.  Any number of times."""
        self.stopped(time.monotonic_ns())
        track, self._track, self._dropped = self._track, None, True
        self.ready.set()
        if track is not None:
            self._past = track
            self._underruns = track.underruns
            track.drop()

    def _position(self, now_ns: int) -> int:
        if self._playing and self._track is not None:
            return self._track.position(now_ns)
        return self._audible_samples
