"""What EAGI plays for a call: one file an utterance, silence in between, keys, and stopping at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from offhook.call.output import CallOutput
from offhook.core import PlayoutThread
from offhook.doors.agi.agi import AgiChannel
from offhook.doors.eagi.player import KEYS, EagiPlayer
from offhook.errors import HangupError
from offhook.playout.folder import GrowingClip, PlaybackFolder
from offhook.playout.utterance import Utterance
from tests.support.agi_side import WAIT_S, AsteriskSide, by_hand


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[PlaybackFolder]:
    folder = PlaybackFolder(tmp_path)
    yield folder
    folder.close()


@pytest.fixture
def thread() -> Iterator[PlayoutThread]:
    with PlayoutThread() as thread:
        yield thread


class Scene:
    """A call's output, the test as Asterisk, and what the caller pressed."""

    def __init__(
        self, channel: AgiChannel, side: AsteriskSide, folder: PlaybackFolder, thread: PlayoutThread
    ):
        self.side = side
        self.keys: list[str] = []
        self.audible = asyncio.Event()
        self.player = EagiPlayer(channel, folder, thread, 8_000, self.keys.append)
        self.output = CallOutput(self.player, 8_000)

    def answer(self, *clauses: str, finished: bool = True) -> Utterance:
        """100 ms of audio per word."""
        answer = self.output.utterance()
        for clause in clauses:
            answer.clause(clause)
            answer.write(np.full(800 * len(clause.split()), 1000, np.int16))
        if finished:
            answer.finish()
        return answer

    def say(self, answer: Utterance, *, keys_cut: bool = True) -> asyncio.Task[bool]:
        return asyncio.create_task(self.output.say(answer, keys_cut=keys_cut, audible=self.audible.set))

    async def stream_file(self, *, silence: bool = False) -> list[str]:
        """The next STREAM FILE of an answer, or of silence; whatever ends others is confirmed."""
        while True:
            line = await self.side.line()
            if line.startswith("STREAM FILE"):
                if ("silence" in line) is silence:
                    return line.split()
                continue
            self.side.say(f"200 result=1 ({line.split()[-1]})\n")

    async def marker(self) -> None:
        """Something is ended: confirm it."""
        line = await self.side.line()
        assert line.startswith("GET FULL VARIABLE"), line
        self.side.say(f"200 result=1 ({line.split()[-1]})\n")


def file_of(answer: Utterance) -> str:
    """What STREAM FILE is told."""
    assert isinstance(answer.track, GrowingClip)
    return answer.track.name


@asynccontextmanager
async def scene(folder: PlaybackFolder, thread: PlayoutThread) -> AsyncIterator[Scene]:
    async with by_hand() as (channel, side):
        made = Scene(channel, side, folder, thread)
        try:
            yield made
        finally:
            await made.output.close()


async def test_an_answer_is_one_stream_file_and_silence_follows(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three", "four five")
        task = here.say(answer)
        words = await here.stream_file()
        assert words[2].strip('"') == file_of(answer)
        assert words[3] == f'"{KEYS}"'
        assert words[4] == "0"
        await asyncio.wait_for(here.audible.wait(), WAIT_S)
        answer.stopped(time.monotonic_ns() + 10**9)  # a second later, though nobody waited for it
        here.side.say("200 result=0 endpos=4000\n")
        assert await task
        await here.stream_file(silence=True)


async def test_stopping_ends_the_file_and_says_what_was_heard(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four " * 100)  # 40 s: any machine stops it before its end
        task = here.say(answer)
        await here.stream_file()
        stopping = asyncio.create_task(here.output.stop())
        await here.marker()
        await stopping
        assert await task is False
        assert answer.offset_samples < answer.written_samples
        # It goes on where it was.
        again = here.say(answer)
        words = await here.stream_file()
        assert words[4] == str(answer.offset_samples)
        again.cancel()


async def test_a_stop_before_anything_is_ready_means_that_nothing_is_said(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer(finished=False)
        task = here.say(answer)
        await asyncio.sleep(0)
        await here.output.stop()
        answer.clause("too late")
        answer.write(np.zeros(800, np.int16))
        assert await task is False
        assert not here.audible.is_set()
        assert here.side.silent()


async def test_a_key_ends_the_answer_and_is_reported(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        task = here.say(here.answer("one two three"))
        await here.stream_file()
        here.side.say("200 result=53 endpos=800\n")
        assert await task is False
        assert here.keys == ["5"]
        # and keys are seen in the silence, one after the other
        await here.stream_file(silence=True)
        here.side.say("200 result=35 endpos=800\n")
        await here.stream_file(silence=True)
        assert here.keys == ["5", "#"]


async def test_what_has_to_be_played_in_full_goes_on_after_a_key_which_is_reported(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four five six seven eight")
        task = here.say(answer, keys_cut=False)
        pressed = "5#1" * 50  # more than the restarts that are borne
        for key in pressed:
            words = await here.stream_file()
            assert words[2].strip('"') == file_of(answer)
            assert words[3] == f'"{KEYS}"', "a key that is not named is lost"
            here.side.say(f"200 result={ord(key)} endpos=100\n")
        await here.stream_file()
        assert here.keys == list(pressed)
        answer.stopped(time.monotonic_ns() + 10**9)
        here.side.say("200 result=0 endpos=6400\n")
        assert await task is True


async def test_an_answer_that_met_its_files_end_too_early_goes_on(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four five six seven eight", finished=False)
        task = here.say(answer)
        await here.stream_file()
        here.side.say("200 result=0 endpos=100\n")  # long before 800 ms
        words = await here.stream_file()
        assert words[2].strip('"') == file_of(answer)
        assert answer.restarts == 1
        task.cancel()


async def test_an_answer_without_audio_is_over_at_once(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        assert await here.say(here.answer())
        assert not here.audible.is_set()


async def test_a_hang_up_reaches_whoever_waits(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        task = here.say(here.answer("one two"))
        await here.stream_file()
        here.side.hang_up()
        with pytest.raises(HangupError):
            await task


# --- the end of the call ---------------------------------------------------------------------------


async def played(here: Scene) -> None:
    answer = here.answer("good bye")
    task = here.say(answer)
    await here.stream_file()
    await asyncio.wait_for(here.audible.wait(), WAIT_S)
    answer.stopped(time.monotonic_ns() + 10**9)  # a second later, though nobody waited for it
    here.side.say("200 result=0 endpos=1600\n")
    await asyncio.wait_for(task, WAIT_S)
    await here.stream_file(silence=True)


async def test_what_was_said_last_is_on_its_way_while_silence_follows_it(
    folder: PlaybackFolder, thread: PlayoutThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.doors.eagi.player.ON_ITS_WAY_S", 3_600.0)
    async with scene(folder, thread) as here:
        await played(here)
        closing = asyncio.create_task(here.output.close())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not closing.done(), "the end of it is not yet where the caller hears it"
        here.side.say("200 result=-1 endpos=0\n")  # they hang up
        assert await here.side.line() == "CHANNEL STATUS"
        here.side.say("511 Command Not Permitted on a dead channel or intercept routine\n")
        await asyncio.wait_for(closing, WAIT_S)


async def test_what_was_said_long_ago_has_arrived(
    folder: PlaybackFolder, thread: PlayoutThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(folder, thread) as here:
        await played(here)
        later = time.monotonic_ns() + 10**9
        monkeypatch.setattr("offhook.doors.eagi.player.time.monotonic_ns", lambda: later)
        assert here.player._on_its_way_s() == 0.0
        await here.output.close()


async def test_where_nothing_was_said_nothing_is_on_its_way(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        here.player.listen()
        await here.stream_file(silence=True)
        assert here.player._on_its_way_s() == 0.0


async def test_a_stopping_daemon_does_not_wait_for_it(
    folder: PlaybackFolder, thread: PlayoutThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.doors.eagi.player.ON_ITS_WAY_S", 3_600.0)
    async with scene(folder, thread) as here:
        await played(here)
        silence = here.player._hush
        assert silence is not None
        closing = asyncio.create_task(here.output.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert silence.done()


async def test_the_words_that_were_in_the_air(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four", "five six seven eight nine ten")  # 100 ms each
        task = here.say(answer)
        await here.stream_file()
        began_ns = time.monotonic_ns()
        answer.stopped(began_ns)  # begun anew, at a time that is known
        answer.started(began_ns)

        def said(start_ms: int, stop_ms: int) -> list[str]:
            offset_ms = answer.offset_samples // 8
            times = (began_ns + (ms - offset_ms) * 1_000_000 for ms in (start_ms, stop_ms))
            return here.output.played_text(*times).split()

        assert said(-500, 0) == []
        assert said(210, 390) == ["three", "four"]
        assert said(350, 650) == ["four", "five", "six", "seven"]
        assert said(1100, 5000) == []
        answer.stopped(began_ns + 450 * 1_000_000)  # the caller has interrupted: the rest was never heard
        assert "seven" not in said(0, 5000)
        answer.drop()
        assert said(210, 390) == ["three", "four"], "also when its file is gone"
        task.cancel()


async def test_what_is_behind_the_last_word_is_nobodys_voice(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four", finished=False)  # 400 ms
        answer.write(np.full(4_000, 30, np.int16))  # and 500 ms of a voice's silence
        task = here.say(answer)
        await here.stream_file()
        now_ns = time.monotonic_ns()
        assert here.output.own_voice_ends_ns(now_ns) is None, "more may come"
        answer.finish()
        ends_ns = here.output.own_voice_ends_ns(now_ns)
        assert ends_ns is not None
        in_the_end = here.output.played(ends_ns - 10_000_000, ends_ns + 400_000_000)
        assert set(in_the_end[:70]) == {1000}
        assert set(in_the_end[90:]) <= {0, 30}
        assert answer.audible_text(ends_ns).split() == ["one", "two", "three", "four"]
        task.cancel()
