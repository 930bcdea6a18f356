"""``offhook numbers``: which telephone number reaches whom."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from offhook.cli.database import Action, add_actions, chosen_tenant, run, switch, tenant_option
from offhook.cli.tables import as_json, as_table
from offhook.errors import ConfigError
from offhook.tenants.database import Database
from offhook.tenants.number_registry import (
    Listed,
    add_number,
    change_number,
    find_number,
    list_numbers,
    move_number,
    remove_number,
    set_home,
)
from offhook.tenants.numbers import Home
from offhook.tenants.registry import get_tenant

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("numbers", help="which telephone number reaches which tenant")
    add_actions(parser, ACTIONS)


def _print(args: argparse.Namespace, numbers: Sequence[Listed], *, one: bool = False) -> int:
    if args.json:
        print(as_json({"number": numbers[0]} if one else {"numbers": numbers}))
        return 0
    rows = [
        (row.number, row.tenant, row.agent, row.language, row.fallback, row.recording, row.active)
        for row in numbers
    ]
    print(as_table(("number", "tenant", "agent", "language", "fallback", "recording", "active"), rows))
    return 0


def _number_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", help="with + and the country code, or an extension")


def _settings_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--language",
        default=argparse.SUPPRESS,
        metavar="CODE",
        help="default: the agent's; 'none': that again",
    )
    parser.add_argument(
        "--fallback",
        default=argparse.SUPPRESS,
        metavar="NUMBER",
        help="is rung when the agent cannot answer; 'none': as the dialplan has it",
    )
    parser.add_argument("--recording", type=switch, default=argparse.SUPPRESS, metavar="on|off")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    given = {
        name: getattr(args, name) for name in ("language", "fallback", "recording") if hasattr(args, name)
    }
    return {name: None if value == "none" else value for name, value in given.items()}


def _owner_options(parser: argparse.ArgumentParser) -> None:
    _number_option(parser)
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("--agent", metavar="NAME", help="default: the only one that the tenant has")
    _settings_options(parser)


def _add(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        tenant = get_tenant(connection, args.tenant)
        number = add_number(connection, args.number, tenant, args.agent, **_settings(args))
    return _print(args, [number], one=True)


def _move(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        tenant = get_tenant(connection, args.tenant)
        number = move_number(connection, args.number, tenant, args.agent, **_settings(args))
    return _print(args, [number], one=True)


def _set_options(parser: argparse.ArgumentParser) -> None:
    _number_option(parser)
    _settings_options(parser)


def _set(args: argparse.Namespace, database: Database) -> int:
    settings = _settings(args)
    if not settings:
        raise ConfigError("nothing to set: name a setting, such as --language de")
    with database.writing() as connection:
        number = change_number(connection, args.number, **settings)
    return _print(args, [number], one=True)


def _remove(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        number = remove_number(connection, args.number)
    return _print(args, [number], one=True)


def _list_options(parser: argparse.ArgumentParser) -> None:
    tenant_option(parser, "the numbers")


def _list(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        numbers = list_numbers(connection, chosen_tenant(connection, args))
    return _print(args, numbers)


def _find_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dialled", metavar="DIALLED", help="as the trunk delivers it")


def _find(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        number = find_number(connection, args.dialled)
    if number is None:
        print(as_json({"number": None}) if args.json else "nobody's number")
        return 1
    return _print(args, [number], one=True)


def _country_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", help="such as 44 or 1; 'none': national numbers are not read")
    parser.add_argument(
        "--trunk-prefix",
        metavar="DIGITS",
        help="what precedes national numbers; default: the country's usual one",
    )


def _country(args: argparse.Namespace, database: Database) -> int:
    home = Home.of("" if args.code == "none" else args.code, args.trunk_prefix)
    with database.writing() as connection:
        set_home(connection, home)
    if args.json:
        print(as_json({"home": home}))
    elif home.country_code:
        print(f"national numbers are of +{home.country_code}, trunk prefix {home.trunk_prefix or 'none'}")
    else:
        print("national numbers are not read")
    return 0


ACTIONS = {
    "add": Action("give a number to a tenant", _owner_options, _add),
    "move": Action("give a number to another tenant or agent", _owner_options, _move),
    "set": Action("change a number's language, fallback or recording", _set_options, _set),
    "remove": Action("take a number away", _number_option, _remove),
    "list": Action("all numbers", _list_options, _list, writes=False),
    "find": Action("whom a call would reach; exit status 1: nobody", _find_options, _find, writes=False),
    "country": Action("the country whose national numbers the trunks deliver", _country_options, _country),
}
