"""AGI: playing is interrupted by the next command, and replies stay in step with commands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.doors.agi.agi import Digits, PlaybackResult
from offhook.errors import HangupError
from tests.support.agi_side import by_hand, like_asterisk, soon
from tests.support.launchers import open_descriptors

pytestmark = pytest.mark.usefixtures("nothing_left_open")


async def test_interrupted_playback_prints_no_reply() -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        stopping = asyncio.ensure_future(channel.stop_playback())
        assert await side.line() == "GET FULL VARIABLE offhook-1"
        side.say("200 result=1 (offhook-1)\n")
        assert await soon(stopping) is True
        assert await soon(playing) == PlaybackResult(interrupted=True)


@pytest.mark.parametrize("answer", ["200 result=0 endpos=800", "200 result=35 endpos=800"])
async def test_playback_that_ended_just_before(answer: str) -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a", "#"))
        await side.line()
        stopping = asyncio.ensure_future(channel.stop_playback())
        await side.line()
        side.say(answer + "\n200 result=1 (offhook-1)\n")
        assert await soon(stopping) is False
        assert await soon(playing) == PlaybackResult("#" if "35" in answer else None, 800)


async def test_playback_that_ended_by_hang_up_just_before() -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        stopping = asyncio.ensure_future(channel.stop_playback())
        await side.line()
        side.say("511 Command Not Permitted on a dead channel\n200 result=1 (offhook-1)\n")
        assert await soon(stopping) is False
        with pytest.raises(HangupError):
            await soon(playing)


async def test_value_like_a_marker_is_not_one() -> None:
    async with by_hand() as (channel, side):
        running = asyncio.ensure_future(channel.get_variable("X"))
        await side.line()
        side.say("200 result=1 (offhook-1)\n")
        assert await soon(running) == "offhook-1"


async def test_nothing_to_stop() -> None:
    async with by_hand() as (channel, side):
        assert await channel.stop_playback() is False
        running = asyncio.ensure_future(channel.noop())
        await side.line()
        assert await channel.stop_playback() is False, "a command that answers at once is left alone"
        side.say("200 result=0\n")
        await soon(running)
        assert side.silent()


async def test_waiting_for_a_digit_is_interrupted_with_a_reply() -> None:
    async with like_asterisk() as (channel, side):
        waiting = asyncio.ensure_future(channel.wait_for_digit(60_000))
        await soon(side.playing.wait())
        assert await soon(channel.stop_playback()) is True
        assert await soon(waiting) is None
        assert await soon(channel.get_variable("A")) == "value of A"


async def test_get_data_is_interrupted_without_a_reply() -> None:
    async with like_asterisk() as (channel, side):
        collecting = asyncio.ensure_future(channel.get_data("/a", 1000, 4))
        await soon(side.playing.wait())
        assert await soon(channel.stop_playback()) is True
        assert await soon(collecting) == Digits("", timed_out=True)
        assert await soon(channel.get_variable("A")) == "value of A"


async def test_command_waits_for_the_playback() -> None:
    async with like_asterisk() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await soon(side.playing.wait())
        getting = asyncio.ensure_future(channel.get_variable("A"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not getting.done()
        side.over["/a"].set()
        assert await soon(playing) == PlaybackResult(None, 8000)
        assert await soon(getting) == "value of A"


async def test_cancelled_playback_is_stopped_by_the_next_command() -> None:
    async with like_asterisk() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await soon(side.playing.wait())
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert await soon(channel.get_variable("A")) == "value of A"


async def test_playback_cancelled_while_another_command_waits() -> None:
    async with like_asterisk() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await soon(side.playing.wait())
        getting = asyncio.ensure_future(channel.get_variable("A"))
        await asyncio.sleep(0)
        playing.cancel()
        assert await soon(getting) == "value of A"


async def test_cancelled_command_keeps_its_reply() -> None:
    async with by_hand() as (channel, side):
        first = asyncio.ensure_future(channel.get_variable("A"))
        await side.line()
        first.cancel()
        second = asyncio.ensure_future(channel.get_variable("B"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert side.silent(), "the second is not written before the first is answered"
        side.say("200 result=1 (a)\n")
        assert await side.line() == 'GET VARIABLE "B"'
        side.say("200 result=1 (b)\n")
        assert await soon(second) == "b"


async def test_marker_swallowed_with_the_command_it_should_stop() -> None:
    """Both lines lie in the pipe when Asterisk reads: the marker goes unnoticed into its buffer."""
    async with like_asterisk() as (channel, side):
        side.delays = iter([50])
        await soon(channel.noop())  # now Asterisk looks away for 50 rounds
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await asyncio.sleep(0)
        assert await soon(channel.stop_playback()) is True
        assert await soon(playing) == PlaybackResult(interrupted=True)
        assert await soon(channel.get_variable("A")) == "value of A"
        assert side.rest == b"", "nothing is left in Asterisk's buffer"


async def test_stopping_twice_at_once() -> None:
    async with like_asterisk() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await soon(side.playing.wait())
        both = asyncio.gather(channel.stop_playback(), channel.stop_playback())
        assert [*await soon(both)] == [True, True]
        assert (await soon(playing)).interrupted
        assert await soon(channel.get_variable("A")) == "value of A"


async def test_stopping_cancelled_half_way() -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        stopping = asyncio.ensure_future(channel.stop_playback())
        await side.line()
        stopping.cancel()
        getting = asyncio.ensure_future(channel.get_variable("A"))
        side.say("200 result=1 (offhook-1)\n")
        assert (await soon(playing)).interrupted
        assert await side.line() == 'GET VARIABLE "A"'
        side.say("200 result=1 (a)\n")
        assert await soon(getting) == "a"


async def test_no_command_while_a_marker_is_unanswered() -> None:
    """The marker may lie unnoticed in Asterisk's buffer, and would hide the command behind it."""
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        stopping = asyncio.ensure_future(channel.stop_playback())
        assert await side.line() == "GET FULL VARIABLE offhook-1"
        stopping.cancel()
        side.say("200 result=0 endpos=800\n")  # played to its end, the marker still unnoticed
        assert await soon(playing) == PlaybackResult(None, 800)
        getting = asyncio.ensure_future(channel.get_variable("A"))
        assert await side.line() == "GET FULL VARIABLE offhook-2"
        side.say("200 result=1 (offhook-1)\n200 result=1 (offhook-2)\n")
        assert await side.line() == 'GET VARIABLE "A"'
        side.say("200 result=1 (a)\n")
        assert await soon(getting) == "a"


actions = st.lists(
    st.tuples(
        st.sampled_from(["get", "end", "stop", "race", "cancel", "digit"]),
        st.integers(0, 6),
        st.integers(0, 6),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(actions, st.lists(st.integers(0, 8), max_size=30))
def test_replies_are_matched_whatever_happens(script: list[tuple[str, int, int]], delays: list[int]) -> None:
    async def rounds(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)

    async def scene() -> None:
        async with like_asterisk() as (channel, side):
            side.delays = iter(delays)
            for number, (action, before, after) in enumerate(script):
                if action == "get":
                    assert await soon(channel.get_variable(f"V{number}")) == f"value of V{number}"
                    continue
                what = "digit" if action == "digit" else f"/{number}"
                work: Coroutine[Any, Any, Any]
                work = channel.wait_for_digit(60_000) if action == "digit" else channel.stream_file(what)
                playing = asyncio.ensure_future(work)
                await rounds(before)
                if action == "cancel":
                    playing.cancel()
                    await asyncio.gather(playing, return_exceptions=True)
                    continue
                stopped = False
                if action != "end":
                    stopping = asyncio.ensure_future(channel.stop_playback())
                    await rounds(after)
                    if action == "race":
                        side.over[what].set()
                    stopped = await soon(stopping)
                side.over[what].set()  # what was stopped before it began plays to its end
                result = await soon(playing)
                side.over[what].clear()
                if isinstance(result, PlaybackResult):
                    # Stopping may have hit one that was cancelled earlier and still played.
                    assert result.interrupted <= stopped
                    assert result.endpos_samples == (None if result.interrupted else 8000)
            assert await soon(channel.get_variable("LAST")) == "value of LAST"
            assert side.rest == b""

    before = open_descriptors()
    asyncio.run(scene())
    assert open_descriptors() == before
