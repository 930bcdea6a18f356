"""``offhook dial``: have a running daemon place calls, and see what came of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from offhook.cli.live import add_daemon_options, control_of
from offhook.cli.tables import as_json, as_table
from offhook.control.client import Control
from offhook.errors import ConfigError, OffhookError
from offhook.outbound.lists import read_list


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "dial",
        help="place calls through the running daemon",
        description="Place a call, or those of a list; without either, show what came of them.",
    )
    parser.add_argument("number", nargs="?", help="with + and its country code: +12125550123")
    parser.add_argument("--list", type=Path, metavar="FILE", help="a CSV file: number,agent,tenant,consent")
    parser.add_argument("--agent", default="", metavar="NAME", help="who talks; default: the daemon's")
    parser.add_argument("--tenant", default="", metavar="NAME", help="whose agent talks and number is shown")
    parser.add_argument("--consent", default="", metavar="TEXT", help="how they agreed to be called")
    parser.add_argument("--wait", action="store_true", help="until the call is over")
    parser.add_argument("--block", action="store_true", help="never call the number again")
    parser.add_argument("--stop", action="store_true", help="drop what waits; with --list only that list's")
    add_daemon_options(parser)


def run(args: argparse.Namespace) -> int:
    if args.number and args.list:
        raise ConfigError("a number or --list FILE: one of them")
    if args.block and not args.number:
        raise ConfigError("--block needs the number")
    with control_of(args) as control:
        if args.stop:
            named = {} if args.list is None else {"list": args.list.name}
            return _print(args, control.tell("dial-stop", named), "calls dropped: {dropped}")
        if args.block:
            told = control.tell("dial-block", {"number": args.number})
            return _print(args, told, "{number} is not called any more; calls dropped: {dropped}")
        if args.number:
            return _one(args, control)
        if args.list:
            return _list(args, control)
        return _show(args, control.tell("dialled"))


def _one(args: argparse.Namespace, control: Control) -> int:
    wanted = {key: getattr(args, key) for key in ("number", "agent", "tenant", "consent")}
    if not args.wait:
        return _print(args, control.tell("dial", wanted), "call {call} to {number}: due {due}")
    with control.events() as events:  # before it is placed: nothing is missed
        call = control.tell("dial", wanted)["call"]
        try:
            for event in events:
                ended = event["type"] == "placed" and event["placed"] == call and event["state"] == "done"
                if ended or event["type"] in ("lost", "dropped"):  # which may have been about ours
                    found = control.tell("dialled", {"call": call})
                    if all(each["state"] == "done" for each in found["calls"]):
                        return _show(args, found)
        except KeyboardInterrupt:
            print("it goes on without us: `offhook dial` shows what came of it", file=sys.stderr)
            raise
    raise ConfigError(
        "the daemon has stopped; once it runs again, `offhook dial` shows what came of the call"
    )


def _list(args: argparse.Namespace, control: Control) -> int:
    """Each line by itself: one that cannot be called costs only itself."""
    name, added, had, refused = args.list.name, 0, 0, 0
    for row in list(read_list(args.list)):
        if row.fault:
            refused += 1
            print(f"{args.list}, line {row.line}: {row.fault}", file=sys.stderr)
            continue
        wanted = {
            "number": row.number,
            "agent": row.agent or args.agent,
            "tenant": row.tenant or args.tenant,
            "consent": row.consent or args.consent,
            "list": name,
        }
        try:
            told = control.tell("dial", wanted)
        except ConfigError:
            raise  # no daemon
        except OffhookError as error:
            refused += 1
            print(f"{args.list}, line {row.line}: {error}", file=sys.stderr)
            continue
        added, had = (added + 1, had) if told["call"] is not None else (added, had + 1)
    counted = {"list": name, "added": added, "there_already": had, "refused": refused}
    _print(args, counted, "list {list}: {added} added, {there_already} there already, {refused} refused")
    return 1 if refused else 0


def _print(args: argparse.Namespace, told: dict[str, Any], text: str) -> int:
    print(as_json(told) if args.json else text.format(**told))
    return 0


def _show(args: argparse.Namespace, told: dict[str, Any]) -> int:
    if args.json:
        print(as_json(told))
        return 0
    columns = ("id", "number", "agent", "tenant", "list", "state", "tries", "result", "answered_by")
    print(as_table(columns, [[each[column] for column in columns] for each in told["calls"]]))
    return 0
