"""Three boxes behind Kamailio, in network namespaces, with one PostgreSQL and one language model's server.

Whatever becomes of one box (taken out, full, without its daemon, off the wire), the next call is answered by
another, with the greeting of the business that was called.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from offhook.agents.loader import Agent
from offhook.engines.llm.embedded import embedded_model
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.call_records import list_calls
from offhook.tenants.database import Database
from offhook.tenants.number_registry import add_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant
from tests.support.asterisk.asterisk_server import AsteriskServer, Place
from tests.support.asterisk.of_tenants import asterisk_of_tenants
from tests.support.asterisk.received import ALIKE, likeness, sound
from tests.support.audio.audio import load_phrases
from tests.support.daemon_process import DaemonProcess
from tests.support.kamailio import SHIPPED, Kamailio, kamailio, program
from tests.support.kit import ROOT, greeted
from tests.support.needs import not_run
from tests.support.network import Machine, wire
from tests.support.postgresql import PrivateCluster
from tests.support.sip.sip_client import CallRefusedError, SipCall
from tests.support.waiting import eventually, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(900)]

BOXES = 3
GREETINGS = {
    "+441134960000": "Thank you for calling the Leeds ferry office.",
    "+441904960000": "York clockmakers, good day to you.",
    "+441482960000": "You have reached the harbour museum of Hull.",
    "+441225960000": "Bath swimming pool, how can we help?",
    "+441392960000": "Welcome to the Exeter bicycle workshop.",
    "+441603960000": "This is the lending library in Norwich speaking.",
}
LEEDS = next(iter(GREETINGS))
HOURS = load_phrases(ROOT / "engine/offhook/assets/demo")["01_hours"]


@dataclass(frozen=True, slots=True)
class Box:
    """Asterisk and offhook on one machine; it takes one call at a time."""

    machine: Machine
    asterisk: AsteriskServer
    daemon: DaemonProcess

    @property
    def address(self) -> str:
        host, port = self.asterisk.address
        return f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Site:
    """All of it."""

    caller: str
    proxy: Kamailio
    boxes: dict[str, Box]
    """By their address, without the port."""
    database: Database
    model_log: Path

    async def call(self, number: str) -> SipCall:
        """Calls as the provider does, through the proxy."""
        return await SipCall.place(self.proxy.address, number, local_host=self.caller, timeout_s=60)

    @asynccontextmanager
    async def greeting(self, number: str) -> AsyncIterator[SipCall]:
        """A call that has been greeted by the right business."""
        async with await self.call(number) as call:
            await greeted(call)
            heard = sound(call.media.received, 0)
            alike = {each: likeness(heard, text) for each, text in GREETINGS.items()}
            assert max(alike, key=lambda each: alike[each]) == number, alike
            assert alike[number] >= ALIKE, alike
            yield call

    async def answered_by(self, number: str) -> str:
        """Which box answers a call to ``number``."""
        async with self.greeting(number) as call:
            box = call.answered_by
        await self.idle(box)
        return box

    async def idle(self, box: str) -> None:
        """Waits until ``box`` has no call: with one it would refuse the next."""
        await eventually(lambda: self.boxes[box].asterisk.channels() == 0, "the call has ended")
        await eventually(lambda: not self.boxes[box].daemon.call_folders(), "and its place is free")


@contextlib.contextmanager
def model_server(host: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """One OpenAI-compatible server for all boxes; its URL and its log."""
    log = folder / "model.log"
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(embedded_model(folder=folder))]
    command += ["--model_alias", "smollm2", "--host", host, "--port", "0", "--n_ctx", "2048"]
    command += [
        "--n_threads",
        "1",
        "--n_threads_batch",
        "1",
        "--interrupt_requests",
        "false",
        "--cache",
        "true",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )

    def listens() -> bool:
        assert process.poll() is None, log.read_text(errors="replace")
        return "running on http" in log.read_text(errors="replace")

    try:
        until(listens, f"the model's server listens; its log is {log}", timeout_s=240)
        port = re.findall(r"running on http://[0-9.]+:([0-9]+)", log.read_text(errors="replace"))[0]
        yield f"http://{host}:{port}/v1", log
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def businesses(cluster: PrivateCluster) -> Database:
    database = Database(cluster.clean_url())
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        for at, (number, greeting) in enumerate(GREETINGS.items()):
            tenant = add_tenant(connection, f"shop{at}", f"Shop {at}", active=True)
            facts = ["We are open from seven in the morning until noon."]
            agent = {"name": f"shop{at}", "greeting": greeting, "facts": facts}
            put_agent(connection, tenant, "main", Agent.model_validate(agent))
            add_number(connection, number, tenant)
    return database


@pytest.fixture(scope="module")
def site(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if program() is None:
        not_run("calls through Kamailio were NOT run: tests/scale/install-kamailio.sh")
    database = businesses(cluster)
    with ExitStack() as stack:
        net = stack.enter_context(wire(1 + BOXES))
        url, model_log = stack.enter_context(model_server(net.host, tmp_path_factory.mktemp("model")))
        boxes = {}
        for machine in net.machines[1:]:
            folder = tmp_path_factory.mktemp("box")
            place = Place(machine.host, net.machines[0].host, machine.within)
            asterisk = stack.enter_context(
                asterisk_of_tenants(
                    cluster, folder, [LAUNCHER], more=[SHIPPED / "offhook-box.conf"], place=place
                )
            )
            settings = (
                f"[tenants]\ndatabase = {cluster.url(role='offhook_daemon')!r}\n"
                f"snapshot = {str(folder / 'tenants.snapshot')!r}\n"
                f"[llm]\nengine = 'openai'\nbase_url = {url!r}\nmodel = 'smollm2'\n"
            )
            daemon = stack.enter_context(DaemonProcess(settings, max_calls=1, within=machine.within))
            asterisk.use_daemon(daemon.socket)
            boxes[machine.host] = Box(machine, asterisk, daemon)
        proxy = stack.enter_context(
            kamailio(net.machines[0], [box.asterisk.address for box in boxes.values()], [net.host])
        )
        yield Site(net.host, proxy, boxes, database, model_log)


async def test_a_number_has_its_box_and_all_boxes_share_the_rest(site: Site) -> None:
    first = {number: await site.answered_by(number) for number in GREETINGS}
    assert {number: await site.answered_by(number) for number in GREETINGS} == first
    assert len(set(first.values())) > 1, "every number on one box"

    async with site.greeting(LEEDS) as call:
        await call.ask(HOURS)
    await site.idle(call.answered_by)
    # The server's log names who asked; the model that sits there may say what it likes.
    asked = re.findall(
        r"([0-9.]+):\d+ - \"POST /v1/chat/completions", site.model_log.read_text(errors="replace")
    )
    assert call.answered_by in asked

    def written() -> int:
        with site.database.reading() as connection:
            return len(list_calls(connection))

    await eventually(lambda: written() == 2 * len(GREETINGS) + 1, "every box has written its calls")


async def test_a_full_box_passes_its_calls_on(site: Site) -> None:
    async with contextlib.AsyncExitStack() as calls:
        taken = []
        for _ in range(BOXES):
            taken.append(await calls.enter_async_context(site.greeting(LEEDS)))
        assert {call.answered_by for call in taken} == set(site.boxes)
        with pytest.raises(CallRefusedError) as caught:
            await site.call(LEEDS)
        assert caught.value.status == 503, "the provider may try elsewhere"
    for box in site.boxes:
        await site.idle(box)


async def test_a_box_that_is_taken_out_keeps_its_calls_and_gets_no_new_ones(site: Site) -> None:
    async with site.greeting(LEEDS) as running:
        box = site.boxes[running.answered_by]
        site.proxy.set_state(box.address, "dp")
        try:
            assert await site.answered_by(LEEDS) != running.answered_by
            assert running.ended_by is None
            await running.ask(HOURS)
        finally:
            site.proxy.set_state(box.address, "ap")
    await site.idle(running.answered_by)
    assert await site.answered_by(LEEDS) == running.answered_by


async def test_a_box_without_its_daemon_refuses_before_it_answers(site: Site) -> None:
    usual = await site.answered_by(LEEDS)
    box = site.boxes[usual]
    box.asterisk.use_daemon(None)
    try:
        assert await site.answered_by(LEEDS) != usual
    finally:
        box.asterisk.use_daemon(box.daemon.socket)
    assert await site.answered_by(LEEDS) == usual


async def test_a_box_that_is_off_the_wire_loses_no_new_call(site: Site) -> None:
    """The last one: the machine stays off."""
    usual = await site.answered_by(LEEDS)
    box = site.boxes[usual]
    box.machine.unplug()
    others = set(site.boxes) - {usual}
    # At once, before the proxy can know; and when it does.
    assert await site.answered_by(LEEDS) in others
    await eventually(lambda: site.proxy.states()[box.address].startswith("I"), "the proxy knows")
    found = await asyncio.gather(*(site.call(LEEDS) for _ in others))
    assert {call.answered_by for call in found} == others
    for call in found:
        async with call:
            pass
