"""Starting the launchers as Asterisk does, with every pipe in our hands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offhook.doors.eagi.handoff import Descriptors, Hello, receive_hello

ROOT = Path(__file__).parents[2]
C_SOURCE = ROOT / "agi" / "offhook_eagi.c"
TWIN = ROOT / "agi" / "offhook_eagi.py"
"""The launcher in Python, an ordinary file that needs no build."""
INSTALLED = ROOT / "engine" / "offhook" / "bin" / "offhook-eagi"
WAIT_S = 60.0

HEADER = (
    b"agi_request: offhook-eagi\nagi_channel: PJSIP/a-1\nagi_calleridname: 7 Dwarfs\nagi_enhanced: 1.0\n\n"
)

# Runs the rest of its command line as a root that file permissions hold for, like anybody else.
WITHOUT_OVERRIDE = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "assert os.geteuid() or not ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)\n"  # bounding set, DAC_OVERRIDE
    "os.execv(sys.argv[1], sys.argv[1:])",
)
# Runs it as nohup would: SIGHUP ignored, and blocked as well.
WITHOUT_SIGHUP = (
    sys.executable,
    "-c",
    "import os, signal, sys\n"
    "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def c_launcher(folder: Path) -> list[str]:
    """The built launcher when it is newer than its source, else one compiled into ``folder``."""
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= C_SOURCE.stat().st_mtime:
        return [str(INSTALLED)]
    target = folder / "offhook-eagi"
    compiler = shutil.which("cc")
    assert compiler is not None, "no C compiler: apt-get install gcc libc6-dev"
    flags = ["-std=c11", "-O2", "-static", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    subprocess.run([compiler, *flags, str(C_SOURCE), "-o", str(target)], check=True)
    return [str(target)]


def python_launcher() -> list[str]:
    """The twin, isolated as the simulator runs it."""
    return [sys.executable, "-IS", str(TWIN)]


@dataclass(slots=True)
class Script:
    """A running launcher and Asterisk's ends of its pipes (blocking)."""

    pid: int
    commands: int
    """Read end of its fd 1."""
    replies: int
    """Write end of its fd 0."""
    audio: int | None
    """Write end of its fd 3."""
    console: int
    """Read end of its fd 2."""
    _pidfd: int
    _status: int | None = None
    _rest: bytes = b""

    def running(self) -> bool:
        return self._status is None and not _readable(self._pidfd, 0)

    def wait(self, timeout_s: float = WAIT_S) -> int:
        """Its exit code, or minus the signal that killed it."""
        if self._status is None:
            assert _readable(self._pidfd, timeout_s), "the launcher does not exit"
            _, self._status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(self._status)

    def read_command(self, timeout_s: float = WAIT_S) -> str:
        """The next line on its fd 1; empty at the end."""
        while b"\n" not in self._rest:
            assert _readable(self.commands, timeout_s), "the launcher writes no command"
            chunk = os.read(self.commands, 4096)
            if not chunk:
                assert not self._rest, f"half a command: {self._rest!r}"
                return ""
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def reply(self, text: bytes = b"200 result=1\n") -> None:
        os.write(self.replies, text)

    def finish(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, everything left on fd 1, everything on the console."""
        code = self.wait()
        return code, (self._rest + _drain(self.commands)).decode(), _drain(self.console).decode()

    def close(self) -> None:
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            _, self._status = os.waitpid(self.pid, 0)
        for fd in (self.commands, self.replies, self.audio, self.console, self._pidfd):
            if fd is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)


Starter = Callable[..., Script]
"""``start`` of one launcher at one socket; what is given are the arguments of the dialplan."""


def start(
    command: Sequence[str | bytes],
    socket_path: Path | str,
    *,
    audio: bool | int = True,
    environment: Mapping[str, str] | None = None,
    header: bytes = HEADER,
    without: Sequence[int] = (),
    commands_full: bool = False,
) -> Script:
    """Start a launcher.  ``audio`` False is plain AGI, a number is put at fd 3 as it is.

    ``without`` names standard descriptors that it does not get.  ``commands_full`` leaves no room
    in its command pipe.
    """
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    error_read, error_write = os.pipe()
    theirs = [in_read, out_write, error_write]
    if commands_full:
        _fill(out_write)
    audio_write = None
    fd3 = None
    if audio is True:
        fd3, audio_write = os.pipe()
        theirs.append(fd3)
    elif audio is not False:
        fd3 = audio
    # dup2 onto a number that a later dup2 reads from would lose it: copy out of the way first.
    high = [os.dup(fd) if fd > 3 else _dup_above(fd, 3) for fd in (in_read, out_write, error_write)]
    actions: list[tuple[int, ...]] = [
        (os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(high) if number not in without
    ]
    high3 = None
    if fd3 is not None:
        high3 = _dup_above(fd3, 3)
        actions.append((os.POSIX_SPAWN_DUP2, high3, 3))
    actions += [(os.POSIX_SPAWN_CLOSE, number) for number in without]
    if header:
        os.write(in_write, header)
    variables = {**os.environ, "OFFHOOK_SOCKET": str(socket_path), **(environment or {})}
    try:
        pid = os.posix_spawn(os.fsdecode(command[0]), list(command), variables, file_actions=actions)
    finally:
        for fd in (*theirs, *high, *([] if high3 is None else [high3])):
            os.close(fd)
    return Script(pid, out_read, in_write, audio_write, error_read, os.pidfd_open(pid))


def wait_without_reader(fd: int, timeout_s: float = WAIT_S) -> bool:
    """Whether every reader of the pipe that ``fd`` writes is gone in time."""
    poller = select.poll()
    poller.register(fd, 0)
    return bool(poller.poll(timeout_s * 1000))


def take(door: socket.socket) -> tuple[socket.socket, Hello, Descriptors]:
    """Take the next launcher in, as the daemon does."""
    sock, _ = door.accept()
    sock.settimeout(WAIT_S)
    hello, descriptors = receive_hello(sock)
    return sock, hello, descriptors


def closed(sock: socket.socket) -> bool:
    """Waits for the other end to close.  With an answer of ours unread, that is a reset."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def fallen_back(script: Script, result: str) -> str:
    """The launcher sets the variable, waits for the reply and exits; what it said on the console."""
    assert script.read_command() == f"SET VARIABLE OFFHOOK_RESULT {result}"
    script.reply()
    code, rest, console = script.finish()
    assert (code, rest) == (0, "")
    assert console.startswith("offhook-eagi: ")
    assert console.count("\n") == 1
    assert console.endswith("\n")
    return console


def _fill(fd: int) -> None:
    os.set_blocking(fd, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4096)
    os.set_blocking(fd, True)


def _dup_above(fd: int, number: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, number + 1)


def _readable(fd: int, timeout_s: float) -> bool:
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))


def _drain(fd: int) -> bytes:
    """What lies in the pipe.  Its writer has exited, so there is no more to come."""
    data = b""
    while _readable(fd, 0) and (chunk := os.read(fd, 65536)):
        data += chunk
    return data


def open_descriptors() -> set[str]:
    """What this process has open now, as the kernel lists it."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
            found.add(f"{entry.name} {entry.readlink()}")
    return found
