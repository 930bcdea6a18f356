"""A long turn is recognised in parts: nothing of it is lost, nothing twice, and no part is long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.call import parts
from offhook.call.parts import LONGEST_PART_S, PAUSE_MS, POST_ROLL_MS, Parts
from offhook.errors import BusyError

RATE_HZ = 8_000
RING_S = 25.0
PRE_ROLL = 1_600
ROLL = POST_ROLL_MS * RATE_HZ // 1000


class Caller:
    """Somebody who tells a long story: 20 ms of audio a step, "recognised" as where each part was."""

    def __init__(self) -> None:
        self.levels = np.zeros(RATE_HZ * 120, np.int16)
        self.heard: list[tuple[int, int]] = []
        """From where to where each part was: samples."""
        self.voiced_ms: list[int] = []
        self.told = 0
        self.busy = 0
        """Times that the recogniser has no time."""
        self.written = 0
        self.parts = Parts(self.read, self.hear, self.tell, RATE_HZ, RING_S)
        self._at: dict[int, tuple[int, int]] = {}

    def read(self, start: int, stop: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        assert start >= self.written - RING_S * RATE_HZ, "not overwritten yet"
        audio = self.levels[start:stop].copy()
        self._at[id(audio)] = (start, stop)
        return audio, np.zeros(0, np.int16)

    def hear(self, audio: NDArray[np.int16], played: NDArray[np.int16], voiced_ms: int) -> Awaitable[str]:
        where = self._at[id(audio)]

        async def recognised() -> str:
            if self.busy:
                self.busy -= 1
                raise BusyError("too many")
            self.heard.append(where)
            self.voiced_ms.append(voiced_ms)
            return f"part {len(self.heard)}"

        return recognised()

    def tell(self) -> None:
        self.told += 1

    def talk(self, turn: int, until_s: float, pause_every_s: float | None, pause_ms: int = 250) -> None:
        """From ``turn`` on [samples] without an end, until ``until_s``."""
        self.levels[turn:] = 1_000
        next_pause = None if pause_every_s is None else turn + round(pause_every_s * RATE_HZ)
        while self.written < until_s * RATE_HZ:
            self.written += 160
            if next_pause is not None and self.written >= next_pause:
                self.parts.paused(next_pause, (next_pause - turn) * 1000 // RATE_HZ)
                self.levels[next_pause : next_pause + pause_ms * RATE_HZ // 1000] = 0
                self.parts.went_on(next_pause + pause_ms * RATE_HZ // 1000)
                next_pause += round((pause_every_s or 0) * RATE_HZ)
            self.parts.attend(turn, self.written, PRE_ROLL)


TURN = 8_000


async def words(caller: Caller) -> list[str]:
    return [await asyncio.shield(part) for part in caller.parts.of(TURN)]


async def test_a_story_keeps_its_beginning() -> None:
    caller = Caller()
    caller.talk(TURN, 60, pause_every_s=3.1)
    assert await words(caller) == [f"part {n}" for n in range(1, 7)]
    assert caller.heard[0][0] == TURN - PRE_ROLL
    begins = [start for start, _ in caller.heard[1:]] + [caller.parts.rest(TURN, PRE_ROLL)[0]]
    assert [stop - ROLL for _, stop in caller.heard] == begins, "nothing lost, nothing twice"
    pauses = {TURN + round(n * 3.1 * RATE_HZ) for n in range(30)}
    assert set(begins) <= pauses, "cut at pauses"
    assert all(stop - start <= LONGEST_PART_S * RATE_HZ for start, stop in caller.heard)
    assert caller.parts.rest(TURN, PRE_ROLL)[1] == sum(caller.voiced_ms)
    assert caller.told == 6


async def test_without_a_pause_it_is_cut_where_it_is_quietest() -> None:
    caller = Caller()
    caller.levels[:] = 1_000
    quiet = TURN + round(17.2 * RATE_HZ)
    talking = caller.levels
    caller.talk(TURN, 5, None)
    talking[quiet : quiet + 400] = 100
    for written in range(caller.written, TURN + 30 * RATE_HZ, 160):
        caller.written = written
        caller.parts.attend(TURN, written, PRE_ROLL)
    assert len(await words(caller)) == 1
    (_, stop), *_ = caller.heard
    assert quiet <= stop - ROLL <= quiet + 400


async def test_closures_inside_words_are_no_pauses() -> None:
    caller = Caller()
    caller.talk(TURN, 17, pause_every_s=1.0, pause_ms=PAUSE_MS - 30)
    assert await words(caller) == []


async def test_an_ordinary_turn_is_never_cut_and_the_next_one_begins_anew() -> None:
    caller = Caller()
    caller.talk(TURN, 12, pause_every_s=1.0)
    assert await words(caller) == []
    assert caller.parts.rest(TURN, PRE_ROLL) == (TURN - PRE_ROLL, 0)
    caller.talk(TURN, 16, pause_every_s=1.0)
    assert len(await words(caller)) == 1
    caller.parts.attend(None, caller.written, PRE_ROLL)
    assert await words(caller) == []
    assert caller.parts.rest(caller.written, PRE_ROLL) == (caller.written - PRE_ROLL, 0)


async def test_a_recogniser_without_time_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_AGAIN_S", 0)
    caller = Caller()
    caller.busy = 3
    caller.talk(TURN, 16, pause_every_s=1.0)
    assert await words(caller) == ["part 1"]
    caller = Caller()
    caller.busy = 1_000
    caller.talk(TURN, 16, pause_every_s=1.0)
    with pytest.raises(BusyError):
        await words(caller)


async def test_a_part_of_another_turn_is_none_of_this_one() -> None:
    caller = Caller()
    caller.talk(TURN, 16, pause_every_s=1.0)
    assert caller.parts.of(TURN + 1) == []
    assert caller.parts.rest(TURN + 1, 0) == (TURN + 1, 0)
    caller.parts.close()
