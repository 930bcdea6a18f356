"""Starting an EAGI script as Asterisk does: three pipes, the argument list, SIGHUP at hang-up."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import ConfigError

INSTALLED = Path(__file__).parent.parent / "bin" / "offhook-eagi"
"""Where the build puts the launcher: inside the package."""


def check_launcher(path: Path = INSTALLED) -> list[str]:
    """The command that runs ``path``; a ``.py`` twin runs by this interpreter, isolated.

    Raises ConfigError with what to do when it is missing or may not be executed.
    """
    if not path.is_file():
        raise ConfigError(f"no launcher at {path}: build the project first (make build)")
    if path.suffix == ".py":
        return [sys.executable, "-IS", str(path)]
    if not os.access(path, os.X_OK):
        raise ConfigError(f"launcher {path} may not be executed: chmod +x {path}")
    return [str(path)]


@dataclass(slots=True)
class Launched:
    """A running script and Asterisk's ends of its pipes.

    ``commands`` is read (the script's fd 1), ``replies`` written (its fd 0), ``audio``
    written (its fd 3; non-blocking, the kernel's default 64 KiB, as Asterisk makes it).
    """

    pid: int
    commands: int
    replies: int
    audio: int
    _stderr: int
    _pidfd: int
    status: int | None = None
    """``waitpid`` status once reaped."""

    def write_audio(self, frame: bytes) -> bool:
        """False when the pipe is full: the frame is lost, as in Asterisk.

        A pipe that the script has closed takes everything and keeps nothing.
        """
        try:
            return os.write(self.audio, frame) == len(frame)
        except BlockingIOError:
            return False
        except BrokenPipeError:
            return True

    def write_replies(self, data: bytes) -> bool:
        """False when the script reads no more (its pipe is full or closed)."""
        try:
            return os.write(self.replies, data) == len(data)
        except (BlockingIOError, BrokenPipeError):
            return False

    def hang_up(self) -> None:
        """SIGHUP, as Asterisk sends it when the channel is gone."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGHUP)

    def reap(self, timeout_s: float) -> bool:
        """Wait for the script's end.  After ``timeout_s`` it is killed, and the result is False."""
        if self.status is not None:
            return True
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        in_time = bool(poller.poll(timeout_s * 1000))
        if not in_time:
            os.kill(self.pid, signal.SIGKILL)
        _, self.status = os.waitpid(self.pid, 0)
        return in_time

    def stderr_text(self) -> str:
        """What the script has written on fd 2."""
        size = os.fstat(self._stderr).st_size
        return os.pread(self._stderr, min(size, 65536), 0).decode("utf-8", "replace")

    def close(self) -> None:
        """Close all pipes, and kill the script if it still runs.  Safe to call twice."""
        if self.status is None:
            self.reap(0)
        for name in ("commands", "replies", "audio", "_stderr", "_pidfd"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


def launch(command: Sequence[str], environment: Mapping[str, str]) -> Launched:
    """Start ``command`` with fresh pipes as fd 0, 1 and 3.

    Raises OSError when it cannot be executed.  Its stderr goes to an unlinked temporary
    file, so that a talkative script cannot block.
    """
    opened: list[int] = []
    try:
        for _ in range(3):
            opened.extend(os.pipe2(os.O_CLOEXEC))
        script_in, replies, commands, script_out, script_audio, audio = opened
        os.set_blocking(audio, False)
        os.set_blocking(replies, False)
        os.set_blocking(commands, False)
        with tempfile.TemporaryFile() as errors:
            stderr = os.dup(errors.fileno())
        opened.append(stderr)
        pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environment),
            # In this order: when one of our descriptors happens to be 3, it has been used by then.
            file_actions=[
                (os.POSIX_SPAWN_DUP2, script_in, 0),
                (os.POSIX_SPAWN_DUP2, script_out, 1),
                (os.POSIX_SPAWN_DUP2, stderr, 2),
                (os.POSIX_SPAWN_DUP2, script_audio, 3),
            ],
            setsigdef=[signal.SIGHUP, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM],
            setsigmask=[],
        )
    except BaseException:
        for fd in opened:
            os.close(fd)
        raise
    for fd in (script_in, script_out, script_audio):
        os.close(fd)
    return Launched(pid, commands, replies, audio, stderr, os.pidfd_open(pid))
