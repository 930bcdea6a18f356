"""Calls to three businesses' numbers on a real Asterisk, with the real daemon and a real PostgreSQL: who
greets, in which language, and with whose knowledge; also while the database is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from offhook.agents.loader import Agent
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.call_records import list_calls
from offhook.tenants.database import Database
from offhook.tenants.number_registry import add_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant, get_tenant
from tests.support.asterisk.asterisk_server import TRUNK_HOST, AsteriskServer
from tests.support.asterisk.of_tenants import asterisk_of_tenants
from tests.support.asterisk.received import ALIKE, likeness, sound
from tests.support.audio.audio import Samples, load_phrases
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import ROOT, greeted
from tests.support.postgresql import PrivateCluster
from tests.support.sip.sip_client import CallRefusedError, SipCall
from tests.support.waiting import eventually, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(400)]

LEEDS, YORK, HULL, BATH = "+441134960000", "+441904960000", "+441482960000", "+441225960000"
HOURS = load_phrases(ROOT / "engine/offhook/assets/demo")["01_hours"]
GREETINGS = {
    LEEDS: ("Thank you for calling the Leeds ferry office.", "en"),
    YORK: ("York clockmakers, good day to you.", "en"),
    HULL: ("Guten Tag, hier ist das Hafenmuseum.", "de"),
}
PIER = {"pier": {"name": "the pier", "number": "999"}}
"""A number that the dialplan rings, and that nobody has."""
OPEN = {
    LEEDS: "We are open from seven in the morning until noon.",
    YORK: "Our opening hours are two to six, Tuesdays only.",
}


@pytest.fixture(scope="module")
def asterisk(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskServer]:
    assert LAUNCHER.exists(), f"no launcher at {LAUNCHER}: run 'make build'"
    with asterisk_of_tenants(cluster, tmp_path_factory.mktemp("odbc"), [LAUNCHER]) as server:
        yield server


@pytest.fixture(scope="module")
def three(cluster: PrivateCluster) -> Database:
    database = Database(cluster.clean_url())
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        for slug, number in (("leeds", LEEDS), ("york", YORK), ("hull", HULL), ("bath", BATH)):
            tenant = add_tenant(connection, slug, slug.title(), active=slug != "bath")
            greeting, language = GREETINGS.get(number, ("Hello.", "en"))
            facts = [OPEN[number]] if number in OPEN else []
            agent: dict[str, Any] = {"name": slug, "greeting": greeting, "language": language, "facts": facts}
            if number == LEEDS:
                agent |= {"menu": {"0": {"to": "pier"}}, "tools": {"transfer": {"targets": PIER}}}
            put_agent(connection, tenant, "main", Agent.model_validate(agent))
            add_number(connection, number, tenant)
    return database


@pytest.fixture(scope="module")
def settings(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    snapshot = tmp_path_factory.mktemp("daemon") / "tenants.snapshot"
    url = cluster.url(role="offhook_daemon")
    return f"[tenants]\ndatabase = {url!r}\nsnapshot = {str(snapshot)!r}\n"


@pytest.fixture(scope="module")
def daemon(three: Database, settings: str, asterisk: AsteriskServer) -> Iterator[DaemonProcess]:
    with DaemonProcess(settings) as process:
        asterisk.use_daemon(process.socket)
        yield process


@pytest.fixture(autouse=True)
def no_call_is_left(asterisk: AsteriskServer) -> Iterator[None]:
    yield
    until(lambda: asterisk.channels() == 0, "all calls have ended")


async def dial(asterisk: AsteriskServer, number: str) -> SipCall:
    return await SipCall.place(asterisk.address, number, local_host=TRUNK_HOST)


async def refused(asterisk: AsteriskServer, number: str) -> int:
    with pytest.raises(CallRefusedError) as caught:
        await dial(asterisk, number)
    return caught.value.status


def assert_said(heard: Samples, texts: dict[str, tuple[str, str]], number: str) -> None:
    """What was heard is what ``number`` says, and nobody else."""
    alike = {each: likeness(heard, *said) for each, said in texts.items()}
    assert max(alike, key=lambda each: alike[each]) == number, alike
    assert alike[number] >= ALIKE, alike


async def greets(asterisk: AsteriskServer, number: str, *, asks: bool = False) -> None:
    """A call to ``number``: its greeting, and its own answer to a question that others answer otherwise."""
    async with await dial(asterisk, number) as call:
        await greeted(call)
        assert_said(sound(call.media.received, 0), GREETINGS, number)
        if asks:
            await answers(call, number)


async def answers(call: SipCall, number: str) -> None:
    turn = await call.ask(HOURS, quiet_ms=1_000)
    assert_said(turn.answer, {each: (text, "en") for each, text in OPEN.items()}, number)


async def test_three_businesses_at_once_each_with_its_own(
    asterisk: AsteriskServer, daemon: DaemonProcess, three: Database
) -> None:
    await asyncio.gather(
        greets(asterisk, LEEDS, asks=True), greets(asterisk, YORK, asks=True), greets(asterisk, HULL)
    )
    assert await refused(asterisk, BATH) == 403
    assert await refused(asterisk, "+442079460000") == 404

    def written() -> list[str]:
        with three.reading() as connection:
            return sorted(call["tenant"] for call in list_calls(connection))

    await eventually(lambda: written() == ["hull", "leeds", "york"], "each call is its tenant's, and written")


async def test_whom_nobody_answers_is_back_with_the_tenants_agent(
    asterisk: AsteriskServer, daemon: DaemonProcess
) -> None:
    mark, log = asterisk.log_mark(), len(daemon.log())
    async with await dial(asterisk, LEEDS) as call:
        await greeted(call)
        await call.media.press("0")
        await eventually(lambda: " is back" in daemon.log()[log:], "nobody has 999")
        back_ns = time.monotonic_ns()
        await call.media.heard_after(back_ns)
        await call.media.quiet(900)
        heard = sound(call.media.received, back_ns)
    assert likeness(heard, Agent(name="leeds", greeting="Hello.").returned) >= ALIKE
    assert 'Dial("PJSIP' in asterisk.log(mark)
    assert "Local/999@offhook-transfers" in asterisk.log(mark)


async def test_a_change_is_live_without_a_restart(
    asterisk: AsteriskServer, daemon: DaemonProcess, three: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = "Hafenmuseum, guten Abend, wir haben Ferien."
    mark = len(daemon.log())
    with three.writing() as connection:
        agent = Agent(name="hull", greeting=new, language="de")
        put_agent(connection, get_tenant(connection, "hull"), "main", agent)
    await eventually(lambda: "agent=hull facts=" in daemon.log()[mark:], "the new one is made ready uncalled")
    monkeypatch.setitem(GREETINGS, HULL, (new, "de"))
    await greets(asterisk, HULL)
    with three.writing() as connection:
        agent = Agent(name="hull", greeting="Guten Tag, hier ist das Hafenmuseum.", language="de")
        put_agent(connection, get_tenant(connection, "hull"), "main", agent)
    await eventually(lambda: daemon.log()[mark:].count("agent=hull facts=") == 2, "and back")


async def test_nobody_notices_that_the_database_has_gone(
    asterisk: AsteriskServer, daemon: DaemonProcess, cluster: PrivateCluster, settings: str
) -> None:
    """In the midst of a call, before the next, and at the start of another daemon."""
    async with await dial(asterisk, LEEDS) as call:
        await greeted(call)
        cluster.stop()
        try:
            await answers(call, LEEDS)
            await greets(asterisk, YORK, asks=True)
            assert await refused(asterisk, BATH) == 403
            assert await refused(asterisk, "+442079460000") == 404
            with DaemonProcess(settings) as another:
                asterisk.use_daemon(another.socket)
                await asyncio.gather(greets(asterisk, YORK), greets(asterisk, HULL))
                assert "are taken from" in another.log()
        finally:
            asterisk.use_daemon(daemon.socket)
            cluster.start()
    for accident in ("Traceback", "never retrieved"):
        assert accident not in daemon.log()
