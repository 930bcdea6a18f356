"""``offhook erase``: delete all that is kept of a caller, or of one call."""

from __future__ import annotations

import argparse
from pathlib import Path

from offhook.cli.database import add_options, chosen_tenant, databases, places, tenant_option
from offhook.cli.tables import as_json
from offhook.config import load_config
from offhook.errors import ConfigError
from offhook.outbound.store import DEFAULT_DATABASE, Store
from offhook.tenants.call_records import caller_forms
from offhook.tenants.database import Database
from offhook.tenants.erasing import Whose, check_whose, erase_everywhere


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "delete all that is kept of a caller: calls, words, messages, traces, recordings"
    parser = subparsers.add_parser("erase", help=about, description=about)
    caller_options(parser)


def caller_options(parser: argparse.ArgumentParser) -> None:
    """Whose, and where."""
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--caller", metavar="NUMBER", help="in any form")
    whose.add_argument("--call", metavar="ID", help="this call alone: for callers who showed no number")
    tenant_option(parser, "what is kept")
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="what the daemon was given as --transcript"
    )
    add_options(parser)


def asked_for(args: argparse.Namespace) -> tuple[Whose, list[Database]]:
    """Whose things are meant, and the databases that may hold some.

    Raises ConfigError when that can be nobody, or may be several people.
    """
    whose, found = Whose(args.caller, args.call), databases(args)
    problems = []
    for database in found:
        try:
            check_whose(database, whose)
        except ConfigError as error:
            problems.append(error)
    if len(problems) == len(found):
        raise problems[0]
    return whose, found


def run(args: argparse.Namespace) -> int:
    done = []
    whose, found = asked_for(args)
    for database in found:
        with database.reading() as connection:
            tenant = chosen_tenant(connection, args)
        done.append(erase_everywhere(database, places(args), whose, tenant))
    calls, turns = sum(one.calls for one in done), sum(one.turns for one in done)
    others = sum(one.others for one in done) + _placed(args, whose, found)
    if args.json:
        print(as_json({"erased": {"calls": calls, "turns": turns, "others": others}}))
    else:
        print(f"{calls} calls with {turns} turns are deleted, and {others} other things")
    return 0


def _placed(args: argparse.Namespace, whose: Whose, found: list[Database]) -> int:
    """Calls that were placed to the number; that it is never to be called stays."""
    path = load_config(args.config).outbound.database or DEFAULT_DATABASE
    if whose.caller is None or not path.exists():
        return 0
    numbers: set[str] = set()
    for database in found:
        with database.reading() as connection:
            numbers |= caller_forms(connection, whose.caller)
    return sum(Store(path).forget(number, args.tenant) for number in sorted(numbers))
