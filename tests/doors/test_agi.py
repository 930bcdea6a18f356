"""AGI: the header, and which reply belongs to which command.

How a session ends is in test_agi_end.py, interruption in test_agi_interruption.py.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from offhook.doors.agi.agi import AgiChannel, Digits, PlaybackResult
from offhook.doors.agi.agi_text import MAX_COMMAND_BYTES, MAX_HEADER_LINES, split_command
from offhook.errors import AgiError, HangupError, OffhookError, PlaybackError
from tests.support.agi_side import HEADER, WAIT_S, AsteriskSide, by_hand, soon

pytestmark = pytest.mark.usefixtures("nothing_left_open")


# -- the header -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sockets", [False, True])
async def test_header_in_pieces(sockets: bool) -> None:
    async with by_hand(sockets=sockets, header=False) as (channel, side):
        reading = asyncio.ensure_future(channel.read_header())
        for byte in HEADER.replace(b"\n", b"\r\n"):
            side.say(bytes([byte]))
            await asyncio.sleep(0)
        environment = await soon(reading)
        assert environment.uniqueid == "1699.7"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"agi_x: 1\n", "did not end within 0.05 s"),
        (b"", "did not end within 0.05 s"),
        (b"".join(b"agi_x%d: 1\n" % n for n in range(MAX_HEADER_LINES + 1)), "does not end within 200 lines"),
        (b"GET / HTTP/1.1\n\n", "no 'agi_name: value'"),
        (b"agi_x: 1\nagi_X: 2\n\n", "agi_x twice"),
    ],
    ids=["no-end", "nothing", "many-lines", "foreign", "twice"],
)
async def test_bad_header(data: bytes, words: str) -> None:
    async with by_hand(header=False) as (channel, side):
        if data:
            side.say(data)
        with pytest.raises(AgiError, match=words):
            await channel.read_header(0.05 if "0.05" in words else WAIT_S)
        assert channel.ended.is_set()
        with pytest.raises(AgiError):
            await channel.noop()
        assert side.silent()


async def test_a_line_break_behind_an_argument() -> None:
    """As ${SHELL()} leaves one: Asterisk's header ends early, and its own last line comes later."""
    async with by_hand(header=False) as (channel, side):
        side.say(b"agi_uniqueid: 1699.7\nagi_arg_1: agent=clay\n\n\n")
        assert (await channel.read_header()).uniqueid == "1699.7"
        asking = asyncio.ensure_future(channel.noop())
        await side.line()
        side.say(b"200 result=0\n")
        await soon(asking)
    async with by_hand(header=False) as (channel, side):
        side.say(b"agi_uniqueid: 1699.7\nagi_arg_1: agent=clay\n\nagi_arg_2: key=7\n\n")
        await channel.ended.wait()
        with pytest.raises(AgiError, match="has a line break: take it out"):
            await channel.read_header()


async def flood(side: AsteriskSide, data: bytes) -> None:
    """More than a pipe holds, as fast as it is read."""
    os.set_blocking(side.replies, False)
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(side.replies, data) :]
        except BlockingIOError:
            ready = loop.create_future()
            loop.add_writer(side.replies, ready.set_result, None)
            await ready
            loop.remove_writer(side.replies)
        except BrokenPipeError:
            return


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"agi_x: " + b"x" * 70_000, "line longer than 65536 bytes"),
        (b"agi_x: " + b"x" * 70_000 + b"\n\n", "line longer than 65536 bytes"),
        (b"".join(b"agi_x%d: " % n + b"x" * 1000 + b"\n" for n in range(100)), "does not end within"),
    ],
    ids=["unended-line", "long-line", "long-header"],
)
async def test_oversize_header(data: bytes, words: str) -> None:
    async with by_hand(header=False) as (channel, side):
        flooding = asyncio.ensure_future(flood(side, data))
        with pytest.raises(AgiError, match=words):
            await channel.read_header(WAIT_S)
        channel.close()
        await soon(flooding)


async def test_hang_up_within_the_header() -> None:
    async with by_hand(header=False) as (channel, side):
        side.say(b"agi_x: 1\n")
        side.hang_up()
        with pytest.raises(HangupError):
            await channel.read_header()


async def test_header_comes_first() -> None:
    async with by_hand(header=False) as (channel, side):
        with pytest.raises(RuntimeError, match="read_header"):
            await channel.noop()
        side.say(HEADER)
        await channel.read_header()


async def test_a_file_is_no_session(tmp_path: Path) -> None:
    fds = [os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    with pytest.raises(AgiError, match="neither a pipe nor a socket"):
        AgiChannel(*fds)


# -- commands ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "line", "answer", "result"),
    [
        ("answer", "ANSWER", "200 result=0", None),
        ("hangup", "HANGUP", "200 result=1", None),
        ("noop", "NOOP", "200 result=0", None),
        ("channel_status", "CHANNEL STATUS", "200 result=6", 6),
        ("set_music on", "SET MUSIC ON", "200 result=0", None),
        ("get_variable X", 'GET VARIABLE "X"', "200 result=1 (y)", "y"),
        ("get_variable X", 'GET VARIABLE "X"', "200 result=0", None),
        ("get_variable X", 'GET VARIABLE "X"', "200 result=1 (two\nlines)", "two\nlines"),
        ("get_full_variable ${X}", 'GET FULL VARIABLE "${X}"', "200 result=1 (z)", "z"),
        ("set_variable X v", 'SET VARIABLE "X" "v"', "200 result=1", None),
        ("verbose hello", 'VERBOSE "hello" 3', "200 result=1", None),
        ("exec Playback tt-monkeys", 'EXEC "Playback" "tt-monkeys"', "200 result=-2", -2),
        ("wait_for_digit 3000", "WAIT FOR DIGIT 3000", "200 result=35", "#"),
        ("wait_for_digit 3000", "WAIT FOR DIGIT 3000", "200 result=0", None),
        ("stream_file /a", 'STREAM FILE "/a" "" 0', "200 result=0 endpos=800", PlaybackResult(None, 800)),
        ("stream_file /a 12#", 'STREAM FILE "/a" "12#" 0', "200 result=50 endpos=8", PlaybackResult("2", 8)),
        ("get_data /a 3000 4", 'GET DATA "/a" 3000 4', "200 result=12 (timeout)", Digits("12", True)),
        ("get_data /a 3000 4", 'GET DATA "/a" 3000 4', "200 result=1234", Digits("1234")),
        ("get_data /a 3000 4", 'GET DATA "/a" 3000 4', "200 result= (timeout)", Digits("", True)),
    ],
)
@pytest.mark.parametrize("sockets", [False, True])
async def test_command(sockets: bool, command: str, line: str, answer: str, result: object) -> None:
    name, *words = command.split()
    args = [int(word) if word.isdigit() else word for word in words]
    if name == "set_music":
        args = [True]
    async with by_hand(sockets=sockets) as (channel, side):
        running = asyncio.ensure_future(getattr(channel, name)(*args))
        assert await side.line() == line
        side.say(answer + "\n")
        assert await soon(running) == result
        assert side.silent()


async def test_harmful_text_is_harmless() -> None:
    text = 'x"\nHANGUP\n\0\\' * 1000
    async with by_hand() as (channel, side):
        for work in (channel.set_variable("X", text), channel.verbose(text)):
            running = asyncio.ensure_future(work)
            line = await side.line()
            assert len(line.encode()) < MAX_COMMAND_BYTES
            words = split_command(line)
            arrived = words[3] if words[0] == "SET" else words[1]
            assert arrived.startswith('x" HANGUP  \\x" HANGUP')
            assert len(words) == (4 if words[0] == "SET" else 3)
            side.say("200 result=1\n")
            await soon(running)
            assert side.silent()


@pytest.mark.parametrize(
    "work",
    [
        lambda channel: channel.stream_file("a\nHANGUP"),
        lambda channel: channel.stream_file("/" + "x" * 3000),
        lambda channel: channel.stream_file("/a", '1" x'),
        lambda channel: channel.get_variable("a\0"),
        lambda channel: channel.exec("Set", "x" * 10_000),
    ],
)
async def test_names_that_cannot_be_sent_are_not(work: Any) -> None:
    async with by_hand() as (channel, side):
        with pytest.raises(AgiError):
            await work(channel)
        assert side.silent()


async def test_refusals() -> None:
    async with by_hand() as (channel, side):
        for answer, error, words in (
            ("510 Invalid or unknown command", AgiError, "refused the AGI command VERBOSE: 510 Invalid"),
            ("520-Invalid.\nUsage: x\n\n520 End of proper usage.", AgiError, "520 Usage: x"),
            ("503 result=-2 (not now)", AgiError, "503"),
            ("511 Command Not Permitted on a dead channel", HangupError, "hung up"),
        ):
            running = asyncio.ensure_future(channel.verbose("secret"))
            await side.line()
            side.say(answer + "\n")
            with pytest.raises(error, match=words) as raised:
                await soon(running)
            assert "secret" not in str(raised.value)
        assert channel.ended.is_set()
        running = asyncio.ensure_future(channel.set_variable("OFFHOOK_RESULT", "ok"))
        assert await side.line() == 'SET VARIABLE "OFFHOOK_RESULT" "ok"', "allowed on a dead channel"
        side.say("200 result=1\n")
        await soon(running)


@pytest.mark.parametrize(
    ("status", "error"),
    [("200 result=6", PlaybackError), ("511 Command Not Permitted on a dead channel", HangupError)],
    ids=["missing", "hung-up"],
)
@pytest.mark.parametrize(
    ("work", "answer"),
    [
        (lambda channel: channel.stream_file("/a"), "200 result=-1 endpos=0"),
        (lambda channel: channel.get_data("/a", 1000, 4), "200 result=-1"),
    ],
    ids=["stream-file", "get-data"],
)
async def test_missing_file_and_hang_up_are_told_apart(
    work: Any, answer: str, status: str, error: type[OffhookError]
) -> None:
    async with by_hand() as (channel, side):
        playing = asyncio.ensure_future(work(channel))
        await side.line()
        side.say(answer + "\n")
        assert await side.line() == "CHANNEL STATUS"
        side.say(status + "\n")
        with pytest.raises(error):
            await soon(playing)


async def test_hang_up_while_waiting_for_a_digit() -> None:
    async with by_hand() as (channel, side):
        waiting = asyncio.ensure_future(channel.wait_for_digit(1000))
        await side.line()
        side.say("200 result=-1\n")
        with pytest.raises(HangupError):
            await soon(waiting)


async def test_network_hang_up_line_is_tolerated() -> None:
    async with by_hand() as (channel, side):
        running = asyncio.ensure_future(channel.noop())
        await side.line()
        side.say("HANGUP\n200 result=0\n")
        await soon(running)
        assert channel.ended.is_set()
