"""What the caller has said up to a pause, and its words: found now, known already, or guessed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offhook.call.revision import Words
from offhook.call.stretch import Stretch
from offhook.end_of_turn.levels import LEVEL_MS, frame_levels
from offhook.engines.stt.base import Guessing, Piecewise, Transcript
from offhook.engines.stt.gate import clean, normalize
from offhook.errors import OffhookError
from offhook.observe.trace import TurnTrace
from offhook.workers import Claim

if TYPE_CHECKING:
    from offhook.call.recognition import CallerWords

Samples = NDArray[np.int16]


class SaidSoFar:
    """See :class:`~offhook.call.revision.Said`; made by :class:`CallerWords`."""

    def __init__(
        self,
        owner: CallerWords,
        audio: Samples,
        played: Samples,
        parts: list[asyncio.Task[str]],
        voiced_ms: int,
        stop_samples: int,
    ) -> None:
        self.stretch: Stretch | None = None
        """None: it is recognised by itself."""
        self.doubts = False
        """Words that the recogniser is too unsure of are none: the caller is asked again."""
        self.voiced_ms = voiced_ms
        self._stop_samples = stop_samples
        self._owner = owner
        self._audio = audio
        self._played = played
        self._parts = parts
        self._own: Samples | None = None

    @property
    def echoes(self) -> bool:
        """Our own voice may be in it."""
        return bool(self._played.any())

    async def words(self, trace: TurnTrace, claim: Claim) -> Words:
        audio = await self._without_echo(trace) if self.echoes else self._audio
        prosody = asyncio.create_task(self._owner.prosody(audio), name="prosody")
        try:
            found, confirming = await self._transcript(audio, trace, claim)
            rest = "" if found.doubtful and self.doubts else found.text
            trace.stt_done_ns = time.monotonic_ns()
            trace.audio_ms = len(audio) * 1000 // self._owner.rate_hz
            earlier = [await asyncio.shield(part) for part in self._parts]
            text = " ".join(words for words in (*earlier, rest) if words)
            over = await prosody
            if over is None and self.stretch is not None:
                over = self.stretch.session.turn_over
            hasten = None
            if confirming is not None and self.stretch is not None:
                session = self.stretch.session
                hasten = session.probably_over if isinstance(session, Piecewise) else None
            return Words(text, rest, over, confirming, self._stop_samples, found.language, hasten)
        finally:
            prosody.cancel()

    async def _transcript(
        self, audio: Samples, trace: TurnTrace, claim: Claim
    ) -> tuple[Transcript, asyncio.Task[bool] | None]:
        """The words, and what tells whether they are right, where they are a guess."""
        stretch, voiced_ms = self.stretch, trace.voiced_ms
        if stretch is None:
            return await self._owner.alone(audio, voiced_ms, claim), None
        if stretch.confirmed is not None and stretch.confirmed[0] == self._stop_samples:
            return _cleaned(stretch.confirmed[1], voiced_ms), None
        final = stretch.look(stretch.session.final(voiced_ms, claim))
        if isinstance(stretch.session, Guessing):
            finding = asyncio.create_task(final, name="final-words")
            guess = await _first(finding, stretch.session.guess(voiced_ms, claim))
            if guess:
                stretch.unseen = guess
                confirm = _confirm(stretch, finding, guess, self._stop_samples, voiced_ms)
                return Transcript(guess, 0, 0.0), self._owner.spawn(confirm)
            transcript = await finding
        else:
            transcript = await final
        stretch.unseen = transcript.text
        return _cleaned(transcript, voiced_ms), None

    async def _without_echo(self, trace: TurnTrace) -> Samples:
        """Take our own voice out, and its share out of what counts as the caller's."""
        if self._own is None:
            self._own, share = await self._owner.without_our_voice(self._audio, self._played)
            loud_ms = len(frame_levels(self._audio, self._owner.rate_hz)) * LEVEL_MS
            trace.voiced_ms = min(trace.voiced_ms, round(share * loud_ms))
        return self._own


def _cleaned(transcript: Transcript, voiced_ms: int) -> Transcript:
    return replace(transcript, text=clean(transcript.text, voiced_ms))


async def _first(final: asyncio.Task[Transcript], guess: Coroutine[Any, Any, str]) -> str:
    """A guess that is there before the final words are; empty: they were faster, or there is none."""
    guessing = asyncio.create_task(guess, name="guess")
    guessing.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait({final, guessing}, return_when=asyncio.FIRST_COMPLETED)
        if final.done():
            return ""
        with contextlib.suppress(OffhookError):
            return guessing.result()
        return ""
    except asyncio.CancelledError:
        final.cancel()
        raise
    finally:
        guessing.cancel()


async def _confirm(
    stretch: Stretch, final: asyncio.Task[Transcript], guess: str, stop_samples: int, voiced_ms: int
) -> bool:
    """Whether the final words are those of the guess, compared as words: punctuation costs nothing."""
    try:
        transcript = await final
    except OffhookError:
        return True  # what was heard first will do
    stretch.confirmed = (stop_samples, transcript)
    return normalize(clean(transcript.text, voiced_ms)) == normalize(guess)
