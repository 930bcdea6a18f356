"""``offhook bench-box``: how many calls this machine holds, and how long answers take then."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from offhook.agents.loader import load_agent
from offhook.config import find_config, load_config
from offhook.daemon.pace import Row, save, table_path
from offhook.errors import ConfigError
from offhook.evaluation.box import measure
from offhook.evaluation.voices import callers_voice
from offhook.files import unwritable

_AT_ONCE = (1, 2, 4, 8)
_LIMIT_MS = 800.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "bench-box",
        help="measure how many calls this machine holds",
        description="Places simulated calls, more and more at once, to a daemon of its own with the engines "
        "of the configuration, and prints how long callers wait for answers. The machine should have nothing "
        "else to do. With --save the daemon's admission (admission.p95_ms) goes by it.",
    )
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")
    add("--agent", metavar="FILE|NAME", help="whose facts are asked about; default: the configuration's")
    add("--at-once", type=_numbers, default=_AT_ONCE, metavar="N,N,...", help="calls; default: 1,2,4,8")
    add("--turns", type=int, default=6, metavar="N", help="that each caller takes; default: 6")
    add("--voice", metavar="VOICE", help="the caller's: flite:NAME, espeak:NAME or piper:FILE.onnx")
    add("--limit-ms", type=float, default=_LIMIT_MS, metavar="MS", help="95 of 100 answers; default: 800")
    add("--save", action="store_true", help="keep the table for the daemon")


def run(args: argparse.Namespace) -> int:
    config = load_config(find_config(args.config))
    agent = load_agent(args.agent or config.agent.default, config.agent.search)
    voice = callers_voice(args.voice, agent.language)
    print(f"{'calls':>5}  {'answers':>7}  {'median':>9}  {'95 of 100':>9}  unanswered", flush=True)

    def tell(row: Row) -> None:
        took = f"{row.p50_ms:6.0f} ms  {row.p95_ms:6.0f} ms"
        print(f"{row.calls:5}  {row.answers:7}  {took}  {row.unanswered:10}", flush=True)

    box = measure(config, agent, voice, args.at_once, turns=args.turns, tell=tell)
    print(f"\n{box.machine}; {', '.join(box.engines)}")
    print(f"within {args.limit_ms:g} ms, 95 of 100: {box.fits(args.limit_ms)} calls at once")
    if args.save:
        path = table_path(config)
        try:
            save(box, path)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {unwritable(path, error)}") from error
        print(f"kept in {path}", file=sys.stderr)
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    numbers = sorted({int(part) for part in text.split(",")})
    if not numbers or numbers[0] < 1 or numbers[-1] > 256:
        raise argparse.ArgumentTypeError("numbers from 1 to 256, such as 1,2,4,8")
    return tuple(numbers)
