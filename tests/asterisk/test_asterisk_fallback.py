"""Nobody is dropped without a word: every way in which the agent can be missing or break."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import pytest

from tests.support.asterisk.asterisk_server import AsteriskServer, complaints, log_time
from tests.support.asterisk.received import sound
from tests.support.audio.audio import Phrase, Samples
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import PlaceCall, greeted
from tests.support.launchers import TWIN
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually

LAUNCHERS = ["offhook-eagi", TWIN.name]


@contextmanager
def script(asterisk: AsteriskServer, name: str) -> Iterator[None]:
    """The dialplan runs another file of agi-bin."""
    asterisk.cli(f"dialplan set global OFFHOOK_AGI {name}")
    try:
        yield
    finally:
        asterisk.cli("dialplan set global OFFHOOK_AGI offhook-eagi")


def fallback_line(log: str) -> str:
    """The line that the shipped dialplan logs when it takes the call over; there is exactly one."""
    lines = [line for line in log.splitlines() if "offhook: fallback" in line and "WARNING[" in line]
    assert len(lines) == 1, log
    return lines[0]


@pytest.fixture(scope="session")
def apology(asterisk_server: AsteriskServer) -> Samples:
    """What a caller hears of the fallback, without silence, where nobody serves the socket."""

    async def hear() -> Samples:
        async with await SipCall.place(
            asterisk_server.address, "700", user="softphone", password="change-me"
        ) as call:
            await call.wait_ended(60)
        return sound(call.media.received, 0)

    asterisk_server.use_daemon(None)
    mark = asterisk_server.log_mark()
    heard = asyncio.run(hear())
    played = re.findall(r"Playing '([\w-]+)\.\w+'", asterisk_server.log(mark))
    assert played == ["im-sorry", "please-try-call-later"]
    assert len(heard) > 2_000 * 8, "both prompts were heard"
    return heard


async def hear_fallback(call: SipCall, apology: Samples, from_ns: int = 0) -> None:
    """The prompts of the fallback, whole and last, then Asterisk's hang-up."""
    await call.wait_ended(60)
    assert call.ended_by == "server"
    heard = sound(call.media.received, from_ns)
    assert np.array_equal(heard[-len(apology) :], apology)


@pytest.mark.parametrize("name", LAUNCHERS)
async def test_daemon_absent(
    asterisk: AsteriskServer, place_call: PlaceCall, apology: Samples, name: str
) -> None:
    mark = asterisk.log_mark()
    with script(asterisk, name):
        async with await place_call() as call:
            await hear_fallback(call, apology)
    log = asterisk.log(mark)
    assert "result=unavailable agi=SUCCESS" in fallback_line(log)
    assert complaints(log) == [fallback_line(log)], "nothing else went wrong"
    await eventually(lambda: "ended: result=unavailable" in asterisk.log(mark), "the h extension's line")


async def test_launcher_missing(asterisk: AsteriskServer, place_call: PlaceCall, apology: Samples) -> None:
    mark = asterisk.log_mark()
    with script(asterisk, "not-installed"):
        async with await place_call() as call:
            await hear_fallback(call, apology)
    assert "result= agi=NOTFOUND" in fallback_line(asterisk.log(mark))


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("while it speaks", LAUNCHERS[0]),
        ("while it listens", LAUNCHERS[0]),
        ("while it speaks", LAUNCHERS[1]),
    ],
)
async def test_daemon_killed_in_mid_call(
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    apology: Samples,
    phrases: dict[str, Phrase],
    name: str,
    moment: str,
) -> None:
    with DaemonProcess() as doomed, script(asterisk, name):
        asterisk.use_daemon(doomed.socket)
        async with await place_call() as call:
            await greeted(call, quiet_ms=700)
            if moment == "while it speaks":
                asked = await call.media.say(phrases["01_hours"])
                await call.media.heard_after(asked.ended_ns)
            mark, killed, killed_ns = asterisk.log_mark(), datetime.now(), time.monotonic_ns()
            doomed.kill()
            await hear_fallback(call, apology, killed_ns)
    line = fallback_line(asterisk.log(mark))
    assert "result=failed agi=SUCCESS" in line
    # Both stamps are this machine's wall clock; the bound is the project's promise to callers, which a
    # machine that wakes nobody in time cannot keep: how late it woke the telephone is allowed for.
    late_s = call.media.clock.worst_late_ns / 1e9
    assert (log_time(line) - killed).total_seconds() < 1.0 + late_s


async def test_two_callers_when_the_daemon_is_killed(asterisk: AsteriskServer, place_call: PlaceCall) -> None:
    with DaemonProcess() as doomed:
        asterisk.use_daemon(doomed.socket)
        first, second = await place_call(), await place_call()
        async with first, second:
            for call in (first, second):
                await greeted(call, quiet_ms=700)
            mark = asterisk.log_mark()
            doomed.kill()
            await asyncio.gather(*(call.wait_ended(60) for call in (first, second)))
            assert {first.ended_by, second.ended_by} == {"server"}
    assert asterisk.log(mark).count("result=failed agi=SUCCESS") >= 2


async def test_daemon_busy(asterisk: AsteriskServer, place_call: PlaceCall, apology: Samples) -> None:
    with DaemonProcess(max_calls=1) as small:
        asterisk.use_daemon(small.socket)
        async with await place_call() as first:
            await first.media.heard_after(0)
            mark = asterisk.log_mark()
            async with await place_call() as second:
                await hear_fallback(second, apology)
            assert "result=busy agi=SUCCESS" in fallback_line(asterisk.log(mark))
            assert first.ended_by is None, "the call that was there first is not disturbed"


async def test_no_descriptor_is_left_to_the_daemon(daemon: DaemonProcess, place_call: PlaceCall) -> None:
    before = daemon.open_descriptors()
    for _ in range(3):
        async with await place_call() as call:
            await call.media.heard_after(0)
    await eventually(lambda: daemon.open_descriptors() <= before, "descriptors of ended calls are closed")
