"""Every way of handing over on a real Asterisk, both outcomes, with the words of both sides checked."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.agents.loader import load_agent
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.asterisk.conftest import taking_calls
from tests.support.asterisk.asterisk_install import AsteriskInstall
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer, complaints
from tests.support.asterisk.of_doors import EXTENSIONS, Doors
from tests.support.asterisk.of_hand_over import (
    COLLEAGUE,
    DESK,
    FREEPBX,
    FREEPBX_CUSTOM,
    asterisk_of_hand_over,
)
from tests.support.asterisk.received import ALIKE, common_length, likeness, sound
from tests.support.audio.audio import Phrase, Samples
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import ROOT, greeted
from tests.support.needs import real_asterisk
from tests.support.sip import g711
from tests.support.sip.sip_client import SipCall
from tests.support.sip.sip_phone import IncomingCall, SipPhone
from tests.support.waiting import eventually

AGENT = ROOT / "tests/data/agents/ceramics.toml"
HANDING = "One moment, I'll put you through to {}."


@pytest.fixture(scope="module")
def install() -> AsteriskInstall:
    return real_asterisk()


@pytest.fixture(scope="module")
def doors() -> Doors:
    return Doors.free()


@pytest.fixture(scope="module")
def server(install: AsteriskInstall, doors: Doors) -> Iterator[AsteriskServer]:
    with asterisk_of_hand_over(install, [LAUNCHER], doors=doors) as server:
        yield server


@pytest.fixture
def freepbx(install: AsteriskInstall) -> Iterator[AsteriskServer]:
    """FreePBX's dialplan comes first, and has [globals] of its own; its telephones are in from-internal."""

    def adjust(etc: Path) -> None:
        ours = (SHIPPED / "extensions.conf").read_text()
        assert ours.count(DESK) == 1, "the guide says to remove it"
        (etc / "offhook.conf").write_text(ours.replace(DESK, ""))
        (etc / "extensions.conf").write_text(f'{FREEPBX}#include "offhook.conf"\n{FREEPBX_CUSTOM}')

    with asterisk_of_hand_over(install, [LAUNCHER], dialplan="", adjust=adjust) as server:
        yield server


@pytest.fixture(scope="module")
def ceramics(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    menu = json.dumps(f"{ROOT / 'examples/agi/menu.py'}:main")
    settings = f"[agent]\ndefault = {json.dumps(str(AGENT))}\n[apps.menu]\nfunction = {menu}\n"
    with DaemonProcess(settings + doors.settings(tmp_path_factory.mktemp("doors"))) as process:
        yield process


@pytest.fixture
def daemon(server: AsteriskServer, ceramics: DaemonProcess) -> Iterator[DaemonProcess]:
    with taking_calls(server, ceramics) as process:
        yield process
    deadline = time.monotonic() + 30
    while server.channels():
        assert time.monotonic() < deadline, "a channel outlives the test"
        time.sleep(0.05)  # Asterisk tells its channel count only when asked


async def call_in(server: AsteriskServer, extension: str = "700") -> SipCall:
    call = await SipCall.place(server.address, extension, user="softphone", password="change-me")
    await greeted(call)
    return call


async def asks(call: SipCall, words: Phrase) -> tuple[int, int]:
    """Says it; when that was over, and when the first audible answer came."""
    utterance = await call.media.say(words)
    return utterance.ended_ns, await call.media.heard_after(utterance.ended_ns)


def between(call: SipCall, start_ns: int, stop_ns: int | None = None) -> Samples:
    return call.media.received.between(start_ns, stop_ns or time.monotonic_ns())


async def hears(call: SipCall, text: str, since_ns: int) -> None:
    """``text``, as the agent says it, and then silence."""
    await call.media.heard_after(since_ns)
    await call.media.quiet(900)
    heard = between(call, since_ns)
    assert likeness(heard, text) >= ALIKE, text


async def each_hears_the_other(one: SipCall, other: SipCall, words: Phrase) -> None:
    for speaks, listens in ((one, other), (other, one)):
        since_ns = time.monotonic_ns()
        await speaks.media.say(words)
        spoken = g711.decode(g711.encode(words.samples))
        expected = spoken[np.abs(spoken.astype(np.int32)) > 16]

        def arrived(
            listens: SipCall = listens, since_ns: int = since_ns, expected: Samples = expected
        ) -> bool:
            return common_length(expected, sound(listens.media.received, since_ns)) > 0.95 * len(expected)

        await eventually(arrived, "what one says reaches the other")


async def test_the_desk_declines_then_answers(
    daemon: DaemonProcess, server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    """Blind: what is announced is heard to its end; declined, the conversation goes on; then a talk."""
    mark, log, agent = server.log_mark(), len(daemon.log()), load_agent(str(AGENT))
    async with await SipPhone.register(server.address, "softphone", "change-me") as desk:  # noqa: SIM117
        async with await call_in(server) as call:
            asked_ns, _ = await asks(call, phrases["human"])
            ringing = await desk.rings()
            assert likeness(between(call, asked_ns), HANDING.format("the front desk")) >= ALIKE
            back_ns = time.monotonic_ns()
            ringing.refuse()
            await hears(call, agent.returned, back_ns)
            asked_ns, _ = await asks(call, phrases["class"])
            await hears(call, agent.facts[0].text, asked_ns)
            await asks(call, phrases["front_desk"])
            ringing = await desk.rings()
            async with await ringing.answer() as talk:
                await call.media.quiet(500)  # it rings no more
                await each_hears_the_other(call, talk, phrases["stop"])
            await call.wait_ended()
            assert call.ended_by == "server", "the call is over when the person hangs up"
    said = daemon.log()[log:]
    assert said.count("result=transfer") == 2
    assert " is back" in said
    assert complaints(server.log(mark)) == []


async def test_a_colleague_is_briefed(
    daemon: DaemonProcess, server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    """Attended: declined by a key, then by hanging up: the caller is back; taken, they talk."""
    mark, seen, agent = server.log_mark(), len(daemon.transcript()), load_agent(str(AGENT))
    async with await SipPhone.register(server.address, COLLEAGUE, "change-me") as phone:

        async def rung(call: SipCall) -> tuple[IncomingCall, int]:
            await asks(call, phrases["workshop"])
            return await phone.rings(), time.monotonic_ns()

        async with await call_in(server) as call:
            asked_ns, _ = await asks(call, phrases["class"])
            await hears(call, agent.facts[0].text, asked_ns)
            ringing, _ = await rung(call)
            async with await ringing.answer() as colleague:
                await colleague.media.heard_after(0)
                await colleague.media.quiet(1_000)
                briefing = between(colleague, 0)
                await colleague.media.press("2")
                back_ns = time.monotonic_ns()
                await colleague.wait_ended()
            await hears(call, agent.returned, back_ns)
            ringing, _ = await rung(call)
            async with await ringing.answer() as colleague:
                await colleague.media.heard_after(0)
                back_ns = time.monotonic_ns()
            await hears(call, agent.returned, back_ns)
            ringing, _ = await rung(call)
            async with await ringing.answer() as colleague:
                await colleague.media.heard_after(0)
                await colleague.media.press("1")
                await colleague.media.quiet(600)
                await each_hears_the_other(call, colleague, phrases["stop"])
                await call.hang_up()
                await colleague.wait_ended()
    question = daemon.transcript()[seen]
    words = f"They said: {question.heard} To take the call, press one. To send it back, press two."
    assert likeness(briefing, f"Kestrel Ceramics has a caller for you. {words}") >= ALIKE
    # Asterisk says so of every telephone that is hung up while it is asked something.
    assert [each for each in complaints(server.log(mark)) if "Popping routine return" not in each] == []


async def test_behind_freepbx(
    freepbx: AsteriskServer, ceramics: DaemonProcess, phrases: dict[str, Phrase]
) -> None:
    """One include and one custom destination: an extension that declines, then FreePBX's queue."""
    mark, agent = freepbx.log_mark(), load_agent(str(AGENT))
    with taking_calls(freepbx, ceramics):
        async with (
            await SipPhone.register(freepbx.address, COLLEAGUE, "change-me") as phone,
            await call_in(freepbx, "7777") as call,
        ):
            await asks(call, phrases["human"])
            ringing = await phone.rings()
            back_ns = time.monotonic_ns()
            ringing.refuse()
            await hears(call, agent.returned, back_ns)
            await asks(call, phrases["wait_in_line"])
            ringing = await phone.rings()
            async with await ringing.answer() as talk:
                await call.media.quiet(500)
                await each_hears_the_other(call, talk, phrases["stop"])
            await call.wait_ended()
    log = freepbx.log(mark)
    for step in ("7777@offhook-phones", "s@offhook", "211@from-internal", "500@ext-queues"):
        assert f"Executing [{step}:" in log, step
    assert complaints(log) == []


async def test_a_queue_and_a_mailbox(
    daemon: DaemonProcess, server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    """Through another door, by keys of the menu: nobody in the queue has time: back; a mailbox."""
    agent = load_agent(str(AGENT))
    async with await call_in(server, EXTENSIONS["audiosocket"]) as call:
        await call.media.press("7")
        await eventually(lambda: "Queue(" in server.log(), "in the queue")
        mark = len(daemon.log())
        await eventually(lambda: " is back" in daemon.log()[mark:], "back with the agent")
        await hears(call, agent.returned, time.monotonic_ns())
        await call.media.press("8")
        await eventually(lambda: "vm-intro" in server.log() or "beep" in server.log(), "the mailbox answers")
        await call.media.press("#")
        await eventually(lambda: "Playing 'beep" in server.log(), "the beep")
        await call.media.say(phrases["stop"])
    await eventually(
        lambda: bool(list(server.folder.glob("spool/voicemail/default/100/INBOX/msg*.wav"))), "a message"
    )


async def test_a_classic_menu(daemon: DaemonProcess, server: AsteriskServer) -> None:
    """The shipped example, without audio of ours: keys, Asterisk's database, numbers; then a person."""
    mark = server.log_mark()
    server.cli("database put members 4711 250")

    async def menu(*keys: str) -> str:
        async with await SipCall.place(server.address, "710", user="softphone", password="change-me") as call:
            for each in keys:
                since_ns = time.monotonic_ns()
                await call.media.heard_after(since_ns)
                await call.media.press(each)
            await call.wait_ended()
        return server.log(mark)

    log = await menu("1", "4711")
    said = re.findall(r"Playing '(?:digits/)?([\w-]+)\.", log)
    assert said == ["vm-options", "vm-extension", "4", "7", "1", "1", "2", "hundred", "50"]
    assert "ended: result=ok" in log
    async with await SipPhone.register(server.address, "softphone", "change-me") as desk:
        calling = asyncio.ensure_future(menu("0"))
        async with await (await desk.rings()).answer() as talk:
            await talk.media.quiet(300)
        assert "ended: result=transfer" in await calling
    assert complaints(server.log(mark)) == []
