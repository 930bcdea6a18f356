"""The dialled number is looked up by a real Asterisk, through ODBC, in a real PostgreSQL, with the files of
asterisk/.

No daemon is there: what a call that was let in hears is the dialplan's fallback.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from offhook.tenants.database import Database
from offhook.tenants.number_registry import change_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import change_tenant
from tests.support.asterisk.asterisk_server import TRUNK_HOST, AsteriskServer
from tests.support.asterisk.of_tenants import asterisk_of_tenants
from tests.support.postgresql import PrivateCluster
from tests.support.sip.sip_client import CallRefusedError, SipCall
from tests.support.tenants import fill
from tests.support.waiting import until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

LEEDS, YORK, HULL = "+441134960000", "+441904960000", "+441482960000"


@pytest.fixture(scope="module")
def asterisk(cluster: PrivateCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskServer]:
    with asterisk_of_tenants(cluster, tmp_path_factory.mktemp("odbc")) as server:
        yield server


@pytest.fixture
def three(postgresql: Database) -> Database:
    """leeds takes one call at a time, york none, hull as many as come."""
    fill(postgresql, leeds=LEEDS, york=YORK, hull=HULL)
    with postgresql.writing() as connection:
        set_home(connection, Home.of("44"))
        change_tenant(connection, "leeds", max_calls=1)
        change_tenant(connection, "york", active=False)
        change_number(connection, LEEDS, language="en-GB", fallback="999")
    return postgresql


@pytest.fixture(autouse=True)
def no_call_is_left(asterisk: AsteriskServer) -> Iterator[None]:
    yield
    until(lambda: asterisk.channels() == 0, "all calls have ended")


async def status(asterisk: AsteriskServer, number: str) -> int:
    """What the trunk gets: 200 for a call that is let in; it is heard and ended."""
    try:
        async with await SipCall.place(asterisk.address, number, local_host=TRUNK_HOST) as call:
            await call.media.heard_after(0)
    except CallRefusedError as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (HULL, 200),
        ("01482960000", 200),
        (YORK, 403),
        ("01904960000", 403),
        ("+442079460000", 404),
        ("700", 404),
    ],
)
async def test_who_is_let_in_and_what_the_others_get(
    asterisk: AsteriskServer, three: Database, number: str, expected: int
) -> None:
    assert await status(asterisk, number) == expected


@pytest.mark.parametrize("number", ["01482960000a", "44x1482960000", "0" * 33, "1'--"])
async def test_what_is_no_number_is_refused(asterisk: AsteriskServer, three: Database, number: str) -> None:
    assert await status(asterisk, number) in (404, 484)


async def test_the_dialplan_knows_language_fallback_and_number(
    asterisk: AsteriskServer, three: Database
) -> None:
    mark = asterisk.log_mark()
    assert await status(asterisk, "01134960000") == 200
    log = asterisk.log(mark)
    assert "CHANNEL(language)=en_GB" in log
    assert ",did=01134960000" in log
    assert "Local/999@offhook-transfers" in log


async def test_a_tenant_gets_as_many_calls_as_it_takes(asterisk: AsteriskServer, three: Database) -> None:
    async with await SipCall.place(asterisk.address, LEEDS, local_host=TRUNK_HOST) as first:
        await first.media.heard_after(0)
        assert await status(asterisk, LEEDS) == 486
        assert await status(asterisk, HULL) == 200, "the others notice nothing"
    until(lambda: asterisk.channels() == 0, "the first call has ended")
    assert await status(asterisk, LEEDS) == 200


async def test_while_the_database_is_away_calls_go_on_and_afterwards_all_is_as_before(
    asterisk: AsteriskServer, three: Database, cluster: PrivateCluster
) -> None:
    assert await status(asterisk, YORK) == 403
    cluster.stop()
    try:
        mark = asterisk.log_mark()
        assert await status(asterisk, HULL) == 200, "the daemon decides"
        assert f",did={HULL}" in asterisk.log(mark)
    finally:
        cluster.start()
    until(lambda: "york" in lookup(asterisk, YORK), "the database is asked again")
    assert await status(asterisk, YORK) == 403


def lookup(asterisk: AsteriskServer, number: str) -> str:
    """What func_odbc's own command says."""
    return asterisk.cli(f"odbc read OFFHOOK_DID {number} exec")
