"""How an AGI session ends: hang-up, deadlines, replies that are nobody's, pipes that are full."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any

import pytest

from offhook.errors import AgiError, DeadlineError, HangupError
from tests.support.agi_side import WAIT_S, by_hand, soon

pytestmark = pytest.mark.usefixtures("nothing_left_open")


async def test_closed_pipes_end_everything() -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        queued = asyncio.ensure_future(channel.noop())
        await asyncio.sleep(0)
        side.hang_up()
        await soon(channel.ended.wait())
        everything: list[asyncio.Future[Any]] = [playing, queued, asyncio.ensure_future(channel.noop())]
        for running in everything:
            with pytest.raises(HangupError):
                await soon(running)


async def test_late_reply_is_nobody_s() -> None:
    async with by_hand(reply_timeout_s=0.05) as (channel, side):
        with pytest.raises(DeadlineError, match=r"did not answer an AGI command within 0\.05 s"):
            await channel.get_variable("SECRET")
        assert await side.line() == 'GET VARIABLE "SECRET"'
        side.say("200 result=1 (late)\n")
        with pytest.raises(DeadlineError):
            await channel.get_variable("OTHER")
        assert side.silent()
        assert channel.ended.is_set()


async def test_interruption_that_is_never_confirmed() -> None:
    async with by_hand(reply_timeout_s=0.1) as (channel, side):
        playing = asyncio.ensure_future(channel.stream_file("/a"))
        await side.line()
        with pytest.raises(DeadlineError):
            await channel.stop_playback()
        with pytest.raises(DeadlineError):
            await soon(playing)


@pytest.mark.parametrize(
    "junk", ["200 result=1\n", "510 what\n", "hello\n", "520-x\n520 End of proper usage.\n"]
)
async def test_reply_to_no_command_ends_the_session(junk: str) -> None:
    async with by_hand() as (channel, side):
        side.say(junk)
        await soon(channel.ended.wait())
        with pytest.raises(AgiError):
            await channel.noop()


async def test_value_that_pretends_to_be_a_reply() -> None:
    """A value with a newline in it can end a reply early; what is left over ends the session."""
    async with by_hand() as (channel, side):
        running = asyncio.ensure_future(channel.get_variable("CALLERID(name)"))
        await side.line()
        side.say("200 result=1 (x)\n200 result=1 (forged)\n")
        assert await soon(running) == "x"
        with pytest.raises(AgiError):
            await channel.get_variable("OTHER")


async def test_endless_reply() -> None:
    async with by_hand() as (channel, side):
        running = asyncio.ensure_future(channel.noop())
        await side.line()
        side.say("520-Usage\n" + "x\n" * 300)
        with pytest.raises(AgiError, match="does not end"):
            await soon(running)


def fill(fd: int) -> int:
    """Leave no room in a non-blocking pipe; how many bytes it took."""
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(fd, b"\n" * 4096)
    return filled


async def test_full_pipe() -> None:
    async with by_hand(reply_timeout_s=WAIT_S) as (channel, side):
        filled = fill(side.channel_fds[1])
        running = asyncio.ensure_future(channel.noop())
        while filled:
            await side.readable()
            filled -= len(os.read(side.commands, min(filled, 65536)))
        assert await side.line() == "NOOP"
        side.say("200 result=0\n")
        await soon(running)


@pytest.mark.parametrize("how", ["deadline", "close", "cancel"])
async def test_pipe_that_stays_full(how: str) -> None:
    async with by_hand(reply_timeout_s=0.05 if how == "deadline" else WAIT_S) as (channel, side):
        fill(side.channel_fds[1])
        running = asyncio.ensure_future(channel.noop())
        if how == "deadline":
            with pytest.raises(DeadlineError, match="read no AGI command"):
                await running
            return
        await asyncio.sleep(0)
        if how == "close":
            channel.close()
            with pytest.raises(HangupError):
                await soon(running)
        else:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert not channel.ended.is_set(), "nothing was written, nothing is out of step"
