"""Listening closely to one caller while we speak: is it speech that is meant for us, or a hum, a cough, our
own echo?
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from copy import copy
from functools import partial
from typing import Any

from offhook.barge_in import LATEST_ECHO_MS, Judgement, JudgeSettings, LineEcho, Verdict, judge
from offhook.call.output import CallOutput
from offhook.core import Stream
from offhook.end_of_turn.levels import is_loud_now
from offhook.end_of_turn.wait import SHORTEST_PAUSE_MS

_log = logging.getLogger("offhook.call.ears")

LEVEL_S = 2
"""Audio that tells how loud speech and pauses are."""
JUDGED_MS = 500
"""Audio from before the onset that judging needs: the noise that was there."""
LATEST_MS = 1_600
"""The judge looks at no more than the latest 1.5 s; its low-pass wants a little before that."""
_NS_PER_S = 1_000_000_000


class Ears:
    """One call's close listening.  Lives on the event loop; judging, which is arithmetic, does not."""

    def __init__(
        self,
        stream: Stream,
        output: CallOutput,
        settings: JudgeSettings,
        *,
        worker: Executor,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        wake: Callable[[], None],
        line: LineEcho | None = None,
    ) -> None:
        """``worker`` judges; nothing that takes long should come before it there.  ``spawn`` runs tasks.

        ``line`` is told what is learned of its echo.

        ``wake`` is called when the caller is found to want the floor: ask :meth:`wants_the_floor`.
        """
        self._worker = worker
        self._spawn = spawn
        self._wake = wake
        self._stream = stream
        self._output = output
        self._settings = settings
        self._onset: tuple[int, int] = (0, 0)
        """Where and when the caller began or went on: position in samples, monotonic ns."""
        self._sound = 0
        """Counts what the caller began to say, or went on with."""
        self._judging = False
        """A judgement is on its way; never two of one call."""
        self._wanted = False
        """The sound that goes on was judged to be speech, meant to stop us."""
        self._verdict = Verdict.WAIT
        self._line = line or LineEcho()
        self.too_little = False
        """What was judged last may be speech, but on a line with an echo there is not enough of it to say."""

    def began(self, position_samples: int, at_ns: int, ended_ns: int | None = None) -> None:
        """The caller began to speak, or went on, there and then.

        ``ended_ns`` is when they had paused in what they were saying into our answer, if that is where
        they go on: the last sound of the turn that we are answering says nothing about an interruption.
        """
        closure = ended_ns is not None and at_ns - ended_ns < SHORTEST_PAUSE_MS * 1_000_000
        if closure and not self._line.known:
            return  # a consonant inside a word: what it has shown so far counts
        self._onset = (position_samples, at_ns)
        self._sound += 1
        self._wanted = False
        self._verdict = Verdict.WAIT
        self._line.next_sound()

    def wants_the_floor(self, both_speak: bool) -> bool:
        """Whether what the caller's line carries is speech, meant to stop us.  Asked again and again.

        While ``both_speak``, each time that it is asked a judgement begins on the worker, unless one is going
        on, and the answer is what the last one said; ``wake`` is called when one says yes.  A judgement says
        nothing about a sound that began after it, and none counts any more once one of us is silent.
        """
        if not both_speak:
            self._wanted = False
        elif not self._wanted and not self._judging:
            self._judging = True
            self._spawn(self._judge())
        return self._wanted

    async def _judge(self) -> None:
        sound, loop = self._sound, asyncio.get_running_loop()
        try:
            judged = await loop.run_in_executor(self._worker, self.question())
        finally:
            self._judging = False
        if sound == self._sound and self.learn(judged):
            self._wake()

    def question(self) -> Callable[[], Judgement]:
        """What is to be judged, as it is now, to be asked anywhere.  Only what is looked at is copied."""
        position, at_ns = self._onset
        rate, now = self._stream.rate_hz, self._stream.written_samples
        wanted = max(position - JUDGED_MS * rate // 1000, now - LATEST_MS * rate // 1000, 0)
        first, heard = self._stream.read(wanted, now)
        start_ns = at_ns + (first - position) * _NS_PER_S // rate
        stop_ns = start_ns + len(heard) * _NS_PER_S // rate
        played = self._output.played(start_ns - LATEST_ECHO_MS * 1_000_000, stop_ns)
        return partial(judge, heard, position - first, played, self._settings, line=copy(self._line))

    def learn(self, judged: Judgement) -> bool:
        """Take what was judged of this sound; whether it is speech that is to stop us."""
        self._verdict = judged.verdict
        _log.debug("the caller's line since the onset: %s", judged)
        self._line.learn(judged)
        self.too_little = self._line.has_too_little(judged, self._settings)
        self._wanted = judged.verdict is Verdict.SPEECH and not self.too_little
        return self._wanted

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
        return self._line.echoes

    def sound_now(self) -> bool:
        """Whether something as loud as speech is on the caller's line at this moment."""
        end = self._stream.written_samples
        _, audio = self._stream.read(max(0, end - LEVEL_S * self._stream.rate_hz), end)
        return is_loud_now(audio, self._stream.rate_hz)
