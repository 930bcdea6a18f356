"""``offhook tenants``: the businesses on this server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from offhook.cli import tenant_agents
from offhook.cli.calls import purge_old
from offhook.cli.database import Action, add_actions, or_none, places, run, switch
from offhook.cli.tables import as_json, as_table
from offhook.errors import ConfigError
from offhook.tenants.agent_versions import agent_names, get_agent, import_agents, read_folder
from offhook.tenants.database import Database
from offhook.tenants.erasing import remove_everywhere
from offhook.tenants.number_registry import list_numbers
from offhook.tenants.registry import Removed, add_tenant, change_tenant, get_tenant, list_tenants, what_goes
from offhook.tenants.snapshot import Tenant

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("tenants", help="the businesses on this server, and their agents")
    add_actions(parser, ACTIONS)
    groups = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    own = groups.add_parser("agent", help="the versions of a tenant's agents")
    add_actions(own, tenant_agents.ACTIONS, dest="agent_action")


_COLUMNS = (
    *("tenant", "name", "active", "max calls", "days kept"),
    *("transcripts", "recordings", "misses", "disclosure"),
)
_SWITCHES = {
    "transcripts": "write down what is said, without what leads to a person",
    "recordings": "numbers may be recorded",
    "misses": "write down questions that nothing known answers",
    "disclosure": "the agent says at once that it is one",
}


def _row(tenant: Tenant) -> tuple[object, ...]:
    most, days = tenant.max_calls, tenant.retention_days
    kept = (tenant.transcripts, tenant.recordings, tenant.misses, tenant.disclosure)
    return (tenant.slug, tenant.name, tenant.active, most, days, *kept)


def _print_tenant(args: argparse.Namespace, tenant: Tenant) -> int:
    print(as_json({"tenant": tenant}) if args.json else as_table(_COLUMNS, [_row(tenant)]))
    return 0


# --- add, set, disable, enable, remove -------------------------------------------------------------------


def _slug_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT", help="letters a-z, digits and '-'")


def _settings_options(parser: argparse.ArgumentParser) -> None:
    _slug_option(parser)
    parser.add_argument("--name", help="what people call it")
    parser.add_argument(
        "--max-calls",
        type=or_none(int),
        default=argparse.SUPPRESS,
        metavar="N",
        help="at once; 'none': no limit",
    )
    parser.add_argument(
        "--retention-days",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help="calls are deleted after these",
    )
    for what, meaning in _SWITCHES.items():
        parser.add_argument(
            f"--{what}",
            type=switch,
            default=argparse.SUPPRESS,
            metavar="on|off",
            help=f"{meaning}; default: off",
        )
    parser.add_argument(
        "--consent",
        type=or_none(str),
        default=argparse.SUPPRESS,
        metavar="TEXT",
        help="said first on numbers that are recorded; 'none': nothing",
    )


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    named = ("max_calls", "retention_days", *_SWITCHES, "consent")
    return {field: getattr(args, field) for field in named if hasattr(args, field)}


def _add(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        name = args.name or args.tenant.replace("-", " ").title()
        tenant = add_tenant(connection, args.tenant, name, **_settings(args))
    return _print_tenant(args, tenant)


def _set(args: argparse.Namespace, database: Database) -> int:
    settings = _settings(args) | ({"name": args.name} if args.name is not None else {})
    if not settings:
        raise ConfigError("nothing to set: name a setting, such as --max-calls 4")
    with database.writing() as connection:
        tenant = change_tenant(connection, args.tenant, **settings)
    return _print_tenant(args, tenant)


def _disable(args: argparse.Namespace, database: Database) -> int:
    return _activate(args, database, active=False)


def _enable(args: argparse.Namespace, database: Database) -> int:
    return _activate(args, database, active=True)


def _activate(args: argparse.Namespace, database: Database, *, active: bool) -> int:
    with database.writing() as connection:
        tenant = change_tenant(connection, args.tenant, active=active)
    return _print_tenant(args, tenant)


def _remove_options(parser: argparse.ArgumentParser) -> None:
    _slug_option(parser)
    parser.add_argument("--yes", action="store_true", help="with its numbers, agents and calls")


def _remove(args: argparse.Namespace, database: Database) -> int:
    if not args.yes:
        with database.reading() as connection:
            going = what_goes(connection, get_tenant(connection, args.tenant))
        raise ConfigError(
            f"tenant {going.slug!r} has {_counted(going)}, and all would be deleted: say --yes, or: offhook"
            " tenants disable"
        )
    removed = remove_everywhere(database, places(args), args.tenant)
    print(as_json({"removed": removed}) if args.json else f"{removed.slug} is removed: {_counted(removed)}")
    return 0


def _counted(removed: Removed) -> str:
    counts = {name: getattr(removed, name) for name in Removed.__slots__ if name != "slug"}
    return ", ".join(f"{name} {count}" for name, count in counts.items())


# --- list, show --------------------------------------------------------------------------------------------


def _no_options(parser: argparse.ArgumentParser) -> None:
    pass


def _list(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        tenants = list_tenants(connection)
    print(as_json({"tenants": tenants}) if args.json else as_table(_COLUMNS, map(_row, tenants)))
    return 0


def _show(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        tenant = get_tenant(connection, args.tenant)
        numbers = list_numbers(connection, tenant)
        agents = [
            (name, get_agent(connection, tenant, name).version) for name in agent_names(connection, tenant)
        ]
    if args.json:
        named = [{"agent": name, "version": version} for name, version in agents]
        print(as_json({"tenant": tenant, "numbers": numbers, "agents": named}))
        return 0
    print(as_table(_COLUMNS, [_row(tenant)]))
    print()
    print(as_table(("agent", "version"), agents))
    print()
    rows = [(one.number, one.agent, one.language, one.fallback, one.recording) for one in numbers]
    print(as_table(("number", "agent", "language", "fallback", "recording"), rows))
    return 0


# --- import, migrate ---------------------------------------------------------------------------------------


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="each NAME.toml in it is tenant NAME")


def _import(args: argparse.Namespace, database: Database) -> int:
    agents = read_folder(args.folder)
    with database.writing() as connection:
        done = import_agents(connection, agents)
    rows = [(one.tenant, one.agent, one.version, one.changed) for one in done]
    print(as_json({"imported": done}) if args.json else as_table(("tenant", "agent", "version", "new"), rows))
    return 0


def _migrate(args: argparse.Namespace, database: Database) -> int:
    before, after = database.migrate()
    if args.json:
        print(as_json({"database": str(database), "before": before, "after": after}))
    else:
        print(
            f"{database}: "
            + (f"is at {after}" if before == after else f"from {before or 'nothing'} to {after}")
        )
    return 0


ACTIONS = {
    "add": Action("a new tenant", _settings_options, _add),
    "list": Action("all tenants", _no_options, _list, writes=False),
    "show": Action("one tenant, its agents and its numbers", _slug_option, _show, writes=False),
    "set": Action("change a tenant's settings", _settings_options, _set),
    "disable": Action("refuse calls to a tenant's numbers", _slug_option, _disable),
    "enable": Action("take calls to a tenant's numbers again", _slug_option, _enable),
    "remove": Action("delete a tenant and all that is its own", _remove_options, _remove),
    "import": Action("a tenant for each agent file of a folder", _import_options, _import),
    "purge": Action("delete calls that are older than their tenant wants; daily", _no_options, purge_old),
    "migrate": Action("bring the database to this version of offhook", _no_options, _migrate, writes=False),
}
