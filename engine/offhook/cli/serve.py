"""``offhook serve``: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

from offhook.config import find_config, load_config
from offhook.daemon import READY_LINE
from offhook.daemon.adoption import adopted
from offhook.daemon.daemon import Daemon
from offhook.observe.logs import set_up


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("serve", help="run the daemon that answers calls")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")
    parser.add_argument(
        "--transcript",
        type=Path,
        metavar="FILE",
        help="append what is said, as JSON lines (demonstrations and tests; holds speech content)",
    )
    parser.add_argument("--verbose", action="store_true", help="log at debug level")


def run(args: argparse.Namespace) -> int:
    path = find_config(args.config)
    config = load_config(path)
    set_up(config.telemetry.log_format, logging.DEBUG if args.verbose else logging.INFO)
    log = logging.getLogger("offhook.daemon.daemon")

    if (pid := adopted(config)) is not None:
        log.info("process %d took the calls at the restart, and is the service from now on", pid)
        return 0
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the daemon takes it

    async def serve() -> None:
        daemon = Daemon(config, transcript=args.transcript, read_again=lambda: load_config(path))
        await daemon.run(ready=lambda: print(READY_LINE, flush=True), progress=log.info)

    asyncio.run(serve())
    return 0
