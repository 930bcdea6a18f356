"""``offhook reload``: the daemon reads configuration and agents again, and says what it kept as it was."""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

from offhook.config import Config, find_config, load_config
from offhook.control.client import Control, control_path
from offhook.daemon.reload import RELOADED_WITHIN_S
from offhook.errors import ConfigError, OffhookError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "reload",
        help="have the running daemon read configuration and agents again",
        description="New calls find what is written now; calls that run keep what they have. What has a fault"
        " stays as it was: it is named, and the exit status is 1. Settings that hold from the next start on"
        " are named too.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")
    parser.add_argument(
        "--pid",
        type=int,
        metavar="PID",
        help="for ExecReload= of the unit: where the daemon cannot be asked, this process is sent SIGHUP,"
        " and its log has what came of it",
    )


def run(args: argparse.Namespace) -> int:
    try:
        config = load_config(find_config(args.config))
        if not config.control.enabled and args.pid is not None:
            os.kill(args.pid, signal.SIGHUP)
            print(f"process {args.pid} has been told; what came of it is in its log (control.enabled is off)")
            return 0
        done = _ask(config)
    except OffhookError as error:
        if args.pid is None:
            raise
        os.kill(args.pid, signal.SIGHUP)  # agents may be well all the same
        raise ConfigError(f"{error} (process {args.pid} reads again what it can: see its log)") from error
    print(json.dumps(done) if args.json else in_words(done))
    return 1 if done["kept"] else 0


def _ask(config: Config) -> dict[str, Any]:
    """Raises ConfigError or OffhookError."""
    if not config.control.enabled:
        raise ConfigError(
            "the daemon cannot be asked: control.enabled is off; send it SIGHUP, and see its log"
        )
    with Control(control_path(config), answered_within_s=RELOADED_WITHIN_S + 10) as control:
        return control.tell("reload")


def in_words(done: dict[str, Any]) -> str:
    """What has come of it, a line each; what was kept last, where it is seen."""
    lines = [*done["news"]]
    if done["waiting"]:
        lines.append(f"from the next start on: {', '.join(done['waiting'])}")
    lines += [f"kept: {problem}" for problem in done["kept"]]
    return "\n".join(lines) if lines else "reloaded; nothing that is in use has changed"
