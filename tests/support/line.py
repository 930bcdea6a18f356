"""A line without any protocol: its time is what the test says, and what the caller hears can be read as text.

What is said is audible to its end at once, and the clock moves by its length; unless the line is held: then
it stays where it is until the test lets it go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from offhook.core import Stream
from offhook.doors.base import CallOffer, Listening, OnEvent, OnKey, PlaybackEnd
from offhook.errors import HangupError, OffhookError, PlaybackError
from offhook.playout.folder import Clip
from offhook.playout.utterance import Utterance
from tests.support.clock import Clock, reached

Samples = NDArray[np.int16]

BEHIND_S = 0.1
"""Between the end of what was said and what comes next."""
_NS_PER_S = 1_000_000_000


class FakeTrack:
    """Audio in memory.  It moves when it is told to, and is in the air at no other time."""

    def __init__(self, rate_hz: int, full: Callable[[], bool]) -> None:
        """``full``: nothing more can be written."""
        self.underruns = 0
        self.finished = asyncio.Event()
        self.dropped = False
        self._rate_hz = rate_hz
        self._full = full
        self._content = np.zeros(0, np.int16)
        self._at = 0
        self._playing = False
        self._aired: list[tuple[int, int, int]] = []
        """Stretches of content that were audible: since when, from where, up to where."""

    @property
    def written_samples(self) -> int:
        return len(self._content)

    @property
    def left_s(self) -> float:
        return (len(self._content) - self._at) / self._rate_hz

    def write(self, audio: Samples) -> None:
        if self._full():
            raise PlaybackError("cannot write: No space left on device")
        self._content = np.concatenate((self._content, audio))

    def finish(self) -> None:
        self.finished.set()

    def offset_samples(self, position: int) -> int:
        return position

    def start(self, at_ns: int, offset_samples: int = 0) -> None:
        self._at, self._playing = offset_samples, True

    def stop(self, at_ns: int) -> None:
        self._playing = False

    def pass_by(self, seconds: float) -> None:
        """So much of it is audible from now on."""
        stop = min(self._at + round(seconds * self._rate_hz), len(self._content))
        self._aired.append((time.monotonic_ns(), self._at, stop))
        self._at = stop

    def position(self, now_ns: int) -> int:
        at = 0
        for since_ns, start, stop in self._aired:
            if since_ns <= now_ns:
                at = min(stop, start + (now_ns - since_ns) * self._rate_hz // _NS_PER_S)
        return at

    def played(self, start_ns: int, stop_ns: int) -> Samples:
        sent = np.zeros(max(0, (stop_ns - start_ns) * self._rate_hz // _NS_PER_S), np.int16)
        aired = list(self._aired)
        if self._playing:  # if nothing changes
            aired.append((time.monotonic_ns(), self._at, len(self._content)))
        for since_ns, start, stop in aired:
            at = (since_ns - start_ns) * self._rate_hz // _NS_PER_S
            first, last = max(at, 0), min(at + stop - start, len(sent))
            if first < last:
                sent[first:last] = self._content[start + first - at : start + last - at]
        return sent

    def drop(self) -> None:
        self._playing, self.dropped = False, True


class FakePlayer:
    """Says what it is told to; made by :meth:`FakeLine.player`."""

    def __init__(self, line: FakeLine, on_key: OnKey) -> None:
        self.tracks: list[FakeTrack] = []
        self.closed = False
        self.keys_cut = False
        self.playing: FakeTrack | None = None
        self._line = line
        self._on_key = on_key
        self._over: asyncio.Future[PlaybackEnd] | None = None

    def track(self) -> FakeTrack:
        made = FakeTrack(self._line.offer.rate_hz, lambda: self._line.full)
        self.tracks.append(made)
        return made

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        assert not self.closed
        assert self._over is None, "one at a time"
        track = utterance.track
        assert isinstance(track, FakeTrack)
        self._line.check()
        self._over, self.keys_cut = asyncio.get_running_loop().create_future(), keys_cut
        utterance.started(time.monotonic_ns())
        self.playing = track
        started()
        going = asyncio.ensure_future(self._to_its_end(track))
        try:
            end = await self._over
        finally:
            going.cancel()
            self.playing = self._over = None
            utterance.stopped(time.monotonic_ns())
            self._line.said.append(utterance.audible_text(time.monotonic_ns()))
        return end

    async def _to_its_end(self, track: FakeTrack) -> None:
        await track.finished.wait()  # silence is sent while more is made
        while self._line.held:
            await self._line.goes_on.wait()
        if self._over is None or self._over.done():
            return  # it was cut before
        self._line.time_passes(track.left_s)
        self._line.clock.pass_by(BEHIND_S)
        self.end(PlaybackEnd.END)

    def end(self, how: PlaybackEnd) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(how)

    def fail(self, error: OffhookError) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    async def play_file(self, clip: Clip) -> None:
        self._line.check()
        self._line.files.append(clip)
        self._line.clock.pass_by(clip.duration_ms / 1000)

    async def cut(self) -> None:
        self._line.check()
        self.end(PlaybackEnd.CUT)

    def press(self, key: str) -> None:
        self._on_key(key)
        if self.keys_cut:
            self.end(PlaybackEnd.KEY)

    async def close(self) -> None:
        self.closed = True


class FakeLine:
    """See :class:`offhook.doors.base.Line`."""

    def __init__(self, clock: Clock, offer: CallOffer | None = None) -> None:
        self.clock = clock
        self.offer = offer or CallOffer("fake", "fake-1")
        self.ended = asyncio.Event()
        self.goes_on = asyncio.Event()
        """What is said is audible to its end at once."""
        self.goes_on.set()
        self.said: list[str] = []
        """What was audible of each playback, in order."""
        self.files: list[Clip] = []
        self.full = False
        """Nothing more can be written."""
        self.accepted = self.answered = self.closed = False
        self.variables: dict[str, str] = {}
        self.result: str | None = None
        """What the dialplan is told."""
        self.ear: FakePlayer | None = None
        self.position = 0
        """Of the caller's audio. [samples]"""
        self._on_event: OnEvent | None = None
        self._broken: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    # --- what a call asks of a line --------------------------------------------------------------

    def accept(self) -> None:
        assert not self.accepted
        self.accepted = True

    async def answer(self) -> None:
        self.check()
        self.answered = True

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        assert self._on_event is None
        self._on_event = on_event
        return cast(Stream, _Silence(self))

    def player(self, on_key: OnKey) -> FakePlayer:
        assert self.ear is None
        self.ear = FakePlayer(self, on_key)
        return self.ear

    async def gone(self) -> None:
        ended: asyncio.Future[Any] = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait([ended, self._broken], return_when=asyncio.FIRST_COMPLETED)
            if self._broken.done():
                self._broken.result()
        finally:
            ended.cancel()

    async def get_variable(self, name: str) -> str | None:
        self.check()
        return self.variables.get(name)

    async def set_variable(self, name: str, value: str) -> None:
        self.check()
        self.variables[name] = value

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        assert self.result is None
        assert not self.closed
        self.result = result
        self.variables |= variables or {}

    def close(self) -> None:
        self.closed = True

    # --- what happens on it ----------------------------------------------------------------------

    def event(self, event: Any) -> None:
        """Something of the caller's voice."""
        assert self._on_event is not None
        self._on_event(event)

    @property
    def held(self) -> bool:
        """What is said next, or now, stays where it is."""
        return not self.goes_on.is_set()

    def hold(self) -> None:
        self.goes_on.clear()

    def let_go(self) -> None:
        """What is said goes on to its end."""
        self.goes_on.set()

    def time_passes(self, seconds: float) -> None:
        """The clock moves, and what is being said with it."""
        if self.ear is not None and self.ear.playing is not None:
            self.ear.playing.pass_by(seconds)
        self.position += round(seconds * self.offer.rate_hz)
        self.clock.pass_by(seconds)

    async def speaks(self) -> None:
        """Until something is being said that is held."""
        await reached(lambda: self.ear is not None and self.ear.playing is not None, "something is said")

    def presses(self, keys: str) -> None:
        assert self.ear is not None
        for key in keys:
            self.ear.press(key)

    def hangs_up(self) -> None:
        """The caller does."""
        self.ended.set()
        if self.ear is not None:
            self.ear.fail(HangupError("the channel has hung up"))

    def breaks(self, error: OffhookError) -> None:
        """Nobody can talk with Asterisk any more."""
        self._broken.set_exception(error)
        if self.ear is not None:
            self.ear.fail(error)

    def check(self) -> None:
        """Raises when there is nobody any more."""
        if self.ended.is_set():
            raise HangupError("the channel has hung up")
        if self._broken.done():
            self._broken.result()


class _Silence:
    """The caller's audio: nothing that could be recognised, but as long as it has lasted."""

    def __init__(self, line: FakeLine) -> None:
        self._line = line
        self.rate_hz = line.offer.rate_hz

    @property
    def written_samples(self) -> int:
        return self._line.position

    def set_endpointing_ms(self, endpointing_ms: int) -> None:
        """Silence ends nothing."""

    def read(self, start: int, stop: int) -> tuple[int, Samples]:
        return start, np.zeros(max(0, stop - start), np.int16)
