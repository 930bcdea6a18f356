"""``offhook serve`` is replaced while calls come and go: the real daemon, the real launcher, no call lost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from offhook.daemon.succession import Channel, Predecessor, Successor, UpgradeError
from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer
from offhook.simulator import CallRecord, ChannelOptions, HangUp, SimulatedCall, WhenSilent
from offhook.simulator.script import After
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.ports import free_port
from tests.support.waiting import until

CALLS = int(os.environ.get("OFFHOOK_UPGRADE_CALLS", "100"))
AT_ONCE = int(os.environ.get("OFFHOOK_UPGRADE_AT_ONCE", "4"))
LOST = {"unavailable", "busy", "failed"}
AGENT = 'name = "Lantern Bike Hire"\ngreeting = "Lantern."\nfacts = ["We open at nine."]\n'


def settings(folder: Path) -> str:
    """With an agent in ``folder``."""
    (folder / "lantern.toml").write_text(AGENT)
    return (
        f'[agent]\ndefault = "lantern"\nsearch = ["{folder}"]\n[turn]\nmax_silence_s = 600\n{cheap.SETTINGS}'
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lantern")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[DaemonProcess]:
    metrics = f'[metrics]\nlisten = "127.0.0.1:{free_port()}"\n'
    environment = cheap.installed(folder / "site")
    daemon = DaemonProcess(settings(folder) + metrics, max_calls=64, environment=environment)
    with daemon:
        yield daemon
        for pid in successors(daemon):
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGTERM)
                until(lambda pid=pid: not running(pid), "it ends")  # type: ignore[misc]


def successors(daemon: DaemonProcess) -> list[int]:
    return [int(pid) for pid in re.findall(r"process (\d+) is started to take over", daemon.log())]


def running(pid: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def health(daemon: DaemonProcess) -> Any:
    (port,) = re.findall(r'listen = "127.0.0.1:(\d+)"', daemon.config.read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=120) as page:
        return json.loads(page.read())


def endings(daemon: DaemonProcess) -> list[str]:
    """How calls have ended, in both processes."""
    return re.findall(r" ended result=(\w+)", daemon.log())


def upgrade(daemon: DaemonProcess, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offhook.cli.main", "upgrade", *more, "--config", str(daemon.config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def lost(record: CallRecord) -> bool:
    return record.greeting_ms is None or record.result in LOST or bool(record.errors)


async def test_a_successor_that_cannot_start_changes_nothing(daemon: DaemonProcess, folder: Path) -> None:
    options = ChannelOptions(socket=daemon.socket, deadline_s=120)
    (folder / "lantern.toml").write_text("this is no agent")
    done = await asyncio.to_thread(upgrade, daemon)
    assert done.returncode == 2
    assert "lantern.toml" in done.stderr, "it is told why"
    (folder / "lantern.toml").write_text(AGENT)
    (pid,) = successors(daemon)
    await asyncio.to_thread(until, lambda: not running(pid), "it has gone")
    assert not lost(await SimulatedCall([HangUp(WhenSilent())], options).run())


async def test_no_call_is_lost_when_the_daemon_is_replaced_under_load(daemon: DaemonProcess) -> None:
    options = ChannelOptions(socket=daemon.socket, deadline_s=120)
    places, records, upgrading = asyncio.Semaphore(AT_ONCE), [], []
    first, before = daemon.pid, len(endings(daemon))

    async def call(number: int) -> None:
        async with places:
            if number == CALLS // 5:
                upgrading.append(asyncio.create_task(asyncio.to_thread(upgrade, daemon)))
            records.append(await SimulatedCall([HangUp(WhenSilent(100 * (number % 4)))], options).run())

    long = asyncio.create_task(SimulatedCall([HangUp(After(600_000))], options).run())
    await asyncio.to_thread(until, lambda: bool(daemon.call_folders()), "the long call has begun")
    number = 0
    async with asyncio.TaskGroup() as calls:
        # Calls come until enough of them have come behind the change, too.
        while number < CALLS or "takes the calls" not in daemon.log():
            async with places:
                pass
            calls.create_task(call(number))
            number += 1
            await asyncio.sleep(0)
    assert [each for each in records if lost(each)] == []
    second = successors(daemon)[-1]
    done = await upgrading[0]
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"process {second} takes the calls; \d+ go on in process {first}\n", done.stdout)
    assert f"process {second} takes the calls" in daemon.log()
    assert running(first), "the long call goes on in the old daemon"
    long.cancel()
    await asyncio.gather(long, return_exceptions=True)
    await asyncio.to_thread(until, lambda: not running(first), "the old daemon ends")
    assert daemon.socket.is_socket(), "the socket's file is the new daemon's"
    assert not lost(await SimulatedCall([HangUp(WhenSilent())], options).run())
    ended = before + len(records) + 2
    await asyncio.to_thread(until, lambda: len(endings(daemon)) >= ended, "every call ends in one of both")
    assert endings(daemon) == ["hangup"] * ended
    assert (await asyncio.to_thread(health, daemon))["calls"] == 0


async def test_no_call_is_lost_when_a_service_manager_restarts_the_daemon(tmp_path: Path) -> None:
    """What systemd does for `systemctl restart`, one thing after the other, with the unit's ExecStop=."""
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    environment = cheap.installed(tmp_path / "site") | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    daemon = DaemonProcess(settings(tmp_path), max_calls=16, environment=environment)
    options = ChannelOptions(socket=daemon.socket, deadline_s=120)
    calls: list[CallRecord] = []
    told: list[str] = []
    manager.setblocking(False)
    asyncio.get_running_loop().add_reader(manager, lambda: told.append(manager.recv(4096).decode()))
    over = asyncio.Event()

    async def call_again_and_again() -> None:
        while not over.is_set():
            calls.append(await SimulatedCall([HangUp(WhenSilent())], options).run())

    with manager, daemon:
        first = daemon.pid
        long = asyncio.create_task(SimulatedCall([HangUp(After(600_000))], options).run())
        await asyncio.to_thread(until, lambda: bool(daemon.call_folders()), "the long call has begun")
        calling = asyncio.create_task(call_again_and_again())
        stopping = await asyncio.to_thread(upgrade, daemon, "--restart")
        assert stopping.returncode == 0, stopping.stderr
        (second,) = successors(daemon)
        os.kill(first, signal.SIGTERM)
        await asyncio.to_thread(until, lambda: "restarted: process" in daemon.log(), "the end was expected")
        so_far = len(calls)
        await asyncio.to_thread(until, lambda: len(calls) > so_far + 1, "calls come meanwhile")
        assert running(first), "the long call goes on"
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        await asyncio.to_thread(until, lambda: not running(first), "the old daemon ends")
        starting = [sys.executable, "-m", "offhook.cli.main", "serve", "--config", str(daemon.config)]
        started = await asyncio.to_thread(
            subprocess.run, starting, env={**os.environ, **environment}, capture_output=True, timeout=120
        )
        assert (started.returncode, started.stdout) == (0, b""), "it is the service's already"
        so_far = len(calls)
        await asyncio.to_thread(until, lambda: len(calls) > so_far + 1, "calls come afterwards")
        over.set()
        await calling
        os.kill(second, signal.SIGTERM)
        await asyncio.to_thread(until, lambda: not running(second), "a stop is one")
        asyncio.get_running_loop().remove_reader(manager)
    assert [each for each in calls if lost(each)] == []
    assert [each for each in told if "MAINPID" in each] == [f"MAINPID={second}\nREADY=1"]
    assert "EXTEND_TIMEOUT_USEC=30000000" in told, "else it would wait for 40 s"


def test_a_daemon_takes_the_sockets_of_a_service_manager(tmp_path: Path) -> None:
    """systemd's own program for it: launchers wait at the socket before there is a daemon, and after one."""
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        pytest.skip("systemd-socket-activate is not here: apt install systemd")
    environment = {**os.environ, **cheap.installed(tmp_path / "site")}
    daemon = DaemonProcess(settings(tmp_path), environment=environment)
    given = [f"--setenv={name}={value}" for name, value in environment.items()]  # it passes nothing else on
    daemon.wrapper = (activate, *given, "--seqpacket", "--fdname=eagi", f"--listen={daemon.socket}")
    try:
        daemon.launch()
        until(daemon.socket.is_socket, "the manager listens")
        record = SimulatedCall([HangUp(WhenSilent())], ChannelOptions(socket=daemon.socket)).run_blocking()
        # It starts the daemon, which takes longer on a slow machine than this launcher waits for an answer.
        assert not lost(record) or record.result in ("busy", "unavailable")
        until(lambda: "ready in" in daemon.log(), "it is ready", timeout_s=120)
        record = SimulatedCall([HangUp(WhenSilent())], ChannelOptions(socket=daemon.socket)).run_blocking()
        assert not lost(record)
        # A successor has them from the daemon, and the file is the manager's all the same.
        assert upgrade(daemon).returncode == 0
        (second,) = successors(daemon)
        until(lambda: not running(daemon.pid), "the old daemon ends")
        os.kill(second, signal.SIGTERM)
        until(lambda: not running(second), "its successor ends")
    finally:
        daemon.terminate()
    assert daemon.socket.is_socket(), "the file is the manager's"
    daemon.close()


async def test_a_successor_that_a_signal_ends_is_said_to_have_been() -> None:
    """As a release does whose libraries this processor cannot run."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.to_thread(
            subprocess.Popen, ["sh", "-c", "kill -ILL $$"], pass_fds=[theirs.fileno()]
        )
    ours.setblocking(False)
    channel = Channel(ours)
    await channel.open()
    successor = Successor(process, channel, Announced())
    with pytest.raises(UpgradeError, match=r"ended by signal 4 \("):
        await successor.ready()
    await successor.end()


@pytest.fixture
async def both() -> AsyncIterator[tuple[Announced, Announced]]:
    """What an old daemon and its successor know of announced calls, with the channel between them."""
    old, new = Announced(), Announced()
    here, there = socket.socketpair()
    here.setblocking(False)
    channel = Channel(here)
    await channel.open()
    process = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", ""])
    await asyncio.to_thread(process.wait)
    successor, predecessor = Successor(process, channel, old), Predecessor(there)
    await predecessor.open()

    async def give() -> None:
        await successor.ready()
        await successor.takes()

    giving = asyncio.create_task(give())
    await predecessor.resign()
    await predecessor.taken()
    await giving
    listening = asyncio.create_task(successor.listen(lambda: None))
    new.elsewhere = predecessor
    yield old, new
    predecessor.close()
    listening.cancel()
    successor.let_go()


async def test_calls_that_were_announced_to_the_old_daemon_are_known_to_the_new_one(
    both: tuple[Announced, Announced],
) -> None:
    old, new = both
    offer = CallOffer("fastagi", "17.4", dialled="+4930", arguments=("agent=lantern",), rate_hz=16_000)
    coming, running_there = old.announce(offer), old.announce(offer)
    assert await new.claim(coming) == offer, "it comes to the new one"
    assert await new.claim(coming) is None, "once"
    new.leave(coming, "ok")
    assert await new.variables(coming, 5.0) == {"OFFHOOK_RESULT": "ok"}
    assert await old.claim(running_there) == offer
    old.leave(running_there, "transfer", {"OFFHOOK_TARGET": "desk"})
    asked = await new.variables(running_there, 5.0)
    assert asked == {"OFFHOOK_RESULT": "transfer", "OFFHOOK_TARGET": "desk"}
    assert await new.variables(uuid.uuid4(), 0.0) == {"OFFHOOK_RESULT": "unavailable"}
