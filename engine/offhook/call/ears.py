"""Listening closely to one caller: words while they still speak, and who it is that we hear.

Two things that the endpointer alone cannot do.  While the caller speaks, what there is gets
recognised again and again, and the words that stay the same go to the language model ahead of
the turn's end.  While we speak, the caller's line is judged: speech that is meant for us, or a
hum, a cough, our own echo.
"""

from __future__ import annotations

import asyncio
import logging
import time

from offhook.barge_in import JudgeSettings, LineEcho, Verdict, judge
from offhook.call.pipeline import Pipeline
from offhook.core import Stream
from offhook.doors.eagi.player import Speaker
from offhook.end_of_turn.levels import is_loud_now
from offhook.end_of_turn.wait import SHORTEST_PAUSE_MS
from offhook.errors import BusyError, DeadlineError, ModelError

_log = logging.getLogger("offhook.call.ears")

FIRST_MS = 700
"""Speech before which there is nothing worth recognising."""
EVERY_MS = 350
"""Between two recognitions of a turn that goes on, at least ..."""
SHARE = 6
"""... and at least so many times what the last one took: at most a sixth of one core per speaking caller."""
LEVEL_S = 2
"""Audio that tells how loud speech and pauses are."""
JUDGED_MS = 500
"""Audio from before the onset that judging needs: the noise that was there, the echo that began earlier."""
_NS_PER_S = 1_000_000_000


class Ears:
    """One call's close listening.  Lives on the event loop."""

    def __init__(self, stream: Stream, pipeline: Pipeline, speaker: Speaker, settings: JudgeSettings) -> None:
        self._stream = stream
        self._pipeline = pipeline
        self._speaker = speaker
        self._settings = settings
        self._following: asyncio.Task[None] | None = None
        self._onset: tuple[int, int] = (0, 0)
        """Where and when the caller began or went on: position in samples, monotonic ns."""
        self._verdict = Verdict.WAIT
        self._line = LineEcho()
        self.too_little = False
        """What was judged last may be speech, but on a line with an echo there is not enough of it to say."""

    # --- while the caller speaks -----------------------------------------------------------------

    def follow(self, start_samples: int) -> None:
        """Recognise the turn that began at ``start_samples`` while it goes on, until :meth:`leave`."""
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(start_samples), name="follow")

    def leave(self) -> None:
        """The caller has paused: their words are recognised elsewhere now."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self, start_samples: int) -> None:
        rate = self._stream.rate_hz
        before: list[str] = []
        sent = 0
        wait_ms = FIRST_MS - (self._stream.written_samples - start_samples) * 1000 / rate
        try:
            while True:
                await asyncio.sleep(max(wait_ms, 20) / 1000)
                _, audio = self._stream.read(start_samples, self._stream.written_samples)
                began = time.monotonic()
                words = (await self._pipeline.hear(audio, len(audio) * 1000 // rate)).split()
                wait_ms = max(EVERY_MS, (time.monotonic() - began) * 1000 * SHARE)
                stable = common(before, words)
                before = words
                if len(stable) > sent:
                    sent = len(stable)
                    await self._pipeline.anticipate(" ".join(stable))
        except BusyError:
            pass  # others' finished turns come first
        except (ModelError, DeadlineError) as error:
            _log.warning("words could not be recognised ahead of the turn's end: %s", error)

    # --- while we speak --------------------------------------------------------------------------

    def began(self, position_samples: int, at_ns: int, ended_ns: int | None = None) -> None:
        """The caller began to speak, or went on, there and then.

        ``ended_ns`` is when they had paused in what they were saying into our answer, if that is where
        they go on: the last sound of the turn that we are answering says nothing about an interruption.
        """
        closure = ended_ns is not None and at_ns - ended_ns < SHORTEST_PAUSE_MS * 1_000_000
        if closure and not self._line.known:
            return  # a consonant inside a word: what it has shown so far counts
        self._onset = (position_samples, at_ns)
        self._verdict = Verdict.WAIT
        self._line.next_sound()

    def wants_the_floor(self) -> bool:
        """Whether what the caller's line has carried since the onset is speech, meant to stop us."""
        position, at_ns = self._onset
        rate = self._stream.rate_hz
        first, heard = self._stream.read(
            max(0, position - JUDGED_MS * rate // 1000), self._stream.written_samples
        )
        start_ns = at_ns + (first - position) * _NS_PER_S // rate
        stop_ns = start_ns + len(heard) * _NS_PER_S // rate
        played = self._speaker.played(start_ns - JUDGED_MS * 1_000_000, stop_ns, rate)
        judged = judge(heard, position - first, played, self._settings, line=self._line)
        self._verdict = judged.verdict
        _log.debug("%d ms after the onset: %s", (len(heard) - position + first) * 1000 // rate, judged)
        self._line.learn(judged)
        self.too_little = self._line.has_too_little(judged, self._settings)
        return judged.verdict is Verdict.SPEECH and not self.too_little

    @property
    def not_for_us(self) -> bool:
        """What was judged last was our own echo, a noise or a hum."""
        return self._verdict in (Verdict.ECHO, Verdict.NOISE, Verdict.BACKCHANNEL)

    @property
    def ours(self) -> bool:
        """What was judged last was our own echo."""
        return self._verdict is Verdict.ECHO

    @property
    def echoes(self) -> bool:
        """The line has given something of our own voice back."""
        return self._line.sounds > 0

    def sound_now(self) -> bool:
        """Whether something as loud as speech is on the caller's line at this moment."""
        end = self._stream.written_samples
        _, audio = self._stream.read(max(0, end - LEVEL_S * self._stream.rate_hz), end)
        return is_loud_now(audio, self._stream.rate_hz)


def common(before: list[str], now: list[str]) -> list[str]:
    """The words that two recognitions agree on, but the last: it may have been cut in two."""
    count = 0
    for one, other in zip(before, now, strict=False):
        if one != other:
            break
        count += 1
    stable = now[: min(count, len(now) - 1)] if now else []
    # Punctuation at the end is the recogniser's guess that this is the end.
    return [*stable[:-1], stable[-1].rstrip(".?!,;:")] if stable else []
