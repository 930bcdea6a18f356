"""A private Asterisk with the shipped dialplan for tenants, which asks a private PostgreSQL through ODBC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.asterisk.asterisk_install import AsteriskInstall
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer, Place
from tests.support.needs import not_run, real_asterisk
from tests.support.postgresql import PrivateCluster

MODULES = ("res_odbc_transaction", "res_odbc", "func_odbc", "func_groupcount")


def _install() -> tuple[AsteriskInstall, Path]:
    """An Asterisk and PostgreSQL's driver that fits it."""
    install = real_asterisk()
    driver = next(install.modules.parents[1].glob("odbc/psqlodbcw.so"), None)
    if driver is None:
        not_run(
            "look-ups by a real Asterisk were NOT run: no psqlodbcw.so beside this Asterisk:"
            " tests/asterisk/install.sh --renew, or odbc-postgresql"
        )
    return install, driver


@contextmanager
def asterisk_of_tenants(
    cluster: PrivateCluster,
    odbc: Path,
    scripts: Sequence[Path] = (),
    *,
    more: Sequence[Path] = (),
    place: Place | None = None,
) -> Iterator[AsteriskServer]:
    """The shipped files; only where the database is, and what a machine decides, is different.

    ``odbc``: a folder for ODBC's files.  ``more``: dialplans that are included behind these.  ``scripts`` and
    ``place`` as for :class:`AsteriskServer`.
    """
    install, driver = _install()
    for name, changes in {
        "odbc.ini": {"Servername = 127.0.0.1": f"Servername = {cluster.folder}", "= offhook\n": "= shared\n"},
        "odbcinst.ini": {"= psqlodbcw.so": f"= {driver}"},
    }.items():
        text = (SHIPPED / name).read_text()
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (odbc / name).write_text(text)

    def adjust(etc: Path) -> None:
        files = (SHIPPED / "extensions.conf", SHIPPED / "offhook-tenants.conf", *more)
        (etc / "extensions.conf").write_text("".join(f'#include "{file}"\n' for file in files))
        with (etc / "modules.conf").open("a") as modules:
            modules.write("\n[modules](+)\n" + "".join(f"load = {name}.so\n" for name in MODULES))
        pjsip = (SHIPPED / "pjsip.conf").read_text()
        assert "context = offhook-did" in pjsip
        (etc / "shipped-pjsip.conf").write_text(pjsip.replace("offhook-did", "offhook-tenants"))
        written = (etc / "pjsip.conf").read_text()
        (etc / "pjsip.conf").write_text(written.replace(str(SHIPPED / "pjsip.conf"), "shipped-pjsip.conf"))
        for name in ("res_odbc.conf", "func_odbc.conf"):
            (etc / name).write_text(f'#include "{SHIPPED / name}"\n')

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ODBCSYSINI", str(odbc))
        patch.setenv("ODBCINI", str(odbc / "odbc.ini"))
        with AsteriskServer(install, scripts, adjust, place=place) as server:
            yield server
