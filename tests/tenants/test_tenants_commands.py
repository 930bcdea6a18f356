"""``offhook tenants``, ``numbers`` and ``calls`` as scripts and people use them, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from offhook.cli import main as cli
from offhook.tenants.call_records import CallRecord, TurnRecord, add_call
from offhook.tenants.costs import spent_today
from offhook.tenants.database import Database
from offhook.tenants.loading import read_snapshot
from tests.support.tenants import fill

LEEDS = "+441134960000"
Run = Callable[..., Any]


@pytest.fixture
def offhook(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the database and gives its JSON; ``status`` is what it has to exit with."""
    monkeypatch.setenv("OFFHOOK_DATABASE", database.url.render_as_string(hide_password=False))

    def run(*words: str, status: int = 0, plain: bool = False) -> Any:
        assert cli.main([*words, *([] if plain else ["--json"])]) == status
        printed = capsys.readouterr()
        if status == 2:
            assert printed.out == ""
            assert printed.err.startswith("offhook: error: ")
            assert printed.err.count("\n") == 1, "one line"
            return printed.err
        assert printed.err == ""
        return printed.out if plain else json.loads(printed.out)

    return run


@pytest.fixture
def agent_file(tmp_path: Path) -> str:
    path = tmp_path / "leeds.toml"
    path.write_text('name = "Leeds Plumbing"\ngreeting = "Leeds Plumbing, hello."\n')
    return str(path)


def test_a_new_business_from_nothing_to_its_number(offhook: Run, agent_file: str) -> None:
    tenant = offhook("tenants", "add", "leeds", "--name", "Leeds Plumbing", "--max-calls", "2")["tenant"]
    assert (tenant["slug"], tenant["max_calls"], tenant["active"]) == ("leeds", 2, True)
    assert offhook("tenants", "agent", "put", "leeds", agent_file)["put"]["version"] == 1
    offhook("numbers", "country", "44")
    number = offhook("numbers", "add", "0113 496 0000", "leeds", "--language", "en-GB")["number"]
    assert (number["number"], number["agent"], number["language"]) == (LEEDS, "main", "en-GB")
    assert offhook("numbers", "find", "441134960000")["number"] == number
    shown = offhook("tenants", "show", "leeds")
    assert [one["number"] for one in shown["numbers"]] == [LEEDS]
    assert shown["agents"] == [{"agent": "main", "version": 1}]
    assert offhook("numbers", "find", "+4419", status=1) == {"number": None}
    assert "Leeds Plumbing" in offhook("tenants", "list", plain=True)
    assert LEEDS in offhook("numbers", "list", "--tenant", "leeds", plain=True)


def test_a_tenant_is_set_disabled_and_removed(offhook: Run, database: Database) -> None:
    fill(database, leeds=LEEDS)
    changed = offhook("tenants", "set", "leeds", "--max-calls", "none", "--transcripts", "on")["tenant"]
    assert (changed["max_calls"], changed["transcripts"]) == (None, True)
    assert not offhook("tenants", "disable", "leeds")["tenant"]["active"]
    assert not offhook("numbers", "list")["numbers"][0]["active"]
    assert offhook("tenants", "enable", "leeds")["tenant"]["active"]
    refused = offhook("tenants", "remove", "leeds", status=2)
    assert "numbers 1, agents 1, calls 0, documents 0, appointments 0, messages 0" in refused
    assert len(offhook("tenants", "list")["tenants"]) == 1, "it is still there"
    assert offhook("tenants", "remove", "leeds", "--yes")["removed"]["numbers"] == 1
    assert offhook("tenants", "list") == {"tenants": []}


def test_versions_come_back_and_what_is_got_can_be_put(
    offhook: Run, database: Database, agent_file: str, tmp_path: Path
) -> None:
    fill(database, leeds=LEEDS)
    assert offhook("tenants", "agent", "put", "leeds", agent_file)["put"]["version"] == 2
    assert not offhook("tenants", "agent", "put", "leeds", agent_file)["put"]["changed"]
    assert offhook("tenants", "agent", "rollback", "leeds")["version"] == 1
    assert [one["current"] for one in offhook("tenants", "agent", "history", "leeds")["versions"]] == [
        False,
        True,
    ]
    copy = tmp_path / "copy.json"
    copy.write_text(offhook("tenants", "agent", "get", "leeds", "--version", "2", plain=True))
    assert offhook("tenants", "agent", "put", "leeds", str(copy))["put"]["version"] == 3
    got = offhook("tenants", "agent", "get", "leeds")
    assert (got["version"], got["body"]["greeting"]) == (3, "Leeds Plumbing, hello.")


def test_a_folder_is_imported(offhook: Run, agent_file: str) -> None:
    folder = str(Path(agent_file).parent)
    assert offhook("tenants", "import", folder)["imported"][0]["changed"]
    assert not offhook("tenants", "import", folder)["imported"][0]["changed"]


def test_a_folder_with_faults_is_not_imported_and_all_of_them_are_named(
    offhook: Run, agent_file: str, tmp_path: Path
) -> None:
    (tmp_path / "cafe.toml").write_text('name = "Cafe\n')
    (tmp_path / "york.toml").write_text('nmae = "York"\n')
    said = offhook("tenants", "import", str(tmp_path), status=2)
    assert "cafe.toml: not valid TOML" in said
    assert "also wrong: york.toml; nothing was imported" in said
    assert offhook("tenants", "list")["tenants"] == []


def test_numbers_are_moved_set_and_removed(offhook: Run, database: Database) -> None:
    fill(database, leeds=LEEDS, york="701")
    assert offhook("numbers", "set", "701", "--fallback", "702", "--recording", "on")["number"]["recording"]
    assert offhook("numbers", "set", "701", "--fallback", "none")["number"]["fallback"] is None
    assert offhook("numbers", "move", "701", "leeds")["number"]["tenant"] == "leeds"
    assert offhook("numbers", "remove", "701")["number"]["number"] == "701"
    assert [one["number"] for one in offhook("numbers", "list")["numbers"]] == [LEEDS]


def test_calls_are_listed_shown_exported_and_erased(offhook: Run, database: Database) -> None:
    fill(database, leeds=LEEDS)
    offhook("tenants", "set", "leeds", "--transcripts", "on", "--retention-days", "0")
    with database.writing() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
        for number, caller in enumerate(("+447700900123", "+447700900124")):
            moment = datetime(2026, 1, 1 + number, tzinfo=UTC)
            turns = (TurnRecord("caller", "hello\x1b[2J", mood="angry"),)
            add_call(
                connection, CallRecord(f"1.{number}", LEEDS, caller, stored, moment, moment, "ok", turns)
            )
    assert [call["id"] for call in offhook("calls", "list")["calls"]] == ["1.1", "1.0"]
    assert len(offhook("calls", "list", "--limit", "1")["calls"]) == 1
    shown = offhook("calls", "show", "1.0", plain=True)
    assert "\x1b" not in shown
    assert "[angry]" in shown
    turn = offhook("calls", "show", "1.0")["call"]["turns"][0]
    assert (turn["role"], turn["mood"]) == ("caller", "angry")
    assert len(offhook("calls", "export", "--caller", "+447700900123")["calls"]) == 1
    erased = offhook("calls", "erase", "--caller", "+44 7700 900123", plain=True)
    assert "1 calls" in erased
    assert "7700" not in erased
    assert offhook("calls", "sweep")["swept"] == [{"tenant": "leeds", "calls": 1, "turns": 1, "others": 0}]
    assert offhook("calls", "list") == {"calls": []}


def test_what_calls_cost_is_shown_by_call_and_by_day(offhook: Run, database: Database) -> None:
    fill(database, leeds=LEEDS, york="701")
    now = datetime.now(UTC)
    with database.writing() as connection:
        agents = read_snapshot(connection).agents
        for number, (slug, days_ago, cost) in enumerate(
            [("leeds", 0, 0.25), ("leeds", 0, 0.5), ("york", 0, None), ("leeds", 3, 1.0), ("leeds", 9, 2.0)]
        ):
            began = now - timedelta(days=days_ago)
            call = CallRecord(f"1.{number}", LEEDS, None, agents[slug, "main"], began, began, "ok")
            if cost is not None:
                call = replace(call, cost=cost, currency="EUR", units={"seconds": 60.5, "new_tokens": 1200.0})
            add_call(connection, call)
        assert spent_today(connection, now, "EUR") == {"leeds": 0.75}
        assert spent_today(connection, now, "USD") == {}
    today, before = now.date().isoformat(), (now - timedelta(days=3)).date().isoformat()
    costs = offhook("calls", "costs")["costs"]
    assert [(one["day"], one["tenant"], one["calls"], one["cost"]) for one in costs] == [
        (today, "leeds", 2, 0.75),
        (today, "york", 1, 0.0),
        (before, "leeds", 1, 1.0),
    ]
    assert costs[0]["units"] == {"seconds": 121.0, "new_tokens": 2400.0}
    assert len(offhook("calls", "costs", "--days", "12", "--tenant", "leeds")["costs"]) == 3
    assert "0.7500 EUR  121 seconds, 2400 new tokens" in offhook("calls", "costs", plain=True)
    assert "0.2500 EUR" in offhook("calls", "list", plain=True)
    assert "cost of 60.5 seconds, 1200 new tokens" in offhook("calls", "show", "1.0", plain=True)
    assert "cost of" not in offhook("calls", "show", "1.2", plain=True)
    assert "--days 0: 1 or more" in offhook("calls", "costs", "--days", "0", status=2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("tenants", "add", "leeds"), "is there already"),
        (("tenants", "show", "leds"), "did you mean 'leeds'?"),
        (("tenants", "set", "leeds"), "nothing to set"),
        (("tenants", "set", "leeds", "--max-calls", "0"), "max_calls 0: 1 to"),
        (("tenants", "agent", "put", "leeds", "/nonexistent.toml"), "cannot be read"),
        (("tenants", "agent", "get", "leeds", "--agent", "mian"), "did you mean 'main'?"),
        (("tenants", "agent", "rollback", "leeds"), "is the first"),
        (("numbers", "add", "Leeds", "leeds"), "only digits"),
        (("numbers", "add", LEEDS, "leeds"), "numbers move"),
        (("numbers", "move", "999", "leeds"), "no such number"),
        (("numbers", "set", LEEDS), "nothing to set"),
        (("numbers", "set", LEEDS, "--language", "english"), "two letters"),
        (("numbers", "country", "uk"), "country code"),
        (("calls", "show", "1"), "no such call"),
        (("calls", "list", "--tenant", "york"), "there are: leeds"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else None,
)
def test_what_cannot_be_done_is_said_in_one_line(
    offhook: Run, database: Database, words: tuple[str, ...], says: str
) -> None:
    fill(database, leeds=LEEDS)
    assert says in offhook(*words, status=2)


# --- which database ----------------------------------------------------------------------------------------


def test_the_option_goes_before_the_environment_and_that_before_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OFFHOOK_DATABASE", raising=False)
    config = tmp_path / "offhook.toml"
    config.write_text(f'[tenants]\ndatabase = "sqlite:///{tmp_path}/configured.db"\n')
    for name, words, environment in (
        ("configured", (), None),
        ("environment", (), f"sqlite:///{tmp_path}/environment.db"),
        ("option", ("--database", f"sqlite:///{tmp_path}/option.db"), f"sqlite:///{tmp_path}/environment.db"),
    ):
        if environment:
            monkeypatch.setenv("OFFHOOK_DATABASE", environment)
        assert cli.main(["tenants", "add", name, "--config", str(config), *words]) == 0
        with Database(f"sqlite:///{tmp_path}/{name}.db").reading() as connection:
            assert list(read_snapshot(connection).tenants) == [name]
    capsys.readouterr()


def test_reading_makes_no_file_and_a_folder_that_is_closed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "typo.db"
    assert cli.main(["tenants", "list", "--database", f"sqlite:///{missing}"]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert not missing.exists()
    (tmp_path / "file").touch()
    assert cli.main(["tenants", "migrate", "--database", f"sqlite:///{tmp_path}/file/tenants.db"]) == 2
    assert "name another with --database" in capsys.readouterr().err


def test_a_file_that_is_no_database_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.db").write_text("these are notes, and long enough for a header of SQLite\n" * 40)
    assert cli.main(["tenants", "list", "--database", f"sqlite:///{tmp_path}/notes.db"]) == 2
    assert "file is not a database" in capsys.readouterr().err
