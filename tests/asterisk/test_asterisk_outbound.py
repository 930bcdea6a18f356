"""Calls that offhook places, on the real Asterisk: to a person, a machine, a fax, an engaged line."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from offhook.config import Config
from offhook.control.client import Control
from offhook.web.house import House
from offhook.web.passwords import Passwords
from tests.support.asterisk.asterisk_server import AsteriskServer
from tests.support.asterisk.of_ari import AriAddresses, asterisk_of_ari
from tests.support.asterisk.received import ALIKE, likeness, spoken
from tests.support.audio.audio import Phrase, Samples
from tests.support.audio.media import CallEndedError
from tests.support.daemon_process import DaemonProcess
from tests.support.needs import real_asterisk
from tests.support.sip.sip_callee import SipCallee
from tests.support.web import PASSWORD, USER, served

NUMBER = "+12125550123"
OPENING = "Hello, this is garage Winter. Your car is ready."
MESSAGE = "This is garage Winter. Your car is ready. Please call us back."
AGENT = f"""
name = "Garage Winter"
greeting = "Garage Winter, hello."
facts = ["We are open from eight to five."]
[outbound]
opening = "{OPENING}"
message = "{MESSAGE}"
"""
ANNOUNCEMENT = "Sorry, nobody is available to take your call. Please leave a message after the tone."
MS = 8
TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(b"a key of two and thirty bytes 32").decode()


@pytest.fixture(scope="module")
def addresses() -> AriAddresses:
    found = AriAddresses.free(classic=True)
    return dataclasses.replace(found, relay=found.behind_relay)


@pytest.fixture(scope="module")
def ari_server(addresses: AriAddresses) -> Iterator[AsteriskServer]:
    install = real_asterisk()
    with asterisk_of_ari(install, addresses) as server:
        yield server


@pytest.fixture(scope="module")
def callee_port() -> int:
    """One for all tests: the daemon's configuration has it."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """The address of a receiver of webhooks, and what it got."""
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put({**json.loads(body), "signed": self.headers["webhook-signature"].startswith("v1,")})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, name="receiver")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/outbound", got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def dialling(
    addresses: AriAddresses,
    callee_port: int,
    told: tuple[str, queue.Queue[dict[str, Any]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DaemonProcess]:
    folder = tmp_path_factory.mktemp("outbound")
    (folder / "garage.toml").write_text(AGENT)
    (folder / "webhook.secret").write_text(SECRET)
    more = (
        f"[outbound]\nallow = ['+1']\nendpoint = 'PJSIP/callee/sip:{{number}}@127.0.0.1:{callee_port}'\n"
        "caller_id = '+12125550100'\nwindow = '00:00-23:59'\nper_minute = 600\nretries = 0\n"
        "days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']\n"
        f"database = '{folder / 'outbound.db'}'\nwebhook = {{ url = '{told[0]}',"
        f" secret_file = '{folder / 'webhook.secret'}' }}\n[tools]\nrecords = '{folder / 'records.db'}'\n"
        f"[agent]\ndefault = '{folder / 'garage.toml'}'\n"
    )
    with DaemonProcess(addresses.settings(folder, more)) as process:
        yield process


@pytest.fixture
async def control(dialling: DaemonProcess, ari_server: AsteriskServer) -> AsyncIterator[Control]:
    with Control(dialling.socket.with_suffix(".ctl")) as opened:
        yield opened
    assert "Traceback" not in dialling.log()
    deadline = time.monotonic() + 30
    while ari_server.channels():
        assert time.monotonic() < deadline, "a channel outlives the test"
        await asyncio.sleep(0.05)  # Asterisk tells its channel count only when asked


def dial(control: Control) -> int:
    told = control.tell("dial", {"number": NUMBER, "consent": "a form of theirs"})
    return int(told["call"])


def dial_by_http(socket: Path, folder: Path) -> int:
    (folder / "token").write_text(TOKEN)
    Passwords(folder / "passwd").put(USER, PASSWORD)
    web = {"token_file": folder / "token", "password_file": folder / "passwd", "listen": "127.0.0.1:0"}
    house = House(Config.model_validate({"daemon": {"socket": socket}, "web": web}), None)
    with served(house) as address:
        answer = httpx.post(
            f"{address}/api/v1/dial",
            json={"number": NUMBER, "consent": "a form of theirs"},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
        )
    return int(answer.raise_for_status().json()["call"])


async def outcome(control: Control, call: int) -> tuple[str, str]:
    """Result and who answered, when it is done."""
    deadline = time.monotonic() + 60
    while True:
        ((found),) = (await asyncio.to_thread(control.tell, "dialled", {"call": call}))["calls"]
        if found["state"] == "done":
            return found["result"], found["answered_by"]
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


def silence(ms: int) -> Samples:
    return np.zeros(ms * MS, np.int16)


def tone(hz: float, ms: int) -> Samples:
    return (8_000 * np.sin(2 * np.pi * hz * np.arange(ms * MS) / 8_000)).astype(np.int16)


async def test_a_person_is_told_why_and_talks_with_the_agent(
    control: Control, dialling: DaemonProcess, callee_port: int, phrases: dict[str, Phrase]
) -> None:
    async with await SipCallee.listening(port=callee_port) as callee:
        call = await asyncio.to_thread(dial, control)
        await asyncio.wait_for(callee.answered.wait(), 60)
        assert "12125550100" in callee.caller, "the number that we call from is shown"
        hello = await callee.media.say(phrases["stop"])
        from_ns = await callee.media.heard_after(hello.ended_ns)
        await callee.media.quiet(1_000)
        heard = callee.media.received.between(from_ns, callee.media.received.last_audible_ns or from_ns)
        assert likeness(heard, OPENING) >= ALIKE
        first_ns = callee.media.received.first_audible_ns(0)
        assert first_ns is not None
        assert first_ns >= hello.ended_ns, "nothing is said before somebody has spoken"
        await callee.media.say(phrases["06_goodbye"])
        await asyncio.wait_for(callee.over.wait(), 60)
    assert await outcome(control, call) == ("ok", "human")


async def test_a_machine_gets_the_message_behind_its_beep(
    control: Control,
    dialling: DaemonProcess,
    callee_port: int,
    told: tuple[str, queue.Queue[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    """The call is placed by HTTP, and a receiver of webhooks learns what came of it."""
    async with await SipCallee.listening(port=callee_port) as callee:
        call = await asyncio.to_thread(dial_by_http, dialling.socket, tmp_path)
        await asyncio.wait_for(callee.answered.wait(), 60)
        greeting = np.concatenate([spoken(ANNOUNCEMENT), silence(400), tone(1_000, 400)])
        said = await callee.media.say(Phrase("machine", "", greeting, 0, len(greeting) - 1))
        from_ns = await callee.media.heard_after(0)
        assert from_ns >= said.ended_ns - 50_000_000, "it is not talked over"
        await asyncio.wait_for(callee.over.wait(), 60)
        received = callee.media.received
        heard = received.between(from_ns, received.last_audible_ns or from_ns)
    assert likeness(heard, MESSAGE) >= ALIKE
    assert await outcome(control, call) == ("ok", "machine")
    while (hook := await asyncio.to_thread(told[1].get, timeout=60))["data"]["call"] != call:
        assert hook["type"] == "dial.completed"
    assert hook["signed"]
    assert {key: hook["data"][key] for key in ("number", "result", "answered_by", "tries")} == {
        "number": NUMBER,
        "result": "ok",
        "answered_by": "machine",
        "tries": 1,
    }


async def test_a_machine_that_begins_as_a_person_does_gets_the_message_in_the_end(
    control: Control, dialling: DaemonProcess, callee_port: int
) -> None:
    """What we had begun to say is cut, and nothing but the message stands behind the beep."""
    async with await SipCallee.listening(port=callee_port) as callee:
        call = await asyncio.to_thread(dial, control)
        await asyncio.wait_for(callee.answered.wait(), 60)
        parts = (spoken("Hello?"), silence(1_800), spoken(ANNOUNCEMENT), silence(300), tone(1_000, 400))
        greeting = np.concatenate(parts)
        said = await callee.media.say(Phrase("machine", "", greeting, 0, len(greeting) - 1))
        from_ns = await callee.media.heard_after(said.ended_ns)
        await asyncio.wait_for(callee.over.wait(), 60)
        received = callee.media.received
        first_ns = received.first_audible_ns(0)
        heard = received.between(from_ns, received.last_audible_ns or from_ns)
    assert first_ns is not None
    assert first_ns < said.ended_ns, "it was taken for a person, who was talked to"
    assert likeness(heard, MESSAGE) >= ALIKE
    assert await outcome(control, call) == ("ok", "machine")
    assert "answered by a machine after all" in dialling.log()


async def test_an_engaged_line_and_a_fax(control: Control, callee_port: int) -> None:
    async with await SipCallee.listening(port=callee_port, status=486):
        call = await asyncio.to_thread(dial, control)
        assert await outcome(control, call) == ("busy", "")
    async with await SipCallee.listening(port=callee_port) as callee:
        call = await asyncio.to_thread(dial, control)
        await asyncio.wait_for(callee.answered.wait(), 60)
        fax = tone(2_100, 3_000)
        tone_of_it = callee.media.begin(Phrase("fax", "", fax, 0, len(fax) - 1))
        with pytest.raises(CallEndedError):  # we have hung up before its end
            await tone_of_it.done
        await asyncio.wait_for(callee.over.wait(), 60)
        assert callee.media.received.last_audible_ns is None, "nothing is said to a fax"
    assert await outcome(control, call) == ("nobody", "fax")
    async with await SipCallee.listening(port=callee_port) as callee:  # the standard lets it wait so long
        call = await asyncio.to_thread(dial, control)
        await asyncio.wait_for(callee.answered.wait(), 60)
        fax = np.concatenate([silence(2_400), tone(2_100, 3_000)])
        tone_of_it = callee.media.begin(Phrase("fax", "", fax, 0, len(fax) - 1))
        with pytest.raises(CallEndedError):
            await tone_of_it.done
        await asyncio.wait_for(callee.over.wait(), 60)
    assert await outcome(control, call) == ("nobody", "fax")
