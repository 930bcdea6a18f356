"""What tools did stands in the tenants' database: once, whichever daemon is asked, and nobody else's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from offhook.errors import DatabaseError
from offhook.tenants import schema
from offhook.tenants.database import Database
from offhook.tenants.leavings import sweep_leavings
from offhook.tools.base import Context, ToolResult
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Entry, Ledger, State, request_key
from offhook.tools.tenant_ledger import TenantLedger
from tests.support.tenants import fill
from tests.support.tools import ScriptedTool

LEEDS, YORK = "+441134960000", "+441904960000"


@pytest.fixture
def url(database: Database) -> str:
    fill(database, leeds=LEEDS, york=YORK)
    return database.url.render_as_string(hide_password=False)


def test_one_of_many_at_once_gets_it_and_the_others_its_result(url: str) -> None:
    ledgers = [TenantLedger(url, "leeds") for _ in range(6)]  # as many daemons
    with ThreadPoolExecutor(len(ledgers)) as pool:
        found = list(pool.map(lambda one: one.claim("k", "c1", "order").state, ledgers))
    assert sorted(found) == [State.BEGUN] * 5 + [State.CLAIMED]
    assert TenantLedger(url, "york").claim("k", "c1", "order").state is State.CLAIMED
    ledgers[0].done("k", {"value": {"number": 7}})
    assert ledgers[1].claim("k", "c1", "order") == Entry(State.DONE, {"value": {"number": 7}})
    ledgers[2].release("k")
    assert ledgers[3].claim("k", "c1", "order").state is State.CLAIMED
    assert TenantLedger(url, "york").claim("k", "c1", "order").state is State.BEGUN, "theirs is their own"


def test_it_goes_when_the_tenant_keeps_nothing_so_old(url: str, database: Database) -> None:
    TenantLedger(url, "leeds").claim("k", "c1", "order")
    rows = sa.select(sa.func.count()).select_from(schema.tool_requests)
    for days, left in ((29, 1), (31, 0)):
        with database.writing() as connection:
            sweep_leavings(connection, datetime.now(UTC) + timedelta(days=days))
            assert connection.execute(rows).scalar_one() == left


async def test_a_write_is_done_once_over_a_restart(url: str) -> None:
    tool = ScriptedTool(answers=(ToolResult({"number": 7}, "Booked."),))
    for _ in range(2):
        box = Toolbox({tool.spec.name: tool}, TenantLedger(url, "leeds"))
        mine = Executor(box, Context("c1", "Vet", tenant="leeds"))
        result = await mine.run("book", {"day": "Thursday"}, committed=True)
        assert (result.value, result.ok) == ({"number": 7}, True)
    assert len(tool.runs) == 1


@pytest.mark.parametrize(("heeds_key", "runs"), [(True, 1), (False, 0)])
async def test_without_the_database_only_what_is_done_once_by_itself_is_done(
    tmp_path: Path, heeds_key: bool, runs: int
) -> None:
    tool = ScriptedTool(heeds_key=heeds_key)
    away = TenantLedger(f"sqlite:///{tmp_path}/no/such/folder/tenants.db", "leeds")
    box = Toolbox({tool.spec.name: tool}, away)
    result = await Executor(box, Context("c1", "Vet")).run("book", {"day": "Thursday"}, committed=True)
    assert (len(tool.runs), result.ok) == (runs, heeds_key)


async def test_what_was_done_is_told_although_it_could_not_be_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(self: Ledger, key: str, result: object) -> None:
        raise DatabaseError("it is away")

    monkeypatch.setattr(Ledger, "done", away)
    tool, ledger = ScriptedTool(), Ledger.in_file(None)
    mine = Executor(Toolbox({tool.spec.name: tool}, ledger), Context("c1", "Vet"))
    assert (await mine.run("book", {"day": "Thursday"}, committed=True)).ok
    key = request_key("c1", "book", {"day": "Thursday"})
    assert ledger.claim(key, "c1", "book").state is State.BEGUN, "nobody begins it again"
