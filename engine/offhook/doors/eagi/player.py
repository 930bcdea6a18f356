"""Utterances as files that Asterisk plays, and silence in between.

Silence is played too, as a file: it keeps RTP flowing (a NAT on the way forgets calls that are
quiet), it lets Asterisk see DTMF, which it throws away while no command waits for it, and ending
it costs no log line.  Any command ends a file that plays, at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from offhook.core import PlayoutThread
from offhook.doors.agi.agi import AgiChannel
from offhook.doors.base import OnKey, PlaybackEnd
from offhook.errors import HangupError, OffhookError
from offhook.playout.folder import Clip, GrowingClip, PlaybackFolder, Shelf
from offhook.playout.utterance import Utterance

_log = logging.getLogger("offhook.doors.eagi.player")

KEYS = "0123456789*#"
ON_ITS_WAY_S = 0.3
"""So long after STREAM FILE has returned a phone may still be playing: a frame or two wait in Asterisk, and
the phone's jitter buffer, of 200 ms at most as a rule, is thrown away when the call is hung up."""


class EagiPlayer:
    """See :class:`offhook.doors.base.Player`.  :meth:`close` before the AGI channel is closed."""

    def __init__(
        self, agi: AgiChannel, folder: PlaybackFolder, thread: PlayoutThread, rate_hz: int, on_key: OnKey
    ) -> None:
        self._agi = agi
        self._folder = folder
        self._thread = thread
        self._rate_hz = rate_hz
        self._on_key = on_key
        self._shelf: Shelf | None = None
        self._hush: asyncio.Task[None] | None = None
        self._plays = False
        """An utterance, and not silence."""
        self._closed = False
        self._ended_ns: int | None = None
        """When the last playback was over."""

    def track(self) -> GrowingClip:
        if self._shelf is None:
            self._shelf = self._folder.shelf("call")
        return self._shelf.grow(self._thread, self._rate_hz)

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        """One STREAM FILE.

        Asterisk throws away keys that the command it runs does not name: so they are named, and end it
        whether ``keys_cut`` or not.
        """
        clip = utterance.track
        assert isinstance(clip, GrowingClip), "this player's own"
        self._plays = True
        self._be_quiet()
        offset = utterance.offset_samples
        utterance.started(time.monotonic_ns())
        try:
            result = await self._agi.stream_file(clip.name, KEYS, offset, started=started)
        finally:
            self._ended_ns = time.monotonic_ns()
            utterance.stopped(self._ended_ns)
            self._plays = False
            self.listen()
        if result.digit is not None:
            self._on_key(result.digit)
            return PlaybackEnd.KEY
        return PlaybackEnd.CUT if result.interrupted else PlaybackEnd.END

    async def play_file(self, clip: Clip) -> None:
        self._be_quiet()
        try:
            await self._agi.stream_file(clip.name)
        finally:
            self.listen()

    async def cut(self) -> None:
        if self._plays:
            await self._agi.stop_playback()

    def listen(self) -> None:
        """Nothing is said: play silence from now on, until something is."""
        if self._hush is None and not self._plays and not self._closed:
            self._hush = asyncio.create_task(self._play_silence(), name="silence")

    async def close(self) -> None:
        """What is being said is its task's business."""
        self._closed = True
        task, self._hush = self._hush, None
        if task is None:
            return
        try:
            await asyncio.wait([task], timeout=self._on_its_way_s())  # it ends by itself with the channel
        finally:
            task.cancel()
            await asyncio.wait([task])

    def drop_files(self) -> None:
        """Remove whatever files there are.  Any number of times."""
        if self._shelf is not None:
            self._shelf.close()

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
            silence = self._folder.silence(self._rate_hz)
            while True:
                result = await self._agi.stream_file(silence.name, KEYS)
                if result.digit is not None:
                    self._on_key(result.digit)
        except HangupError:
            pass  # the lifeline ends the call
        except OffhookError as error:
            _log.warning("no silence is played, and no keys are seen: %s", error)
