"""A call in the daemon's hands, and its connection to the launcher that brought it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import socket

from offhook.doors.eagi.handoff import Descriptors, Hello, Reason, Verdict, VerdictKind
from offhook.doors.eagi.unix_socket import Peer

log = logging.getLogger(__name__)


class HandoffState(enum.Enum):
    """How far the conversation with the launcher has come."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    FINISHED = "finished"


class Handoff:
    """A call brought by a launcher, and the lifeline to it.

    ``closed`` is set the moment the launcher's end closes: Asterisk hung up and killed it.
    What the launcher is told never raises: one that is gone needs nothing, and ``closed`` tells.
    """

    def __init__(self, sock: socket.socket, hello: Hello, descriptors: Descriptors, peer: Peer) -> None:
        self.hello = hello
        self.descriptors = descriptors
        self.peer = peer
        self.closed = asyncio.Event()
        self.state = HandoffState.OFFERED
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._on_readable)

    def accepted(self) -> None:
        """Tell the launcher that the call is ours; it waits for the end from now on."""
        if self.state is not HandoffState.OFFERED:
            raise RuntimeError(f"a call that is {self.state.value} cannot be accepted")
        self.state = HandoffState.ACCEPTED
        self._send(Verdict(VerdictKind.ACCEPTED))

    def busy(self, reason: Reason = Reason.NONE) -> None:
        """Decline for want of a place, or for ``reason``: the launcher sets OFFHOOK_RESULT=busy."""
        if self.state is not HandoffState.OFFERED:
            raise RuntimeError(f"a call that is {self.state.value} cannot be declined as busy")
        self._finish(Verdict(VerdictKind.BUSY, reason))

    def refuse(self, reason: Reason) -> None:
        """Decline or give up: the launcher sets OFFHOOK_RESULT=failed.  Harmless at the end."""
        if self.state is not HandoffState.FINISHED:
            self._finish(Verdict(VerdictKind.FAILED, reason))

    def done(self) -> None:
        """The call is over and OFFHOOK_RESULT has been set by us.  Harmless at the end."""
        if self.state is HandoffState.OFFERED:
            raise RuntimeError("a call that was never accepted cannot be done")
        if self.state is HandoffState.ACCEPTED:
            self._finish(Verdict(VerdictKind.DONE))

    def close(self) -> None:
        """Close the descriptors and the connection; a second time is harmless."""
        self.descriptors.close()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
        self.state = HandoffState.FINISHED
        self.closed.set()

    def _finish(self, verdict: Verdict) -> None:
        self.state = HandoffState.FINISHED
        self._send(verdict)

    def _send(self, verdict: Verdict) -> None:
        # At most two packets of 8 bytes ever go this way: the socket's buffer always has room.
        with contextlib.suppress(OSError):
            self._sock.send(verdict.encode())

    def _on_readable(self) -> None:
        try:
            if self._sock.recv(1):  # without recvmsg: descriptors in an unasked packet die in the kernel
                log.warning("launcher %d sent a second packet; hung up on it", self.peer.pid)
        except BlockingIOError:
            return
        except OSError:
            pass  # reset: as closed as closed can be
        self._loop.remove_reader(self._sock.fileno())
        self.closed.set()
