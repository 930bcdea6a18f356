"""`systemctl restart` by a real systemd, with the shipped unit, while callers talk: no call is lost.

A systemd of this test's own (the user's instance) runs in a mount and a control-group namespace, for which
one has to be root.  What a user's instance cannot do is left out of the unit: users, and what it hides.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.simulator import CallRecord, ChannelOptions, HangUp, SimulatedCall, WhenSilent
from offhook.simulator.script import After
from tests.daemon.test_upgrade import lost, running, settings
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.waiting import until

UNIT = Path(__file__).parents[2] / "asterisk" / "offhookd.service"
SYSTEMD = Path("/lib/systemd/systemd")
KEPT = re.compile(r"\[|Type|Notify|Exec|Timeout|Watchdog|Kill|Restart=|RestartSec|StartLimit")


class Systemd:
    """A manager of this test's own."""

    def __init__(self, home: Path) -> None:
        begin = (
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/user/0"
            f" && exec env XDG_RUNTIME_DIR=/run/user/0 HOME={home} {SYSTEMD} --user --unit=basic.target"
        )
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--cgroup", "sh", "-c", begin],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ctl(self, *words: str) -> str:
        enter = ["nsenter", "--mount", f"--target={self._process.pid}", "env", "XDG_RUNTIME_DIR=/run/user/0"]
        done = subprocess.run(
            [*enter, "systemctl", "--user", *words], capture_output=True, text=True, timeout=300
        )
        return done.stdout.strip() + done.stderr.strip()

    def main_pid(self) -> int:
        return int(self.ctl("show", "--property=MainPID", "--value", "offhookd"))

    def close(self) -> None:
        self.ctl("kill", "--signal=KILL", "offhookd")
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """Its files only: who starts it is systemd."""
    daemon = DaemonProcess(settings(tmp_path), max_calls=16)
    yield daemon
    daemon.close()


@pytest.fixture
def systemd(tmp_path: Path, daemon: DaemonProcess) -> Iterator[Systemd]:
    allowed = ["unshare", "--mount", "--cgroup", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    if not SYSTEMD.exists() or shutil.which("unshare") is None or subprocess.run(allowed).returncode:
        pytest.skip("a systemd of one's own needs systemd, and root")
    lines = [line for line in UNIT.read_text(encoding="utf-8").splitlines() if KEPT.match(line)]
    command, config = f"{sys.executable} -m offhook.cli.main", f"--config {daemon.config}"
    unit = "\n".join(lines).replace("systemctl list-jobs", "systemctl --user list-jobs")
    for what in ("serve", "upgrade --restart"):
        unit = unit.replace(f"/opt/offhook/bin/offhook {what}", f"{command} {what} {config}")
    environment = cheap.installed(tmp_path / "site").items()
    more = "".join(f"Environment={name}={value}\n" for name, value in environment)
    more += f"StandardError=append:{daemon.log_file}\n"
    folder = tmp_path / ".config" / "systemd" / "user"
    folder.mkdir(parents=True)
    (folder / UNIT.name).write_text(unit.replace("[Service]", f"[Service]\n{more}"))
    systemd = Systemd(tmp_path)
    until(lambda: systemd.ctl("is-active", "basic.target") == "active", "it runs")
    yield systemd
    systemd.close()


async def test_systemctl_restart_loses_no_call(systemd: Systemd, daemon: DaemonProcess) -> None:
    options = ChannelOptions(socket=daemon.socket, deadline_s=120)
    calls: list[CallRecord] = []
    over = asyncio.Event()

    async def call_again_and_again() -> None:
        while not over.is_set():
            calls.append(await SimulatedCall([HangUp(WhenSilent())], options).run())

    assert await asyncio.to_thread(systemd.ctl, "start", "offhookd") == ""
    mains = [systemd.main_pid()]
    long = asyncio.create_task(SimulatedCall([HangUp(After(600_000))], options).run())
    await asyncio.to_thread(until, lambda: bool(daemon.call_folders()), "the long call has begun")
    calling = asyncio.create_task(call_again_and_again())
    restarting = asyncio.create_task(asyncio.to_thread(systemd.ctl, "restart", "offhookd"))
    await asyncio.to_thread(until, lambda: "restarted: process" in daemon.log(), "its end has come")
    so_far = len(calls)
    await asyncio.to_thread(until, lambda: len(calls) > so_far + 1, "calls come meanwhile")
    assert running(mains[0]), "the long call goes on"
    assert not restarting.done(), "systemd waits for it"
    long.cancel()
    await asyncio.gather(long, return_exceptions=True)
    assert await restarting == ""
    mains.append(systemd.main_pid())
    assert await asyncio.to_thread(systemd.ctl, "restart", "offhookd") == "", "and once more"
    mains.append(systemd.main_pid())
    over.set()
    await calling
    assert [each for each in calls if lost(each)] == []
    assert len(set(mains)) == 3
    assert [running(pid) for pid in mains] == [False, False, True]
    assert await asyncio.to_thread(systemd.ctl, "stop", "offhookd") == ""
    assert not running(mains[-1]), "a stop is one"
