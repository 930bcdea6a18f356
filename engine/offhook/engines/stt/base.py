"""What every recogniser offers to the rest of offhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from offhook.errors import BusyError
from offhook.knowledge.own_words import OwnWords
from offhook.workers import Claim

STT_RATE_HZ = 16_000
"""All local recognisers take 16 kHz mono; the telephone's 8 kHz is resampled before."""
SESSION_S = 60
"""Audio that one session takes; a turn is cut into parts long before."""


def never() -> bool:
    """The cancellation test of a recognition that nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What may have been said instead of what was heard."""

    text: str
    log_odds: float
    """How much likelier than what was heard, by sound and in general; mostly negative."""


Alternatives = Callable[[], tuple[Otherwise, ...]]
"""What may have been said instead, the likeliest first, for who asks.

That takes a core for some 30 ms the first time, and holds what was computed of the utterance until it is
forgotten.  Any thread.  Raises ModelError.
"""


def nothing_else() -> tuple[Otherwise, ...]:
    """The alternatives of what nobody doubts."""
    return ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """One utterance as words; ``text`` is empty when there were none."""

    text: str
    audio_ms: int
    compute_ms: float
    language: str = ""
    """What it was recognised in, as a code such as "en"; empty where the recogniser knows one only."""
    confidence: float = field(default=0.0, compare=False)
    """Log-probability of the token that it is least sure of; 0 where the recogniser does not tell."""
    doubtful: bool = field(default=False, compare=False)
    """The recogniser is so unsure that answering would most often be answering something else."""
    tokens: tuple[int, ...] = field(default=(), repr=False, compare=False)
    """The words as the recogniser has them, for :class:`Growing`."""
    others: Alternatives = field(default=nothing_else, repr=False, compare=False)


class RecognitionSession(Protocol):
    """One stretch of a caller's speech while it is recognised: audio goes in as it comes, words come out.

    Lives on the event loop.  Nothing but the two coroutines waits for anything.  The session goes on after
    :meth:`final`: a caller who has paused goes on in the same one, and its words are of all that was
    pushed.  Engines that are told audio once (servers) keep it there; local ones keep it here and
    recognise it again.
    """

    @property
    def audio_s(self) -> float:
        """Seconds of audio pushed."""
        ...

    @property
    def usage_s(self) -> float:
        """Seconds of audio that the engine has worked on, or that its owner charges for."""
        ...

    @property
    def turn_over(self) -> float | None:
        """How probably the caller has finished, as far as the engine itself can tell; None: it cannot."""
        ...

    def push(self, audio: NDArray[np.int16]) -> None:
        """The next ``[samples]`` int16, at the rate that the session was opened with; copied.

        Never blocks.  Raises BusyError, and takes nothing, when the session holds :data:`SESSION_S`.
        """
        ...

    async def interim(self) -> str:
        """The words so far, of a caller who still speaks; the last one may be half a word.

        Work that may be thrown away.  Raises BusyError when others' finished turns come first, and what
        :meth:`final` raises.
        """
        ...

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        """The words of everything pushed, the last one included.

        ``voiced_ms`` is how much of it is voiced; with too little the text is empty.  ``claim`` says how
        soon it is needed.  Asked again without new audio, it costs nothing.  Cancelling the awaiting task
        stops the work.  Raises ModelError, BusyError when too many wait, and DeadlineError.
        """
        ...

    def cancel(self) -> None:
        """Nothing more is wanted; what is going on is stopped.  Any number of times."""
        ...


@dataclass(frozen=True, slots=True)
class Guess:
    """Words before the final ones."""

    text: str
    """Empty: there are none."""
    sure: bool = False
    """They are declared to be of all the speech that was pushed, and ``stt.commit`` lets an answer begin on
    such words; the final ones then confirm or correct it."""


@runtime_checkable
class Guessing(Protocol):
    """A session whose final words take their time, and that knows before what they will probably be."""

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> Guess:
        """What :meth:`RecognitionSession.final` will probably say, as soon as there is a guess of everything
        pushed; that may be later than the final words, or never.  Cancelling the awaiting task stops it.
        """
        ...


class GoneOnError(BusyError):
    """Final words are of no use any more: the caller has gone on, in the middle of what they were of."""


@runtime_checkable
class Piecewise(Protocol):
    """A session at an engine that recognises what it is told until its words are wanted as one piece.

    What comes after a pause is the next piece, by itself; a pause in the middle of "opening hours" leaves of
    them "hopes?" and "Sitting power".  So a piece ends where a caller has paused for long, or has probably
    finished, and final words are those of whole pieces.
    """

    @property
    def in_pieces(self) -> bool:
        """False: this one goes on listening after its final words, and nothing of this matters."""
        ...

    async def settled(self, claim: Claim | None) -> None:
        """Wait until a piece may end here; ``claim`` says since when the caller is silent.

        :meth:`RecognitionSession.final` begins with this.  Raises GoneOnError.
        """
        ...

    def probably_over(self) -> None:
        """What was said until now sounds finished: the piece may end here, without waiting on."""
        ...

    def went_on(self, pause_ms: int) -> None:
        """The caller has gone on, after so long a pause; the audio of it has not been pushed yet."""
        ...


class Recognition(Protocol):
    """A recogniser as calls use it, local or a server, shared by all calls."""

    name: str
    streams: bool
    """Audio is given to its sessions as it comes, and recognised there; False: looks at it cost cores of
    ours, and it is given when one is taken."""

    def session(self, rate_hz: int) -> RecognitionSession:
        """Begin to listen; audio will be pushed at ``rate_hz``.  Contacts nobody before the first push."""
        ...

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while it is well.  Never waits."""
        ...

    def close(self) -> None:
        """Free it.  Sessions that are still open end with ModelError."""
        ...


@runtime_checkable
class Pausing(Protocol):
    """A transcriber that asks whether it is cancelled on the thread that it was called on, and only between
    two steps: it may be kept waiting there, while others use the cores.
    """

    pauses: bool


class Transcriber(Protocol):
    """A recogniser, loaded once and shared by all calls."""

    name: str

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        """Recognise one utterance.

        ``audio`` is ``[samples]`` int16 at 16 kHz, already cut to the utterance.
        Blocks for the whole inference with the GIL released; may be called from
        several threads.  ``cancelled`` is asked between steps; when it says yes the
        result is what was recognised so far.  Raises :class:`~offhook.errors.ModelError`.
        """
        ...

    def close(self) -> None:
        """Free the model.  No call may be in progress."""
        ...


@runtime_checkable
class Expectant(Protocol):
    """A session that understands an agent's callers better when it knows the agent's own words."""

    def expect(self, own: OwnWords) -> None:
        """From now on; before anything is recognised."""
        ...


async def recognised(
    recognition: Recognition, audio: NDArray[np.int16], rate_hz: int, voiced_ms: int
) -> Transcript:
    """The words of one utterance of ``[samples]`` int16, in a session of its own; raises as its ``final``."""
    session = recognition.session(rate_hz)
    try:
        session.push(audio)
        return await session.final(voiced_ms)
    finally:
        session.cancel()


@runtime_checkable
class Growing(Protocol):
    """A transcriber that is quicker when it has heard the beginning before."""

    def grow(
        self, audio: NDArray[np.int16], before: Transcript, *, cancelled: Callable[[], bool] = never
    ) -> Transcript:
        """:meth:`Transcriber.transcribe`, of speech whose beginning ``before`` was made of.

        It is no hint: the words are those that it would have found without, but for rounding.
        """
        ...


@runtime_checkable
class Expecting(Protocol):
    """A transcriber that can weigh an agent's own words against what sounds like them."""

    def expecting(
        self,
        audio: NDArray[np.int16],
        before: Transcript | None,
        own: OwnWords | None,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Transcript:
        """:meth:`Growing.grow`, or :meth:`Transcriber.transcribe` without ``before``, with words of ``own``
        where the audio allows for them.
        """
        ...
