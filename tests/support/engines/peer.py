"""A stand-in for the daemon: takes one call from a launcher and plays a given part in it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from offhook.doors.eagi.handoff import Hello, Verdict, VerdictKind


@dataclass(slots=True)
class Line:
    """One call's descriptors, used blockingly."""

    commands: int
    replies: int
    audio: int
    lifeline: socket.socket
    args: tuple[str, ...]
    header: dict[str, str] = field(default_factory=dict)
    _rest: bytes = b""

    def read_line(self) -> str:
        """One line from Asterisk; empty at end of file."""
        while b"\n" not in self._rest:
            chunk = os.read(self.replies, 4096)
            if not chunk:
                return ""
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def send(self, command: str) -> None:
        os.write(self.commands, command.encode() + b"\n")

    def ask(self, command: str) -> str:
        self.send(command)
        return self.read_line()

    def launcher_is_gone(self) -> bool:
        """Waits for the lifeline's end; False when the launcher says something instead."""
        try:
            return self.lifeline.recv(16) == b""
        except ConnectionResetError:  # killed before it had read our "accepted"
            return True

    def read_audio(self, wanted_bytes: int) -> bytes:
        """``wanted_bytes`` of the caller's audio, fewer at its end."""
        got = b""
        while len(got) < wanted_bytes and (chunk := os.read(self.audio, wanted_bytes - len(got))):
            got += chunk
        return got


class Peer:
    """Serves ``socket_path`` for one call: ``part(line)`` runs in a thread.

    What ``part`` raises or returns is given by :meth:`result`.  Closes everything.
    """

    def __init__(self, socket_path: Path, part: Callable[[Line], object], *, say_done: bool = True) -> None:
        self._part = part
        self._say_done = say_done
        self._result: object = None
        self._error: BaseException | None = None
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(str(socket_path))
        self._listening.listen(4)
        self._listening.settimeout(20)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def result(self) -> object:
        """What the part returned; raises what it raised."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "the peer's part does not end"
        if self._error is not None:
            raise self._error
        return self._result

    def _serve(self) -> None:
        try:
            with self._listening:
                lifeline, packet, fds = self._wait_for_launcher()
            with lifeline:
                try:
                    line = Line(fds[1], fds[0], fds[2], lifeline, Hello.parse(packet).args)
                    lifeline.send(Verdict(VerdictKind.ACCEPTED).encode())
                    while text := line.read_line():
                        name, _, value = text.partition(": ")
                        line.header[name] = value
                    self._result = self._part(line)
                finally:
                    for fd in fds:
                        os.close(fd)
                    if self._say_done:
                        with contextlib.suppress(BrokenPipeError):  # killed at hang-up
                            lifeline.send(Verdict(VerdictKind.DONE).encode())
        except BaseException as error:
            self._error = error

    def _wait_for_launcher(self) -> tuple[socket.socket, bytes, list[int]]:
        """The first connection that says something; others only look whether a daemon is there."""
        while True:
            lifeline, _ = self._listening.accept()
            packet, fds, _, _ = socket.recv_fds(lifeline, 9000, 3)
            if packet:
                return lifeline, packet, fds
            lifeline.close()
