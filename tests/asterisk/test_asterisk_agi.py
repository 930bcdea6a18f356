"""The AGI session against the Asterisk that it has to get on with: interruption, quoting, hang-up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from offhook.doors.agi.agi import AgiChannel, Digits, PlaybackResult
from offhook.doors.eagi.listener import Handoff, Listener
from offhook.errors import AgiError, HangupError, PlaybackError
from tests.support.agi_program import agi_program
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.kit import PlaceCall
from tests.support.sip.sip_client import SipCall

WAIT_S = 60.0
SHORT_MS = 60


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """``long`` (20 s) and ``short`` (60 ms), hums that Asterisk can play."""
    for name, duration_ms in (("long", 20_000), ("short", SHORT_MS)):
        hum = 3000 * np.sin(np.arange(8 * duration_ms) / 8)
        (tmp_path / f"{name}.sln").write_bytes(hum.astype("<i2").tobytes())
    return tmp_path


Part = Callable[[AgiChannel, Handoff], Awaitable[None]]


@asynccontextmanager
async def playing_daemon(
    asterisk: AsteriskServer, place_call: PlaceCall, folder: Path, part: Part
) -> AsyncIterator[tuple[SipCall, asyncio.Future[None]]]:
    """A call for which ``part`` is the daemon; the future is done, or fails, with it."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def on_call(handoff: Handoff) -> None:
        async with agi_program(handoff, over) as channel:
            environment = await channel.read_header()
            assert environment.enhanced
            assert environment.uniqueid == environment.args[0] == handoff.hello.args[0]
            await part(channel, handoff)

    socket_path = folder / "offhook.sock"
    async with Listener(socket_path, on_call):
        asterisk.use_daemon(socket_path)
        async with await place_call() as call:
            yield call, over


async def until(over: asyncio.Future[None]) -> None:
    await asyncio.wait_for(over, WAIT_S)


async def test_interrupted_playbacks_leave_replies_in_step(
    asterisk: AsteriskServer, place_call: PlaceCall, files: Path
) -> None:
    stopped_at_once: list[bool] = []
    raced: list[bool] = []

    async def part(channel: AgiChannel, handoff: Handoff) -> None:
        for number in range(10):  # both lines may lie in the pipe when Asterisk reads it
            playing = asyncio.ensure_future(channel.stream_file(str(files / "long")))
            await asyncio.sleep(0)
            stopped_at_once.append(await channel.stop_playback())
            assert await playing == PlaybackResult(interrupted=True)
            await channel.set_variable("TURN", str(number))
            assert await channel.get_variable("TURN") == str(number)
        # Around its end, where it may be over by itself, and then it replies; and long before and behind it.
        for wait_ms in (0, *range(SHORT_MS - 30, SHORT_MS + 50, 2), None):
            playing = asyncio.ensure_future(channel.stream_file(str(files / "short")))
            await asyncio.wait({playing}, timeout=None if wait_ms is None else wait_ms / 1000)
            raced.append(await channel.stop_playback())
            assert (await playing).interrupted == raced[-1]
            assert await channel.get_variable("TURN") == "9"
        waiting = asyncio.ensure_future(channel.wait_for_digit(20_000))
        await asyncio.sleep(0)
        assert await channel.stop_playback()
        assert await waiting is None
        collecting = asyncio.ensure_future(channel.get_data(str(files / "long"), 20_000, 4))
        await asyncio.sleep(0)
        assert await channel.stop_playback()
        assert await collecting == Digits("", timed_out=True)
        assert await channel.channel_status() == 6
        assert await channel.stream_file(str(files / "short")) == PlaybackResult(None, SHORT_MS * 8)

    async with playing_daemon(asterisk, place_call, files, part) as (_, over):
        await until(over)
    assert stopped_at_once == [True] * 10
    assert raced[0], "it was stopped before it could end"
    assert not raced[-1], "it ended before it was stopped"


async def test_text_and_refusals(asterisk: AsteriskServer, place_call: PlaceCall, files: Path) -> None:
    async def part(channel: AgiChannel, handoff: Handoff) -> None:
        nasty = 'a "quoted" \\ back, ${CHANNEL} ; ) ( end'
        await channel.set_variable("TEXT", nasty)
        assert await channel.get_variable("TEXT") == nasty
        await channel.set_variable("TEXT", "x\nHANGUP\n" * 1000)
        assert await channel.get_variable("TEXT") == ("x HANGUP " * 1000)[:1000]
        await channel.verbose("x\0\nHANGUP\n" * 1000)
        assert await channel.get_variable("NO_SUCH_VARIABLE") is None
        assert await channel.get_full_variable("${CHANNEL(state)}") == "Up"
        assert await channel.exec("NoSuchApplication") == -2
        with pytest.raises(PlaybackError, match="cannot play /no/such/file"):
            await channel.stream_file("/no/such/file")
        with pytest.raises(AgiError, match="refused the AGI command GET VARIABLE: 520"):
            await channel._expect("GET VARIABLE")
        with pytest.raises(AgiError, match="refused the AGI command NO-SUCH: 510"):
            await channel._expect("NO-SUCH")
        assert await channel.channel_status() == 6, "still there, still in step"

    mark = asterisk.log_mark()
    async with playing_daemon(asterisk, place_call, files, part) as (_, over):
        await until(over)
    assert not [line for line in complaints(asterisk.log(mark)) if "HANGUP" in line]


async def test_hang_up_during_a_playback(
    asterisk: AsteriskServer, place_call: PlaceCall, files: Path
) -> None:
    playing = asyncio.Event()

    async def part(channel: AgiChannel, handoff: Handoff) -> None:
        playing.set()
        with pytest.raises(HangupError):
            await channel.stream_file(str(files / "long"))
        await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
        with pytest.raises(HangupError):
            await channel.stream_file(str(files / "long"))
        await channel.set_variable("OFFHOOK_RESULT", "ok")  # allowed on a dead channel

    async with playing_daemon(asterisk, place_call, files, part) as (call, over):
        await asyncio.wait_for(playing.wait(), WAIT_S)
        await call.media.heard_after(0)
        await call.hang_up()
        await until(over)
