"""``offhook top``: a running daemon on one screen."""

from __future__ import annotations

import argparse
import curses
import sys
import time
from collections.abc import Mapping
from typing import Any

from offhook.cli.live import add_daemon_options, calls_table, control_of, whole
from offhook.cli.tables import as_json
from offhook.control.client import Control
from offhook.errors import OffhookError

_QUIT = (ord("q"), 27)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "top",
        help="a running daemon on one screen",
        description="Calls, places, load and the latency of the last turns; q ends it.",
    )
    parser.add_argument("--once", action="store_true", help="print it once")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="default: 1")
    add_daemon_options(parser)


def run(args: argparse.Namespace) -> int:
    with control_of(args) as control:
        if args.json:
            print(as_json(_look(control)))
        elif args.once or not sys.stdout.isatty():
            print("\n".join(screen(_look(control))))
        else:
            _look(control)  # what is wrong is said before the screen changes
            curses.wrapper(_watch, control, max(0.1, args.interval))
    return 0


def screen(found: Mapping[str, Any]) -> list[str]:
    """The lines of the screen."""
    state, calls = found["state"], found["calls"]
    turnaround = state["turnaround_ms"]
    lines = [
        f"offhook {state['version']}  pid {state['pid']}  calls {state.get('calls', 0)}"
        f" of {state.get('places', 0)}  load {state.get('load', 0.0):.0%}",
        f"turnaround of the last {state['turns']} turns [ms]: "
        + "  ".join(f"{name} {whole(turnaround[name]) or '-'}" for name in ("p50", "p95", "last")),
    ]
    if state["problem"] is not None:
        lines.append(f"no call can come: {state['problem']}")
    return [*lines, "", *calls_table(calls).splitlines()]


def _look(control: Control) -> dict[str, Any]:
    return {"state": control.get("/v1/state"), **control.get("/v1/calls")}


def _watch(window: curses.window, control: Control, interval_s: float) -> None:
    curses.use_default_colors()
    curses.curs_set(0)
    window.timeout(round(interval_s * 1000))
    while True:
        try:
            lines = screen(_look(control))
        except OffhookError as error:  # it may come back
            lines = [str(error), time.strftime("%X")]
        window.erase()
        height, width = window.getmaxyx()
        for row, line in enumerate(lines[: height - 1]):
            window.addnstr(row, 0, line, width - 1)
        window.refresh()
        if window.getch() in _QUIT:
            return
