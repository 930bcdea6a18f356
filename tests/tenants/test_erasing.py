"""What a caller said, and who they are, is looked for on the disk before and after it is erased."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from offhook.cli import main as cli
from offhook.errors import ConfigError
from offhook.observe.forgetting import forget_lines
from offhook.recording.places import recordings_of
from offhook.tenants import schema
from offhook.tenants.call_records import CallRecord, TurnRecord, add_call, list_calls
from offhook.tenants.database import Database
from offhook.tenants.erasing import (
    Places,
    Whose,
    check_whose,
    erase_everywhere,
    export_caller,
    purge,
    remove_everywhere,
)
from offhook.tenants.jobs import NewJob, put_jobs
from offhook.tenants.loading import read_snapshot
from offhook.tenants.number_registry import set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import change_tenant, get_tenant
from tests.support.postgresql import PrivateCluster
from tests.support.tenants import fill

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CALLER, OTHER = "+447700900123", "+447700900456"
SAID, OTHERS = "the cellar is under water again", "the roof has lost a tile"
ON_DISK = (SAID.encode(), CALLER.removeprefix("+44").encode(), b"Ada Erased")
MINE, THEIRS = ("1795.3", "1795.30"), ("1795.31", "21795.3")
"""Ids of calls, each within another one."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Traces, transcripts and recordings of four calls."""
    folder = tmp_path / "outside"
    (folder / "recordings" / "2026").mkdir(parents=True)
    for call in (*MINE, *THEIRS):
        (folder / "recordings" / "2026" / f"leeds-{call}-in.wav").write_bytes(SAID.encode())
    for name, words in (("trace", {}), ("transcript", {"heard": SAID})):
        lines = [json.dumps({"call": call, "turn": 1, **words}) for call in (*MINE, *THEIRS)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines[::2]) + "\nno JSON\n")
        (folder / f"{name}.jsonl.1").write_text("\n".join(lines[1::2]) + "\n")
        (folder / f"{name}.jsonl").chmod(0o640)
    return Places(folder / "trace.jsonl", folder / "transcript.jsonl", (folder / "recordings",))


@pytest.fixture
def kept(database: Database) -> Database:
    """Two callers of leeds, which keeps what is said; a ticket and an appointment of each, and a job."""
    fill(database, leeds="700", york="701")
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        tenant = change_tenant(connection, "leeds", transcripts=True, retention_days=7)
        stored = read_snapshot(connection).agents["leeds", "main"]
        for number, (ids, said) in {CALLER: (MINE, SAID), OTHER: (THEIRS, OTHERS)}.items():
            for days, call in enumerate(ids):
                turns = (TurnRecord("caller", said), TurnRecord("agent", "Oh dear."))
                at = NOW - timedelta(days=5 * days)
                add_call(connection, CallRecord(call, "700", number, stored, at, at, "ok", turns))
            name, place = ("Ada Erased", "a") if number == CALLER else ("Bo", "b")
            person = {"tenant_id": tenant.id, "name": name, "phone": number, "request_key": place}
            connection.execute(
                sa.insert(schema.tickets).values(
                    **person, kind="message", reference=number[-3:], text=said, fields={}
                )
            )
            times = {"starts_at": NOW, "ends_at": NOW, "blocked_until": NOW + timedelta(hours=1)}
            times["ends_at"] = NOW + timedelta(minutes=30)
            connection.execute(
                sa.insert(schema.appointments).values(
                    **person, **times, resource=place, service="visit", state="booked", notes=said
                )
            )
            put_jobs(connection, tenant.id, [NewJob(ids[0], "summary", {"call": ids[0], "said": said})], NOW)
    return database


@pytest.fixture
def on_disk(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], bytes]:
    """Everything that the database and the files hold, byte by byte; PostgreSQL without its journal."""
    cluster = None if database.file is not None else request.getfixturevalue("cluster")

    def read() -> bytes:
        paths = [*_files(tmp_path), *(cluster.on_disk() if cluster is not None else ())]
        return b"".join(path.read_bytes() for path in paths)

    return read


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file())


def test_a_caller_is_gone_from_the_disk_and_nobody_else_is(
    kept: Database, places: Places, on_disk: Callable[[], bytes]
) -> None:
    before = on_disk()
    assert [mark in before for mark in ON_DISK] == [True] * 3
    erased = erase_everywhere(kept, places, Whose("07700 900123"), None)
    for call in THEIRS:  # what is left of the other's recordings holds the same words
        (recording,) = recordings_of(places.recordings, [call])
        recording.write_bytes(b"")
    (places.transcript or Path()).unlink()
    (places.transcript or Path()).with_suffix(".jsonl.1").unlink()
    after = on_disk()
    assert [mark in after for mark in ON_DISK] == [False] * 3
    assert OTHERS.encode() in after
    assert (erased.calls, erased.turns) == (2, 4)
    # two lines each of traces and transcripts, two recordings, a ticket, an appointment, a job
    assert erased.others == 9
    with kept.reading() as connection:
        assert {call["id"] for call in list_calls(connection)} == set(THEIRS)
        booked = connection.execute(sa.select(schema.appointments.c.name, schema.appointments.c.state)).all()
        assert sorted(map(tuple, booked)) == [("", "booked"), ("Bo", "booked")]
        (noted,) = connection.execute(sa.select(schema.erasures)).all()
        assert (noted.reason, noted.calls, noted.turns, noted.files) == ("caller", 2, 4, 9)
        assert "7700" not in str(noted)
    again = erase_everywhere(kept, places, Whose(CALLER), None)
    assert (again.calls, again.turns, again.others) == (0, 0, 0)


WRITTEN = (
    *("+44 7700 900123", "00447700900123", "07700/900-123", "(07700) 900123"),
    *("sip:+447700900123@trunk5.example;user=phone", "tel:+44-7700-900123", "SIP:%2B447700900123@10.0.0.7"),
    *('"Ada" <sip:07700900123@pbx.example>', "<tel:07700900123;phone-context=+44>"),
)
NOBODY = (
    (Whose("abc"), "only digits.*; and nothing is kept of a caller of that name"),
    (Whose("+"), "only digits"),
    (Whose("7700900123"), r"may be of any country: .*\+447700900123"),
    (Whose("sip:@trunk.example"), "only digits"),
    *((Whose(word), "do not show their number: .* --call ID") for word in ("anonymous", "Unknown")),
    (Whose('"Anonymous" <sip:anonymous@anonymous.invalid>'), "do not show"),
    (Whose(call="1795"), "there is no such call"),
)


def test_a_caller_is_who_is_meant_however_it_is_written_and_nobody_else(kept: Database) -> None:
    for written in WRITTEN:
        check_whose(kept, Whose(written))
        assert len(export_caller(kept, Places(), Whose(written), None)["calls"]) == 2, written
    for whose, told in NOBODY:
        with pytest.raises(ConfigError, match=told):
            check_whose(kept, whose)


def test_a_caller_without_a_number_is_found_by_the_name_or_the_call(kept: Database, places: Places) -> None:
    with kept.writing() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
        for call, caller in (("1.1", "sip-user-kim"), ("1.2", "anonymous"), ("1.3", "anonymous")):
            add_call(connection, CallRecord(call, "700", caller, stored, NOW, NOW, "ok"))
    named, one = Whose("sip-user-kim"), Whose(call="1.2")
    for whose in (named, one):
        check_whose(kept, whose)
        assert erase_everywhere(kept, places, whose, None).calls == 1
    with kept.reading() as connection:
        assert {call["id"] for call in list_calls(connection)} == {*MINE, *THEIRS, "1.3"}
    with pytest.raises(ConfigError, match="nothing is kept"):
        check_whose(kept, named)


def test_a_tenant_that_is_removed_leaves_nothing_on_the_disk(
    kept: Database, places: Places, on_disk: Callable[[], bytes]
) -> None:
    with kept.writing() as connection:
        york = read_snapshot(connection).agents["york", "main"]
        call = CallRecord("9.9", "701", OTHER, york, NOW, NOW, "ok", (TurnRecord("caller", OTHERS),))
        change_tenant(connection, "york", transcripts=True)
        add_call(connection, call)
    going_on = places.recordings[0] / "leeds" / "2026-11-28" / ".120000-7.7.wav.part"
    going_on.parent.mkdir(parents=True)
    going_on.write_bytes(SAID.encode())
    removed = remove_everywhere(kept, places, "leeds")
    assert (removed.calls, removed.appointments, removed.messages) == (4, 2, 2)
    after = on_disk()
    assert [mark in after for mark in (SAID.encode(), b"Ada Erased", b"leeds, hello")] == [False] * 3
    assert OTHERS.encode() in after, "york's call is still there"
    assert recordings_of(places.recordings, (*MINE, *THEIRS)) == []


def test_files_are_rid_of_the_calls_and_keep_the_rest(kept: Database, places: Places) -> None:
    erase_everywhere(kept, places, Whose(CALLER), None)
    assert places.trace is not None
    lines = [
        each for path in (places.trace, Path(f"{places.trace}.1")) for each in path.read_text().split("\n")
    ]
    assert [line for line in lines if line] == [
        json.dumps({"call": THEIRS[0], "turn": 1}),
        "no JSON",
        json.dumps({"call": THEIRS[1], "turn": 1}),
    ]
    assert places.trace.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in recordings_of(places.recordings, THEIRS)] == [
        f"leeds-{call}-in.wav" for call in THEIRS
    ]
    assert recordings_of(places.recordings, MINE) == []


def test_a_caller_gets_everything_that_is_kept(kept: Database, places: Places) -> None:
    found = export_caller(kept, places, Whose("07700900123"), None)
    assert {call["id"] for call in found["calls"]} == set(MINE)
    assert [turn["text"] for turn in found["calls"][0]["turns"]] == [SAID, "Oh dear."]
    assert [ticket["text"] for ticket in found["tickets"]] == [SAID]
    assert [one["notes"] for one in found["appointments"]] == [SAID]
    assert {line["call"] for line in found["traces"]} == set(MINE)
    assert {line["heard"] for line in found["transcripts"]} == {SAID}
    assert len(found["recordings"]) == 2
    assert OTHERS not in json.dumps(found, default=str)
    with kept.reading() as connection:
        york = get_tenant(connection, "york")
    assert not any(export_caller(kept, places, Whose(CALLER), york).values())


def test_what_is_old_goes_with_its_files(kept: Database, places: Places) -> None:
    (swept,) = purge(kept, places, NOW + timedelta(days=3))
    assert (swept.tenant, swept.calls, swept.turns) == ("leeds", 2, 4)
    with kept.reading() as connection:
        assert {call["id"] for call in list_calls(connection)} == {MINE[0], THEIRS[0]}
    assert len(recordings_of(places.recordings, (*MINE, *THEIRS))) == 2
    assert purge(kept, places, NOW + timedelta(days=3)) == []


def test_the_daemons_role_deletes_what_is_old(postgresql: Database, cluster: PrivateCluster) -> None:
    fill(postgresql, leeds="700")
    with postgresql.writing() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
        add_call(connection, CallRecord("1", "700", None, stored, NOW, NOW, "ok", (TurnRecord("caller"),)))
    daemon = Database(cluster.url(role="offhook_daemon"))
    assert [one.calls for one in purge(daemon, Places(), NOW + timedelta(days=31))] == [1]
    with postgresql.reading() as connection:
        assert connection.execute(sa.select(schema.erasures.c.reason)).scalars().all() == ["retention"]


def test_a_line_that_comes_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"call": "1"}\n{"call": "2"}\n')
    real = os.fdopen
    grown: list[bool] = []

    def growing(*args: Any) -> Any:
        if not grown:
            grown.append(True)
            with trace.open("a") as file:
                file.write('{"call": "3"}\n')
        return real(*args)

    monkeypatch.setattr("offhook.observe.forgetting.os.fdopen", growing)
    assert forget_lines(trace, {"1"}) == 1
    assert trace.read_text() == '{"call": "2"}\n{"call": "3"}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["trace.jsonl"]
    monkeypatch.setattr("offhook.observe.forgetting._replaced", lambda *args: False)
    with pytest.raises(ConfigError, match="grows faster"):
        forget_lines(trace, {"2"})


def test_the_commands(
    kept: Database,
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OFFHOOK_DATABASE", kept.url.render_as_string(hide_password=False))
    monkeypatch.setattr("offhook.cli.database.OWN_FILE", tmp_path / "none.db")
    config = tmp_path / "offhook.toml"
    config.write_text(
        f'[daemon]\ntrace_file = "{places.trace}"\n[tenants]\nrecordings = "{places.recordings[0]}"\n'
    )

    def offhook(*words: str) -> Any:
        assert cli.main([*words, "--config", str(config), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert len(offhook("export", "--caller", CALLER)["recordings"]) == 2
    assert len(offhook("calls", "recording", THEIRS[0])["recordings"]) == 1
    assert offhook("tenants", "purge")["swept"] == []
    assert offhook("erase", "--caller", CALLER, "--tenant", "york")["erased"]["calls"] == 0
    erased = offhook("erase", "--caller", CALLER, "--transcript", str(places.transcript))["erased"]
    assert erased == {"calls": 2, "turns": 4, "others": 9}
    assert offhook("export", "--caller", CALLER)["calls"] == []
    assert len(offhook("export", "--call", THEIRS[0])["calls"]) == 1
    for command in ("erase", "export"):
        assert cli.main([command, "--caller", "abc", "--config", str(config)]) == 2
        assert "'abc'" in capsys.readouterr().err
