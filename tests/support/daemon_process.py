"""The real daemon, ``offhook serve``, as a process of its own with private files."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

READY = "offhook: ready"
_START_S = 240.0
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn of the daemon's transcript."""

    call: str
    turn: int
    heard: str
    answer: str


def _patience(settings: str) -> str:
    """Deadlines that a loaded machine does not meet by being loaded, in the tables that nobody has set."""
    patient = {"turn": "answer_timeout_s = 120", "stt": "timeout_s = 120", "tts": "timeout_s = 120"}
    return "".join(f"[{table}]\n{line}\n" for table, line in patient.items() if f"[{table}]" not in settings)


class DaemonProcess:
    """``with DaemonProcess() as daemon``: ready inside the block, gone after it."""

    def __init__(
        self,
        settings: str = "",
        *,
        max_calls: int = 8,
        environment: Mapping[str, str] | None = None,
        more: str = "",
        within: Sequence[str] = (),
    ) -> None:
        """``settings`` is TOML that is added to the configuration (whole tables, not ``[daemon]``).

        ``more`` is added to ``[daemon]``, ``environment`` to this process's own.  ``within`` is what the
        command begins with, such as ``ip netns exec NAME``.
        """
        self._environment = {**os.environ, **(environment or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="offhook-daemon-"))
        self.socket = self.folder / "offhook.sock"
        # The playback folder lies where a real one does, in memory.
        memory = Path("/dev/shm")
        self.playback_dir = Path(
            tempfile.mkdtemp(prefix="offhook-test-", dir=memory if os.access(memory, os.W_OK) else None)
        )
        self.trace_file = self.folder / "trace.jsonl"
        self.transcript_file = self.folder / "transcript.jsonl"
        self.log_file = self.folder / "log"
        self.config = self.folder / "offhook.toml"
        self._max_calls = max_calls
        self._more = more
        self.configure(settings)
        self.wrapper: tuple[str, ...] = tuple(within)
        """A command that starts it; it has to become it, or to give its signals on."""
        self._process: subprocess.Popen[str] | None = None

    def configure(self, settings: str) -> None:
        """Write the configuration anew; a daemon that runs reads it at SIGHUP."""
        self.config.write_text(
            f"[daemon]\nmax_calls = {self._max_calls}\ndrain_s = {_DRAIN_S}\n"
            f"socket = {json.dumps(str(self.socket))}\n"
            f"playback_dir = {json.dumps(str(self.playback_dir))}\n"
            f"trace_file = {json.dumps(str(self.trace_file))}\n"
            f"{self._more}{settings}\n{_patience(settings)}{self._books(settings)}"
        )

    def _books(self, settings: str) -> str:
        """What agents do is written down here, and not where this machine's own agents do it."""
        if "[tools]" in settings:
            return ""
        records, ledger = (json.dumps(str(self.folder / name)) for name in ("box.db", "tools.db"))
        return f"\n[tools]\nrecords = {records}\nledger = {ledger}\n"

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self) -> None:
        """Returns when calls can come.

        Raises RuntimeError with the daemon's log when it ends or says nothing; nothing is left of it then.
        """
        self.launch()
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def launch(self) -> None:
        """Begin to start it, and do not wait."""
        with open(self.log_file, "w") as log:
            self._process = subprocess.Popen(
                [
                    *self.wrapper,
                    *(sys.executable, "-m", "offhook.cli.main", "serve"),
                    *("--config", str(self.config), "--transcript", str(self.transcript_file), "--verbose"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                text=True,
            )

    def _wait_until_ready(self) -> None:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read_lines, args=(lines,), daemon=True).start()
        deadline = time.monotonic() + _START_S
        try:
            while (line := lines.get(timeout=deadline - time.monotonic())) != READY:
                if line is None:
                    raise RuntimeError(f"offhook serve ended before it was ready:\n{self.log()}")
        except (queue.Empty, ValueError):
            raise RuntimeError(f"offhook serve was not ready after {_START_S:.0f} s:\n{self.log()}") from None

    def log(self) -> str:
        """Everything that the daemon has logged."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def transcript(self) -> list[Heard]:
        """The turns so far, of all calls, in the order in which they ended."""
        if not self.transcript_file.exists():
            return []
        lines = [json.loads(line) for line in self.transcript_file.read_text().splitlines()]
        return [
            Heard(each["call"], each["turn"], each["heard"], each["answer"])
            for each in lines
            if "turn" in each
        ]

    def call_folders(self) -> list[Path]:
        """Folders with answers of calls that are not over."""
        return list(self.playback_dir.glob("*/call-*"))

    def open_descriptors(self) -> int:
        """How many file descriptors the daemon holds."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def kill(self) -> None:
        """``kill -9``, and nothing is cleaned up by the daemon."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def terminate(self) -> None:
        """SIGTERM, and a bounded wait."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_DRAIN_S + 60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """Ended, if it still runs, and the folders are removed."""
        self.terminate()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.playback_dir, ignore_errors=True)

    def __enter__(self) -> DaemonProcess:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read_lines(self, lines: queue.SimpleQueue[str | None]) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                lines.put(line.rstrip("\n"))
        lines.put(None)
