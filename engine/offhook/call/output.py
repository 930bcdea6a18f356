"""All that one caller is sent: one utterance at a time, and how far each of them was audible.

What was sent can be asked for while it may still come back as an echo; whoever wants all of it, to record the
call, asks again and again (:class:`offhook.call.tap.Tap`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offhook.doors.base import PlaybackEnd, Player
from offhook.errors import PlaybackError
from offhook.playout.folder import Clip
from offhook.playout.utterance import QUIET_SAMPLE, Utterance

REMEMBERED = 3
"""Utterances whose sound is kept, because its echo may still come back."""
END_NEAR_S = 2
"""What we say is looked at so far back and ahead for its last sound."""
MAX_RESTARTS = 100
"""Playbacks that one utterance may need before something is taken to be wrong with them."""

_NS_PER_S = 1_000_000_000


class CallOutput:
    """One call's.  Lives on the event loop.

    Fixed phrases and answers in the making are the same here: an :class:`Utterance`, made by
    :meth:`utterance`, filled by whoever has its words, and said by :meth:`say`.
    """

    def __init__(self, player: Player, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._player = player
        self._current: Utterance | None = None
        self._said: deque[Utterance] = deque(maxlen=REMEMBERED)
        self._mouth = asyncio.Lock()
        self._stops = 0
        """Times that :meth:`stop` was called: what was to be said before is not said after."""
        self._late_cut: asyncio.Task[None] | None = None
        self._file: tuple[int, NDArray[np.int16]] | None = None
        """The file that was played last: since when, and what of it was sent, or will be."""

    # --- saying ----------------------------------------------------------------------------------

    def utterance(self) -> Utterance:
        """A new one, without words and audio yet."""
        return Utterance(self.rate_hz, self._player.track)

    async def say(self, utterance: Utterance, *, keys_cut: bool = True, audible: Callable[[], None]) -> bool:
        """Say ``utterance`` from where it was last cut; ``audible`` is called when the caller begins to
        hear it.

        ``keys_cut`` False: a key is reported, and it goes on within a frame.

        True at its end, False when :meth:`stop` or a key has cut it.  Raises PlaybackError,
        HangupError, DeadlineError.
        """
        wanted = self._stops
        restarts = 0
        while restarts < MAX_RESTARTS:
            await utterance.ready.wait()
            async with self._mouth:
                if utterance.track is None or self._stops != wanted:
                    return self._stops == wanted
                end = await self._play(utterance, keys_cut, audible)
            if end is PlaybackEnd.CUT or (end is PlaybackEnd.KEY and keys_cut):
                return False
            if utterance.all_audible:
                return True
            if end is PlaybackEnd.END:
                restarts += 1
                utterance.restarts += 1  # the end was met of what there was of it
        raise PlaybackError(f"an answer's playback has ended too early {MAX_RESTARTS} times")

    async def say_file(self, clip: Clip) -> None:
        """Play a whole file to its end, behind whatever is said now; keys do not cut it.

        Raises PlaybackError, HangupError, DeadlineError.
        """
        async with self._mouth:
            began_ns, audio = time.monotonic_ns(), np.zeros(0, np.int16)
            with contextlib.suppress(PlaybackError):  # the file has gone: the player will say so
                audio = clip.read(self.rate_hz)
            self._file = (began_ns, audio)
            try:
                await self._player.play_file(clip)
            finally:
                sent = (time.monotonic_ns() - began_ns) * self.rate_hz // _NS_PER_S
                self._file = (began_ns, audio[:sent])

    async def stop(self) -> None:
        """Cut what is said, and what is waiting to be; returns when nothing of it is sent any more."""
        self._stops += 1
        if self._current is not None:
            await self._player.cut()

    async def close(self) -> None:
        """Say no more, once what was said last has reached the caller's ear, if they are still there.

        What is being said is its task's business.
        """
        await self._player.close()

    async def _play(self, utterance: Utterance, keys_cut: bool, audible: Callable[[], None]) -> PlaybackEnd:
        wanted = self._stops

        def started() -> None:
            audible()
            if self._stops != wanted:  # while the player was about to begin
                self._late_cut = asyncio.create_task(self._player.cut(), name="late-cut")
                self._late_cut.add_done_callback(_seen)

        self._current = utterance
        if utterance not in self._said:
            self._said.append(utterance)
        try:
            return await self._player.play(utterance, keys_cut=keys_cut, started=started)
        finally:
            self._current = None

    # --- what was in the air ---------------------------------------------------------------------

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What the caller was sent between two times: ``[samples]`` int16, zeros where nothing was."""
        sent = np.zeros(max(0, (stop_ns - start_ns) * self.rate_hz // _NS_PER_S), np.int16)
        for utterance in self._said:
            part = utterance.played(start_ns, stop_ns)
            length = min(len(part), len(sent))
            sent[:length] |= part[:length]  # never two at a time: the other one is zero there
        if self._file is not None:
            began_ns, audio = self._file
            at = (began_ns - start_ns) * self.rate_hz // _NS_PER_S
            first, last = max(at, 0), min(at + len(audio), len(sent))
            if first < last:
                sent[first:last] |= audio[first - at : last - at]
        return sent

    def played_text(self, start_ns: int, stop_ns: int) -> str:
        """The words of ours that were in the air between two times."""
        parts = (utterance.text_between(start_ns, stop_ns) for utterance in self._said)
        return " ".join(part for part in parts if part)

    def own_voice_ends_ns(self, now_ns: int) -> int | None:
        """When the last sound of what is being said is over, or was, as far as it is within 2 s of now.

        None while more may be added to it.
        """
        if self._current is not None and not self._current.finished:
            return None
        start_ns = now_ns - END_NEAR_S * _NS_PER_S
        sent = self.played(start_ns, now_ns + END_NEAR_S * _NS_PER_S)
        sounds = np.flatnonzero(np.abs(sent.astype(np.int32)) > QUIET_SAMPLE)
        return start_ns + (int(sounds[-1]) + 1) * _NS_PER_S // self.rate_hz if len(sounds) else start_ns


def _seen(cut: asyncio.Task[None]) -> None:
    """What goes wrong with it ends the playback, too, and is raised there."""
    if not cut.cancelled():
        cut.exception()
