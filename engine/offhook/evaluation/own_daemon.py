"""A daemon of our own for a while, with folders, socket and agents that nobody else has."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.daemon import READY_LINE
from offhook.errors import ConfigError
from offhook.processes import how_it_ended

_START_S = 180.0
"""A large model on a slow disk takes its time."""
_STOP_S = 15.0
_MAX_CALLS = 2


@dataclass(frozen=True, slots=True)
class OwnDaemon:
    """Where it is reached, and what it writes."""

    socket: Path
    transcript: Path
    trace: Path
    log: Path
    process: subprocess.Popen[str]

    def problem(self) -> str | None:
        """Why it takes no calls any more, in one line; None while it runs."""
        if self.process.poll() is None:
            return None
        return f"the daemon {_last_words(self.process.returncode, self.log)}"


@contextmanager
def own_daemon(
    config: Config, agents: Mapping[str, Agent], *, max_calls: int = _MAX_CALLS
) -> Iterator[OwnDaemon]:
    """``offhook serve`` with ``config`` and these agents by name: ready inside the block, gone after it.

    Raises ConfigError, with its own last line, when it does not start.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="offhook-eval-") as name,
        tempfile.TemporaryDirectory(prefix="offhook-eval-", dir=memory) as playback,
    ):
        folder = Path(name)
        file = _write(folder, Path(playback), config, agents, max_calls)
        with serving(folder, file, start_s=_START_S) as daemon:
            yield daemon


@contextmanager
def serving(folder: Path, config: Path, *, start_s: float | None = None) -> Iterator[OwnDaemon]:
    """``offhook serve`` with a configuration whose socket and trace lie in ``folder``; it logs there, too.

    Ready inside the block, gone after it.  ``start_s``: it may take so long; None: as long as it takes.
    Raises ConfigError, with its own last line, when it does not start.
    """
    daemon = _start(folder, config)
    try:
        _wait_until_ready(daemon, start_s)
        yield daemon
    finally:
        _stop(daemon.process)


def _start(folder: Path, config: Path) -> OwnDaemon:
    transcript, log = folder / "transcript.jsonl", folder / "daemon.log"
    command = [sys.executable, "-m", "offhook.cli.main", "serve"]
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [*command, "--config", str(config), "--transcript", str(transcript)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    return OwnDaemon(folder / "offhook.sock", transcript, folder / "trace.jsonl", log, process)


def _wait_until_ready(daemon: OwnDaemon, start_s: float | None) -> None:
    stdout = daemon.process.stdout
    assert stdout is not None
    if not select.select([stdout], [], [], start_s)[0]:
        raise ConfigError(f"the daemon was not ready after {start_s:.0f} s; `offhook doctor` may know why")
    if stdout.readline().strip() != READY_LINE:
        last = _last_words(daemon.process.wait(_STOP_S), daemon.log)
        raise ConfigError(f"the daemon did not start: it {last}; `offhook doctor` may know why")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _last_words(status: int, log: Path) -> str:
    """How it ended and its last line, which a signal has nothing to do with: the line is what came before."""
    line = (log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"])[0]
    return f"{how_it_ended(status)}{', after' if status < 0 else ''}: {line}"


# --- its files -----------------------------------------------------------------------------------


def _write(folder: Path, playback: Path, config: Config, agents: Mapping[str, Agent], max_calls: int) -> Path:
    (folder / "agents").mkdir()
    for name, agent in agents.items():
        text = to_toml(agent.model_dump(mode="json", exclude_unset=True))
        (folder / "agents" / f"{name}.toml").write_text(text, encoding="utf-8")
    settings = config.model_dump(mode="json", exclude_unset=True)
    settings["daemon"] = settings.get("daemon", {}) | {
        "socket": str(folder / "offhook.sock"),
        "playback_dir": str(playback),
        "trace_file": str(folder / "trace.jsonl"),
        "group": None,
        "max_calls": max_calls,
        "drain_s": 1.0,
    }
    # Nobody is to turn up for what is booked in a trial.
    settings["tools"] = settings.get("tools", {}) | {
        "records": str(folder / "box.db"),
        "ledger": str(folder / "tools.db"),
    }
    settings["agent"] = {"default": next(iter(agents)), "search": [str(folder / "agents")]}
    path = folder / "offhook.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    return path


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: a table for each mapping at the top; None is left out, as a default is."""
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if not _is_table(value)]
    for key, table in values.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{key}]", *(f"{k} = {_value(v)}" for k, v in table.items() if v is not None)]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return value is None or isinstance(value, Mapping)


def _value(value: Any) -> str:
    match value:
        case Mapping():
            pairs = (f"{json.dumps(key)} = {_value(each)}" for key, each in value.items() if each is not None)
            return "{ " + ", ".join(pairs) + " }"
        case list() | tuple():
            return "[" + ", ".join(_value(each) for each in value) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return json.dumps(value)
