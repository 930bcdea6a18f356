"""``offhook calls``: what is kept of calls, and deleting it; the calls that go on are in ``live``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from offhook.cli.database import Action, add_actions, chosen_tenant, places, tenant_option
from offhook.cli.database import run as run_action
from offhook.cli.live import add_live_actions
from offhook.cli.tables import as_json, as_table
from offhook.errors import ConfigError
from offhook.files import unwritable
from offhook.observe.bill import UNITS
from offhook.observe.trace.waterfall import printable
from offhook.recording.places import recordings_of
from offhook.recording.sound_file import seconds_in
from offhook.tenants.call_records import export_calls, get_call, list_calls
from offhook.tenants.costs import costs_by_day
from offhook.tenants.database import Database
from offhook.tenants.erasing import Whose, check_whose, erase_everywhere, purge


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("calls", help="calls that go on, and what is kept of tenants' calls")
    add_live_actions(add_actions(parser, ACTIONS))


def run(args: argparse.Namespace) -> int:
    if isinstance(args.perform, Action):
        return run_action(args)
    status: int = args.perform(args)
    return status


def _caller_option(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument("--caller", metavar="NUMBER", required=required, help="only calls from this number")
    tenant_option(parser, "the calls")


def _list_options(parser: argparse.ArgumentParser) -> None:
    _caller_option(parser)
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="default: 50")


def _list(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        calls = list_calls(connection, chosen_tenant(connection, args), args.caller, args.limit)
    print(as_json({"calls": calls}) if args.json else _table(calls))
    return 0


def _table(calls: Sequence[dict[str, Any]]) -> str:
    columns = ("id", "tenant", "number", "caller", "agent", "started_at", "result")
    rows = [[*(call[column] for column in columns), _cost(call["cost"], call["currency"])] for call in calls]
    return as_table(("call", "tenant", "number", "caller", "agent", "began (UTC)", "result", "cost"), rows)


def _cost(cost: float | None, currency: str | None) -> str | None:
    return None if cost is None else f"{cost:.4f} {currency or ''}".rstrip()


def _units(units: Mapping[str, float]) -> str:
    """``41.2 seconds, 310 characters``; as price lists count."""
    counts = (f"{units[unit]:.10g} {unit.replace('_', ' ')}" for unit in UNITS if units.get(unit))
    return ", ".join(counts)


def _show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("call", metavar="CALL")
    tenant_option(parser, "a call")


def _show(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        call = get_call(connection, args.call, chosen_tenant(connection, args))
    found = recordings_of(places(args).recordings, [call["id"]])
    if args.json:
        print(as_json({"call": {**call, "recordings": [str(path) for path in found]}}))
        return 0
    print(_table([call]))
    if call["units"]:
        print(f"cost of {_units(call['units'])}")
    for path in found:
        print(f"recording: {_described(path)}")
    for turn in call["turns"]:
        mood = f"  [{turn['mood']}]" if turn["mood"] not in (None, "neutral") else ""
        print(printable(f"{turn['role']:<6}  {turn['text'] or '(not kept)'}{mood}"))
    return 0


def _costs_options(parser: argparse.ArgumentParser) -> None:
    tenant_option(parser, "the calls")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="today and before; default: 7")


def _costs(args: argparse.Namespace, database: Database) -> int:
    if args.days < 1:
        raise ConfigError(f"--days {args.days}: 1 or more")
    with database.reading() as connection:
        database.require_schema(connection)
        costs = costs_by_day(connection, datetime.now(UTC), args.days, chosen_tenant(connection, args))
    if args.json:
        print(as_json({"costs": costs}))
        return 0
    rows = [
        (
            one.day,
            one.tenant,
            one.calls,
            f"{one.minutes:.1f}",
            _cost(one.cost, one.currency),
            _units(one.units),
        )
        for one in costs
    ]
    print(as_table(("day (UTC)", "tenant", "calls", "minutes", "cost", "of"), rows))
    return 0


def _described(path: Path) -> str:
    seconds = seconds_in(path)
    return str(path) if seconds is None else f"{path} ({seconds // 60:.0f}:{seconds % 60:04.1f})"


def _recording_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("call", metavar="CALL")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="copy it there; '-' writes it to the output"
    )


def _recording(args: argparse.Namespace, database: Database) -> int:
    folders = places(args).recordings
    if not folders:
        raise ConfigError("nothing is recorded here: set recording.folder (docs/howto/recording.md)")
    found = recordings_of(folders, [args.call])
    if args.json:
        print(as_json({"recordings": [{"path": str(path), "seconds": seconds_in(path)} for path in found]}))
        return 0
    if not found:
        below = " and ".join(str(folder) for folder in folders)
        raise ConfigError(f"call {args.call}: there is no recording of it below {below}")
    if args.save is None:
        print("\n".join(_described(path) for path in found))
    elif len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise ConfigError(f"call {args.call}: there are several recordings, copy the one you mean: {names}")
    elif str(args.save) == "-":
        with open(found[0], "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        _copy(found[0], args.save)
    return 0


def _copy(recording: Path, target: Path) -> None:
    target = target / recording.name if target.is_dir() else target
    try:
        target.touch(mode=0o600)  # what is in it is nobody else's business
        shutil.copyfile(recording, target)
    except OSError as error:
        raise ConfigError(f"{target}: {unwritable(target, error)}") from error
    print(f"{recording} is copied to {target}")


def _export(args: argparse.Namespace, database: Database) -> int:
    if args.caller is not None:
        check_whose(database, Whose(args.caller))
    with database.reading() as connection:
        database.require_schema(connection)
        calls = list(export_calls(connection, chosen_tenant(connection, args), args.caller))
    print(as_json({"calls": calls}))
    return 0


def _erase_options(parser: argparse.ArgumentParser) -> None:
    _caller_option(parser, required=True)


def _erase(args: argparse.Namespace, database: Database) -> int:
    whose = Whose(args.caller)
    check_whose(database, whose)
    with database.reading() as connection:
        tenant = chosen_tenant(connection, args)
    erased = erase_everywhere(database, places(args), whose, tenant)
    if args.json:
        print(as_json({"erased": erased}))
    else:
        print(f"{erased.calls} calls with {erased.turns} turns are deleted, and {erased.others} other things")
    return 0


def _no_options(parser: argparse.ArgumentParser) -> None:
    pass


def purge_old(args: argparse.Namespace, database: Database) -> int:
    """Also ``offhook tenants purge``."""
    swept = purge(database, places(args), datetime.now(UTC))
    rows = [(one.tenant, one.calls, one.turns) for one in swept]
    print(as_json({"swept": swept}) if args.json else as_table(("tenant", "calls", "turns"), rows))
    return 0


ACTIONS = {
    "list": Action("calls, the newest first", _list_options, _list, writes=False),
    "show": Action("one call and its turns", _show_options, _show, writes=False),
    "costs": Action("what calls have cost, by day and tenant", _costs_options, _costs, writes=False),
    "recording": Action(
        "where the recording of a call is, or a copy of it", _recording_options, _recording, writes=False
    ),
    "export": Action("everything that is kept, as JSON", _caller_option, _export, writes=False),
    "erase": Action("delete all that is kept of a caller", _erase_options, _erase),
    "sweep": Action("delete what is older than its tenant wants to keep it; daily", _no_options, purge_old),
}
