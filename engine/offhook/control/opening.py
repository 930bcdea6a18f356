"""Opening the control socket of a daemon that starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offhook.config import Config
from offhook.control.client import control_path
from offhook.control.commands import Commands
from offhook.control.live import LiveCalls
from offhook.doors.eagi.unix_socket import BoundSocket

if TYPE_CHECKING:
    from offhook.control.server import ControlServer


@asynccontextmanager
async def control_socket(
    config: Config,
    calls: LiveCalls,
    commands: Commands,
    state: Callable[[], dict[str, Any]],
    *,
    replaces: bool = False,
) -> AsyncIterator[None]:
    """Served while the block runs, on a thread of its own; ``state`` is asked on this loop.

    ``replaces``: that of a daemon that runs; whoever connects from now on talks with us.  Raises ConfigError.
    """
    if not config.control.enabled:
        yield
        return
    control = config.control
    path = control_path(config)
    bound = BoundSocket.bind(
        path,
        control.group,
        kind=socket.SOCK_STREAM,
        key="control.socket",
        folder_group=config.daemon.group if path.parent == config.daemon.socket.parent else None,
        replaces=replaces,
    )
    try:
        if control.group is not None:
            _let_through(path.parent)
        server = await asyncio.to_thread(_serve, bound, calls, commands, state, asyncio.get_running_loop())
    except BaseException:
        bound.close()
        raise
    try:
        yield
    finally:
        calls.feed.close()
        await asyncio.to_thread(server.close)


def _serve(
    bound: BoundSocket,
    calls: LiveCalls,
    commands: Commands,
    state: Callable[[], dict[str, Any]],
    daemon_loop: asyncio.AbstractEventLoop,
) -> ControlServer:
    # Imported here: it takes a tenth of a second, while models load beside it.
    from offhook.control.app import Pages
    from offhook.control.server import ControlServer

    return ControlServer(bound, Pages(calls, commands, state, daemon_loop).app())


def _let_through(folder: Path) -> None:
    """The group of the control socket is not the folder's: anybody may pass it, and open what is theirs."""
    with contextlib.suppress(OSError):
        status = folder.stat()
        if status.st_uid == os.geteuid():
            folder.chmod(stat.S_IMODE(status.st_mode) | 0o001)
