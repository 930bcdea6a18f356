"""What is said to systemd, as sd_notify(3) describes it; nothing happens where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Mapping


def notify(message: str) -> None:
    """Tell the service manager that started us (``Type=notify``).  Never waits, never raises."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)  # a manager that does not read must not hold the event loop
        sock.sendto(message.encode(), address)


def reloading() -> None:
    """The configuration is being read again; ``READY=1`` says that it has been."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


WAIT_S = 30.0
"""So much longer the manager waits for our end, each time that it is asked to."""


async def wait_for_us() -> None:
    """Have the manager, which stops us, wait for as long as this runs: it has patience for seconds only."""
    while True:
        notify(f"EXTEND_TIMEOUT_USEC={round(WAIT_S * 1e6)}")
        await asyncio.sleep(WAIT_S / 3)


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """How long the manager waits for ``WATCHDOG=1`` (``WatchdogSec=``); None: it waits for none. [s]"""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # meant for another process
    try:
        seconds = int(environment.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return None
    return seconds if seconds > 0 else None
