"""Calls by ARI on the real Asterisk: words both ways, and a socket that breaks in mid-call."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from offhook.doors.ari.classic import Classic
from offhook.doors.ari.link import Link
from offhook.doors.ari.messages import Event
from offhook.doors.ari.operations import Operations
from tests.asterisk.conftest import taking_calls
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.of_ari import EXTENSION, PASSWORD, AriAddresses, asterisk_of_ari
from tests.support.asterisk.received import ALIKE, likeness
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import MUSEUM, MUSEUM_SILENCE_S, PlaceCall, greeted, new_lines
from tests.support.needs import real_asterisk
from tests.support.sip.sip_client import SipCall
from tests.support.tcp_relay import Relay
from tests.support.waiting import eventually
from tests.support.words import recall

SENDING_AWAY = ("res_pjsip_pubsub", "res_pjsip_refer")
"""Without them a channel's ``redirect`` is accepted, and nothing follows."""
CONNECTED = "ari: connected app=offhook"


@pytest.fixture(scope="module", params=["classic-audiosocket", "outbound-websocket"])
def addresses(request: pytest.FixtureRequest) -> AriAddresses:
    """Who connects to whom for ARI, and the door that the audio comes through."""
    way, _, media = request.param.partition("-")
    return AriAddresses.free(classic=way == "classic", media=media)


@pytest.fixture(scope="module")
def ari_server(addresses: AriAddresses) -> Iterator[AsteriskServer]:
    install = real_asterisk()
    with asterisk_of_ari(install, addresses, more_modules=SENDING_AWAY) as server:
        yield server


@pytest.fixture(scope="module")
def ari_daemon(addresses: AriAddresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    settings = f"[agent]\ndefault = {json.dumps(str(MUSEUM))}\n[turn]\nmax_silence_s = {MUSEUM_SILENCE_S}\n"
    settings += addresses.settings(tmp_path_factory.mktemp("ari"))
    with DaemonProcess(settings, max_calls=1) as process:
        yield process


@pytest.fixture
async def relay(addresses: AriAddresses) -> Relay:
    return Relay(addresses.behind_relay)


@pytest.fixture
def daemon(ari_server: AsteriskServer, ari_daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    with taking_calls(ari_server, ari_daemon) as process:
        yield process
    deadline = time.monotonic() + 30
    while ari_server.channels():
        assert time.monotonic() < deadline, "a channel outlives the test"
        time.sleep(0.05)  # Asterisk tells its channel count only when asked


@pytest.fixture
def place_call(ari_server: AsteriskServer) -> PlaceCall:
    async def place(extension: str = EXTENSION) -> SipCall:
        return await SipCall.place(ari_server.address, extension, user="softphone", password="change-me")

    return place


async def test_a_conversation_over_a_socket_that_breaks(
    daemon: DaemonProcess,
    ari_server: AsteriskServer,
    relay: Relay,
    addresses: AriAddresses,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    """The first call loses ARI's socket between two turns, ends with a goodbye while it is away, and the
    dialplan hears of it when it is back.  The second hangs up while it is away.  The third finds both gone.
    """
    mark, log, seen = ari_server.log_mark(), len(daemon.log()), len(daemon.transcript())

    async def connected(times: int) -> None:
        await eventually(lambda: daemon.log()[log:].count(CONNECTED) == times, f"{times} connections")

    async with relay.at(addresses.relay):
        await connected(1)
        async with await place_call() as call:
            await greeted(call)
            turn = await call.ask(phrases["01_hours"], quiet_ms=1_000)
            (first,) = await new_lines(daemon, seen, 1)
            relay.open = False
            assert relay.cut() > 0
            await call.media.press("42#")
            await eventually(lambda: len(daemon.transcript()) == seen + 2, "the keys are in the transcript")
            assert daemon.transcript()[-1].heard == "4 2", "keys come with the audio"
            await call.media.quiet(1_000)
            await call.ask(phrases["06_goodbye"])
            assert call.ended_by is None, "the dialplan has not gone on"
            relay.open = True
            await call.wait_ended(60)
        assert recall(phrases["01_hours"].text, first.heard) >= 0.6, first
        assert likeness(turn.answer, first.answer) >= ALIKE, first
        await eventually(lambda: "ended: result=ok" in ari_server.log(mark), "the dialplan has the result")
        await connected(2)

        async with await place_call() as call:
            await greeted(call)
            relay.open = False
            relay.cut()
        await eventually(lambda: ari_server.channels() <= 1, "the caller has gone")
        relay.open = True
        await connected(3)
        await eventually(lambda: " ended result=hangup" in daemon.log()[log:], "it is noticed")

        async with await place_call() as one:
            await greeted(one)
            async with await place_call() as other:  # the daemon takes one
                await other.wait_ended(60)
            assert one.ended_by is None
    said = ari_server.log(mark)
    assert "result=busy" in said
    assert [each for each in complaints(said) if "fallback" not in each and "ebsocket" not in each] == []


@asynccontextmanager
async def another_program(addresses: AriAddresses, app: str) -> AsyncIterator[tuple[Operations, list[Event]]]:
    """One that speaks ARI with the same Asterisk, and what it is told."""
    events: list[Event] = []
    link = Link(events.append, lambda: None)
    way = Classic(f"http://{addresses.behind_relay}/ari", "offhook", PASSWORD, app)
    connecting = asyncio.create_task(way.connect(link))
    try:
        await eventually(lambda: link.is_up, "another program's connection")
        yield Operations(link, app), events
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await way.close()


@pytest.mark.parametrize("addresses", ["classic-audiosocket"], indirect=True)
async def test_another_program_holds_listens_to_and_moves_a_call(
    daemon: DaemonProcess,
    relay: Relay,
    addresses: AriAddresses,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    """What ARI is for beside calls that are placed: others take part, and the conversation goes on."""
    log, seen = len(daemon.log()), len(daemon.transcript())
    async with relay.at(addresses.relay), another_program(addresses, "probe") as (asterisk, events):
        await eventually(lambda: CONNECTED in daemon.log()[log:], "the daemon's connection")
        async with await place_call() as call:
            await greeted(call)
            ours = [each for each in await asterisk.channels() if str(each["name"]).startswith("PJSIP/")]
            (channel,) = (str(each["id"]) for each in ours)
            await asterisk.snoop(channel, "listener", spy="both")
            await eventually(
                lambda: any(each.type == "StasisStart" and each.channel_id == "listener" for each in events),
                "the listener is in the other application",
            )
            await asterisk.record("listener", "what-was-heard")
            asked = await call.media.say(phrases["01_hours"])
            await call.media.heard_after(asked.ended_ns)
            await asterisk.hold(channel, on=True, music=False)  # in mid-answer
            await asterisk.hold(channel, on=False, music=False)
            await call.media.heard_after(time.monotonic_ns())
            await call.media.quiet(700)
            (line,) = await new_lines(daemon, seen, 1)
            heard = call.media.received.between(asked.ended_ns, time.monotonic_ns())
            assert likeness(heard, line.answer) >= ALIKE, line
            await asterisk.stop_recording("what-was-heard")
            await eventually(
                lambda: any(each.type == "RecordingFinished" for each in events), "both sides are in a file"
            )
            await asterisk.hang_up("listener")
            await call.media.press("42#")
            await eventually(
                lambda: any(each.heard == "4 2" for each in daemon.transcript()[seen:]),
                "the agent is still there",
            )
            await asterisk.redirect(channel, "PJSIP/sip:elsewhere@127.0.0.1:9")
            await eventually(lambda: "sip:elsewhere@" in (call.referred_to or ""), "the phone is sent away")
