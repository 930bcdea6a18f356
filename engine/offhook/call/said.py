"""What the caller has said up to a pause, and its words: found now, known already, or guessed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offhook.call.revision import Final, Words
from offhook.call.stretch import Stretch
from offhook.end_of_turn.levels import LEVEL_MS, frame_levels
from offhook.engines.stt.base import (
    Alternatives,
    Guess,
    Guessing,
    Otherwise,
    Piecewise,
    Transcript,
    nothing_else,
)
from offhook.engines.stt.gate import clean, normalize
from offhook.errors import OffhookError
from offhook.observe.trace import TurnTrace
from offhook.speech.alike import alike
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
        self.closure = False
        """It breaks off as in the middle of a word: looked at only when the pause lasts."""
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
        if self.closure and self.stretch is not None:
            await self._owner.pause_lasts(self.stretch, self._stop_samples)
        audio = await self._without_echo(trace) if self.echoes else self._audio
        prosody = asyncio.create_task(self._owner.prosody(audio), name="prosody")
        # Who talks over us speaks up to be heard.
        tone = asyncio.create_task(self._owner.tone(audio[:0] if self.echoes else audio), name="tone")
        try:
            found, confirming, sure = await self._transcript(audio, trace, claim)
            doubtful = found.text if found.doubtful and self.doubts else ""
            rest = "" if doubtful else found.text
            trace.stt_done_ns = time.monotonic_ns()
            trace.audio_ms = len(audio) * 1000 // self._owner.rate_hz
            text = await self._whole(rest)
            over = await prosody
            if over is None and self.stretch is not None:
                over = self.stretch.session.turn_over
            hasten = None
            if confirming is not None and self.stretch is not None:
                session = self.stretch.session
                hasten = session.probably_over if isinstance(session, Piecewise) else None
            before = text.removesuffix(rest)
            others = partial(_behind, before, found.others) if rest else nothing_else
            known = (found.language, hasten, sure, doubtful, await tone, others)
            return Words(text, rest, over, confirming, self._stop_samples, *known)
        finally:
            prosody.cancel()
            tone.cancel()

    async def _transcript(
        self, audio: Samples, trace: TurnTrace, claim: Claim
    ) -> tuple[Transcript, asyncio.Task[Final] | None, bool]:
        """The words; where they are a guess, what tells whether they are right; and whether it is sure."""
        stretch, voiced_ms = self.stretch, trace.voiced_ms
        if stretch is None:
            return await self._owner.alone(audio, voiced_ms, claim), None, False
        if stretch.confirmed is not None and stretch.confirmed[0] == self._stop_samples:
            return _cleaned(stretch.confirmed[1], voiced_ms), None, False
        final = stretch.look(stretch.session.final(voiced_ms, claim))
        if isinstance(stretch.session, Guessing):
            finding = asyncio.create_task(final, name="final-words")
            guess = await _first(finding, stretch.session.guess(voiced_ms, claim))
            if guess.text:
                stretch.unseen = guess.text
                confirming = self._owner.spawn(self._confirm(stretch, finding, guess.text, voiced_ms))
                return Transcript(guess.text, 0, 0.0), confirming, guess.sure
            transcript = await finding
        else:
            transcript = await final
        stretch.unseen = transcript.text
        return _cleaned(transcript, voiced_ms), None, False

    async def _whole(self, rest: str) -> str:
        earlier = [await asyncio.shield(part) for part in self._parts]
        return " ".join(words for words in (*earlier, rest) if words)

    async def _confirm(
        self, stretch: Stretch, final: asyncio.Task[Transcript], guess: str, voiced_ms: int
    ) -> Final:
        """Whether the final words are those of the guess; what was heard first will do where none come."""
        try:
            transcript = await final
            stretch.confirmed = (self._stop_samples, transcript)
            rest = clean(transcript.text, voiced_ms)
            text = await self._whole(rest)
        except OffhookError:
            return Final(same=True)
        words = Words(text, rest, stop_samples=self._stop_samples, language=transcript.language)
        language = transcript.language or self._owner.language
        same = normalize(rest) == normalize(guess) or await asyncio.to_thread(alike, rest, guess, language)
        return Final(same, words)

    async def _without_echo(self, trace: TurnTrace) -> Samples:
        """Take our own voice out, and its share out of what counts as the caller's."""
        if self._own is None:
            self._own, share = await self._owner.without_our_voice(self._audio, self._played)
            loud_ms = len(frame_levels(self._audio, self._owner.rate_hz)) * LEVEL_MS
            trace.voiced_ms = min(trace.voiced_ms, round(share * loud_ms))
        return self._own


def _behind(before: str, others: Alternatives) -> tuple[Otherwise, ...]:
    """What may have been said as a whole, where ``others`` are of what came behind ``before``."""
    return tuple(replace(one, text=before + one.text) for one in others())


def _cleaned(transcript: Transcript, voiced_ms: int) -> Transcript:
    return replace(transcript, text=clean(transcript.text, voiced_ms))


async def _first(final: asyncio.Task[Transcript], guess: Coroutine[Any, Any, Guess]) -> Guess:
    """A guess that is there before the final words are; empty: they were faster, or there is none."""
    guessing = asyncio.create_task(guess, name="guess")
    guessing.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait({final, guessing}, return_when=asyncio.FIRST_COMPLETED)
        if final.done():
            return Guess("")
        with contextlib.suppress(OffhookError):
            return guessing.result()
        return Guess("")
    except asyncio.CancelledError:
        final.cancel()
        raise
    finally:
        guessing.cancel()
