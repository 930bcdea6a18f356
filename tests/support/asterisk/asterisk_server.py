"""A private Asterisk: the shipped configuration, verbatim, on ephemeral ports in folders of its own.

What is added around the shipped files is only what a machine decides: directories,
ports, the address from which the trunk "calls", and a log with milliseconds.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.asterisk.asterisk_install import AsteriskInstall

SHIPPED = Path(__file__).resolve().parents[3] / "asterisk"
HOST = "127.0.0.1"
TRUNK_HOST = "127.0.0.2"
"""Calls from this address belong to the trunk; calls from HOST to whom they say they are."""
RTP_PORTS = 200

_START_S = 40.0
_STOP_S = 10.0
_QUIET_CONFIGS = ("acl", "ccss", "cdr", "cel", "features", "manager", "pjproject", "stasis", "udptl")
"""Files that Asterisk wants to see, even if they say nothing."""
_INDICATIONS = "[general]\ncountry=us\n[us]\ndescription=US\nringcadence=2000,4000\ndial=350+440\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an Asterisk stands: on this machine's loopback, or in a network namespace."""

    host: str = HOST
    trunk_host: str = TRUNK_HOST
    within: tuple[str, ...] = ()
    """What its command begins with: ``ip netns exec NAME``."""


class AsteriskServer:
    """A running Asterisk.  ``with AsteriskServer(...) as server``; it is stopped by its own pid."""

    def __init__(
        self,
        install: AsteriskInstall,
        scripts: Sequence[Path],
        adjust: Callable[[Path], None] = lambda etc: None,
        *,
        place: Place | None = None,
    ) -> None:
        """``scripts`` are copied into agi-bin; ``adjust`` may change the folder of configuration files."""
        self._place = Place() if place is None else place
        self._install = install
        self._scripts = scripts
        self._adjust = adjust
        # Short, because a Unix socket's path has to fit into 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="offhook-ast-"))
        self.sip_port = _free_udp_port()
        self.log_file = self.folder / "log/full"
        self._offhook_socket = self.folder / "offhook.sock"
        self._config = self.folder / "asterisk.conf"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where to send an INVITE."""
        return self._place.host, self.sip_port

    @property
    def pid(self) -> int:
        """Asterisk's process."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def version(self) -> str:
        """``Asterisk 22.10.1...``."""
        return self._install.version

    def use_daemon(self, socket_path: Path | None) -> None:
        """From now on calls go to the daemon behind ``socket_path``; None: there is no daemon.

        AGI scripts inherit OFFHOOK_SOCKET from Asterisk, so the name stays and what it points to changes.
        """
        self._offhook_socket.unlink(missing_ok=True)
        if socket_path is not None:
            self._offhook_socket.symlink_to(socket_path)

    def start(self) -> None:
        """Returns when Asterisk says that it has fully booted.  Raises RuntimeError with its last words."""
        self._write_configuration()
        environment: Mapping[str, str] = {**os.environ, "OFFHOOK_SOCKET": str(self._offhook_socket)}
        with open(self.folder / "console", "wb") as console:
            self._process = subprocess.Popen(
                [*self._place.within, *self._install.command, "-f", "-C", str(self._config)],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while "fully booted" not in self._try_cli("core waitfullybooted"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                why = f"exit status {self._process.poll()}, its last words:\n{self._last_words()}"
                self.close()
                raise RuntimeError(f"Asterisk did not start: {why}")
            time.sleep(0.05)  # the control socket announces itself in no other way

    def cli(self, command: str) -> str:
        """What ``asterisk -rx COMMAND`` prints.  Raises RuntimeError when nobody answers."""
        answer = self._ask(command)
        if answer.returncode != 0:
            raise RuntimeError(f"asterisk -rx {command!r}: {answer.stdout or answer.stderr}")
        return answer.stdout

    def channels(self) -> int:
        """How many channels exist now."""
        counted = re.search(r"^(\d+) active channel", self.cli("core show channels count"), re.MULTILINE)
        if counted is None:
            raise RuntimeError("'core show channels count' prints something new")
        return int(counted[1])

    def scripts_running(self) -> int:
        """How many AGI scripts have not ended (or not been reaped)."""
        assert self._process is not None, "not started"
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return sum(len(task.read_text().split()) for task in tasks)

    def log(self, start: int = 0) -> str:
        """The log from byte ``start`` on."""
        with open(self.log_file, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def log_mark(self) -> int:
        """The log's present length: what is logged from now on is ``log(mark)``."""
        return self.log_file.stat().st_size

    def stop(self) -> None:
        """Hangs up every call and ends; killed, by its own pid, when it does not end in time."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._try_cli("core stop now")
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self._process = None

    def close(self) -> None:
        """Stops, and removes the folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> AsteriskServer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _ask(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._install.command, "-C", str(self._config), "-rx", command],
            capture_output=True,
            text=True,
            timeout=20,
        )

    def _try_cli(self, command: str) -> str:
        answer = self._ask(command)
        return answer.stdout if answer.returncode == 0 else ""

    def _last_words(self) -> str:
        words = (self.folder / "console").read_text(errors="replace")
        if self.log_file.exists():
            words += self.log()
        return "\n".join(words.splitlines()[-15:])

    def _write_configuration(self) -> None:
        folder = self.folder
        for name in ("etc", "lib", "db", "keys", "agi-bin", "spool", "spool/recording", "run", "log"):
            (folder / name).mkdir()
        for script in self._scripts:
            (folder / "agi-bin" / script.name).write_bytes(script.read_bytes())
            (folder / "agi-bin" / script.name).chmod(0o755)
        directories = {
            "astetcdir": folder / "etc",
            "astmoddir": self._install.modules,
            "astvarlibdir": folder / "lib",
            "astdbdir": folder / "db",
            "astkeydir": folder / "keys",
            "astdatadir": self._install.data,
            "astagidir": folder / "agi-bin",
            "astspooldir": folder / "spool",
            "astrundir": folder / "run",
            "astlogdir": folder / "log",
        }
        lines = ["[directories]", *(f"{key} = {value}" for key, value in directories.items())]
        self._config.write_text("\n".join([*lines, "[options]", "verbose = 3", "nocolor = yes", ""]))
        first_rtp = _free_udp_range(RTP_PORTS)
        files = {
            "extensions": f'#include "{SHIPPED / "extensions.conf"}"',
            "modules": f'#include "{SHIPPED / "modules.conf"}"',
            "pjsip": f"""#include "{SHIPPED / "pjsip.conf"}"
[transport-udp](+)
bind = {self._place.host}:{self.sip_port}
[trunk-of-the-tests]
type = identify
endpoint = trunk
match = {self._place.trunk_host}
""",
            "rtp": f"[general]\nrtpstart = {first_rtp}\nrtpend = {first_rtp + RTP_PORTS - 1}\n",
            "logger": "[general]\ndateformat = %F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose\n",
            "indications": _INDICATIONS,
            **dict.fromkeys(_QUIET_CONFIGS, ""),
        }
        for name, text in files.items():
            (folder / "etc" / f"{name}.conf").write_text(text)
        self._adjust(folder / "etc")


def log_time(line: str) -> datetime:
    """The moment at the start of a log line."""
    stamp = re.match(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]", line)
    if stamp is None:
        raise ValueError(f"no time stamp: {line}")
    return datetime.strptime(stamp[1], "%Y-%m-%d %H:%M:%S.%f")


def complaints(log: str) -> list[str]:
    """Its WARNING and ERROR lines."""
    return [line for line in log.splitlines() if re.match(r"\[[^]]*\] (WARNING|ERROR)\[", line)]


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _free_udp_range(count: int) -> int:
    """The even first port of a range below the ephemeral ones whose ends are free.

    Asterisk skips single ports that are taken, so a few in the middle may be.
    """
    for _ in range(100):
        first = random.randrange(16_384, 32_000 - count, 2)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as low,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as high,
        ):
            try:
                low.bind(("", first))
                high.bind(("", first + count - 1))
            except OSError:
                continue
            return first
    raise RuntimeError("no free range of UDP ports for RTP")
