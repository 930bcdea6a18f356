"""The role of `offhook web` on PostgreSQL: what its pages do it may, and nothing else."""

from __future__ import annotations

import psycopg
import pytest

from offhook.documents.passage import Passage
from offhook.tenants.agent_versions import put_agent, rollback
from offhook.tenants.call_records import list_calls
from offhook.tenants.database import Database
from offhook.tenants.documents import list_misses, put_document, remove_document
from offhook.tenants.number_registry import (
    add_number,
    change_number,
    list_numbers,
    move_number,
    remove_number,
)
from offhook.tenants.registry import add_tenant, change_tenant, get_tenant, list_tenants
from tests.support.postgresql import PrivateCluster
from tests.support.tenants import fill, small_agent

NUMBER, OTHER = "+441134960000", "+441134960001"


def test_what_owners_change_in_the_browser(cluster: PrivateCluster, postgresql: Database) -> None:
    fill(postgresql, leeds=NUMBER)
    with postgresql.reading() as connection:
        before = connection.exec_driver_sql("SELECT version FROM directory_state").scalar_one()
    web = Database(cluster.url(role="offhook_web"))
    with web.writing() as connection:
        web.require_schema(connection)
        york = add_tenant(connection, "york", "York")
        put_agent(connection, york, "main", small_agent("york"))
        put_agent(connection, york, "main", small_agent("york", "York, hello."))
        rollback(connection, york, "main", 1)
        change_tenant(connection, "leeds", active=False, max_calls=3)
        add_number(connection, OTHER, york)
        move_number(connection, OTHER, get_tenant(connection, "leeds"))
        change_number(connection, OTHER, recording=True)
        put_document(connection, york, "x.txt", "X", "0", [Passage("We are open.", "", "x.txt")])
        remove_document(connection, york, "x.txt")
        remove_number(connection, NUMBER)
    with web.reading() as connection:
        assert [one.slug for one in list_tenants(connection)] == ["leeds", "york"]
        assert [one.number for one in list_numbers(connection)] == [OTHER]
        assert (list_calls(connection, None, None, 9), list_misses(connection, york)) == ([], [])
        after = connection.exec_driver_sql("SELECT version FROM directory_state").scalar_one()
    assert after > before, "the daemon is told"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tenants",
        "DELETE FROM calls",
        "DELETE FROM ai_configurations",
        "DELETE FROM ai_configuration_versions",
        "UPDATE ai_configuration_versions SET body = '{}'",
        "UPDATE calls SET result = 'ok'",
        "UPDATE turns SET text = ''",
        "UPDATE directory_state SET version = 0",
        "SELECT * FROM jobs",
        "SELECT * FROM appointments",
        "SELECT * FROM tickets",
        "SELECT * FROM erasures",
    ],
)
def test_what_no_page_does_it_may_not(cluster: PrivateCluster, postgresql: Database, statement: str) -> None:
    with (
        cluster.connect("offhook_web") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
