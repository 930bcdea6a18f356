"""``offhook tenants agent``: the versions of a tenant's agents."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from offhook.cli.database import Action
from offhook.cli.tables import as_json, as_table
from offhook.tenants.agent_versions import (
    DEFAULT_NAME,
    get_agent,
    history,
    put_agent,
    read_agent_file,
    rollback,
)
from offhook.tenants.database import Database
from offhook.tenants.registry import get_tenant


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("--agent", metavar="NAME", default=DEFAULT_NAME, help=f"default: {DEFAULT_NAME}")


def _put_options(parser: argparse.ArgumentParser) -> None:
    _options(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="an agent file, or JSON as `get` prints it")


def _put(args: argparse.Namespace, database: Database) -> int:
    agent = read_agent_file(args.file)
    with database.writing() as connection:
        put = put_agent(connection, get_tenant(connection, args.tenant), args.agent, agent)
    if args.json:
        print(as_json({"put": put}))
    else:
        says = "answers now" if put.changed else "says the same already"
        print(f"{put.tenant}: version {put.version} of {put.agent} {says}")
    return 0


def _version_options(parser: argparse.ArgumentParser) -> None:
    _options(parser)
    parser.add_argument("--version", type=int, metavar="N", help="default: the one that answers")


def _get(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        stored = get_agent(connection, get_tenant(connection, args.tenant), args.agent, args.version)
    body = json.loads(stored.body)
    if args.json:
        print(as_json({"agent": stored.name, "version": stored.version, "body": body}))
    else:
        print(json.dumps(body, ensure_ascii=False, indent=2))
    return 0


def _history(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        versions = history(connection, get_tenant(connection, args.tenant), args.agent)
    rows = [(one.version, one.created_at, "answers" if one.current else "") for one in versions]
    print(as_json({"versions": versions}) if args.json else as_table(("version", "since (UTC)", ""), rows))
    return 0


def _rollback_options(parser: argparse.ArgumentParser) -> None:
    _options(parser)
    parser.add_argument("--to", type=int, metavar="N", help="default: the version before")


def _rollback(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        version = rollback(connection, get_tenant(connection, args.tenant), args.agent, args.to)
    if args.json:
        print(as_json({"tenant": args.tenant, "agent": args.agent, "version": version}))
    else:
        print(f"{args.tenant}: version {version} of {args.agent} answers now")
    return 0


ACTIONS = {
    "put": Action("a new version, which answers from now on", _put_options, _put),
    "get": Action("a version as JSON", _version_options, _get, writes=False),
    "history": Action("all versions, the newest first", _options, _history, writes=False),
    "rollback": Action("let an earlier version answer", _rollback_options, _rollback),
}
