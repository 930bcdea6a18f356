"""A supervisor's telephone, and an agent in a conference, on a real Asterisk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.asterisk.conftest import taking_calls
from tests.asterisk.test_asterisk_hand_over import each_hears_the_other
from tests.asterisk.test_asterisk_recording import MS, PIECE, Samples, place
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer, complaints
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import greeted, new_lines
from tests.support.needs import real_asterisk
from tests.support.sip.sip_client import SipCall, Turn
from tests.support.waiting import eventually

PIN = "4711"
MODULES = (
    *("app_chanspy", "app_authenticate", "app_confbridge", "app_originate", "bridge_softmix"),
    *("func_groupcount", "func_lock"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[AsteriskServer]:
    """With the shipped files for supervisors; nothing in them is changed but where the PINs are."""
    install = real_asterisk()

    def adjust(etc: Path) -> None:
        (etc / "pins").write_text(f"{PIN}\n")
        with (etc / "extensions.conf").open("a") as dialplan:
            dialplan.write(f'\n#include "{SHIPPED / "offhook-supervise.conf"}"\n')
            dialplan.write(f"[globals](+)\nOFFHOOK_PINS = {etc / 'pins'}\n")
        with (etc / "modules.conf").open("a") as modules:
            modules.write("\n[modules](+)\n" + "".join(f"load = {name}.so\n" for name in MODULES))
        (etc / "confbridge.conf").write_text((SHIPPED / "confbridge.conf").read_text())

    with AsteriskServer(install, [LAUNCHER], adjust) as running:
        yield running


@pytest.fixture
def daemon(server: AsteriskServer, museum_daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    with taking_calls(server, museum_daemon) as process:
        yield process
    deadline = time.monotonic() + 30
    while server.channels():
        assert time.monotonic() < deadline, "a channel outlives the test"
        time.sleep(0.05)  # Asterisk tells its channel count only when asked


async def dial(server: AsteriskServer, extension: str) -> SipCall:
    return await SipCall.place(server.address, extension, user="softphone", password="change-me")


def of_answer(call: SipCall, turn: Turn) -> Samples:
    """A piece of an answer, as whoever has asked received it."""
    received = call.media.received
    return received.between(turn.answer_from_ns, turn.answer_to_ns)[MS * 200 :][:PIECE]


async def test_a_supervisor_listens_and_takes_the_call_over(
    daemon: DaemonProcess, server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    mark, question = server.log_mark(), phrases["01_hours"]
    async with await dial(server, "700") as caller, await dial(server, "*75") as supervisor:
        await greeted(caller)
        await supervisor.media.heard_after(0)
        await supervisor.media.press(f"{PIN}#")
        await eventually(lambda: "Spying on channel" in server.log(mark), "the supervisor is in the call")
        since_ns, seen = time.monotonic_ns(), len(daemon.transcript())
        turn = await caller.ask(question)
        await new_lines(daemon, seen, 1)
        heard = supervisor.media.received.between(since_ns, time.monotonic_ns())
        middle = (question.first_audible + question.last_audible) // 2
        asked = place(question.samples[middle : middle + PIECE], heard)
        assert place(of_answer(caller, turn), heard) > asked, "then the answer"

        await supervisor.media.press("9")
        await eventually(lambda: "ended result=" in daemon.log()[-400:], "the agent is out")
        await each_hears_the_other(caller, supervisor, phrases["human"])
    assert complaints(server.log(mark)) == []


async def test_a_wrong_pin_hears_nothing(daemon: DaemonProcess, server: AsteriskServer) -> None:
    mark = server.log_mark()
    async with await dial(server, "*75") as stranger:
        for _ in range(3):
            await stranger.media.heard_after(time.monotonic_ns())
            await stranger.media.press("1234#")
        await stranger.wait_ended()
    assert "ChanSpy" not in server.log(mark)


async def test_an_agent_in_a_conference_hears_all_and_not_itself(
    daemon: DaemonProcess, server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    """Two who dial at the same moment have one agent: two would talk with each other, and hear nobody."""
    mark, before = server.log_mark(), len(daemon.log())
    one, other = await asyncio.gather(dial(server, "750"), dial(server, "750"))
    async with one, other:
        await greeted(one)
        seen = len(daemon.transcript())
        for asks, listens, phrase in ((one, other, "03_cost"), (other, one, "04_parking")):
            since_ns, lines = time.monotonic_ns(), len(daemon.transcript())
            turn = await asks.ask(phrases[phrase])
            await new_lines(daemon, lines, 1)
            place(of_answer(asks, turn), listens.media.received.between(since_ns, time.monotonic_ns()))
        await one.media.quiet(1_500)
        heard = [line.heard.lower() for line in daemon.transcript()[seen:]]
        assert len(heard) == 2, "its own words are nobody's turn"
        assert "cost" in heard[0]
        assert "park" in heard[1]
        assert daemon.log()[before:].count(" started agent=") == 1
        assert one.ended_by is other.ended_by is None
    assert complaints(server.log(mark)) == []
