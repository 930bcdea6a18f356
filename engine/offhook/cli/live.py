"""``offhook calls live, follow, hangup`` and the like: the calls that go on in a running daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from offhook.cli.tables import as_json, as_table
from offhook.config import load_config
from offhook.control.client import Control, control_path


def add_live_actions(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    live = subparsers.add_parser("live", help="calls that go on now")
    live.set_defaults(perform=_live)
    follow = subparsers.add_parser("follow", help="what happens in calls, as one JSON object a line")
    follow.add_argument("--words", action="store_true", help="with what is said, where that may be shown")
    follow.set_defaults(perform=_follow)
    hang_up = subparsers.add_parser("hangup", help="end a call that goes on")
    hang_up.add_argument("call", metavar="CALL")
    hang_up.add_argument("--goodbye", action="store_true", help="the agent says goodbye first")
    hang_up.set_defaults(perform=_hang_up)
    hand_over = subparsers.add_parser("handover", help="send a caller to a target of the agent's file")
    hand_over.add_argument("call", metavar="CALL")
    hand_over.add_argument("target", metavar="TARGET", help="its key or its name")
    hand_over.add_argument("--summary", default="", metavar="TEXT", help="for whoever takes over")
    hand_over.set_defaults(perform=_hand_over)
    take_over = subparsers.add_parser("takeover", help="ring a supervisor, and connect the caller")
    take_over.add_argument("call", metavar="CALL")
    take_over.add_argument(
        "extension", metavar="EXTENSION", help="as [offhook-takeover] of the dialplan has it"
    )
    take_over.add_argument("--summary", default="", metavar="TEXT", help="what the supervisor is shown")
    take_over.set_defaults(perform=_take_over)
    move = subparsers.add_parser("move", help="let another agent go on with a caller")
    move.add_argument("call", metavar="CALL")
    move.add_argument("agent", metavar="AGENT", help="its name")
    move.set_defaults(perform=_move)
    listen = subparsers.add_parser("listen", help="both sides of a call as WAV: ... | aplay -")
    listen.add_argument("call", metavar="CALL")
    listen.set_defaults(perform=_listen)
    for parser in (live, follow, hang_up, hand_over, take_over, move, listen):
        add_daemon_options(parser)


def add_daemon_options(parser: argparse.ArgumentParser) -> None:
    """Which daemon, and how it is told."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--control", type=Path, metavar="PATH", help="the daemon's control socket")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def control_of(args: argparse.Namespace) -> Control:
    """The daemon that the options name."""
    return Control(args.control or control_path(load_config(args.config)))


def calls_table(calls: Iterable[Mapping[str, Any]]) -> str:
    """One line per call."""
    titles = ("call", "tenant", "agent", "door", "number", "caller", "since", "floor", "turns", "last [ms]")
    rows = [
        (
            *(call[key] for key in ("id", "tenant", "agent", "door", "number", "caller")),
            duration(call["seconds"]),
            call["floor"],
            call["turns"],
            whole(call["turnaround_ms"]),
        )
        for call in calls
    ]
    return as_table(titles, rows)


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def whole(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _live(args: argparse.Namespace) -> int:
    with control_of(args) as control:
        calls = control.get("/v1/calls")
    print(as_json(calls) if args.json else calls_table(calls["calls"]))
    return 0


def _follow(args: argparse.Namespace) -> int:
    with control_of(args) as control, control.events(words=args.words) as events:
        for event in events:
            print(as_json(event), flush=True)
    return 0


def _hang_up(args: argparse.Namespace) -> int:
    return _tell(args, "hangup", {"goodbye": args.goodbye})


def _hand_over(args: argparse.Namespace) -> int:
    return _tell(args, "handover", {"target": args.target, "summary": args.summary})


def _take_over(args: argparse.Namespace) -> int:
    return _tell(args, "takeover", {"extension": args.extension, "summary": args.summary})


def _move(args: argparse.Namespace) -> int:
    return _tell(args, "move", {"agent": args.agent})


def _listen(args: argparse.Namespace) -> int:
    with control_of(args) as control, control.stream("listen", args.call) as sound:
        for block in sound:
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
    return 0


def _tell(args: argparse.Namespace, command: str, arguments: dict[str, Any]) -> int:
    with control_of(args) as control:
        done = control.tell(command, arguments, call=args.call)
    print(as_json(done) if args.json else f"call {args.call}: {command} is under way")
    return 0
