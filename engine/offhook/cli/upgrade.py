"""``offhook upgrade``: a new process takes the calls of the daemon that runs, and no call is lost."""

from __future__ import annotations

import argparse
from pathlib import Path

from offhook.config import find_config, load_config
from offhook.control.client import Control, control_path
from offhook.daemon.succession import READY_WITHIN_S


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "upgrade",
        help="replace the running daemon by a new one without losing a call",
        description="Has the running daemon start what is installed now, with the configuration as it is now."
        " The new process takes all calls once it is ready; calls that run end in the old one, within"
        " daemon.overlap_s. When the new one cannot start, nothing changes and this says why.",
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="for ExecStop= of the unit, while `systemctl restart` stops the daemon: systemd goes on"
        " with the new process once the last call of the old one is over",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def run(args: argparse.Namespace) -> int:
    config = load_config(find_config(args.config))
    with Control(control_path(config), answered_within_s=READY_WITHIN_S + 60) as control:
        done = control.tell("restart" if args.restart else "upgrade")
    print(f"process {done['pid']} takes the calls; {done['calls']} go on in process {done['before']}")
    return 0
