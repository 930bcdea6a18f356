"""What follows a call, seen from the daemon: noted, written down, done, also by the next daemon."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from offhook.agents.loader import Agent
from offhook.config import Config, TenantsConfig, ToolsConfig
from offhook.daemon.after_calls import AfterCalls, CallNote
from offhook.doors.base import CallOffer
from offhook.observe.trace import TurnTrace
from offhook.tenants.database import Database
from offhook.tenants.jobs import Jobs
from offhook.tenants.loading import read_snapshot
from offhook.tenants.registry import change_tenant
from offhook.tools.base import ToolResult
from tests.support.clock import reached
from tests.support.tenants import fill

KEY = "whsec_" + base64.b64encode(b"a key of two and thirty bytes 32").decode()
HOOK = {"url": "https://127.0.0.1/hook", "secret": KEY, "transcript": True}
LEEDS = "+441134960000"


class Desk:
    """After-calls of a box with tenants; what its receiver got."""

    def __init__(self, folder: Path) -> None:
        self.config = Config(
            tools=ToolsConfig(records=folder / "box.db", tenants_may_reach=("127.0.0.1",)),
            tenants=TenantsConfig(database=f"sqlite:///{folder}/tenants.db"),
        )
        self.got: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.slept = 0
        self.on_sleep: Any = None
        self.after = self.start()

    def start(self) -> AfterCalls:
        return AfterCalls(
            self.config, self.spawn, sleep=self.sleep, network=httpx.MockTransport(self.receive)
        )

    def spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        if self.on_sleep is not None:
            self.on_sleep()
        await asyncio.sleep(0)

    def receive(self, request: httpx.Request) -> httpx.Response:
        self.got.append(json.loads(request.content))
        return httpx.Response(204)

    def call(self, number: Any = None, after_call: Any = None) -> CallNote:
        table = {"webhooks": [HOOK]} if after_call is None else after_call
        agent = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "after_call": table})
        profile = SimpleNamespace(
            agent=agent,
            models=SimpleNamespace(language_model=None),
            policy=SimpleNamespace(name="grounded"),
            transcribed=number is None or number.tenant.transcripts,
        )
        offer = CallOffer("test", "1.2", dialled="700", caller="+4366099")
        note = self.after.note(offer, cast(Any, profile), "inn", number)
        assert note is not None
        note.done("book_appointment", {"name": "Ida"}, ToolResult(say="Booked for Friday."))
        note.turn("Is there a sauna?", "I don't know.", TurnTrace("1.2", 1, act="unknown"))
        return note

    async def done(self, count: int) -> None:
        await reached(lambda: len(self.got) == count, "the receiver has been told")

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.after.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.close()


async def test_a_call_of_the_boxs_own_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.after.begin()
    desk.call().ended("ok")
    await desk.done(1)
    data = desk.got[0]["data"]
    assert (data["agent"], data["number"], data["result"]) == ("inn", "700", "ok")
    assert (data["outcome"], data["done"]) == ("done", [{"tool": "book_appointment", "ok": True}])
    assert data["turns"][0] == {"role": "caller", "text": "Is there a sauna?"}
    await reached(
        lambda: Jobs(Database(f"sqlite:///{tmp_path}/box.db")).count() == {"done": 1}, "it is written down"
    )


async def test_an_agent_that_tells_nobody_makes_no_file(desk: Desk, tmp_path: Path) -> None:
    agent = Agent(name="Inn", greeting="Hello.")
    offer = CallOffer("test", "1.2")
    assert desk.after.note(offer, cast(Any, SimpleNamespace(agent=agent)), "inn", None) is None
    assert not (tmp_path / "box.db").exists()


@pytest.mark.parametrize("transcripts", [True, False])
async def test_a_tenants_words_go_only_where_the_tenant_keeps_them(
    desk: Desk, tmp_path: Path, transcripts: bool
) -> None:
    database = Database(f"sqlite:///{tmp_path}/tenants.db")
    database.prepare()
    fill(database, leeds=LEEDS)
    with database.writing() as connection:
        change_tenant(connection, "leeds", transcripts=transcripts)
        number = read_snapshot(connection).find(LEEDS)
    desk.after.begin()
    desk.call(number).ended("hangup")
    await desk.done(1)
    assert ("sauna" in json.dumps(desk.got[0])) is transcripts
    assert desk.got[0]["data"]["number"] == LEEDS
    assert not (tmp_path / "box.db").exists()


async def test_what_a_daemon_left_the_next_one_does(desk: Desk) -> None:
    desk.call().ended("ok")
    await desk.after.flush()
    assert desk.got == []
    await desk.close()  # it dies here
    desk.after = desk.start()
    desk.after.begin()
    await desk.done(1)


async def test_a_database_that_is_away_gets_it_when_it_is_back(desk: Desk, tmp_path: Path) -> None:
    blocked = tmp_path / "box.db"
    blocked.mkdir()

    def back() -> None:
        if desk.slept == 3:
            blocked.rmdir()

    desk.on_sleep = back
    desk.call().ended("ok")
    await desk.after.flush()
    assert desk.slept == 3
    desk.after.begin()
    await desk.done(1)
