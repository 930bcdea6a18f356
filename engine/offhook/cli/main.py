"""The ``offhook`` command."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from offhook import __version__
from offhook.errors import OffhookError

COMMANDS = (
    *("serve", "reload", "upgrade", "demo", "call", "dial", "agents", "tenants", "numbers", "kb", "calls"),
    *("top", "web", "models", "bench-box"),
    *("erase", "export"),
    *("eval", "trace", "doctor"),
)
_MODULES = {"eval": "evaluate", "bench-box": "bench_box"}
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


@contextlib.contextmanager
def _interrupted_by_signals(command: str) -> Iterator[None]:
    """A closed terminal, or SIGTERM, ends a command as Ctrl-C does, with what it has started (a daemon).

    The daemon itself has its own way with signals, and what somebody ignores (nohup) stays ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    ours = command != "serve" and threading.current_thread() is threading.main_thread()
    changed = [
        number
        for number in (signal.SIGHUP, signal.SIGTERM)
        if ours and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


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
        with _interrupted_by_signals(args.command):
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
