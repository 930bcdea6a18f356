"""One mouth: answers one at a time, silence in between, keys, and stopping at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from offhook.answer import Answer
from offhook.core import PlayoutThread
from offhook.errors import HangupError
from offhook.playout import PlaybackFolder
from offhook.speaker import KEYS, Speaker
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
    """A speaker, the test as Asterisk, and what the caller pressed."""

    def __init__(self, speaker: Speaker, side: AsteriskSide, folder: PlaybackFolder, thread: PlayoutThread):
        self.speaker, self.side = speaker, side
        self.keys: list[str] = []
        self.heard = asyncio.Event()
        self._shelf = folder.shelf("call")
        self._thread = thread

    def answer(self, *clauses: str, finished: bool = True) -> Answer:
        """100 ms of audio per word."""
        answer = Answer(self._shelf, self._thread, 8_000)
        for clause in clauses:
            answer.clause(clause)
            answer.write(np.full(800 * len(clause.split()), 1000, np.int16))
        if finished:
            answer.finish()
        return answer

    def say(self, answer: Answer, *, keys: bool = True) -> asyncio.Task[bool]:
        return asyncio.create_task(self.speaker.say(answer, keys=keys, heard=self.heard.set))

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


@asynccontextmanager
async def scene(folder: PlaybackFolder, thread: PlayoutThread) -> AsyncIterator[Scene]:
    async with by_hand() as (channel, side):
        keys: list[str] = []
        speaker = Speaker(channel, folder.silence(8_000), keys.append)
        made = Scene(speaker, side, folder, thread)
        made.keys = keys
        try:
            yield made
        finally:
            await speaker.close()


async def test_an_answer_is_one_stream_file_and_silence_follows(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three", "four five")
        task = here.say(answer)
        words = await here.stream_file()
        assert words[2].strip('"') == answer.name
        assert words[3] == f'"{KEYS}"'
        assert words[4] == "0"
        await asyncio.wait_for(here.heard.wait(), WAIT_S)
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
        stopping = asyncio.create_task(here.speaker.stop())
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
        await here.speaker.stop()
        answer.clause("too late")
        answer.write(np.zeros(800, np.int16))
        assert await task is False
        assert not here.heard.is_set()
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


async def test_what_has_to_be_heard_in_full_takes_no_keys(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        task = here.say(here.answer("one two"), keys=False)
        assert (await here.stream_file())[3] == '""'
        task.cancel()


async def test_an_answer_that_met_its_files_end_too_early_goes_on(
    folder: PlaybackFolder, thread: PlayoutThread
) -> None:
    async with scene(folder, thread) as here:
        answer = here.answer("one two three four five six seven eight", finished=False)
        task = here.say(answer)
        await here.stream_file()
        here.side.say("200 result=0 endpos=100\n")  # long before 800 ms
        words = await here.stream_file()
        assert words[2].strip('"') == answer.name
        assert answer.restarts == 1
        task.cancel()


async def test_an_answer_without_audio_is_over_at_once(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        assert await here.say(here.answer())
        assert not here.heard.is_set()


async def test_a_hang_up_reaches_whoever_waits(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    async with scene(folder, thread) as here:
        task = here.say(here.answer("one two"))
        await here.stream_file()
        here.side.hang_up()
        with pytest.raises(HangupError):
            await task
