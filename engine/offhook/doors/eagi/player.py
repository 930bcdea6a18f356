"""What the caller hears: one answer at a time, and silence in between.

Silence is played too, as a file: it keeps RTP flowing (a NAT on the way forgets calls that are
quiet), it lets Asterisk see DTMF, which it throws away while no command waits for it, and ending
it costs no log line.  Any command ends a file that plays, at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offhook.doors.eagi.agi import AgiChannel, PlaybackResult
from offhook.errors import HangupError, OffhookError, PlaybackError
from offhook.playout.folder import Clip
from offhook.playout.utterance import QUIET_SAMPLE, Answer

_log = logging.getLogger("offhook.doors.eagi.player")

KEYS = "0123456789*#"
REMEMBERED = 3
"""Answers whose sound is kept, because its echo may still come back."""
ON_ITS_WAY_S = 0.3
"""So long after STREAM FILE has returned a phone may still be playing: a frame or two wait in Asterisk, and
the phone's jitter buffer, of 200 ms at most as a rule, is thrown away when the call is hung up."""
END_NEAR_S = 2
"""What we say is looked at so far back and ahead for its last sound."""
MAX_RESTARTS = 100
"""Files that one answer may need before something is taken to be wrong with the playback."""

_NS_PER_S = 1_000_000_000

OnKey = Callable[[str], None]


class Speaker:
    """One call's mouth.  Lives on the event loop; :meth:`close` before the AGI channel is closed."""

    def __init__(self, agi: AgiChannel, silence: Clip, on_key: OnKey) -> None:
        """``on_key`` gets each key the caller presses, whatever is being said."""
        self._agi = agi
        self._silence = silence
        self._on_key = on_key
        self._hush: asyncio.Task[None] | None = None
        self._answer: Answer | None = None
        self._said: deque[Answer] = deque(maxlen=REMEMBERED)
        self._mouth = asyncio.Lock()
        self._stops = 0
        """Times that :meth:`stop` was called: what was to be said before is not said after."""
        self._closed = False
        self._ended_ns: int | None = None
        """When the last playback was over."""
        self._late_stop: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Nothing is said: play silence from now on, until something is."""
        if self._hush is None and self._answer is None and not self._closed:
            self._hush = asyncio.create_task(self._play_silence(), name="silence")

    async def say(self, answer: Answer, *, keys_cut: bool = True, heard: Callable[[], None]) -> bool:
        """Play ``answer`` from where it was last cut; ``heard`` is called when the caller begins to hear it.

        ``keys_cut`` False: a key is reported and ``answer`` goes on within a frame.  Asterisk throws away
        keys that the command it runs does not name, so it has to be named and is ended by them.

        True at its end, False when :meth:`stop` or a key has cut it.  Raises PlaybackError,
        HangupError, DeadlineError.
        """
        wanted = self._stops
        restarts = 0
        while restarts < MAX_RESTARTS:
            await answer.ready.wait()
            async with self._mouth:
                if answer.name is None or self._stops != wanted:
                    return self._stops == wanted
                result = await self._play(answer, heard)
            if result.digit is not None:
                self._on_key(result.digit)
                if keys_cut:
                    return False
                if answer.heard_all:
                    return True
                continue
            if result.interrupted:
                return False
            if answer.heard_all:
                return True
            restarts += 1
            answer.restarts += 1  # Asterisk met the end of what there was of it
        raise PlaybackError(f"an answer's playback has ended too early {MAX_RESTARTS} times")

    async def say_file(self, clip: Clip) -> None:
        """Play a whole file to its end, behind whatever is said now; keys do not cut it.

        Raises PlaybackError, HangupError, DeadlineError.
        """
        async with self._mouth:
            self._be_quiet()
            try:
                await self._agi.stream_file(clip.name)
            finally:
                self.listen()

    async def stop(self) -> None:
        """Cut what is said, and what is waiting to be; returns when nothing of it is sent any more."""
        self._stops += 1
        if self._answer is not None:
            await self._agi.stop_playback()

    async def _play(self, answer: Answer, heard: Callable[[], None]) -> PlaybackResult:
        """One STREAM FILE, from where the answer was last cut."""
        assert answer.name is not None
        wanted = self._stops

        def started() -> None:
            heard()
            if self._stops != wanted:  # while the command was on its way
                self._late_stop = asyncio.create_task(self.stop(), name="late-stop")

        self._answer = answer
        if answer not in self._said:
            self._said.append(answer)
        self._be_quiet()
        offset = answer.offset_samples
        answer.started(time.monotonic_ns())
        try:
            return await self._agi.stream_file(answer.name, KEYS, offset, started=started)
        finally:
            self._ended_ns = time.monotonic_ns()
            answer.stopped(self._ended_ns)
            self._answer = None
            self.listen()

    def played(self, start_ns: int, stop_ns: int, rate_hz: int) -> NDArray[np.int16]:
        """What the caller was sent between two times: ``[samples]`` int16, zeros where nothing was."""
        sent = np.zeros(max(0, (stop_ns - start_ns) * rate_hz // 1_000_000_000), np.int16)
        for answer in self._said:
            part = answer.played(start_ns, stop_ns)
            length = min(len(part), len(sent))
            sent[:length] |= part[:length]  # never two at a time: the other one is zero there
        return sent

    def said_between(self, start_ns: int, stop_ns: int) -> str:
        """The words of ours that were in the air between two times."""
        parts = (answer.text_between(start_ns, stop_ns) for answer in self._said)
        return " ".join(part for part in parts if part)

    def own_voice_ends_ns(self, now_ns: int, rate_hz: int) -> int | None:
        """When the last sound of what is being said is over, or was, as far as it is within 2 s of now.

        None while more may be added to it.
        """
        if self._answer is not None and not self._answer.finished:
            return None
        start_ns = now_ns - END_NEAR_S * _NS_PER_S
        sent = self.played(start_ns, now_ns + END_NEAR_S * _NS_PER_S, rate_hz)
        sounds = np.flatnonzero(np.abs(sent.astype(np.int32)) > QUIET_SAMPLE)
        return start_ns + (int(sounds[-1]) + 1) * _NS_PER_S // rate_hz if len(sounds) else start_ns

    async def close(self) -> None:
        """No more silence, once what was said last has reached the caller's ear, if they are still there.

        What is being said is its task's business.
        """
        self._closed = True
        task, self._hush = self._hush, None
        if task is None:
            return
        try:
            await asyncio.wait([task], timeout=self._on_its_way_s())  # it ends by itself with the channel
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _on_its_way_s(self) -> float:
        """How long the end of what was said last may still take to the caller's ear."""
        if self._ended_ns is None:
            return 0.0
        return max(0.0, ON_ITS_WAY_S - (time.monotonic_ns() - self._ended_ns) / 1e9)

    def _be_quiet(self) -> None:
        """Let go of the silence: the next command ends it."""
        if self._hush is not None:
            self._hush.cancel()
            self._hush = None

    async def _play_silence(self) -> None:
        try:
            while True:
                result = await self._agi.stream_file(self._silence.name, KEYS)
                if result.digit is not None:
                    self._on_key(result.digit)
        except HangupError:
            pass  # the lifeline ends the call
        except OffhookError as error:
            _log.warning("no silence is played, and no keys are seen: %s", error)
