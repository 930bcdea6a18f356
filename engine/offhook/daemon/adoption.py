"""``systemctl restart`` without losing a call: systemd starts what runs already.

systemd knows a stop and a start, and waits for the end of the old main process between them::

    ExecStop=, where the job is a restart    offhook upgrade --restart: the old daemon starts its successor,
                                             which takes the calls (:mod:`offhook.daemon.succession`)
    SIGTERM to the old daemon                it has been succeeded, and goes on until its calls are over;
                                             systemd is asked to wait (EXTEND_TIMEOUT_USEC=)
    the old daemon ends                      KillMode=process leaves the successor alone
    ExecStart=                               finds the successor in its own unit, names it to systemd
                                             (MAINPID=), and ends: this module
"""

from __future__ import annotations

import os
from pathlib import Path

from offhook.config import Config
from offhook.control.client import Control, control_path
from offhook.daemon import systemd
from offhook.daemon.inherited import succeeds
from offhook.errors import OffhookError

ANSWERED_WITHIN_S = 5.0


def adopted(config: Config) -> int | None:
    """The process that is the service already, which the manager knows now; None: we have to be it."""
    if "NOTIFY_SOCKET" not in os.environ or succeeds():
        return None
    try:
        with Control(control_path(config), answered_within_s=ANSWERED_WITHIN_S) as control:
            state = control.get("/v1/state")
        pid = int(state["pid"])
    except (OffhookError, KeyError, ValueError):
        return None  # nobody, or nobody well
    if not state.get("ready") or pid == os.getpid() or not _of_our_unit(pid):
        return None
    systemd.notify(f"MAINPID={pid}\nREADY=1")
    return pid


def _of_our_unit(pid: int) -> bool:
    """Another daemon of this machine is not ours to name: each unit has control groups of its own."""
    try:
        theirs, ours = (Path(f"/proc/{each}/cgroup").read_text() for each in (pid, "self"))
    except OSError:
        return False
    return theirs == ours
