"""Utterances sent by ourselves, frame by frame: what doors share whose clock we are.

The frames go out on a native thread (csrc/audio/sender.h).  Here is what the call sees of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offhook.core import PlayoutBuffer, Sender
from offhook.doors.base import OnKey, PlaybackEnd
from offhook.errors import HangupError
from offhook.playout.folder import Clip
from offhook.playout.utterance import Utterance

ON_ITS_WAY_S = 0.3
"""What was sent last may take so long to the caller's ear; see the EAGI door's."""
FRAMES_PER_S = 50


class SentTrack:
    """See :class:`offhook.playout.utterance.Track`: an utterance in memory, played by a sender."""

    def __init__(self, sender: Sender, rate_hz: int) -> None:
        self.playback: int | None = None
        """The number of the latest playback."""
        self._sender = sender
        self._buffer = PlayoutBuffer(rate_hz)

    @property
    def written_samples(self) -> int:
        return self._buffer.written_samples

    @property
    def underruns(self) -> int:
        return self._buffer.underruns

    def write(self, audio: NDArray[np.int16], /) -> None:
        self._buffer.write(audio)

    def finish(self) -> None:
        self._buffer.finish()

    def offset_samples(self, position: int, /) -> int:
        """Whole frames: what was stopped stopped between two of them, so nothing comes twice."""
        exact = self._buffer.file_position(position)
        return exact - exact % (self._buffer.rate_hz // FRAMES_PER_S)

    def start(self, at_ns: int, offset_samples: int = 0, /) -> None:
        """Send it from that offset on, now.  Raises HangupError when the line is broken."""
        try:
            self.playback = self._sender.play(self._buffer, offset_samples)
        except OSError as error:
            raise HangupError("nothing can be sent to the caller any more") from error

    def stop(self, at_ns: int, /) -> None:
        if self._buffer.playing:
            self._sender.stop()

    def played_all_but(self, queued_samples: int) -> None:
        """Of what was sent before :meth:`stop`, so much was thrown away before it was audible."""
        self._buffer.audible_until(self._sender.sent_samples - queued_samples)

    def position(self, now_ns: int, /) -> int:
        return self._buffer.position(now_ns)

    def played(self, start_ns: int, stop_ns: int, /) -> NDArray[np.int16]:
        return self._buffer.played(start_ns, stop_ns)

    def drop(self) -> None:
        self.stop(time.monotonic_ns())


class PacedPlayer:
    """See :class:`offhook.doors.base.Player`."""

    def __init__(self, sender: Sender, rate_hz: int, on_key: OnKey) -> None:
        self._sender = sender
        self._rate_hz = rate_hz
        self._on_key = on_key
        self._track: SentTrack | None = None
        """What is being played."""
        self._over: asyncio.Future[PlaybackEnd] | None = None
        """What becomes of it."""
        self._keys_cut = False
        self._cutting: asyncio.Task[None] | None = None
        self._being_cut: asyncio.Future[PlaybackEnd] | None = None
        self._ended_ns: int | None = None
        """When the last playback was over."""

    def track(self) -> SentTrack:
        return SentTrack(self._sender, self._rate_hz)

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        track = utterance.track
        assert isinstance(track, SentTrack), "this player's own"
        over = self._begin(track, keys_cut=keys_cut)
        try:
            utterance.started(time.monotonic_ns())
            started()
            return await over
        finally:
            self._ended_ns = time.monotonic_ns()
            utterance.stopped(self._ended_ns)
            self._finish(over)

    async def play_file(self, clip: Clip) -> None:
        track = self.track()
        track.write(clip.read(self._rate_hz))
        track.finish()
        over = self._begin(track, keys_cut=False)
        try:
            track.start(time.monotonic_ns())
            await over
        finally:
            self._ended_ns = time.monotonic_ns()
            track.drop()
            self._finish(over)

    async def cut(self) -> None:
        await self._cut(PlaybackEnd.CUT)

    async def close(self) -> None:
        """What is being said is its task's business."""
        if self._ended_ns is not None and not self._sender.broken:
            left_s = ON_ITS_WAY_S - (time.monotonic_ns() - self._ended_ns) / 1e9
            await asyncio.sleep(max(0.0, left_s))

    # --- what the line tells ---------------------------------------------------------------------

    def key_pressed(self, key: str) -> None:
        self._on_key(key)
        if self._keys_cut and self._over is not None:
            self._keys_cut = False
            self._cutting = asyncio.create_task(self._cut(PlaybackEnd.KEY), name="key")

    def ended(self, playback: int, broken: bool) -> None:
        """A playback was sent to its end, or the line broke."""
        over = self._over
        if over is None or over.done():
            return
        if broken:
            over.set_exception(HangupError("nothing can be sent to the caller any more"))
        elif self._track is not None and self._track.playback == playback:
            self.sent_all(over)

    # --- for doors where the other side plays from a queue of its own ---------------------------------

    def sent_all(self, over: asyncio.Future[PlaybackEnd]) -> None:
        """By our clock, the caller has heard all of it."""
        over.set_result(PlaybackEnd.END)

    async def throw_away(self, track: SentTrack) -> None:
        """What was sent of ``track`` and not heard yet shall not be."""

    # --- within ----------------------------------------------------------------------------------

    def _begin(self, track: SentTrack, *, keys_cut: bool) -> asyncio.Future[PlaybackEnd]:
        assert self._over is None, "one thing at a time"
        self._track = track
        self._keys_cut = keys_cut
        self._over = asyncio.get_running_loop().create_future()
        return self._over

    def _finish(self, over: asyncio.Future[PlaybackEnd]) -> None:
        track, self._track, self._over = self._track, None, None
        self._keys_cut = False
        if not over.done():  # the task was cancelled
            over.cancel()
            if track is not None:
                self._cutting = asyncio.create_task(self.throw_away(track), name="throw-away")

    async def _cut(self, how: PlaybackEnd) -> None:
        over, track = self._over, self._track
        if over is None or over.done() or track is None:
            return
        if self._being_cut is over:  # by a key and by us at once
            await asyncio.wait({over})
            return
        self._being_cut = over
        track.stop(time.monotonic_ns())
        await self.throw_away(track)
        if not over.done():
            over.set_result(how)
