"""A call's output: one utterance at a time, stops that come early, and what was in the air."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.call.output import MAX_RESTARTS, CallOutput
from offhook.doors.base import CallOffer, PlaybackEnd
from offhook.errors import HangupError, PlaybackError
from offhook.playout.folder import Clip, PlaybackFolder
from offhook.playout.utterance import Utterance
from tests.support.clock import Clock
from tests.support.line import FakeLine, FakePlayer

RATE_HZ = 8_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ramp(seconds: float, start: int) -> NDArray[np.int16]:
    """Audio that is told from any other: no two samples alike, and none silent."""
    return (np.arange(round(seconds * RATE_HZ)) % 10_000 + start).astype(np.int16)


def spoken(output: CallOutput, text: str, audio: NDArray[np.int16]) -> Utterance:
    utterance = output.utterance()
    utterance.say(text, audio)
    utterance.finish()
    return utterance


async def test_a_file_is_in_the_air_for_as_long_as_it_was_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = 10**12
    monkeypatch.setattr("offhook.call.output.time", SimpleNamespace(monotonic_ns=lambda: now_ns))

    async def half_a_second(clip: Clip) -> None:
        nonlocal now_ns
        now_ns += 5 * 10**8

    output = CallOutput(cast(Any, SimpleNamespace(play_file=half_a_second)), RATE_HZ)
    file, began_ns, audio = tmp_path / "apology.sln", now_ns, ramp(1.0, 3_000)
    audio.tofile(file)
    await output.say_file(Clip(file, RATE_HZ, RATE_HZ))
    around = output.played(began_ns - 10**9, began_ns + 2 * 10**9)
    np.testing.assert_array_equal(around[RATE_HZ : RATE_HZ * 3 // 2], audio[: RATE_HZ // 2])
    assert not around[:RATE_HZ].any()
    assert not around[RATE_HZ * 3 // 2 :].any()
    inside = output.played(began_ns + 10**8, began_ns + 2 * 10**8)
    np.testing.assert_array_equal(inside, audio[800:1600])

    file.unlink()
    began_ns = now_ns
    await output.say_file(Clip(file, RATE_HZ, RATE_HZ))  # gone: nothing, and no accident
    assert not output.played(began_ns, began_ns + 10**9).any()


class Slow(FakePlayer):
    """It takes a while until a playback begins, and before that nothing can be cut."""

    def __init__(self, line: FakeLine) -> None:
        super().__init__(line, lambda key: None)
        self.asked, self.begins = asyncio.Event(), asyncio.Event()

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        self.asked.set()
        await self.begins.wait()
        return await super().play(utterance, keys_cut=keys_cut, started=started)


async def test_a_stop_while_a_playback_is_about_to_begin_is_not_lost_and_stops_nothing_else(
    clock: Clock,
) -> None:
    line = FakeLine(clock)
    player = line.ear = Slow(line)
    output = CallOutput(player, RATE_HZ)
    line.hold()
    first = asyncio.create_task(output.say(spoken(output, "one", ramp(1.0, 1)), audible=lambda: None))
    await player.asked.wait()
    await output.stop()
    player.begins.set()
    assert not await first
    line.let_go()
    assert await output.say(spoken(output, "two", ramp(1.0, 1)), audible=lambda: None)
    assert line.said == ["", "two"]


async def test_a_line_that_breaks_then_is_heard_of_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    line = FakeLine(clock)
    player = line.ear = Slow(line)
    output = CallOutput(player, RATE_HZ)
    line.hold()
    one = spoken(output, "one", ramp(1.0, 1))
    saying = asyncio.create_task(output.say(one, audible=line.hangs_up))
    await player.asked.wait()
    await output.stop()
    player.begins.set()
    with pytest.raises(HangupError):
        await saying
    cut = output._late_cut
    assert cut is not None
    await asyncio.wait([cut])
    output._late_cut = None
    del cut
    gc.collect()
    assert caplog.text == ""


class Restless(FakePlayer):
    """Every playback is over at once."""

    plays = 0

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        self.plays += 1
        return PlaybackEnd.END


async def test_a_playback_that_always_ends_too_early_is_given_up(clock: Clock) -> None:
    player = Restless(FakeLine(clock), lambda key: None)
    output = CallOutput(player, RATE_HZ)
    utterance = spoken(output, "one", ramp(1.0, 1))
    with pytest.raises(PlaybackError, match="ended too early"):
        await output.say(utterance, audible=lambda: None)
    assert (player.plays, utterance.restarts) == (MAX_RESTARTS, MAX_RESTARTS)


async def test_one_at_a_time_and_a_stop_is_for_all_that_were_waiting(clock: Clock) -> None:
    line = FakeLine(clock, CallOffer("fake", "1", rate_hz=16_000))
    output = CallOutput(line.player(lambda key: None), 16_000)
    line.hold()
    saying = [
        asyncio.create_task(output.say(spoken(output, text, ramp(1.0, 1)), audible=lambda: None))
        for text in ("one", "two", "three")
    ]
    await line.speaks()
    line.time_passes(1.0)
    await output.stop()
    assert await asyncio.gather(*saying) == [False, False, False]
    assert line.said == ["one"]


def test_a_clip_is_read_at_any_rate(tmp_path: Path) -> None:
    folder = PlaybackFolder(tmp_path)
    clip = folder.shelf("ready").keep(np.full(800, 1_000, np.int16), 8_000)
    assert len(clip.read(8_000)) == 800
    assert len(clip.read(16_000)) == 1_600
    folder.close()
    with pytest.raises(PlaybackError, match="cannot read"):
        clip.read(8_000)
