"""What ``offhook doctor`` says of the tenants' database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from offhook.cli import doctor
from offhook.cli.checks.finding import Level
from offhook.cli.checks.tenants import check_tenants
from offhook.config import Config, TenantsConfig
from offhook.tenants import schema
from offhook.tenants.database import Database
from offhook.tenants.registry import add_tenant
from tests.support.tenants import fill


def config_of(database: Database) -> Config:
    url = database.url.render_as_string(hide_password=False)
    return Config(tenants=TenantsConfig(database=url))


def test_nothing_is_said_where_there_are_no_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.tenants.database.DEFAULT_FILE", tmp_path / "tenants.db")
    assert check_tenants(Config()) is None


def test_tenants_are_counted_and_those_without_a_number_are_named(database: Database) -> None:
    fill(database, leeds="700")
    found = check_tenants(config_of(database))
    assert found is not None
    assert (found.level, "1 tenants, 1 numbers" in found.what) == (Level.OK, True)
    with database.writing() as connection:
        add_tenant(connection, "york", "York")
    found = check_tenants(config_of(database))
    assert found is not None
    assert (found.level, "no number reaches york" in found.what) == (Level.WARN, True)


def test_an_agent_that_cannot_answer_is_found_before_a_caller_does(database: Database) -> None:
    fill(database, leeds="700")
    with database.writing() as connection:
        connection.execute(sa.update(schema.ai_configuration_versions).values(body={"name": "Leeds"}))
    found = check_tenants(config_of(database))
    assert found is not None
    assert found.level is Level.FAIL
    assert "leeds: agent 'main', version 1: missing: greeting" in found.what
    assert "rollback leeds" in found.remedy


def test_a_database_that_is_away_fails_and_the_rest_is_still_examined(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text(f'[tenants]\ndatabase = "sqlite:///{tmp_path}/none.db"\n')
    findings = list(doctor.examine(path))
    assert any(one.level is Level.FAIL and "no such file" in one.what for one in findings)
    assert "daemon" in findings[-1].what
