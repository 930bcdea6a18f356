"""``offhook export``: hand over all that is kept of a caller."""

from __future__ import annotations

import argparse
from typing import Any

from offhook.cli.database import chosen_tenant, places
from offhook.cli.erase import asked_for, caller_options
from offhook.cli.tables import as_json
from offhook.tenants.erasing import export_caller


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "print all that is kept of a caller, as JSON"
    parser = subparsers.add_parser("export", help=about, description=about)
    caller_options(parser)


def run(args: argparse.Namespace) -> int:
    kept: dict[str, list[Any]] = {}
    whose, databases = asked_for(args)
    for database in databases:
        with database.reading() as connection:
            tenant = chosen_tenant(connection, args)
        for what, found in export_caller(database, places(args), whose, tenant).items():
            kept.setdefault(what, []).extend(each for each in found if each not in kept.get(what, []))
    print(as_json(kept))
    return 0
