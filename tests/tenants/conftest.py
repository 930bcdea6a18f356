"""Both databases: each test that asks for ``database`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.tenants.database import Database
from tests.support.needs import not_run
from tests.support.postgresql import PrivateCluster, programs


@pytest.fixture(scope="session")
def cluster() -> Iterator[PrivateCluster]:
    """One PostgreSQL for the whole run; without the programs these tests are skipped, except where CI wants
    all.
    """
    found = programs()
    if found is None:
        not_run("PostgreSQL is not installed: tests/tenants/install-postgresql.sh")
    running = PrivateCluster(found)
    yield running
    running.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database without tables."""
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/tenants.db")
    cluster: PrivateCluster = request.getfixturevalue("cluster")
    return Database(cluster.url(cluster.empty_database()))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite with the tables; copied, which is quicker than making it anew."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.forget()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database with the tables, and nobody in them."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "tenants.db")
        return Database(f"sqlite:///{tmp_path}/tenants.db")
    return Database(request.getfixturevalue("cluster").clean_url())


@pytest.fixture
def postgresql(cluster: PrivateCluster) -> Database:
    """The same where only PostgreSQL has it."""
    return Database(cluster.clean_url())
