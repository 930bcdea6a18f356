"""The same conversations through the doors for an offhookd elsewhere: AudioSocket and chan_websocket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Iterator

import pytest

from offhook.agents.loader import load_agent
from offhook.control.client import Control
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.asterisk.conftest import taking_calls
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.of_doors import EXTENSIONS, Doors, asterisk_of_doors
from tests.support.asterisk.received import ALIKE, common_length, likeness, sound
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import MUSEUM, MUSEUM_SILENCE_S, PlaceCall, greeted, new_lines
from tests.support.needs import real_asterisk
from tests.support.sip.impairments import GilbertElliott, Impairments
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually
from tests.support.words import recall, words

MS = 8
DOORS = ("audiosocket", "websocket")


@pytest.fixture(scope="module")
def doors() -> Doors:
    return Doors.free()


@pytest.fixture(scope="module")
def doors_server(doors: Doors) -> Iterator[AsteriskServer]:
    """An Asterisk of its own: its dialplan knows where these doors are."""
    install = real_asterisk()
    with asterisk_of_doors(install, doors, scripts=[LAUNCHER]) as server:
        yield server


@pytest.fixture(scope="module")
def doors_daemon(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    agent = json.dumps(str(MUSEUM))
    settings = f"[agent]\ndefault = {agent}\n[turn]\nmax_silence_s = {MUSEUM_SILENCE_S}\n"
    settings += doors.settings(tmp_path_factory.mktemp("doors"))
    with DaemonProcess(settings, max_calls=2) as process:
        yield process


@pytest.fixture
def daemon(doors_server: AsteriskServer, doors_daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    with taking_calls(doors_server, doors_daemon) as process:
        yield process
    deadline = time.monotonic() + 30
    while doors_server.channels():
        assert time.monotonic() < deadline, "a channel outlives the test"
        time.sleep(0.05)  # Asterisk tells its channel count only when asked


@pytest.fixture
def place_call(doors_server: AsteriskServer) -> PlaceCall:
    async def place(extension: str) -> SipCall:
        return await SipCall.place(doors_server.address, extension, user="softphone", password="change-me")

    return place


@pytest.mark.parametrize("door", DOORS)
async def test_a_conversation(
    door: str,
    daemon: DaemonProcess,
    doors_server: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    """Words on both sides, an interruption, keys, and a goodbye, whose result the dialplan learns."""
    mark, log, seen = doors_server.log_mark(), len(daemon.log()), len(daemon.transcript())
    async with await place_call(EXTENSIONS[door]) as call:
        await greeted(call)
        received = call.media.received
        whole = await call.ask(phrases["01_hours"], quiet_ms=1_000)
        (first,) = await new_lines(daemon, seen, 1)
        asked = await call.media.say(phrases["01_hours"])
        await eventually(lambda: len(sound(received, asked.ended_ns)) > 1_000 * MS, "a second of the answer")
        stop = await call.ask(phrases["stop"], quiet_ms=1_000)
        _, cut, answered = await new_lines(daemon, seen, 3)
        heard = sound(received, asked.ended_ns, stop.utterance.ended_ns)
        await call.media.press("42#")
        await eventually(lambda: len(daemon.transcript()) >= seen + 4, "the keys are in the transcript")
        keys = daemon.transcript()[seen + 3]
        await call.media.quiet(1_000)
        await call.ask(phrases["06_goodbye"])
        await call.wait_ended(60)
        assert call.ended_by == "server", "the agent hangs up after a goodbye"
    assert recall(phrases["01_hours"].text, first.heard) >= 0.6, first
    assert likeness(whole.answer, first.answer) >= ALIKE, first
    # The interruption: what was heard is the answer's beginning, and so is what is remembered.
    entire = sound(received, whole.utterance.ended_ns, asked.first_audible_ns)
    assert common_length(heard, entire) > len(heard) - 40 * MS
    assert len(heard) < 0.7 * len(entire)
    remembered, all_words = words(cut.answer), words(first.answer)
    assert remembered == all_words[: len(remembered)]
    assert abs(len(remembered) / len(all_words) - len(heard) / len(entire)) < 0.2, cut
    assert recall(phrases["stop"].text, answered.heard) >= 0.6, answered
    assert keys.heard == "4 2"
    assert received.lost_packets == 0
    said = doors_server.log(mark)
    assert "ended: result=ok" in said
    assert complaints(said) == []
    assert re.search(rf"started .*door={door}", daemon.log()[log:]), "through that door"


@pytest.mark.parametrize("door", DOORS)
async def test_a_line_that_loses_thirty_in_a_hundred_packets_costs_words_and_no_call(
    door: str, daemon: DaemonProcess, doors_server: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    """As through EAGI (test_asterisk_loss.py), with one caller."""
    mark, seen = doors_server.log_mark(), len(daemon.transcript())
    losing, losing_back = GilbertElliott(0.3, 2.0, seed=7), GilbertElliott(0.3, 2.0, seed=107)
    line = Impairments(loss=losing, loss_back=losing_back)
    placing = SipCall.place(
        doors_server.address, EXTENSIONS[door], user="softphone", password="change-me", impairments=line
    )
    async with await placing as call:
        await greeted(call)
        await call.ask(phrases["01_hours"], quiet_ms=1_000)  # something is said to it: an answer, or "again?"
        assert losing.lost > 10
        assert call.media.received.lost_packets > 20
        line.loss = line.loss_back = None  # and the line is well again
        await call.ask(phrases["04_parking"], quiet_ms=1_000)
    assert call.ended_by == "caller", "nobody has given up the other"
    await eventually(
        lambda: any(
            recall(phrases["04_parking"].text, line.heard) >= 0.6 for line in daemon.transcript()[seen:]
        ),
        "the caller is understood again",
    )
    assert complaints(doors_server.log(mark)) == []


@pytest.mark.parametrize("door", DOORS)
async def test_wideband_and_a_caller_who_hangs_up(
    door: str,
    daemon: DaemonProcess,
    doors_server: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    mark, log, seen = doors_server.log_mark(), len(daemon.log()), len(daemon.transcript())
    for name, value in {"OFFHOOK_AUDIO": "slin16", "OFFHOOK_RATE": "16000"}.items():
        doors_server.cli(f"dialplan set global {name} {value}")
    try:
        async with await place_call(EXTENSIONS[door]) as call:
            await greeted(call)
            turn = await call.ask(phrases["01_hours"], quiet_ms=1_000)
            (line,) = await new_lines(daemon, seen, 1)
            await call.media.say(phrases["01_hours"])
            await call.media.heard_after(time.monotonic_ns())
        await eventually(lambda: " ended result=hangup" in daemon.log()[log:], "the call has ended")
    finally:
        for name, value in {"OFFHOOK_AUDIO": "slin", "OFFHOOK_RATE": "8000"}.items():
            doors_server.cli(f"dialplan set global {name} {value}")
    assert "rate_hz=16000" in daemon.log()[log:]
    assert recall(phrases["01_hours"].text, line.heard) >= 0.6, line
    assert likeness(turn.answer, line.answer) >= ALIKE, line
    assert complaints(doors_server.log(mark)) == []


@pytest.mark.parametrize("door", DOORS)
async def test_a_call_that_cannot_be_taken_goes_to_the_fallback(
    door: str, daemon: DaemonProcess, doors_server: AsteriskServer, place_call: PlaceCall
) -> None:
    mark = doors_server.log_mark()
    async with await place_call(EXTENSIONS[door]) as one, await place_call(EXTENSIONS[door]) as two:
        await greeted(one)
        await greeted(two)
        async with await place_call(EXTENSIONS[door]) as third:  # the daemon takes two
            await third.wait_ended(60)
            assert third.ended_by == "server"
    assert "fallback for call" in doors_server.log(mark)
    assert "result=busy" in doors_server.log(mark)


@pytest.mark.parametrize("door", DOORS)
async def test_after_either_side_stood_still_nothing_is_late(
    door: str,
    daemon: DaemonProcess,
    doors_server: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    """Two seconds of the daemon, then of Asterisk, in mid-answer: interruptions are as prompt as ever."""
    async with await place_call(EXTENSIONS[door]) as call:
        await greeted(call)
        received = call.media.received
        for pid in (daemon.pid, doors_server.pid):
            asked = await call.media.say(phrases["01_hours"])
            await eventually(lambda: len(sound(received, asked.ended_ns)) > 1_000 * MS, "a second of it")  # noqa: B023
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(2)
            finally:
                os.kill(pid, signal.SIGCONT)
            await call.media.heard_after(time.monotonic_ns())
            seen = len(daemon.transcript())
            stop = await call.ask(phrases["stop"], quiet_ms=1_000)
            await new_lines(daemon, seen, 2)
            silent_ns = received.last_audible_before_ns(stop.answer_from_ns - 1)
            assert silent_ns is not None
            assert silent_ns < stop.utterance.ended_ns, "it fell silent while the caller was still speaking"


async def test_a_call_goes_on_through_another_door_while_the_agent_speaks(
    daemon: DaemonProcess, doors_server: AsteriskServer, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """From AudioSocket to EAGI: what was said is known there, and the caller has one call."""
    mark, log, seen = doors_server.log_mark(), len(daemon.log()), len(daemon.transcript())
    async with await place_call(EXTENSIONS["audiosocket"]) as call:
        await greeted(call)
        await call.ask(phrases["03_cost"], quiet_ms=700)
        asked = await call.media.say(phrases["01_hours"])
        received = call.media.received
        await eventually(lambda: len(sound(received, asked.ended_ns)) > 500 * MS, "some of the answer")
        with Control(daemon.socket.with_suffix(".ctl")) as control:
            ((live),) = (await asyncio.to_thread(control.get, "/v1/calls"))["calls"]
            moved = {"extension": "700"}
            await asyncio.to_thread(lambda: control.tell("takeover", moved, call=live["id"]))
            await eventually(lambda: "door=eagi" in daemon.log()[log:], "it comes through the other door")
            said_ns = await call.media.heard_after(time.monotonic_ns())
            await call.media.quiet(700)
            heard = received.between(said_ns, received.last_audible_ns or said_ns)
            assert likeness(heard, load_agent(str(MUSEUM)).resumed) >= ALIKE
            ((live),) = (await asyncio.to_thread(control.get, "/v1/calls"))["calls"]
        await call.ask(phrases["04_parking"], quiet_ms=700)
        lines = await new_lines(daemon, seen, 3)
    assert "door=eagi" in daemon.log()[log:]
    assert {line.call.partition("+")[0] for line in lines} == {live["id"].partition("+")[0]}
    assert " is back" in daemon.log()[log:]
    assert recall(phrases["04_parking"].text, lines[-1].heard) >= 0.6, lines
    assert complaints(doors_server.log(mark)) == []
