"""``offhook erase``: delete all that is kept of a caller."""

from __future__ import annotations

import argparse
from pathlib import Path

from offhook.cli.database import add_options, chosen_tenant, databases, places, tenant_option
from offhook.cli.tables import as_json
from offhook.config import load_config
from offhook.outbound.store import DEFAULT_DATABASE, Store
from offhook.tenants.erasing import erase_everywhere


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "delete all that is kept of a caller: calls, words, messages, traces, recordings"
    parser = subparsers.add_parser("erase", help=about, description=about)
    caller_options(parser)


def caller_options(parser: argparse.ArgumentParser) -> None:
    """Whose, and where."""
    parser.add_argument("--caller", metavar="NUMBER", required=True, help="in any form")
    tenant_option(parser, "what is kept")
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="what the daemon was given as --transcript"
    )
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    done = []
    for database in databases(args):
        with database.reading() as connection:
            tenant = chosen_tenant(connection, args)
        done.append(erase_everywhere(database, places(args), args.caller, tenant))
    calls, turns = sum(one.calls for one in done), sum(one.turns for one in done)
    others = sum(one.others for one in done) + _placed(args)
    if args.json:
        print(as_json({"erased": {"calls": calls, "turns": turns, "others": others}}))
    else:
        print(f"{calls} calls with {turns} turns are deleted, and {others} other things")
    return 0


def _placed(args: argparse.Namespace) -> int:
    """Calls that were placed to the number; that it is never to be called stays."""
    path = load_config(args.config).outbound.database or DEFAULT_DATABASE
    if not path.exists():
        return 0
    number = "".join(sign for sign in args.caller if sign.isdigit() or sign == "+")
    return Store(path).forget(number, args.tenant)
