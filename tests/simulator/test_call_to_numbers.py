"""``offhook call --number``: the real daemon is called at tenants' numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.cli.main import main
from offhook.tenants.database import Database
from offhook.tenants.number_registry import set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import change_tenant
from tests.support.daemon_process import DaemonProcess
from tests.support.tenants import fill

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Leeds is open, York takes no calls."""
    folder = tmp_path_factory.mktemp("tenants")
    database = Database(f"sqlite:///{folder}/tenants.db")
    database.migrate()
    fill(database, leeds="+441134960000", york="+441904960000")
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        change_tenant(connection, "york", active=False)
    database.forget()
    tenants = {"database": f"sqlite:///{folder}/tenants.db", "snapshot": str(folder / "snapshot")}
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in tenants.items())
    with DaemonProcess(f"[tenants]\n{settings}") as running:
        yield running


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+44 113 496 0000", None),
        ("01134960000", None),
        (
            "01904 960000",
            "OFFHOOK_RESULT=inactive: its tenant takes no calls; `offhook tenants enable` lets it",
        ),
        ("0113 496 0001", "OFFHOOK_RESULT=unknown: that number is nobody's; `offhook numbers list` has"),
    ],
)
def test_whoever_has_the_number_answers(
    daemon: DaemonProcess, number: str, why: str | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    known = ["--socket", str(daemon.socket), "--config", str(daemon.config), "--timeout", "60", "--json"]
    status = main(["call", "--number", number, *known])
    told = json.loads(capsys.readouterr().out)
    if why is None:
        assert status == 0, told["errors"]
        assert told["greeting_ms"] is not None
    else:
        assert status == 1
        assert why in told["errors"][0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--number", "alice700"], "alice700': only digits, spaces and a leading + make a number"),
        (["--number", "700", "--agent", "receptionist"], "not allowed with argument --number"),
    ],
)
def test_what_cannot_be_dialled_is_said(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["call", *words])
    assert why in capsys.readouterr().err
