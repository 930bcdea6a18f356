"""``offhook web``: the pages, and who may log in to them."""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import sys
from pathlib import Path

from offhook.cli.database import VARIABLE
from offhook.config import find_config, load_config
from offhook.errors import ConfigError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "web",
        help="the daemon and its tenants in a browser",
        description="Serves the pages at web.listen, 127.0.0.1:8470 by default. `offhook web passwd` first.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")
    parser.add_argument("--database", metavar="URL", help=f"default: ${VARIABLE}, else tenants.database")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    passwd = actions.add_parser("passwd", help="add a user, or change their password")
    passwd.add_argument("user", nargs="?", default="admin", metavar="USER", help="default: admin")
    passwd.add_argument("--remove", action="store_true", help="take the user out instead")
    passwd.add_argument("--file", type=Path, metavar="FILE", help="default: web.password_file")
    # As good behind the word as before it: whoever gives none here leaves what stands before.
    passwd.add_argument(
        "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="whose web.password_file"
    )


def run(args: argparse.Namespace) -> int:
    path = find_config(args.config)
    config = load_config(path)
    if args.action == "passwd":
        return _passwd(args, args.file or config.web.password_file)
    # Imported here: the pages take a moment, and every command builds this parser.
    from offhook.web.house import House
    from offhook.web.server import serve

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every question to the daemon
    serve(House(config, path, args.database or os.environ.get(VARIABLE)))
    return 0


def _passwd(args: argparse.Namespace, file: Path) -> int:
    from offhook.web.passwords import Passwords

    passwords = Passwords(file)
    if args.remove:
        passwords.remove(args.user)
        print(f"{file}: {args.user} cannot log in any more; who is logged in is so until the pages restart")
        return 0
    passwords.put(args.user, _asked(args.user))
    print(f"{file}: {args.user} can log in")
    return 0


def _asked(user: str) -> str:
    """From the terminal, twice; from a pipe, its first line.  Never as an option, which others see."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password of {user}: ")
    if getpass.getpass("Again: ") != password:
        raise ConfigError("these were two different passwords: nothing is changed")
    return password
