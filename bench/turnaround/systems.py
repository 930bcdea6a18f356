"""What can be measured: the daemon at each dial, and the two references.

All take calls from the same launcher over the same socket, and leave the same two files behind: a
trace (stamps of each turn) and a transcript (words of each turn).
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.turnaround.scenarios import DIALS, Dial
from offhook.config import TurnConfig
from offhook.observe.trace import TurnTrace
from offhook.observe.trace.file import read_traces
from tests.support.daemon_process import READY, DaemonProcess

REFERENCES = ("fixed_silence", "guides")
_START_S = 120.0


@dataclass(frozen=True, slots=True)
class SystemTurn:
    """One turn as the system itself saw it."""

    heard: str
    answer: str
    trace: TurnTrace


class Running(Protocol):
    """A system that takes calls."""

    socket: Path
    trace_file: Path
    transcript_file: Path

    def log(self) -> str:
        """What it has complained about."""
        ...


def has_dial() -> bool:
    """Whether the daemon that is installed knows ``turn.responsiveness``."""
    return "responsiveness" in TurnConfig.model_fields


def dial_named(name: str) -> Dial:
    """One of :data:`~bench.turnaround.scenarios.DIALS`.  KeyError for another name."""
    return {dial.name: dial for dial in DIALS}[name]


@contextmanager
def running(system: str, agent: Path) -> Iterator[Running]:
    """``system`` (a dial's name or a reference's) with ``agent``, taking calls; gone afterwards."""
    if system in REFERENCES:
        reference = ReferenceProcess(system, agent)
        try:
            reference.start()
            yield reference
        finally:
            reference.close()
        return
    dial = dial_named(system)
    turn = dial.settings if has_dial() else dial.legacy
    with DaemonProcess(f"[agent]\ndefault = {json.dumps(str(agent))}\n[turn]\n{turn}\n") as daemon:
        yield daemon


def turns_of(system: Running, call: str) -> list[SystemTurn]:
    """The turns of one call that are written so far, in order."""
    words: dict[int, tuple[str, str]] = {}
    if system.transcript_file.exists():
        for line in system.transcript_file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["call"] == call:
                words[record["turn"]] = (record["heard"], record["answer"])
    traces = read_traces(system.trace_file).of_call(call) if system.trace_file.exists() else []
    return [SystemTurn(*words.get(trace.turn, ("", "")), trace) for trace in traces]


@dataclass
class ReferenceProcess:
    """A reference as a process of its own, with private files."""

    name: str
    agent: Path
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="offhook-reference-")))
    _process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.socket = self.folder / "offhook.sock"
        self.trace_file = self.folder / "trace.jsonl"
        self.transcript_file = self.folder / "transcript.jsonl"
        self.log_file = self.folder / "log"
        memory = Path("/dev/shm")
        self.playback_dir = Path(
            tempfile.mkdtemp(prefix="offhook-reference-", dir=memory if os.access(memory, os.W_OK) else None)
        )

    def start(self) -> None:
        """Returns when calls can come.  Raises RuntimeError with its log."""
        command = [sys.executable, "-m", f"bench.turnaround.references.{self.name}"]
        command += ["--socket", str(self.socket), "--agent", str(self.agent)]
        command += ["--trace", str(self.trace_file), "--transcript", str(self.transcript_file)]
        command += ["--playback-dir", str(self.playback_dir)]
        with open(self.log_file, "w") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        deadline = time.monotonic() + _START_S
        try:
            while (line := lines.get(timeout=max(0.01, deadline - time.monotonic()))) != READY:
                if line is None:
                    raise RuntimeError(f"{self.name} ended before it was ready:\n{self.log()}")
        except queue.Empty:
            raise RuntimeError(f"{self.name} was not ready in {_START_S:.0f} s:\n{self.log()}") from None

    def log(self) -> str:
        """What it has written to stderr."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def close(self) -> None:
        """SIGTERM, a bounded wait, and the folders are removed."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.playback_dir, ignore_errors=True)

    def _read(self, lines: queue.SimpleQueue[str | None]) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                lines.put(line.rstrip("\n"))
        lines.put(None)
