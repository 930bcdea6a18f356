"""What an operator does with tenants, numbers and agents, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from offhook.errors import ConfigError, DatabaseError, OffhookError, RegistryError
from offhook.tenants import schema
from offhook.tenants.agent_versions import (
    get_agent,
    history,
    import_agents,
    put_agent,
    read_agent_file,
    read_folder,
    rollback,
)
from offhook.tenants.database import Database
from offhook.tenants.number_registry import (
    add_number,
    change_number,
    find_number,
    list_numbers,
    move_number,
    remove_number,
    set_home,
)
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant, change_tenant, get_tenant, list_tenants, remove_tenant
from tests.support.tenants import fill, small_agent

# --- tenants ---------------------------------------------------------------------------------------------


def test_a_tenant_is_added_changed_and_removed(database: Database) -> None:
    with database.writing() as connection:
        added = add_tenant(connection, "leeds-plumbing", " Leeds Plumbing ", max_calls=2)
        assert (added.name, added.active, added.max_calls, added.transcripts) == (
            "Leeds Plumbing",
            True,
            2,
            False,
        )
    with database.writing() as connection:
        changed = change_tenant(connection, "leeds-plumbing", active=False, max_calls=None, transcripts=True)
        assert (changed.active, changed.max_calls, changed.transcripts) == (False, None, True)
        assert changed.name == "Leeds Plumbing"
    with database.writing() as connection:
        remove_tenant(connection, "leeds-plumbing")
    with database.reading() as connection:
        assert list_tenants(connection) == []


def test_what_fails_changes_nothing(database: Database) -> None:
    fill(database, leeds="+441134960000")

    def both() -> None:
        with database.writing() as connection:
            add_tenant(connection, "york", "York")
            add_tenant(connection, "leeds", "Leeds again")

    with pytest.raises(RegistryError):
        both()
    with database.reading() as connection:
        assert [tenant.slug for tenant in list_tenants(connection)] == ["leeds"]


@pytest.mark.parametrize("slug", ["", "Leeds", "le eds", "-leeds", "leeds/york", "l" * 64, "lééds"])
def test_a_slug_that_the_dialplan_could_not_carry_is_refused(database: Database, slug: str) -> None:
    with pytest.raises(ConfigError, match="letters a-z"), database.writing() as connection:
        add_tenant(connection, slug, "Leeds")


@pytest.mark.parametrize(
    "settings", [{"max_calls": 0}, {"retention_days": -1}, {"retention_days": 100_000}, {"name": " "}]
)
def test_settings_out_of_range_are_refused(database: Database, settings: dict[str, object]) -> None:
    fill(database, leeds="700")
    with pytest.raises(ConfigError, match=next(iter(settings))), database.writing() as connection:
        change_tenant(connection, "leeds", **settings)


def test_the_database_refuses_what_a_program_writes_by_hand(database: Database) -> None:
    with pytest.raises(DatabaseError), database.writing() as connection:
        connection.execute(sa.insert(schema.tenants).values(slug="Not A Slug", name="x"))


def test_a_removed_tenant_takes_everything_along(database: Database) -> None:
    fill(database, leeds="+441134960000", york="+441904960000")
    with database.writing() as connection:
        removed = remove_tenant(connection, "leeds")
    assert (removed.numbers, removed.agents, removed.calls) == (1, 1, 0)
    with database.reading() as connection:
        assert [number.tenant for number in list_numbers(connection)] == ["york"]
        for table in (schema.ai_configurations, schema.ai_configuration_versions):
            assert len(connection.execute(sa.select(table)).all()) == 1
        assert connection.execute(sa.select(schema.erasures.c.reason)).scalars().all() == ["tenant"]


# --- numbers ---------------------------------------------------------------------------------------------


def test_a_number_is_found_in_every_form_and_moved(database: Database) -> None:
    fill(database, leeds="+441134960000", york="+441904960000")
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        for dialled in ("+441134960000", "441134960000", "00441134960000", "01134960000"):
            found = find_number(connection, dialled)
            assert found is not None
            assert found.tenant == "leeds"
        change_number(
            connection, "01134960000", fallback="+44 113 496 0999", language="en_gb", recording=True
        )
        kept = move_number(connection, "01134960000", get_tenant(connection, "leeds"))
        assert (kept.fallback, kept.language, kept.recording) == ("+441134960999", "en-GB", True)
        moved = move_number(connection, "01134960000", get_tenant(connection, "york"))
        assert (moved.tenant, moved.fallback, moved.language, moved.recording) == ("york", None, None, False)
        remove_number(connection, "01134960000")
        assert find_number(connection, "01134960000") is None


@pytest.mark.parametrize(
    ("country", "first", "second"),
    [
        ("", "+441134960000", "+44 113 496 0000"),
        ("44", "+441134960000", "0113 496 0000"),
        ("1", "+12125550123", "+2125550123"),  # Morocco's, when the ten digits come without a plus
    ],
)
def test_no_two_numbers_are_dialled_alike(database: Database, country: str, first: str, second: str) -> None:
    fill(database, leeds=first)
    with database.writing() as connection:
        set_home(connection, Home.of(country))
    with pytest.raises(RegistryError, match="'leeds'"), database.writing() as connection:
        add_number(connection, second, get_tenant(connection, "leeds"))


def test_a_country_under_which_two_numbers_become_one_is_refused(database: Database) -> None:
    fill(database, new_york="+12125550123", rabat="+2125550123")
    with pytest.raises(RegistryError, match=r"\+12125550123"), database.writing() as connection:
        set_home(connection, Home.of("1"))


@pytest.mark.parametrize("fallback", ["Local/1@outside", "700,1", "sip:a@b", "7", "${EXTEN}"])
def test_a_fallback_is_a_number_and_never_a_piece_of_dialplan(database: Database, fallback: str) -> None:
    fill(database, leeds="700")
    with pytest.raises(ConfigError, match="fallback"), database.writing() as connection:
        change_number(connection, "700", fallback=fallback)
    with pytest.raises(DatabaseError), database.writing() as connection:
        connection.execute(sa.update(schema.phone_numbers).values(fallback=fallback))


def test_a_number_cannot_name_another_tenants_agent(database: Database) -> None:
    fill(database, leeds="700", york="701")
    with database.reading() as connection:
        theirs = get_tenant(connection, "york").id
    with pytest.raises(DatabaseError), database.writing() as connection:
        connection.execute(
            sa.update(schema.phone_numbers)
            .where(schema.phone_numbers.c.did == "700")
            .values(tenant_id=theirs)
        )


def test_of_several_agents_one_has_to_be_named(database: Database) -> None:
    with database.writing() as connection:
        tenant = add_tenant(connection, "leeds", "Leeds")
        with pytest.raises(RegistryError, match="has no agent yet"):
            add_number(connection, "700", tenant)
        put_agent(connection, tenant, "day", small_agent("Day"))
        put_agent(connection, tenant, "night", small_agent("Night"))
        with pytest.raises(RegistryError, match="day, night"):
            add_number(connection, "700", tenant)
        assert add_number(connection, "700", tenant, "night").agent == "night"


# --- agents ----------------------------------------------------------------------------------------------


def test_versions_are_kept_and_rolled_back(database: Database) -> None:
    with database.writing() as connection:
        tenant = add_tenant(connection, "leeds", "Leeds")
        for greeting in ("One.", "Two.", "Three."):
            put_agent(connection, tenant, "main", small_agent("Leeds", greeting))
    with database.writing() as connection:
        same = put_agent(connection, tenant, "main", small_agent("Leeds", "Three."))
        assert (same.version, same.changed) == (3, False)
        assert rollback(connection, tenant, "main") == 2
        assert get_agent(connection, tenant, "main").read().greeting == "Two."
        assert rollback(connection, tenant, "main", 3) == 3
        assert rollback(connection, tenant, "main", 1) == 1
        assert put_agent(connection, tenant, "main", small_agent("Leeds", "Four.")).version == 4
    with database.reading() as connection:
        assert [(one.version, one.current) for one in history(connection, tenant, "main")] == [
            (4, True),
            (3, False),
            (2, False),
            (1, False),
        ]
        assert get_agent(connection, tenant, "main", 2).read().greeting == "Two."
        with pytest.raises(RegistryError, match="no version 9"):
            get_agent(connection, tenant, "main", 9)


def test_a_version_that_cannot_answer_is_not_rolled_back_to(database: Database) -> None:
    with database.writing() as connection:
        tenant = add_tenant(connection, "leeds", "Leeds")
        put_agent(connection, tenant, "main", small_agent("Leeds", "One."))
        connection.execute(sa.update(schema.ai_configuration_versions).values(body={"name": "Leeds"}))
        put_agent(connection, tenant, "main", small_agent("Leeds", "Two."))
        with pytest.raises(ConfigError, match="version 1: missing: greeting"):
            rollback(connection, tenant, "main")


def test_an_agent_comes_back_as_it_was_put(database: Database, tmp_path: Path) -> None:
    example = read_agent_file(Path("examples/agents/bakery.toml"))
    with database.writing() as connection:
        tenant = add_tenant(connection, "bakery", "Bakery")
        put_agent(connection, tenant, "main", example)
    with database.reading() as connection:
        stored = get_agent(connection, tenant, "main")
    assert stored.read() == example
    (tmp_path / "copy.json").write_text(stored.body)
    assert read_agent_file(tmp_path / "copy.json") == example


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not valid JSON"), ("[]", "agent.json"), ('{"name": "x"}', "greeting"), ('{"nmae": 1}', "nmae")],
)
def test_a_json_file_that_is_no_agent_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "agent.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_agent_file(path)


# --- a folder of files -----------------------------------------------------------------------------------


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, greeting in files.items():
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\ngreeting = "{greeting}"\n')
    return tmp_path


def test_a_folder_becomes_tenants_and_again_only_what_changed(database: Database, tmp_path: Path) -> None:
    folder = _folder(tmp_path, Leeds_Plumbing="Hello.", york="Hello.")
    for expected in ([(1, True), (1, True)], [(1, False), (2, True)]):
        with database.writing() as connection:
            done = import_agents(connection, read_folder(folder))
        assert [(one.version, one.changed) for one in done] == expected
        _folder(tmp_path, york="Good morning.")
    with database.reading() as connection:
        assert [tenant.slug for tenant in list_tenants(connection)] == ["leeds-plumbing", "york"]


def test_one_bad_file_and_nothing_is_imported(tmp_path: Path) -> None:
    folder = _folder(tmp_path, leeds="Hello.")
    (folder / "york.toml").write_text('name = "York"\n')
    with pytest.raises(OffhookError, match=r"york\.toml: missing: greeting"):
        read_folder(folder)


def test_two_files_for_one_tenant_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no agent files"):
        read_folder(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="another file makes tenant 'a-b'"):
        read_folder(_folder(tmp_path, **{"a-b": "Hello.", "a_b": "Hello."}))
