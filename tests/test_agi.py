"""AGI: what is quoted, what is parsed, and which reply belongs to which command."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offhook.errors import AgiError, DeadlineError, HangupError, OffhookError, PlaybackError
from offhook.protocol.agi import AgiChannel, Digits, PlaybackResult
from offhook.protocol.agi_text import (
    MAX_COMMAND_BYTES,
    MAX_HEADER_LINES,
    AgiEnvironment,
    Reply,
    is_reply_whole,
    parse_reply,
    quote,
    quote_exact,
    split_command,
)
from tests.support.agi_side import HEADER, WAIT_S, AsteriskSide, by_hand, like_asterisk
from tests.support.launchers import open_descriptors

T = TypeVar("T")


@pytest.fixture(autouse=True)
async def nothing_left_open() -> AsyncIterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


async def soon(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    return await asyncio.wait_for(work, WAIT_S)


# -- text ---------------------------------------------------------------------------------------


@given(st.text(max_size=300))
@example('quo"te \\ back\\" slash\\')
@example("line\nbreak\r\0nul\x1b[2J\u2028sep\x85")
@example("  ")
def test_quoted_text_arrives_as_one_argument(text: str) -> None:
    quoted = quote(text)
    assert not any(ord(char) < 32 or char == "\x7f" for char in quoted)
    (arrived,) = split_command(quoted)
    assert len(arrived) == len(text)
    assert all(got in (char, " ") for got, char in zip(arrived, text, strict=True))


@given(st.text(), st.integers(0, 100))
def test_quoted_text_has_a_bound(text: str, max_bytes: int) -> None:
    quoted = quote(text * 50, max_bytes)
    assert len(quoted.encode("utf-8", "replace")) <= max_bytes + 2
    split_command(quoted)


def test_quote_cuts_between_characters() -> None:
    assert quote("ééé", 5) == '"éé"'
    assert quote('a"b', 2) == '"a"'
    assert quote("\\" * 10, 5) == '"\\\\\\\\"'


def test_split_like_asterisk() -> None:
    # Read off parse_args() in res_agi.c, oddities included.
    assert split_command('SET VARIABLE A "b c"') == ["SET", "VARIABLE", "A", "b c"]
    assert split_command('a"b c"d "" "x\\"y" \\\\ e\\ f') == ["ab cd", "", 'x"y', "\\", "e f"]
    assert split_command("  a\t\tb  ") == ["a", "b"]
    assert split_command('"open end') == ["open end"]
    assert len(split_command("x " * 500)) == 127


@pytest.mark.parametrize("name", ["a\nb", "x" * 1001, "\0", "a\tb"])
def test_names_arrive_unchanged_or_not_at_all(name: str) -> None:
    with pytest.raises(AgiError, match="the file cannot be named"):
        quote_exact(name, "the file")
    assert split_command(quote_exact('odd "name" \\', "the file")) == ['odd "name" \\']


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0")),
        ("200 result=-1 endpos=16000", Reply(200, "-1", None, 16000)),
        ("200 result=1 (a value)", Reply(200, "1", "a value")),
        ("200 result=1 ()", Reply(200, "1", "")),
        ("200 result=1 (a) endpos=3)", Reply(200, "1", "a) endpos=3")),
        ("200 result=35 (dtmf) endpos=8000", Reply(200, "35", "dtmf", 8000)),
        ("200 result= (timeout)", Reply(200, "", "timeout")),
        ("200 result=1234 (timeout)", Reply(200, "1234", "timeout")),
        ("200 result=", Reply(200, "")),
        ("200 result=1 (first\nsecond)", Reply(200, "1", "first\nsecond")),
        ("510 Invalid or unknown command", Reply(510, text="Invalid or unknown command")),
        (
            "511 Command Not Permitted on a dead channel",
            Reply(511, text="Command Not Permitted on a dead channel"),
        ),
        ("520 Invalid command syntax.", Reply(520, text="Invalid command syntax.")),
        (
            "520-Invalid command syntax.  Proper usage follows:\nUsage: X\n\tDoes.\n520 End of proper usage.",
            Reply(520, text="Usage: X\n\tDoes."),
        ),
    ],
)
def test_replies(line: str, reply: Reply) -> None:
    assert is_reply_whole(line)
    assert parse_reply(line) == reply
    if reply.code != 520:
        assert reply.format() == line


@pytest.mark.parametrize(
    "line", ["", "200", "20 result=1", "200 ok", "agi_x: y", "2000 result=1", "²00 result=1"]
)
def test_what_is_no_reply(line: str) -> None:
    with pytest.raises(AgiError):
        parse_reply(line)


@given(st.text(max_size=100))
def test_any_line_is_a_reply_or_an_error_that_tells_nothing(words: str) -> None:
    """Digits and variables are the caller's: no message may repeat them."""
    for text in (words, f"SECRET{words}", f"200 SECRET{words}", f"200 result=SECRET{words}", f"520-{words}"):
        said = ""
        if is_reply_whole(text):
            try:
                _ = parse_reply(text).number
            except AgiError as error:
                said = str(error)
        assert "SECRET" not in said
        assert "\n" not in said


@given(st.text(st.characters(exclude_characters="\n"), max_size=50), st.integers(-1, 2**40))
def test_a_value_comes_back_as_it_was_formatted(value: str, endpos: int) -> None:
    reply = Reply(200, "1", value, endpos)
    assert parse_reply(reply.format()) == reply


def test_environment() -> None:
    environment = AgiEnvironment.parse(
        [
            "agi_request: offhook-eagi",
            "agi_channel: PJSIP/trunk-00000001",
            "agi_language: en",
            "agi_uniqueid: 1699.7",
            "agi_callerid: 4930123",
            "agi_calleridname: unknown",
            "agi_dnid: +49800",
            "agi_context: incoming",
            "agi_extension: 100",
            "agi_enhanced: 1.0",
            "agi_accountcode: ",
            "agi_arg_1: helpdesk",
            "agi_arg_2:",
            "agi_arg_3: tenant: 42",
        ]
    )
    assert environment.channel == "PJSIP/trunk-00000001"
    assert environment.uniqueid == "1699.7"
    assert environment.language == "en"
    assert environment.callerid == "4930123"
    assert environment.callerid_name is None
    assert (environment.dnid, environment.extension, environment.context) == ("+49800", "100", "incoming")
    assert environment.enhanced
    assert environment.args == ("helpdesk", "", "tenant: 42")
    assert environment.get("accountcode") is None
    assert AgiEnvironment.parse(environment.format().split("\n")[:-2]) == environment


def test_a_caller_s_name_is_no_second_line() -> None:
    with pytest.raises(AgiError, match="agi_extension twice"):
        AgiEnvironment.parse(["agi_calleridname: x", "agi_extension: 911", "agi_extension: 100"])


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


# -- the end of a session -------------------------------------------------------------------------


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


# -- interruption -----------------------------------------------------------------------------------


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
