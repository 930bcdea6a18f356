"""Asking a daemon how it is, without bringing it a call."""

from __future__ import annotations

import socket
from pathlib import Path

from offhook.doors.eagi.handoff import Reason, Verdict, VerdictKind
from offhook.errors import HandoffError

TIMEOUT_S = 2.0


def ask(path: Path) -> Verdict | None:
    """What the daemon at ``path`` says to somebody who brings nothing; see ``agi/handoff.h``.

    None: something listens there, and says nothing that we understand.  Raises OSError when nothing
    listens, or it may not be asked.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(str(path))
        try:
            sock.shutdown(socket.SHUT_WR)
            return Verdict.parse(sock.recv(64))
        except (HandoffError, OSError):
            return None


def starts(answer: Verdict | None) -> bool:
    """Whether the daemon has not loaded its models yet."""
    return answer == Verdict(VerdictKind.BUSY, Reason.STARTING)
