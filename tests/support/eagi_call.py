"""A scripted call that comes by EAGI: real session and files, an Asterisk that plays them in no time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from offhook.core import PlayoutThread
from offhook.doors.base import Listening
from offhook.doors.eagi.lifeline import Handoff, HandoffState
from offhook.doors.eagi.line import EagiLine
from offhook.doors.media import Media
from offhook.playout.folder import PlaybackFolder, Shelf
from tests.support.agi_side import StdioAsterisk
from tests.support.clock import Clock

RATE_HZ = 8_000


class PlayingAsterisk(StdioAsterisk):
    """Asterisk and the caller's ear: a file is heard to its end at once; the clock moves by its length."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.played: list[str] = []
        """Names of the files that were heard, silence aside, without their folder's."""
        self.variables: dict[str, str] = {}
        self._clock = clock

    async def _execute(self, words: list[str]) -> None:
        match words:
            case ["STREAM", "FILE", name, _, offset] if "silence" not in name:
                *_, folder, file = name.split("/")
                self.played.append(f"{folder.partition('-')[0]}/{file}")
                length_s = _size_bytes(f"{name}.sln") / 2 / RATE_HZ
                new_s = length_s - int(offset) / RATE_HZ
                self._clock.pass_by(new_s + 0.1 if new_s > 0.02 else 1.0)  # silence, while more is made
                self.say("200 result=0 endpos=8000\n")
            case ["SET", "VARIABLE", name, value]:
                self.variables[name] = value
                self.say("200 result=1\n")
            case ["GET", "VARIABLE", _]:
                self.say("200 result=0\n")
            case _:
                await super()._execute(words)


def _size_bytes(file: str) -> int:
    return Path(file).stat().st_size


class EagiCaller:
    """The line and what is behind it; for ``scripted_call(door=...)``."""

    def __init__(self, clock: Clock, playback: PlaybackFolder) -> None:
        self.asterisk = PlayingAsterisk(clock)
        self.playout = PlayoutThread()
        self.closed = asyncio.Event()
        self._null = os.open("/dev/null", os.O_RDONLY)
        self.event: Callable[[Any], None]
        """Something of the caller's voice."""
        hearing = SimpleNamespace(add=self._hear, remove=lambda stream: None)
        self.media = Media(cast(Any, hearing), self.playout, playback)
        self._running = asyncio.create_task(self.asterisk.run())
        self.line: EagiLine

    def _hear(self, fd: int, rate_hz: int, on_event: Callable[[Any], None], listening: Listening) -> Any:
        self.event = on_event
        return SimpleNamespace(rate_hz=rate_hz, read=_read, written_samples=0, close=lambda: None)

    def handoff(self) -> Handoff:
        """What a launcher brings, as far as it matters here."""
        brought = SimpleNamespace(
            closed=self.closed,
            hello=SimpleNamespace(args=()),
            state=HandoffState.FINISHED,
            descriptors=SimpleNamespace(
                take_agi=lambda: self.asterisk.channel_fds, audio=self._null, take_audio=lambda: None
            ),
            accepted=lambda: None,
            refuse=lambda reason: None,
        )
        return cast(Handoff, brought)

    async def pick_up(self) -> EagiLine:
        self.line = await EagiLine.open(self.handoff(), self.media)
        return self.line

    @property
    def shelf(self) -> Shelf:
        """Where what is said lies, once something has been said."""
        player = self.line._player
        assert player is not None
        assert player._shelf is not None
        return player._shelf

    def hangs_up(self) -> None:
        self.closed.set()

    async def close(self) -> None:
        """Behind the call's end."""
        await self._running
        self.asterisk.hang_up()
        self.playout.stop()
        os.close(self._null)


def _read(start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
    return start, np.zeros(max(0, stop - start), np.int16)
