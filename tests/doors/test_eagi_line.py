"""A call by EAGI as a line: what is known of it, what the dialplan is told, and what a launcher is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.doors.agi.agi_text import AgiEnvironment
from offhook.doors.agi.offer import offer_of
from offhook.doors.base import CallOffer, Listening
from offhook.doors.eagi.handoff import Reason
from offhook.doors.eagi.lifeline import Handoff
from offhook.doors.eagi.line import EagiLine
from offhook.doors.eagi.listener import Listener
from offhook.doors.media import Media
from offhook.errors import AgiError, ConfigError, HangupError
from tests.support.handoffs import ACCEPTED, DONE, WAIT_S, Client, failed

LISTENING = Listening(pause_ms=100, endpointing_ms=800, ring_s=10)
HEADER = """agi_request: offhook-eagi
agi_channel: PJSIP/trunk-00000001
agi_language: de_AT
agi_uniqueid: 1699.7
agi_callerid: +441134960001
agi_calleridname: Ann "A" Other
agi_dnid: 01134960000
agi_context: from-trunk
agi_extension: s
agi_accountcode: leeds
"""


@pytest.mark.parametrize(
    ("header", "offer"),
    [
        pytest.param(
            HEADER,
            CallOffer(
                "eagi",
                "1699.7",
                dialled="01134960000",
                caller="+441134960001",
                caller_name='Ann "A" Other',
                account="leeds",
                language="de_AT",
                context="from-trunk",
                extension="s",
                arguments=("1699.7", "agent=jetty"),
                rate_hz=16_000,
            ),
            id="all there is",
        ),
        pytest.param(
            "agi_uniqueid: 1.2\nagi_dnid: unknown\nagi_extension: 700\nagi_callerid: unknown\n",
            CallOffer(
                "eagi",
                "1.2",
                dialled="700",
                extension="700",
                arguments=("1699.7", "agent=jetty"),
                rate_hz=16_000,
            ),
            id="what is unknown is empty, and the extension is what was dialled",
        ),
    ],
)
def test_what_is_known_of_a_call(header: str, offer: CallOffer) -> None:
    environment = AgiEnvironment.parse(header.splitlines())
    assert offer_of("eagi", environment, ("1699.7", "agent=jetty"), 16_000) == offer


class Door:
    """A listener that makes lines, and leaves to the test what becomes of them."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[EagiLine | Exception] = asyncio.Queue()
        self.go_on: asyncio.Queue[Exception | None] = asyncio.Queue()
        nothing = SimpleNamespace(add=None, remove=lambda stream: None)
        self._media = Media(cast(Any, nothing), cast(Any, None), cast(Any, None))

    async def __call__(self, handoff: Handoff) -> None:
        try:
            line = await EagiLine.open(handoff, self._media)
        except Exception as error:
            self.lines.put_nowait(error)
            raise
        try:
            self.lines.put_nowait(line)
            why = await self.go_on.get()
            if why is not None:
                raise why
        finally:
            line.close()

    async def next(self) -> Any:
        return await asyncio.wait_for(self.lines.get(), WAIT_S)


@pytest.fixture
async def door(socket_path: Path) -> AsyncIterator[tuple[Door, Path]]:
    made = Door()
    async with Listener(socket_path, made):
        yield made, socket_path


class Asterisk(Client):
    """A launcher and what is behind it."""

    def __enter__(self) -> Asterisk:
        return self

    def says(self, text: str) -> None:
        os.write(self.replies, text.encode())

    async def reads(self) -> str:
        return (await asyncio.to_thread(os.read, self.commands, 4096)).decode()

    async def comes(self, named: str = "", *, has_audio: bool = True) -> None:
        """A call with its header, and the format of its audio."""
        self.hello("1699.7", has_audio=has_audio)
        self.says(HEADER + "\n")
        assert await self.reads() == 'GET VARIABLE "EAGI_AUDIO_FORMAT"\n'
        self.says(f"200 result=1 ({named})\n" if named else "200 result=0\n")


async def test_a_call_that_is_told_how_it_ended(door: tuple[Door, Path]) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        await asterisk.comes("slin16")
        line = await opened.next()
        assert line.offer.rate_hz == 16_000
        assert line.offer.dialled == "01134960000"
        line.accept()
        assert await asterisk.answer() == ACCEPTED
        leaving = asyncio.create_task(line.finish("transfer", {"OFFHOOK_TARGET": "sales, please"}))
        assert await asterisk.reads() == 'SET VARIABLE "OFFHOOK_TARGET" "sales, please"\n'
        asterisk.says("200 result=1\n")
        assert await asterisk.reads() == 'SET VARIABLE "OFFHOOK_RESULT" "transfer"\n'
        asterisk.says("200 result=1\n")
        await leaving
        line.close()
        assert await asterisk.answer() == DONE
        opened.go_on.put_nowait(None)  # closed once more there
        assert await asterisk.answer() is None


@pytest.mark.parametrize("how", ["511", "nobody said", "an error"])
async def test_the_launcher_says_what_we_cannot(door: tuple[Door, Path], how: str) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        await asterisk.comes()
        line = await opened.next()
        line.accept()
        assert await asterisk.answer() == ACCEPTED
        if how == "511":
            leaving = asyncio.create_task(line.finish("ok"))
            assert await asterisk.reads() == 'SET VARIABLE "OFFHOOK_RESULT" "ok"\n'
            asterisk.says("511 Command Not Permitted on a dead channel or intercept routine\n")
            await leaving
        opened.go_on.put_nowait(AgiError("trouble") if how == "an error" else None)
        assert await asterisk.answer() == failed(Reason.INTERNAL)


@pytest.mark.parametrize(
    ("named", "has_audio", "problem"),
    [("slin48", True, "EAGI_AUDIO_FORMAT=slin48 is not taken"), ("", False, "has to run EAGI")],
)
async def test_a_call_that_cannot_be_heard_is_taken_for_an_apology(
    door: tuple[Door, Path], named: str, has_audio: bool, problem: str
) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        await asterisk.comes(named, has_audio=has_audio)
        if named:
            assert (await asterisk.reads()).startswith("VERBOSE")
            asterisk.says("200 result=1\n")
        line = await opened.next()
        with pytest.raises(ConfigError, match=problem):
            line.hear(lambda event: None, LISTENING)
        opened.go_on.put_nowait(None)


async def test_who_hangs_up_before_the_header_has_come_is_let_go(door: tuple[Door, Path]) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        asterisk.hello("1699.7")
        asterisk.says("agi_request: offhook-eagi\n")
        await asyncio.sleep(0)
        asterisk.sock.close()
        assert isinstance(await opened.next(), HangupError)


async def test_a_header_that_makes_no_sense_is_one_line_and_a_failed_call(
    door: tuple[Door, Path], caplog: pytest.LogCaptureFixture
) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        asterisk.hello("1699.7")
        asterisk.says("agi_uniqueid: 1.2\nagi_uniqueid: 1.3\n\n")
        assert isinstance(await opened.next(), AgiError)
        assert await asterisk.answer() == failed(Reason.INTERNAL)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "call given up: AGI header names agi_uniqueid twice"
    assert record.exc_info is None


@pytest.mark.parametrize("how", ["the launcher is killed", "the session ends"])
async def test_both_ends_of_a_call_are_seen(door: tuple[Door, Path], how: str) -> None:
    opened, path = door
    with Asterisk(path) as asterisk:
        await asterisk.comes()
        line = await opened.next()
        gone = asyncio.create_task(line.gone())
        if how == "the session ends":
            asterisk.says("HANGUP\n")
            with pytest.raises(HangupError):
                await asyncio.wait_for(gone, WAIT_S)
        else:
            asterisk.sock.close()
            await asyncio.wait_for(gone, WAIT_S)
        assert line.ended.is_set() == (how == "the launcher is killed")
        opened.go_on.put_nowait(None)
