"""The files for Asterisk that ask the database: their query is asked for real, their dialplan is read."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from offhook.tenants.database import Database
from offhook.tenants.numbers import MAX_DIALLED
from tests.support.postgresql import PrivateCluster
from tests.support.tenants import fill

ASTERISK = Path(__file__).parents[2] / "asterisk"
DIALPLAN = (ASTERISK / "offhook-tenants.conf").read_text()


def settings(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters=("=>", "="), comment_prefixes=(";",), interpolation=None)
    parser.read_string((ASTERISK / name).read_text())
    return parser


@pytest.mark.parametrize(
    "did", ["+441134960000", "441134960000", "999", "o'brien", "\\'; DROP TABLE tenants"]
)
def test_the_query_is_the_one_thing_that_the_dialplans_role_may_ask(
    cluster: PrivateCluster, postgresql: Database, did: str
) -> None:
    fill(postgresql, leeds="+441134960000")
    query = settings("func_odbc.conf")["DID"]["readsql"].replace(
        "${SQL_ESC(${ARG1})}", did.replace("'", "''")
    )
    with cluster.connect("offhook_dialplan") as connection:
        cursor = connection.execute(query.encode())
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
    used = set(re.findall(r"HASH\(offhook,(\w+)\)", DIALPLAN))
    assert used <= set(names), "columns that the dialplan reads"
    assert [row[names.index("tenant")] for row in rows] == (["leeds"] if "44113" in did else [])


def test_the_files_name_each_other() -> None:
    function = settings("func_odbc.conf")["DID"]
    assert f"${{{function['prefix']}_DID(" in DIALPLAN
    connections = settings("res_odbc.conf")[function["dsn"]]
    source = settings("odbc.ini")[connections["dsn"]]
    assert settings("odbcinst.ini").has_section(source["Driver"])
    assert connections["username"] == "offhook_dialplan"


def test_a_call_never_waits_long_for_the_database() -> None:
    connections = settings("res_odbc.conf")["offhook"]
    assert int(connections["max_connections"]) > 1
    assert int(connections["connect_timeout"]) == 1
    assert 1 <= int(connections["negative_connection_cache"]) <= 5
    assert int(connections["cache_size"]) == 0, "Asterisk's own kept connections outlive their database"
    given_up = settings("odbc.ini")[connections["dsn"]]["pqopt"]
    assert given_up == "tcp_user_timeout=1000", "what TCP would try for a quarter of an hour"
    drivers = settings("odbcinst.ini")
    pool = drivers[settings("odbc.ini")[connections["dsn"]]["Driver"]]
    assert drivers["ODBC"]["Pooling"] == "Yes", "making one takes ten times as long as a look-up"
    assert 1 < int(pool["CPTimeToLive"]) <= 100, "what has outlived the database is used up soon"
    assert 1 <= int(pool["CPTimeout"]) <= 60


def test_what_the_caller_chose_is_filtered_before_it_is_used() -> None:
    lines = [line for line in DIALPLAN.splitlines() if "${EXTEN}" in line and not line.startswith(";")]
    assert lines
    assert all(re.search(r"(FILTER\(\+0-9,|LEN\()\$\{EXTEN\}", line) for line in lines)
    assert f"> {MAX_DIALLED}]" in DIALPLAN, "as long as the daemon takes them"


def test_a_lookup_is_judged_by_its_rows_and_a_missing_one_is_no_refusal() -> None:
    code = [line for line in DIALPLAN.splitlines() if not line.lstrip().startswith(";")]
    assert not any("ODBCSTATUS" in line for line in code)
    begins, asks, unknown, away = (
        next(n for n, line in enumerate(code) if text in line)
        for text in ("Set(ODBCROWS=-1)", "${OFFHOOK_DID(", '= "0"]?unknown', '!= "1"]?agent')
    )
    assert begins < asks < unknown < away
    # Nothing is answered before the refusals.
    assert not any("Answer()" in line for line in code)
