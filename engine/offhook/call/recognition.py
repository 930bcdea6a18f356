"""The one owner of the caller's words: what they say is recognised here, and nowhere else in a call.

Words are wanted at several moments: again and again while the caller speaks, so that the language model
can read them ahead; in each pause, for a revision of the answer; once more in a long wait, with the
silence behind them.  All of these are looks at the same stretch of audio, in one session of the recogniser,
and what one has found the others need not look for:

* where a look that goes on, or has been, was at as much speech as is wanted, no more audio is given, and the
  session knows the words;
* one that a pause had begun and that the caller outran goes on as the next look ahead, unless its thread
  is wanted for more;
* a look in the wait is taken only where there is a sound behind what was looked at;
* where a voice breaks off as in the middle of a word, a look waits until that is a pause
  (:func:`offhook.end_of_turn.levels.breaks_off`).

A turn that becomes long is cut into parts (:mod:`offhook.call.parts`).  Where our own voice is on the
caller's line it is taken out of the utterance as a whole, which is then recognised by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.barge_in import without_our_voice
from offhook.call.caller_audio import POST_ROLL_MS, CallerAudio
from offhook.call.parts import Parts
from offhook.call.revision import Final, Revision
from offhook.call.said import SaidSoFar
from offhook.call.stretch import Stretch
from offhook.core import resample
from offhook.end_of_turn.levels import breaks_off, frame_levels
from offhook.end_of_turn.wait import SHORTEST_PAUSE_MS, ProsodyModel
from offhook.engines.stt.base import (
    STT_RATE_HZ,
    Expectant,
    Piecewise,
    Recognition,
    RecognitionSession,
    Transcript,
)
from offhook.engines.stt.gate import normalize
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError
from offhook.knowledge.own_words import OwnWords
from offhook.tone_of_voice import Tone, tone_of
from offhook.workers import Claim, Urgency

_log = logging.getLogger("offhook.call.recognition")

FIRST_MS = 700
"""Speech before which there is nothing worth recognising ..."""
FIRST_HERE_MS = 2_000
"""... and before which it is not worth our own cores: three of four callers have paused by then."""
VOICE_MS = 5_000
"""How loud somebody speaks is told by so much of their latest audio."""
AGAIN_MS = 250
"""Silence after which an uncertain turn is looked at a second time: what is there by then stays."""
AGAIN_LEFT_MS = 120
"""It has to be worth it: so much of the wait is left."""
MOST_DOUBTED = 1
"""A caller is asked again so often because of words that are doubtful; then those have to do."""
QUIET_DBFS = -50.0
"""A frame below this is silence on a telephone line."""
ECHO_DROP_DB = 6.0
"""A frame that is so much quieter without our own voice was our own voice."""
_NS_PER_MS = 1_000_000

Samples = NDArray[np.int16]


class CallerWords:
    """One call's.  Lives on the event loop."""

    def __init__(
        self,
        recognition: Recognition,
        audio: CallerAudio,
        *,
        ring_s: float,
        anticipate: Callable[[str], Awaitable[None]],
        post: Callable[[turn_taking.TurnEvent], None],
        prosody: ProsodyModel | None = None,
        tone: bool = False,
        asked: Callable[[], int] = lambda: MOST_DOUBTED,
        language: str = "en",
        own_words: Callable[[], OwnWords | None] = lambda: None,
    ) -> None:
        """``asked``: how often the caller was asked to say it again since they were understood.
        ``own_words``: the agent's who answers now.

        ``anticipate`` gets the words with which a turn surely begins, while it goes on.

        ``post`` gets WordsSoFar when a part's words are known, and WordsChanged.  ``language``: the caller's.
        """
        self.language = language
        self._recognition = recognition
        self._audio = audio
        self._anticipate = anticipate
        self._post = post
        self._prosody = prosody
        self._tone = tone
        self._asked = asked
        self._own_words = own_words
        self._parts = Parts(
            audio.read, self._once, lambda: post(turn_taking.WordsSoFar()), audio.rate_hz, ring_s
        )
        self._stretch: Stretch | None = None
        self._following: asyncio.Task[None] | None = None
        self._confirming: set[asyncio.Task[Final]] = set()
        self._paused_samples: int | None = None
        """Where the caller has paused, until they go on."""
        self._checked = 0
        """The newest revision that was looked at a second time."""

    # --- what goes on --------------------------------------------------------------------------

    def paused(self, position_samples: int, voiced_ms: int) -> None:
        """The caller has paused there, after ``voiced_ms`` of voiced audio in the turn."""
        self._parts.paused(position_samples, voiced_ms)
        self._paused_samples = position_samples

    def went_on(self, position_samples: int) -> None:
        """They have gone on there."""
        self._parts.went_on(position_samples)
        paused, self._paused_samples = self._paused_samples, None
        if paused is not None and self._stretch is not None:
            session = self._stretch.session
            if isinstance(session, Piecewise):
                session.went_on((position_samples - paused) * 1000 // self._audio.rate_hz)

    def attend(self, turn_samples: int | None, *, speaks: bool, follow: bool) -> None:
        """The turn that began there goes on; None: there is none.  Asked again and again.

        ``speaks``: the caller does.  ``follow``: look at their words meanwhile.
        """
        if turn_samples is None or speaks:
            self._parts.attend(turn_samples, self._audio.written_samples, self._audio.pre_roll_samples)
        if turn_samples is not None and speaks and self._recognition.streams:
            start, _ = self._parts.rest(turn_samples, self._audio.pre_roll_samples)
            self._push(self._at(start), self._audio.written_samples, 0)
        if turn_samples is None or not follow or not speaks or self._parts.of(turn_samples):
            self._leave()
        elif self._following is None or self._following.done():
            start, _ = self._parts.rest(turn_samples, self._audio.pre_roll_samples)
            stretch = self._at(start)
            work = self._follow(stretch, joins=stretch.looking > 0)
            self._following = asyncio.create_task(work, name="follow")

    def said(self, turn_samples: int, stop_samples: int, voiced_ms: int) -> SaidSoFar:
        """What the caller has said from there until a pause, after so much voiced audio."""
        start, in_parts_ms = self._parts.rest(turn_samples, self._audio.pre_roll_samples)
        audio, played = self._audio.read(start, stop_samples + self._audio.samples(POST_ROLL_MS))
        parts = self._parts.of(turn_samples)
        said = SaidSoFar(self, audio, played, parts, max(0, voiced_ms - in_parts_ms), stop_samples)
        # What came into our answer may have been meant to stop it, however little of it was understood, and
        # the parts of a long turn are enough to answer.
        said.doubts = not said.echoes and not parts and self._asked() < MOST_DOUBTED
        if not said.echoes:
            said.stretch = self._at(start)
            said.closure = self._may_be_closure(said.stretch, audio, stop_samples)
            if not said.closure:
                self._push(said.stretch, stop_samples, POST_ROLL_MS)
        return said

    def _may_be_closure(self, stretch: Stretch, audio: Samples, stop_samples: int) -> bool:
        """The pause there, in the ``audio`` from the stretch's beginning on, may be one inside a word."""
        if self._recognition.streams or stretch.covers_samples >= stop_samples:
            return False  # a look costs nothing
        speech = audio[: max(0, stop_samples - stretch.start_samples)]
        return breaks_off(speech[-self._audio.samples(VOICE_MS) :], audio[len(speech) :], self._audio.rate_hz)

    async def pause_lasts(self, stretch: Stretch, stop_samples: int) -> None:
        """Wait until the caller has paused there for longer than words do inside, and have it looked at."""
        due_samples = stop_samples + self._audio.samples(SHORTEST_PAUSE_MS)
        await asyncio.sleep(max(0, due_samples - self._audio.written_samples) / self._audio.rate_hz)
        self._push(stretch, stop_samples, POST_ROLL_MS)

    def spawn(self, confirm: Coroutine[Any, Any, Final]) -> asyncio.Task[Final]:
        """A task of the call's."""
        task = asyncio.create_task(confirm, name="confirm")
        self._confirming.add(task)
        task.add_done_callback(self._confirming.discard)
        return task

    def close(self) -> None:
        """Nothing is wanted any more."""
        self._leave()
        for task in self._confirming:
            task.cancel()
        self._parts.close()
        if self._stretch is not None:
            self._stretch.close()

    # --- looks -----------------------------------------------------------------------------------

    def _at(self, start_samples: int) -> Stretch:
        if self._stretch is None or self._stretch.start_samples != start_samples:
            if self._stretch is not None:
                self._stretch.close()
            self._stretch = Stretch(start_samples, self._session())
        return self._stretch

    def _session(self) -> RecognitionSession:
        session = self._recognition.session(self._audio.rate_hz)
        own = self._own_words()
        if own is not None and isinstance(session, Expectant):
            session.expect(own)
        return session

    def _push(self, stretch: Stretch, speech_samples: int, behind_ms: int) -> None:
        """See to it that speech until there is in the session, and so much behind it, as far as it exists.

        When the speech is there already nothing is pushed, so that a look that was taken will do.
        """
        if stretch.covers_samples >= speech_samples and not self._recognition.streams:
            return
        stop_samples = min(speech_samples + self._audio.samples(behind_ms), self._audio.written_samples)
        if stop_samples > stretch.pushed_samples:
            with contextlib.suppress(BusyError):  # a minute is enough of what nobody has cut into parts
                stretch.session.push(self._audio.only(stretch.pushed_samples, stop_samples))
            stretch.pushed_samples = stop_samples
        stretch.covers_samples = speech_samples
        if not self._recognition.streams:
            stretch.looked_samples = stop_samples

    async def _once(self, audio: Samples, played: Samples, voiced_ms: int, claim: Claim | None = None) -> str:
        """The words of ``audio`` by itself; ``played`` is what we sent until its end."""
        if played.any():
            audio = await asyncio.to_thread(without_our_voice, audio, played, self._audio.rate_hz)
        return (await self.alone(audio, voiced_ms, claim or Claim(Urgency.PREPARED))).text

    async def alone(self, audio: Samples, voiced_ms: int, claim: Claim) -> Transcript:
        """``audio`` in a session of its own."""
        session = self._session()
        try:
            session.push(audio)
            return await session.final(voiced_ms, claim)
        finally:
            session.cancel()

    async def without_our_voice(self, audio: Samples, played: Samples) -> tuple[Samples, float]:
        """``audio`` with our own voice taken out, and the share of its sound that is left."""
        rate_hz = self._audio.rate_hz
        own = await asyncio.to_thread(without_our_voice, audio, played, rate_hz)
        before, after = frame_levels(audio, rate_hz), frame_levels(own, rate_hz)
        loud = before > QUIET_DBFS
        kept = loud & (after > QUIET_DBFS) & (after > before - ECHO_DROP_DB)
        return own, float(kept.sum() / loud.sum()) if loud.any() else 1.0

    async def prosody(self, audio: Samples) -> float | None:
        """What the melody of ``audio`` says of whether it is the end of a turn."""
        if self._prosody is None:
            return None
        rate_hz = self._audio.rate_hz
        audio = audio if rate_hz == STT_RATE_HZ else resample(audio, rate_hz, STT_RATE_HZ)
        return await asyncio.to_thread(self._prosody.turn_over, audio)

    async def tone(self, audio: Samples) -> Tone | None:
        """How ``audio`` is said, where anybody wants to know."""
        if not self._tone or not len(audio):
            return None
        return await asyncio.to_thread(tone_of, audio, self._audio.rate_hz)

    @property
    def rate_hz(self) -> int:
        return self._audio.rate_hz

    # --- while the caller speaks -----------------------------------------------------------------

    def _leave(self) -> None:
        """The caller has paused, or is not looked at any more; a revision may wait for the look already."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self, stretch: Stretch, *, joins: bool) -> None:
        """``joins``: a look goes on that was begun in a pause that was none: it is the first one ahead."""
        rate_hz = self._audio.rate_hz
        try:
            while True:
                if stretch.unseen is None:
                    if not joins:
                        first = self._audio.samples(FIRST_MS if self._recognition.streams else FIRST_HERE_MS)
                        missing = stretch.next_samples(first) - self._audio.written_samples
                        wait_s = max(missing / rate_hz, stretch.next_s - time.monotonic(), 0.02)
                        await asyncio.sleep(wait_s)
                        speech_samples = self._audio.written_samples - self._audio.samples(POST_ROLL_MS)
                        self._push(stretch, speech_samples, POST_ROLL_MS)
                    joins = False
                    stretch.unseen = await stretch.look(stretch.session.interim())
                words, stretch.unseen = stretch.unseen.split(), None
                stable = common(stretch.before, words)
                stretch.before = words
                if len(stable) > stretch.sent:
                    stretch.sent = len(stable)
                    await self._anticipate(" ".join(stable))
        except BusyError:
            pass  # others' finished turns come first
        except (ModelError, DeadlineError) as error:
            _log.warning("words could not be recognised ahead of the turn's end: %s", error)

    # --- in the wait -----------------------------------------------------------------------------

    def again_is_due(self, state: turn_taking.TurnState, now_ns: int) -> bool:
        """Whether the revision that is held is worth a second look now."""
        match state.floor:
            case turn_taking.Preparing(commit_at_ns=int(commit_at_ns), words=str()):
                ended_ns = state.voice.ended_ns
            case _:
                return False
        if ended_ns is None or self._checked == state.revision:
            return False
        left_ns = commit_at_ns - now_ns
        return now_ns >= ended_ns + AGAIN_MS * _NS_PER_MS and left_ns > AGAIN_LEFT_MS * _NS_PER_MS

    async def look_again(self, revision: Revision, turn_samples: int, paused_samples: int) -> None:
        """Recognise the turn with some more of the pause, where there is a sound in it, and compare."""
        self._checked = revision.number
        start, _ = self._parts.rest(turn_samples, self._audio.pre_roll_samples)
        stop_samples = paused_samples + self._audio.samples(AGAIN_MS)
        audio, played = self._audio.read(start, stop_samples)
        stretch = self._stretch
        if played.any() or stretch is None or stretch.start_samples != start:
            return  # our own echo may be in it, and makes words of its own
        if isinstance(stretch.session, Piecewise) and stretch.session.in_pieces:
            return  # a sound by itself would be a piece, and make words
        more = audio[len(audio) - max(0, stop_samples - stretch.pushed_samples) :]
        if not (frame_levels(more, self._audio.rate_hz) > QUIET_DBFS).any():
            return  # silence says nothing
        self._push(stretch, stop_samples, 0)
        claim, voiced_ms = Claim(Urgency.AHEAD), revision.trace.voiced_ms
        with contextlib.suppress(OffhookError):  # the words that were heard first will do
            words = (await stretch.look(stretch.session.final(voiced_ms, claim))).text
            if words and normalize(words) != normalize(revision.rest):
                self._checked = revision.number + 1  # what is made anew is not checked again
                self._post(turn_taking.WordsChanged(revision.number, stop_samples))


def common(before: list[str], now: list[str]) -> list[str]:
    """The words that two looks agree on, but the last: it may have been cut in two."""
    count = 0
    for one, other in zip(before, now, strict=False):
        if one != other:
            break
        count += 1
    stable = now[: min(count, len(now) - 1)] if now else []
    # Punctuation at the end is the recogniser's guess that this is the end.
    return [*stable[:-1], stable[-1].rstrip(".?!,;:")] if stable else []
