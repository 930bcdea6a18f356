"""``offhook demo``: a daemon and a caller of its own, one whole conversation."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

import offhook
from offhook.catalogue import embedded
from offhook.catalogue.entries import NATURAL_VOICE, find
from offhook.catalogue.pull import pull
from offhook.cli.call import add_report_options, report, script
from offhook.config import load_config
from offhook.errors import ModelError
from offhook.evaluation.own_daemon import serving
from offhook.simulator import ChannelOptions, Say, SimulatedCall, new_uniqueid
from offhook.simulator.speech import read_wav

_RATE_HZ = 8_000
_CONVERSATION = (
    "01_hours",
    "02_location",
    "03_cost",
    "04_parking",
    "07_checkup",
    "08_time",
    "09_name",
    "10_yes",
    "06_goodbye",
)
"""Questions, and a booking: its day is an open one, and means one day only, whenever it is said."""
_ASSETS = Path(offhook.__file__).parent / "assets" / "demo"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="answer one simulated call on the embedded models",
        description="Starts a private daemon with the embedded models, calls it from a simulated Asterisk "
        "channel (the real launcher, real pipes, real time) with recorded questions, and shows what was "
        "said and where the time went.",
    )
    parser.add_argument(
        "--voice",
        choices=("natural", "espeak-ng"),
        default="natural",
        help="who answers: a voice like a person's, fetched once (63 MB), or the small built-in one"
        " (default: natural where the extra `piper` is installed)",
    )
    add_report_options(parser)


def run(args: argparse.Namespace) -> int:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="offhook-demo-") as name,
        tempfile.TemporaryDirectory(prefix="offhook-demo-", dir=memory) as playback,
    ):
        folder = Path(name)
        for missing in embedded.missing():
            pull(find(missing), lambda line: _tell(line, args.json))
        config_file = _write_config(folder, Path(playback), _voice(args))
        _tell("starting a daemon with the embedded models ...", args.json)
        with serving(folder, config_file) as daemon:
            _tell(_ready_words(daemon.log), args.json)
            _tell("calling; the caller's questions are recordings, the answers are made now\n", args.json)
            uniqueid = new_uniqueid()
            options = ChannelOptions(
                args=[uniqueid], uniqueid=uniqueid, socket=daemon.socket, rate_hz=_RATE_HZ
            )
            record = asyncio.run(SimulatedCall(script(_questions(), None), options).run())
            return report(record, load_config(config_file), args, daemon.transcript, daemon.trace)


def _questions() -> list[Say]:
    texts = {
        phrase["name"]: phrase["text"]
        for phrase in json.loads((_ASSETS / "speech.json").read_text(encoding="utf-8"))["phrases"]
    }
    return [Say(read_wav(_ASSETS / f"{name}.wav", _RATE_HZ), text=texts[name]) for name in _CONVERSATION]


def _voice(args: argparse.Namespace) -> str | None:
    """The catalogue's name of the voice that answers, on this machine by now; None: the built-in one."""
    if args.voice != "natural" or importlib.util.find_spec("piper") is None:
        return None
    entry = find(NATURAL_VOICE)
    try:
        pull(entry, lambda line: _tell(line, args.json))
    except ModelError as error:
        _tell(f"the built-in voice speaks, because the natural one cannot be had: {error}", args.json)
        return None
    return entry.name


def _write_config(folder: Path, playback: Path, voice: str | None) -> Path:
    """A configuration with everything in these folders; the rest are the defaults."""
    path = folder / "offhook.toml"
    path.write_text(
        "[daemon]\n"
        f"socket = {json.dumps(str(folder / 'offhook.sock'))}\n"
        f"playback_dir = {json.dumps(str(playback))}\n"
        f"trace_file = {json.dumps(str(folder / 'trace.jsonl'))}\n"
        '[agent]\ndefault = "receptionist"\n'
        # Nobody is to turn up for what is booked here.
        f"[tools]\nrecords = {json.dumps(str(folder / 'box.db'))}\n"
        f"ledger = {json.dumps(str(folder / 'tools.db'))}\n"
        + ("" if voice is None else f"[tts]\nmodel = {json.dumps(voice)}\n"),
        encoding="utf-8",
    )
    return path


def _ready_words(log: Path) -> str:
    """The daemon's own words about how long it took."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if " ready in " in line]
    return "ready in " + lines[0].split(" ready in ")[1].split(",")[0] if lines else "ready"


def _tell(line: str, quiet: bool) -> None:
    if not quiet:
        print(line, file=sys.stderr, flush=True)
