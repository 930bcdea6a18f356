"""``offhook demo``: a daemon and a caller of its own, one whole conversation."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import offhook
from offhook.cli.call import add_report_options, report, script
from offhook.cli.serve import READY_LINE
from offhook.config import load_config
from offhook.errors import ConfigError
from offhook.simulator import ChannelOptions, Say, SimulatedCall, new_uniqueid
from offhook.simulator.speech import read_wav

_RATE_HZ = 8_000
_CONVERSATION = ("01_hours", "02_location", "03_cost", "04_parking", "06_goodbye")
_ASSETS = Path(offhook.__file__).parent / "assets" / "demo"
_STOP_S = 15.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="answer one simulated call on the embedded models",
        description="Starts a private daemon with the embedded models, calls it from a simulated Asterisk "
        "channel (the real launcher, real pipes, real time) with recorded questions, and shows what was "
        "said and where the time went.",
    )
    add_report_options(parser)


def run(args: argparse.Namespace) -> int:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="offhook-demo-") as name,
        tempfile.TemporaryDirectory(prefix="offhook-demo-", dir=memory) as playback,
    ):
        folder = Path(name)
        config_file = _write_config(folder, Path(playback))
        transcript, trace = folder / "transcript.jsonl", folder / "trace.jsonl"
        with _daemon(config_file, transcript, quiet=args.json):
            _tell("calling; the caller's questions are recordings, the answers are made now\n", args.json)
            uniqueid = new_uniqueid()
            options = ChannelOptions(
                args=[uniqueid], uniqueid=uniqueid, socket=folder / "offhook.sock", rate_hz=_RATE_HZ
            )
            record = asyncio.run(SimulatedCall(script(_questions(), None), options).run())
            return report(record, load_config(config_file), args, transcript, trace)


def _questions() -> list[Say]:
    texts = {
        phrase["name"]: phrase["text"]
        for phrase in json.loads((_ASSETS / "speech.json").read_text(encoding="utf-8"))["phrases"]
    }
    return [Say(read_wav(_ASSETS / f"{name}.wav", _RATE_HZ), text=texts[name]) for name in _CONVERSATION]


def _write_config(folder: Path, playback: Path) -> Path:
    """A configuration with everything in these folders; the rest are the defaults."""
    path = folder / "offhook.toml"
    path.write_text(
        "[daemon]\n"
        f"socket = {json.dumps(str(folder / 'offhook.sock'))}\n"
        f"playback_dir = {json.dumps(str(playback))}\n"
        f"trace_file = {json.dumps(str(folder / 'trace.jsonl'))}\n",
        encoding="utf-8",
    )
    return path


@contextmanager
def _daemon(config: Path, transcript: Path, *, quiet: bool) -> Iterator[None]:
    """``offhook serve`` as a process of its own: ready inside the block, gone after it."""
    _tell("starting a daemon with the embedded models ...", quiet)
    log = transcript.with_name("daemon.log")
    command = [sys.executable, "-m", "offhook.cli.main", "serve"]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--config", str(config), "--transcript", str(transcript)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != READY_LINE:
            process.wait(_STOP_S)
            last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise ConfigError(f"the daemon did not start: {last[0]}; `offhook doctor` may know why")
        _tell(_ready_words(log), quiet)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _ready_words(log: Path) -> str:
    """The daemon's own words about how long it took."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if " ready in " in line]
    return "ready in " + lines[0].split(" ready in ")[1].split(",")[0] if lines else "ready"


def _tell(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr, flush=True)
