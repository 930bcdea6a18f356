"""``offhook trace``: where the time of a turn went."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TextIO

from offhook.config import BudgetConfig, Config, load_config
from offhook.errors import ConfigError
from offhook.files import unwritable
from offhook.observe.trace import TraceLog, TurnTrace, call_waterfall, read_traces
from offhook.observe.trace.picture import page, svg
from offhook.observe.trace.waterfall import printable

_UNICODE_BARS = "█▏▶"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "trace",
        help="show where the time of each turn went",
        description="Without CALL: a list of calls. With CALL: every turn as a waterfall.",
    )
    parser.add_argument(
        "call", nargs="?", metavar="CALL", help="a call's id or the beginning of one; 'last' is the newest"
    )
    parser.add_argument("--file", type=Path, metavar="FILE", help="default: daemon.trace_file")
    parser.add_argument("--slow", action="store_true", help="only turns over their budget")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the last of these turns into FILE")
    parser.add_argument("--html", type=Path, metavar="FILE", help="draw these turns as a page")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def run(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    path = trace_path(args.file, config)
    log = read_traces(path)
    turns = log.turns if args.call is None else find_call(log, args.call, path)
    if args.slow:
        turns = [turn for turn in turns if turn.over_budget(config.budgets)]
    if args.svg is not None or args.html is not None:
        return _draw(args, turns, config.budgets)
    if args.json:
        records = [json.loads(turn.to_json(config.budgets)) for turn in turns]
        print(json.dumps({"turns": records, "skipped": log.skipped}))
        return 0
    if args.call is not None or args.slow:
        print(show_turns(turns, config.budgets, sys.stdout, slow=args.slow))
    else:
        print(list_calls(turns, config.budgets) if turns else f"{path}: no turns yet")
    if log.skipped:
        print(f"{path}: {log.skipped} damaged or foreign lines were skipped", file=sys.stderr)
    return 0


def _draw(args: argparse.Namespace, turns: Sequence[TurnTrace], budgets: BudgetConfig) -> int:
    if not turns:
        raise ConfigError("there is no turn to draw")
    for path, drawn in ((args.svg, svg(turns[-1], budgets, alone=True)), (args.html, page(turns, budgets))):
        if path is None:
            continue
        try:
            path.write_text(drawn, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {unwritable(path, error)}") from error
    return 0


def trace_path(named: Path | None, config: Config) -> Path:
    """The trace file to read.  Raises ConfigError when neither option nor configuration names one."""
    path = named or config.daemon.trace_file
    if path is None:
        raise ConfigError("no trace file: set daemon.trace_file in offhook.toml, or name one with --file")
    return path


def find_call(log: TraceLog, wanted: str, path: Path) -> list[TurnTrace]:
    """The turns of the call that ``wanted`` names.  Raises ConfigError unless it is exactly one."""
    calls = log.calls()
    if wanted == "last" and calls:
        return log.of_call(calls[-1])
    found = [wanted] if wanted in calls else [call for call in calls if call.startswith(wanted)]
    if len(found) == 1:
        return log.of_call(found[0])
    name = printable(wanted)
    if found:
        some = ", ".join(printable(call) for call in found[:3])
        raise ConfigError(
            f"{path}: {len(found)} calls begin with {name!r} ({some}, ...): give more of the id"
        )
    raise ConfigError(f"{path}: no call {name!r}; 'offhook trace' lists the {len(calls)} calls in the file")


def list_calls(turns: Sequence[TurnTrace], budgets: BudgetConfig) -> str:
    """One line per call."""
    by_call: dict[str, list[TurnTrace]] = {}
    for turn in turns:
        by_call.setdefault(turn.call_id, []).append(turn)
    width = max(4, *(len(printable(call)) for call in by_call))
    lines = [f"{'call':<{width}}  turns  median [ms]  worst [ms]  over budget"]
    for call, own in by_call.items():
        known = [ms for turn in own if (ms := turn.turnaround_ms()) is not None]
        late = sum(bool(turn.over_budget(budgets)) for turn in own)
        middle, worst = (f"{median(known):.0f}", f"{max(known):.0f}") if known else ("-", "-")
        lines.append(f"{printable(call):<{width}}  {len(own):>5}  {middle:>11}  {worst:>10}  {late:>11}")
    return "\n".join(lines)


def show_turns(turns: Sequence[TurnTrace], budgets: BudgetConfig, out: TextIO, *, slow: bool = False) -> str:
    """Waterfalls as wide as ``out``, in characters that it can show."""
    if not turns:
        return "no turns over budget" if slow else "no turns"
    columns = shutil.get_terminal_size((80, 24)).columns if out.isatty() else 80
    unicode = can_show(out, _UNICODE_BARS)
    calls = dict.fromkeys(turn.call_id for turn in turns)
    own = ([turn for turn in turns if turn.call_id == call] for call in calls)
    return "\n\n".join(call_waterfall(part, budgets, width=columns, unicode=unicode) for part in own)


def can_show(out: TextIO, text: str) -> bool:
    """Whether ``out`` has these characters; ``OFFHOOK_ASCII=1`` says that it has not."""
    if os.environ.get("OFFHOOK_ASCII"):
        return False
    try:
        text.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
