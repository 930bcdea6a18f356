"""Calls to tenants' numbers: who answers, who is refused unanswered, what is written down.

Above 400 lines because all of it is tried in one house of tenants, which is made here.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.agents.loader import Agent
from offhook.call.profile import CallProfile
from offhook.config import Config, TenantsConfig
from offhook.daemon.daemon import Daemon
from offhook.daemon.renewal import MOST_FRESH
from offhook.daemon.tenancy import Tenancy
from offhook.documents.passage import Passage
from offhook.errors import BusyError, ConfigError, DatabaseError
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.call_records import export_calls
from offhook.tenants.call_writer import CallWriter
from offhook.tenants.database import Database
from offhook.tenants.directory import Directory
from offhook.tenants.documents import put_document
from offhook.tenants.number_registry import change_number, move_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant, change_tenant, get_tenant, remove_tenant
from offhook.tenants.shelf import Shelf
from offhook.tools.registry import Origin
from tests.support.clock import reached
from tests.support.reception import Offer, Ready, SlowModel, opened
from tests.support.tenants import fill, small_agent

LEEDS, YORK, HULL = "+441134960000", "+441904960000", "+441482960000"


class Waiter:
    """Nobody follows the database by itself: tests refresh."""

    def listen(self) -> None: ...

    def wait(self) -> bool:
        return False

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Block:
    """A daemon for three businesses; calls go on until they are hung up."""

    def __init__(self, database: Database, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.directory = Directory(database, waiter=cast(Any, Waiter()), optional=True)
        self.writer = CallWriter(database)
        self.writer.start()
        others = "default" in config.agent.model_fields_set
        shelf = Shelf(database, None)
        self.tenancy = Tenancy(self.directory, self.writer, shelf, others_answered=others)
        self.model, self.ready = SlowModel(), Ready()
        self.model.gate.set()
        self.daemon = Daemon(config)
        self.reception = opened(self.daemon, self.model, self.ready, self.tenancy, most_of_tenants=2)
        self.profiles: list[CallProfile] = []
        self.hold = asyncio.Event()
        block = self

        class Call:
            successor = None

            def __init__(self, wire: Any, profile: CallProfile, *services: Any) -> None:
                assert wire.line.answered == (profile.number is not None)
                self.profile = profile
                self.bill = Bill({"seconds": 90.0004}, 0.0125) if profile.tenant == "leeds" else Bill()
                block.profiles.append(profile)

            async def run(self) -> str:
                if self.profile.on_turn is not None:
                    self.profile.on_turn("a secret", "an answer", TurnTrace("1.2", 1))
                await block.hold.wait()
                return "ok"

        monkeypatch.setattr("offhook.daemon.relay.Call", Call)

    async def begin(self) -> None:
        self.directory.refresh(listen=True)
        await self.reception.begin(Agent(name="Box", greeting="The box."))

    async def dial(self, *arguments: str, dialled: str = "", caller: str = "") -> Offer:
        """A call from its beginning to its end."""
        line = Offer(*arguments, dialled=dialled, caller=caller)
        self.hold.set()
        await self.daemon.take(cast(Any, line))
        return line

    async def ring(self, number: str) -> asyncio.Task[None]:
        """A call that goes on."""
        self.hold.clear()
        before = len(self.profiles)
        call = asyncio.create_task(self.daemon.take(cast(Any, Offer(f"did={number}"))))
        await reached(lambda: len(self.profiles) > before or call.done(), "the call is held")
        return call

    async def change(self) -> None:
        """What was changed is known, and everything that follows from it is done."""
        await asyncio.to_thread(self.directory.refresh)
        await asyncio.sleep(0)
        await self.settled()

    async def settled(self) -> None:
        while self.daemon._tasks._tasks:
            await asyncio.gather(*self.daemon._tasks._tasks)

    def put(self, slug: str, greeting: str) -> None:
        with self.database.writing() as connection:
            put_agent(connection, get_tenant(connection, slug), "main", small_agent(slug, greeting))


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.forget()
    return file


@pytest.fixture
async def block(
    request: pytest.FixtureRequest, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Block]:
    shutil.copy(migrated, tmp_path / "tenants.db")
    database = Database(f"sqlite:///{tmp_path}/tenants.db")
    fill(database, leeds=LEEDS, york=YORK, hull=HULL)
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        change_tenant(connection, "leeds", max_calls=1, transcripts=True)
        change_tenant(connection, "york", active=False)
        change_number(connection, HULL, language="de")
    made = Block(database, Config.model_validate(getattr(request, "param", {})), monkeypatch)
    await made.begin()
    yield made
    made.hold.set()
    await made.daemon._tasks.close()
    made.writer.close()
    made.directory.close()


@pytest.mark.parametrize(
    ("arguments", "dialled", "result", "who"),
    [
        ([f"did={LEEDS}"], "", "", "leeds"),
        (["did=01134960000"], YORK, "", "leeds"),
        ([], "0113 496 0000", "", "leeds"),
        ([f"did={YORK}"], LEEDS, "inactive", ""),
        ([], YORK, "inactive", ""),
        (["did=+442079460000"], LEEDS, "unknown", ""),
        ([], "700", "unknown", ""),
        (["did="], LEEDS, "unknown", ""),
        (["agent=receptionist", f"did={LEEDS}"], LEEDS, "", None),
    ],
)
async def test_the_dialled_number_says_who_answers(
    block: Block, arguments: list[str], dialled: str, result: str, who: str | None
) -> None:
    line = await block.dial(*arguments, dialled=dialled)
    assert (line.result, line.answered) == (result, bool(who))
    assert line.closed
    told = [None if profile.number is None else profile.tenant for profile in block.profiles]
    assert told == ([] if result else [who])


@pytest.mark.parametrize("block", [{"agent": {"default": "receptionist"}}], indirect=True)
async def test_an_agent_that_is_the_default_by_name_answers_what_is_nobodys(block: Block) -> None:
    assert (await block.dial(dialled="700")).result == ""
    assert (await block.dial("did=700")).result == "unknown", "the dialplan has asked about the number"
    assert [profile.tenant for profile in block.profiles] == [None]


async def test_a_tenant_has_as_many_calls_as_it_takes(block: Block) -> None:
    first = await block.ring(LEEDS)
    with pytest.raises(BusyError, match="as many calls as it takes"):
        await block.dial(f"did={LEEDS}")
    block.hold.clear()
    other = await block.ring(HULL)
    block.hold.set()
    await asyncio.gather(first, other)
    assert (await block.dial(f"did={LEEDS}")).answered, "the place is free again"


@pytest.mark.parametrize("block", [{"costs": {"per_day": 2.5, "currency": "EUR"}}], indirect=True)
async def test_a_tenant_whose_calls_have_cost_enough_today_is_busy(block: Block) -> None:
    ledger = block.reception.services.ledger
    ledger.add("leeds", 2.0)
    assert (await block.dial(f"did={LEEDS}")).answered
    ledger.add("leeds", 0.5)
    with pytest.raises(BusyError, match=r"today's calls of leeds have cost 2\.5 EUR"):
        await block.dial(f"did={LEEDS}")
    assert (await block.dial(f"did={HULL}")).answered, "another tenant's money is another's"
    assert not (await block.dial("agent=receptionist")).result
    ledger.add(None, 3.0)
    with pytest.raises(BusyError, match="the box's own agents"):
        await block.dial("agent=receptionist")


@pytest.mark.parametrize("block", [{"costs": {"per_day": 2.5, "currency": "EUR"}}], indirect=True)
async def test_what_today_has_cost_is_remembered_over_a_restart(block: Block) -> None:
    services = block.reception.services
    block.tenancy.spent = lambda currency: {"leeds": 2.5} if currency == "EUR" else {}
    await block.begin()
    assert services.ledger.spent("leeds") == 2.5
    with pytest.raises(BusyError, match="today's calls of leeds"):
        await block.dial(f"did={LEEDS}")

    def away(currency: str) -> dict[str, float]:
        raise DatabaseError("it does not answer")

    block.tenancy.spent = away
    await block.begin()
    assert (await block.dial(f"did={HULL}")).answered


async def test_a_number_is_answered_in_its_language(block: Block) -> None:
    await block.dial(f"did={HULL}")
    await block.dial(f"did={LEEDS}")
    german, english = (profile.agent for profile in block.profiles)
    assert (german.language, english.language) == ("de", "en")
    assert german.greeting == "hull, hello.", "what the file says stays"
    assert german.goodbye != english.goodbye, "what it does not say is said in the language"


async def test_calls_are_written_as_their_tenant_wants_them(block: Block) -> None:
    await block.dial(f"did={LEEDS}", caller="+441134961111")
    await block.dial(f"did={HULL}")
    await block.dial(f"did={YORK}")
    await block.dial("agent=receptionist")
    await asyncio.to_thread(block.writer.close)
    with block.database.reading() as connection:
        calls = {call["tenant"]: call for call in export_calls(connection)}
    assert set(calls) == {"leeds", "hull"}, "who was not let in, and whom the box answered, is nobody's call"
    leeds, hull = calls["leeds"], calls["hull"]
    assert (leeds["result"], leeds["caller"], leeds["agent_version"]) == ("ok", "+441134961111", 1)
    assert (leeds["cost"], leeds["currency"], leeds["units"]) == (0.0125, "USD", {"seconds": 90.0})
    assert (hull["cost"], hull["currency"], hull["units"]) == (None, None, None)
    assert [(turn["role"], turn["text"]) for turn in leeds["turns"]] == [
        ("caller", "a secret"),
        ("agent", "an answer"),
    ]
    assert [turn["text"] for turn in hull["turns"]] == [None, None]


async def test_a_database_that_was_never_there_says_so_for_every_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Block(Database(f"sqlite:///{tmp_path}/absent/x/tenants.db"), Config(), monkeypatch)
    made.directory._optional = False
    await made.begin()
    assert made.tenancy.health.source == "nothing"
    assert (await made.dial(f"did={LEEDS}")).result == "unavailable"
    assert (await made.dial("agent=receptionist")).result == ""
    await made.daemon._tasks.close()
    made.writer.close()
    made.directory.close()


async def test_a_box_without_tenants_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Block(Database(f"sqlite:///{tmp_path}/tenants.db"), Config(), monkeypatch)
    await made.begin()
    assert (await made.dial(dialled="700")).result == ""
    assert [profile.agent.name for profile in made.profiles] == ["Box"]
    await made.daemon._tasks.close()
    made.writer.close()
    made.directory.close()


async def test_the_database_may_go_between_and_during_calls(block: Block, tmp_path: Path) -> None:
    running = await block.ring(LEEDS)
    shutil.move(tmp_path / "tenants.db", tmp_path / "away.db")
    block.directory._optional = False
    await block.change()
    assert block.tenancy.health.problem is not None
    assert (await block.dial(f"did={HULL}")).answered
    await running
    assert block.profiles[0].tenant == "leeds"


async def test_tools_keep_what_they_do_with_the_tenant_and_not_with_the_box(
    block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_for: list[Origin] = []

    async def open_toolbox(agent: Agent, origin: Origin, *more: Any, **settings: Any) -> None:
        opened_for.append(origin)

    monkeypatch.setattr("offhook.daemon.profiles.open_toolbox", open_toolbox)
    for number in (LEEDS, HULL):
        await block.dial(f"did={number}")
    tenants = block.directory.snapshot.tenants
    assert [origin.tenant for origin in opened_for] == [tenants["leeds"].id, tenants["hull"].id]
    assert all(origin.database for origin in opened_for), "else all would share the box's own file"


# --- changes -----------------------------------------------------------------------------------------------


async def test_a_new_version_is_ready_before_it_is_called_and_running_calls_keep_theirs(block: Block) -> None:
    running = await block.ring(LEEDS)
    await block.settled()
    block.put("leeds", "Good morning.")
    await block.change()
    assert block.ready.made.count("leeds") == 2, "made ready without a call"
    assert block.ready.closed == [], "the old one has a call"
    block.hold.set()
    await running
    assert block.ready.closed == ["leeds"], "and goes with it"
    await block.dial(f"did={LEEDS}")
    assert [profile.agent.greeting for profile in block.profiles] == ["leeds, hello.", "Good morning."]


async def test_documents_are_known_to_the_next_call(block: Block) -> None:
    await block.dial(f"did={LEEDS}")
    with block.database.writing() as connection:
        tenant = get_tenant(connection, "leeds")
        put_document(connection, tenant, "/boats.md", "Boats", "0", [Passage("A canoe is $9 an hour.")])
    await block.change()
    await block.dial(f"did={LEEDS}")
    before, after = (cast(Any, profile.policy)._knowledge for profile in block.profiles)
    assert [item.text for item in after.items] == ["A canoe is $9 an hour."]
    assert before.items == ()


async def test_callers_are_told_who_they_talk_to_and_that_they_are_recorded(block: Block) -> None:
    with block.database.writing() as connection:
        change_tenant(connection, "hull", disclosure=True, consent="Wir zeichnen auf.", recordings=True)
        change_number(connection, HULL, recording=True)
        change_tenant(
            connection, "leeds", consent="We record.", recordings=True
        )  # its number does not want it
    await block.change()
    await block.dial(f"did={HULL}")
    await block.dial(f"did={LEEDS}")
    assert [profile.agent.greeting for profile in block.profiles] == [
        "Hier ist der automatische Assistent von hull. Wir zeichnen auf. hull, hello.",
        "leeds, hello.",
    ]


async def test_a_tenant_that_is_removed_leaves_nothing_ready(block: Block) -> None:
    await block.dial(f"did={LEEDS}")
    await block.settled()
    with block.database.writing() as connection:
        remove_tenant(connection, "leeds")
    await block.change()
    assert block.ready.closed == ["leeds"]
    assert (await block.dial(f"did={LEEDS}")).result == "unknown"


async def test_a_call_whose_number_is_moved_is_still_its_first_tenants(block: Block) -> None:
    running = await block.ring(LEEDS)
    with block.database.writing() as connection:
        move_number(connection, LEEDS, get_tenant(connection, "hull"))
    await block.change()
    await block.dial(f"did={LEEDS}")  # which ends both
    await running
    assert [profile.tenant for profile in block.profiles] == ["leeds", "hull"]
    block.writer.close()
    with block.database.reading() as connection:
        calls = [(call["tenant"], len(call["turns"])) for call in export_calls(connection)]
        kept = [call["turns"][0]["text"] for call in export_calls(connection)]
    assert sorted(calls) == [("hull", 2), ("leeds", 2)]
    assert sorted(map(str, kept)) == ["None", "a secret"], "each as its own tenant wants it"


async def test_a_call_outlives_its_tenant_and_becomes_nobody_elses(block: Block) -> None:
    running = await block.ring(LEEDS)
    (number,) = [profile.number for profile in block.profiles]
    assert number is not None
    with block.database.writing() as connection:
        remove_tenant(connection, "leeds")
    fill(block.database, leeds=LEEDS)  # another business, that gets the name and the number
    with block.database.writing() as connection:
        change_tenant(connection, "leeds", max_calls=1, transcripts=True)
    await block.change()
    with pytest.raises(ConfigError, match="no agent 'main'"):
        block.tenancy.with_agent(number, "main")
    await block.dial(f"did={LEEDS}")  # which ends both
    await running
    assert len(block.profiles) == 2, "the old call is none of the one that the new tenant takes"
    block.writer.close()
    with block.database.reading() as connection:
        assert len(list(export_calls(connection))) == 1


def test_what_a_removed_tenants_documents_say_is_not_kept_beside_the_snapshot(
    migrated: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated, tmp_path / "tenants.db")
    url, kept = f"sqlite:///{tmp_path}/tenants.db", tmp_path / "snapshot"
    database = Database(url)
    fill(database, leeds=LEEDS, hull=HULL)
    with database.writing() as connection:
        for slug in ("leeds", "hull"):
            tenant = get_tenant(connection, slug)
            put_document(connection, tenant, "/boats.md", "Boats", "0", [Passage(f"{slug} has boats.")])
    tenancy = Tenancy.of(TenantsConfig(database=url, snapshot=kept))
    assert tenancy.directory.refresh(listen=True)
    for tenant in tenancy.snapshot().tenants.values():
        tenancy.shelf.read(tenant)
    with database.writing() as connection:
        remove_tenant(connection, "leeds")
    assert tenancy.directory.refresh()
    words = b"".join(path.read_bytes() for path in tmp_path.rglob("snapshot*") if path.is_file())
    words += b"".join(path.read_bytes() for path in (tmp_path / "snapshot.documents").iterdir())
    assert b"hull has boats" in words
    assert b"leeds" not in words


async def test_of_a_great_change_only_those_are_made_ready_who_were_called(block: Block) -> None:
    await block.dial(f"did={HULL}")
    await block.settled()
    block.put("hull", "Moin.")
    fill(block.database, **{f"new{number}": f"+4420794610{number:02}" for number in range(MOST_FRESH)})
    await block.change()
    assert set(block.ready.made) == {"Box: greeting", "Box", "hull: greeting", "hull"}
    assert block.ready.made.count("hull") == 2


async def test_whom_nobody_calls_is_let_go(block: Block) -> None:
    fill(block.database, bath="+441225960000")
    with block.database.writing() as connection:
        add_tenant(connection, "silent", "Nobody's")
    await block.change()
    await block.dial(f"did={LEEDS}")
    await block.dial(f"did={HULL}")
    assert block.ready.closed == ["bath"], "two are kept, and it was called longest ago"
    await block.dial("did=+441225960000")
    assert block.ready.closed == ["bath", "leeds"]


def test_an_agent_and_a_number_are_told_apart_from_other_arguments() -> None:
    from offhook.daemon.answerer import AGENT_ARGUMENT, argument

    offer = cast(Any, SimpleNamespace(arguments=("1795.3", "agent=helpdesk", "agent=other")))
    assert argument(offer, AGENT_ARGUMENT) == "helpdesk"
    assert argument(offer, "did=") is None
