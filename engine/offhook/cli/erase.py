"""``offhook erase``: delete all that is kept of a caller."""

from __future__ import annotations

import argparse
from pathlib import Path

from offhook.cli.database import add_options, chosen_tenant, databases, places, tenant_option
from offhook.cli.tables import as_json
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
    others = sum(one.others for one in done)
    if args.json:
        print(as_json({"erased": {"calls": calls, "turns": turns, "others": others}}))
    else:
        print(f"{calls} calls with {turns} turns are deleted, and {others} other things")
    return 0
