"""The ``offhook`` command."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from offhook import __version__
from offhook.errors import OffhookError

COMMANDS = ("serve", "demo", "call", "agents", "eval", "trace", "doctor")
_MODULES = {"eval": "evaluate"}
"""Where a command's module is not called as the command is."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; each command's module adds its own part."""
    parser = argparse.ArgumentParser(
        prog="offhook", description="A low-latency voice-agent engine for Asterisk."
    )
    parser.add_argument("--version", action="version", version=f"offhook {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        try:
            module = importlib.import_module(f"offhook.cli.{_MODULES.get(command, command)}")
        except ImportError as error:  # a broken installation must not take `offhook doctor` with it
            broken = subparsers.add_parser(command, help=f"not available: {error}", add_help=False)
            broken.set_defaults(run=None, problem=str(error))
            continue
        module.add_parser(subparsers)
        subparsers.choices[command].set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.  Returns its exit status: 0 done, 1 found something wrong, 2 could not run."""
    args, unknown = build_parser().parse_known_args(argv)
    if args.run is not None and unknown:
        build_parser().error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        if args.run is None:
            raise OffhookError(
                f"`offhook {args.command}` cannot be loaded: {args.problem}; try `offhook doctor`"
            )
        status = args.run(args)
        sys.stdout.flush()  # a closed pipe shows here, not at exit
    except OffhookError as error:
        print(f"offhook: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        # A file that nobody looked at before; it is named, and a traceback would help no operator.
        print(f"offhook: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
