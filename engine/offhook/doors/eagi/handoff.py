"""The handoff message: how a call's descriptors come from the launcher to the daemon.

The wire format is described byte by byte in ``agi/handoff.h``; this file is its
twin.  Messages are values, parsing is strict, and every descriptor that comes
out of the kernel here is owned by a :class:`Descriptors` before anything can fail.
"""

from __future__ import annotations

import array
import contextlib
import enum
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from offhook.errors import HandoffError

MAGIC = b"OFFH"
VERSION = 1
MAX_ARGS = 128
MAX_PAYLOAD_BYTES = 8192

_HELLO = struct.Struct("<4sHHHHI")  # magic, version, flags, argc, reserved, payload length
_ANSWER = struct.Struct("<4sHBB")  # magic, version, kind, reason
_HAS_AUDIO = 0x0001
_MAX_HELLO_BYTES = _HELLO.size + MAX_PAYLOAD_BYTES
# Room for more descriptors than a hello may bring, so that a surplus is seen and closed by us.
_MAX_FDS = 16


class ForeignVersionError(HandoffError):
    """Launcher and daemon are of different releases."""


class NoHelloError(HandoffError):
    """The connection ended before a hello came: somebody asked how the daemon is, or died in between."""


class VerdictKind(enum.IntEnum):
    """What the daemon tells the launcher."""

    ACCEPTED = 1
    BUSY = 2
    FAILED = 3
    DONE = 4


class Reason(enum.IntEnum):
    """Why an answer is FAILED, or BUSY for another reason than that every place is taken."""

    NONE = 0
    PROTOCOL = 1
    VERSION = 2
    NOT_ALLOWED = 3
    STOPPING = 4
    AGENT = 5
    INTERNAL = 6
    STARTING = 7
    """Busy: the models are not loaded yet."""
    UNWELL = 8
    """Busy: nobody could be answered now."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One packet from the daemon to the launcher."""

    kind: VerdictKind
    reason: Reason = Reason.NONE

    def encode(self) -> bytes:
        return _ANSWER.pack(MAGIC, VERSION, self.kind, self.reason)

    @classmethod
    def parse(cls, packet: bytes) -> Verdict:
        """Raises :class:`HandoffError` unless ``packet`` is exactly one answer of our version."""
        if len(packet) != _ANSWER.size or packet[:4] != MAGIC:
            raise HandoffError(f"answer of {len(packet)} bytes is not from an offhook daemon")
        _, version, kind, reason = _ANSWER.unpack(packet)
        if version != VERSION:
            raise ForeignVersionError(f"answer has version {version}, this release speaks {VERSION}")
        try:
            return cls(VerdictKind(kind), Reason(reason))
        except ValueError as error:
            raise HandoffError(f"answer with unknown kind {kind} or reason {reason}") from error


@dataclass(frozen=True, slots=True)
class Hello:
    """What a launcher says when it brings a call.

    ``args`` are the arguments of the dialplan's ``EAGI(offhook-eagi,...)``; bytes that are not
    UTF-8 have become U+FFFD, so they are safe to print.  ``has_audio`` is False under plain AGI.
    """

    args: tuple[str, ...]
    has_audio: bool
    version: int = VERSION

    def encode(self) -> bytes:
        """Raises :class:`HandoffError` when the arguments do not fit the message."""
        encoded = [arg.encode("utf-8", "surrogateescape") for arg in self.args]
        if any(b"\0" in arg for arg in encoded):
            raise HandoffError("an argument holds a NUL character")
        payload = b"".join(arg + b"\0" for arg in encoded)
        if len(encoded) > MAX_ARGS or len(payload) > MAX_PAYLOAD_BYTES:
            raise HandoffError(f"arguments exceed {MAX_ARGS} in number or {MAX_PAYLOAD_BYTES} bytes together")
        flags = _HAS_AUDIO if self.has_audio else 0
        return _HELLO.pack(MAGIC, self.version, flags, len(encoded), 0, len(payload)) + payload

    @classmethod
    def parse(cls, packet: bytes) -> Hello:
        """Raises :class:`HandoffError` (one line) unless ``packet`` is exactly one valid hello."""
        if len(packet) < _HELLO.size:
            raise HandoffError(f"hello of {len(packet)} bytes is shorter than its {_HELLO.size}-byte header")
        magic, version, flags, argc, reserved, payload_bytes = _HELLO.unpack_from(packet)
        if magic != MAGIC:
            raise HandoffError("hello does not begin with OFFH: not an offhook launcher")
        if version != VERSION:
            raise ForeignVersionError(
                f"hello has version {version}, this daemon speaks {VERSION}: "
                "install launcher and daemon from the same release"
            )
        if flags & ~_HAS_AUDIO or reserved:
            raise HandoffError(f"hello has unknown flags {flags:#06x} or a non-zero reserved field")
        payload = packet[_HELLO.size :]
        if payload_bytes != len(payload) or payload_bytes > MAX_PAYLOAD_BYTES:
            raise HandoffError(
                f"hello announces {payload_bytes} bytes of arguments and brings {len(payload)}"
            )
        if argc > MAX_ARGS or payload.count(b"\0") != argc or not payload.endswith(b"\0" * bool(argc)):
            raise HandoffError(
                f"hello announces {argc} arguments and brings {payload.count(0)} NUL-ended strings"
            )
        if not argc and payload:
            raise HandoffError("hello announces no arguments and brings some")
        args = tuple(part.decode("utf-8", "replace") for part in payload.split(b"\0")[:argc])
        return cls(args, bool(flags & _HAS_AUDIO), version)


class Descriptors:
    """Owns the descriptors of one call; closing twice is harmless.

    ``command_in`` is what Asterisk prints (header, replies), ``command_out`` what it reads
    (commands), ``audio`` the caller's voice or None under plain AGI.
    """

    __slots__ = ("_fds",)

    def __init__(self, fds: Sequence[int]) -> None:
        """Takes ownership at once, whatever their number."""
        self._fds: list[int | None] = list(fds)

    def __len__(self) -> int:
        return sum(fd is not None for fd in self._fds)

    @property
    def command_in(self) -> int:
        return self._at(0)

    @property
    def command_out(self) -> int:
        return self._at(1)

    @property
    def audio(self) -> int | None:
        return self._fds[2] if len(self._fds) > 2 else None

    def _at(self, index: int) -> int:
        fd = self._fds[index]
        if fd is None:
            raise ValueError("the call's descriptors are closed or taken")
        return fd

    def take_agi(self) -> tuple[int, int]:
        """Hands ``command_in`` and ``command_out`` over: the taker closes them from now on."""
        taken = self.command_in, self.command_out
        self._fds[0] = self._fds[1] = None
        return taken

    def take_audio(self) -> int | None:
        """Hands the audio descriptor over: the taker closes it from now on."""
        fd = self.audio
        if fd is not None:
            self._fds[2] = None
        return fd

    def check(self, has_audio: bool) -> None:
        """Raises :class:`HandoffError` unless number, kinds and directions are those of a call.

        Only pipes and sockets will do: epoll refuses files, and a read of one never waits.
        """
        expected = 3 if has_audio else 2
        if len(self._fds) != expected:
            raise HandoffError(f"hello brings {len(self._fds)} descriptors, {expected} are needed")
        names = ("command input", "command output", "audio")
        for fd, name, forbidden in zip(
            self._fds, names, (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY), strict=False
        ):
            assert fd is not None
            mode = os.fstat(fd).st_mode
            if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
                raise HandoffError(f"the {name} descriptor is neither a pipe nor a socket")
            if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == forbidden:
                raise HandoffError(f"the {name} descriptor is open in the wrong direction")

    def close(self) -> None:
        fds, self._fds = self._fds, [None] * len(self._fds)
        for fd in fds:
            if fd is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)

    def __enter__(self) -> Descriptors:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def send_hello(sock: socket.socket, hello: Hello, fds: Sequence[int]) -> None:
    """Send one hello with ``fds`` attached; they stay open here."""
    socket.send_fds(sock, [hello.encode()], list(fds))


def receive_hello(sock: socket.socket) -> tuple[Hello, Descriptors]:
    """Receive the one hello of a connection from a non-blocking ``sock``.

    The caller owns the descriptors.  Raises BlockingIOError when nothing has come yet,
    :class:`HandoffError` for anything but a valid hello; no descriptor is left open then.
    """
    packet, control, flags, _ = sock.recvmsg(
        _MAX_HELLO_BYTES + 1, socket.CMSG_SPACE(_MAX_FDS * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
    )
    descriptors = Descriptors(_descriptors_in(control))
    try:
        if not packet:
            raise NoHelloError("the connection closed before a hello came")
        if flags & socket.MSG_CTRUNC:
            raise HandoffError(
                "descriptors were lost: too many in the hello, or this process may open no more"
            )
        if flags & socket.MSG_TRUNC:
            raise HandoffError(f"hello is longer than {_MAX_HELLO_BYTES} bytes")
        hello = Hello.parse(packet)
        descriptors.check(hello.has_audio)
    except BaseException:
        descriptors.close()
        raise
    return hello, descriptors


def _descriptors_in(control: Sequence[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return list(fds)
