"""What the commands over the tenants' database share: its options, opening it, and their actions."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from offhook.config import load_config
from offhook.errors import ConfigError
from offhook.tenants.database import DEFAULT_FILE, Database
from offhook.tenants.erasing import Places
from offhook.tenants.own import OWN_FILE
from offhook.tenants.registry import get_tenant
from offhook.tenants.snapshot import Tenant

VARIABLE = "OFFHOOK_DATABASE"


@dataclass(frozen=True, slots=True)
class Action:
    """One word after a command."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Database], int]
    writes: bool = True
    """Only what writes makes a SQLite file that is not there."""


def add_actions(
    parser: argparse.ArgumentParser, actions: Mapping[str, Action], dest: str = "action"
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Each action as a command of its own, with the options that all have; where more can be added."""
    subparsers = parser.add_subparsers(dest=dest, metavar="ACTION", required=True)
    for name, action in actions.items():
        own = subparsers.add_parser(name, help=action.help, description=action.help)
        action.add_options(own)
        add_options(own)
        own.set_defaults(perform=action)
    return subparsers


def add_options(parser: argparse.ArgumentParser) -> None:
    """What all of them have."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--database",
        metavar="URL",
        help=f"default: ${VARIABLE}, else tenants.database of the configuration",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def run(args: argparse.Namespace) -> int:
    """Carry out the action that was chosen."""
    action: Action = args.perform
    database = named_database(args)
    if action.writes:
        database.prepare()
    return action.run(args, database)


def named_database(args: argparse.Namespace) -> Database:
    """The one that the options, the environment or the configuration name, in this order."""
    url = args.database or os.environ.get(VARIABLE) or load_config(args.config).tenants.database
    return Database(url or f"sqlite:///{DEFAULT_FILE}")


def databases(args: argparse.Namespace) -> list[Database]:
    """That of :func:`named_database`, and the box's own file; those that are there.

    Raises ConfigError when there is none.
    """
    named = named_database(args)
    own = [] if args.database else [Database(f"sqlite:///{OWN_FILE}")]
    found = [each for each in (named, *own) if not each.is_missing()]
    if not found:
        raise ConfigError(f"database {named}: there is none, so nothing is kept of anybody")
    return found


def places(args: argparse.Namespace) -> Places:
    """What lies outside the database, by the configuration."""
    config = load_config(args.config)
    transcript: Path | None = getattr(args, "transcript", None)
    return Places(config.daemon.trace_file, transcript, config.recordings)


def tenant_option(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--tenant", metavar="TENANT", help=f"only {what} of this tenant")


def chosen_tenant(connection: sa.Connection, args: argparse.Namespace) -> Tenant | None:
    """The tenant of ``--tenant``; None without it."""
    return None if args.tenant is None else get_tenant(connection, args.tenant)


def switch(value: str) -> bool:
    """``on`` and ``off``, for argparse."""
    if value not in ("on", "off"):
        raise argparse.ArgumentTypeError(f"on or off is wanted, not {value!r}")
    return value == "on"


def or_none(kind: Callable[[str], object]) -> Callable[[str], object]:
    """A value, or the word ``none``, for argparse."""

    def read(value: str) -> object:
        try:
            return None if value == "none" else kind(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"a number or 'none' is wanted, not {value!r}") from error

    return read
