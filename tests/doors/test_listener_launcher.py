"""The daemon's door and the real launcher: hang-up, and a daemon that dies."""
# ruff: noqa: ASYNC220 - a test may start a process

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.doors.eagi.listener import Listener
from tests.support.handoffs import WAIT_S, Calls
from tests.support.launchers import ROOT, Script, start

pytestmark = pytest.mark.usefixtures("nothing_left_open")


@pytest.fixture
def script(compiled_launcher: Path, socket_path: Path) -> Iterator[list[Script]]:
    scripts: list[Script] = []
    yield scripts
    for each in scripts:
        each.close()


async def test_real_launcher_and_hang_up(
    compiled_launcher: Path, socket_path: Path, script: list[Script]
) -> None:
    calls = Calls()
    async with Listener(socket_path, calls):
        call = start([str(compiled_launcher), "helpdesk"], socket_path)
        script.append(call)
        handoff = await calls.next()
        assert handoff.peer.pid == call.pid
        assert handoff.hello.args == ("helpdesk",)
        os.kill(call.pid, signal.SIGHUP)
        await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
        calls.release.set()


async def test_real_launcher_when_the_daemon_is_killed(
    compiled_launcher: Path, socket_path: Path, script: list[Script]
) -> None:
    daemon = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from offhook.doors.eagi.listener import Listener\n"
            "async def on_call(handoff):\n"
            "    handoff.accepted()\n"
            "    print('call', flush=True)\n"
            "    await asyncio.Event().wait()\n"
            "async def main():\n"
            "    async with Listener(Path(sys.argv[1]), on_call):\n"
            "        print('ready', flush=True)\n"
            "        await asyncio.Event().wait()\n"
            "asyncio.run(main())\n",
            str(socket_path),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"ready\n"
        call = start([str(compiled_launcher), "helpdesk"], socket_path)
        script.append(call)
        assert daemon.stdout.readline() == b"call\n"
        daemon.kill()
        assert call.read_command() == "SET VARIABLE OFFHOOK_RESULT failed"
        call.reply()
        code, rest, console = call.finish()
        assert (code, rest) == (0, "")
        assert "died during the call" in console
    finally:
        daemon.kill()
        daemon.communicate()
    async with Listener(socket_path, Calls()):  # a new daemon takes the dead one's place
        pass
