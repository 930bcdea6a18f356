"""``offhook serve`` as a process: its signals, what systemd and callers are told, what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.doors.agi.agi_text import split_command
from offhook.doors.eagi.probe import ask
from offhook.simulator import ChannelOptions, HangUp, SimulatedCall, WhenSilent
from offhook.simulator.script import After
from tests.support.agi_side import HEADER
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.handoffs import ACCEPTED, DONE, Client
from tests.support.waiting import until

AGENT = 'name = "Jetty Kayaks"\ngreeting = "{}"\nfacts = ["We open at nine."]\n'


class Told:
    """systemd's end: everything that the daemon has said so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        self._sock.setblocking(False)
        self._said: list[str] = []

    def lines(self) -> list[str]:
        try:
            while True:
                self._said += self._sock.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self._said

    def close(self) -> None:
        self._sock.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    told = Told(tmp_path_factory.mktemp("systemd") / "notify")
    yield told
    told.close()


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agents")
    (folder / "jetty.toml").write_text(AGENT.format("Jetty Kayaks."))
    return folder


@pytest.fixture(scope="module")
def daemon(told: Told, agents: Path) -> Iterator[DaemonProcess]:
    settings = f'[agent]\ndefault = "jetty"\nsearch = ["{agents}"]\n[turn]\nmax_silence_s = 600\n'
    environment = {"NOTIFY_SOCKET": str(told.path), "WATCHDOG_USEC": "2000000"}
    with DaemonProcess(settings, environment=environment) as daemon:
        yield daemon


def test_systemd_is_told_that_it_is_ready_and_that_it_lives(daemon: DaemonProcess, told: Told) -> None:
    until(lambda: "READY=1" in told.lines(), "systemd is told")
    until(lambda: told.lines().count("WATCHDOG=1") >= 2, "the watchdog is fed")


def test_a_hang_up_signal_is_a_reload(daemon: DaemonProcess, told: Told, agents: Path) -> None:
    before = told.lines().count("READY=1")
    (agents / "jetty.toml").write_text(AGENT.format("Good morning."))
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: "reloaded: agent jetty has changed" in daemon.log(), "it is read again")
    until(lambda: told.lines().count("READY=1") > before, "systemd is told")
    assert "RELOADING=1" in told.lines()
    os.kill(daemon.pid, signal.SIGUSR1)
    until(lambda: "SIGUSR1 does nothing here" in daemon.log(), "it is said so")


def reload(daemon: DaemonProcess, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "offhook.cli.main", "reload", "--config", str(daemon.config), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_reload_says_what_it_kept(tmp_path: Path) -> None:
    """Of a daemon of its own: what is broken here, others would find broken."""
    agent = tmp_path / "jetty.toml"
    agent.write_text(AGENT.format("Hello."))
    settings = f'[agent]\ndefault = "jetty"\nsearch = ["{tmp_path}"]\n{cheap.SETTINGS}'
    with DaemonProcess(settings, environment=cheap.installed(tmp_path / "cheap")) as daemon:
        agent.write_text(AGENT.format("Good evening."))
        done = reload(daemon)
        assert (done.returncode, done.stdout) == (0, "agent jetty has changed\n"), done.stderr
        assert reload(daemon).stdout == "reloaded; nothing that is in use has changed\n"

        agent.write_text("name = \n")
        daemon.configure(settings.replace("[llm]", "[llm]\nn_ctx = 4096"))
        done = reload(daemon)
        assert done.returncode == 1
        assert "from the next start on: llm.n_ctx\n" in done.stdout
        assert "kept: agent jetty stays as it was: " in done.stdout
        assert "reloaded but for 1" in daemon.log()

        daemon.configure(f"{settings}[nonsense]\n")
        done = reload(daemon)
        assert done.returncode == 2, "a configuration with a fault names no daemon"
        assert "nonsense" in done.stderr
        assert "the configuration stays as it was" not in daemon.log()
        done = reload(daemon, "--pid", str(daemon.pid))
        assert done.returncode == 2
        assert f"process {daemon.pid} reads again what it can" in done.stderr
        until(lambda: "the configuration stays as it was" in daemon.log(), "it has been told all the same")


def test_a_daemon_that_cannot_be_asked_is_sent_the_signal(
    daemon: DaemonProcess, agents: Path, tmp_path: Path
) -> None:
    """``control.enabled`` off in what the command reads is all that it needs to know."""
    config = tmp_path / "offhook.toml"
    config.write_text("[control]\nenabled = false\n")
    command = [sys.executable, "-m", "offhook.cli.main", "reload", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "send it SIGHUP" in done.stderr
    before = daemon.log().count(" reloaded")
    done = subprocess.run([*command, "--pid", str(daemon.pid)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    until(lambda: daemon.log().count(" reloaded") > before, "it is read again")


def test_a_call_from_the_command_line_warns_nobody(daemon: DaemonProcess) -> None:
    command = [sys.executable, "-m", "offhook.cli.main", "call", "--socket", str(daemon.socket)]
    done = subprocess.run([*command, "--timeout", "20"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agent   [" in done.stdout
    until(lambda: " ended result=" in daemon.log(), "the call is over")
    assert [line for line in daemon.log().splitlines() if " WARNING " in line or " ERROR " in line] == []


@pytest.mark.parametrize(
    ("named", "rate_hz", "taken"),
    [("SLIN16", 16_000, True), ("nonsense", 8_000, True), ("slin48", 8_000, False), ("g722", 8_000, False)],
)
async def test_the_format_of_the_callers_audio(
    daemon: DaemonProcess, named: str, rate_hz: int, taken: bool
) -> None:
    options = ChannelOptions(
        socket=daemon.socket, deadline_s=60, rate_hz=rate_hz, variables={"EAGI_AUDIO_FORMAT": named}
    )
    record = await SimulatedCall([HangUp(WhenSilent())], options).run()
    if taken:
        assert record.greeting_ms is not None
    else:
        assert record.result == "failed", "an apology, and the dialplan's fallback"
        assert f"EAGI_AUDIO_FORMAT={named} is not taken" in daemon.log()


async def until_silence_is_played(client: Client) -> None:
    """Asterisk's part of a call: a key ends the greeting, and then the caller is listened to."""
    os.write(client.replies, HEADER)
    with os.fdopen(os.dup(client.commands), encoding="utf-8") as commands:
        while line := await asyncio.to_thread(commands.readline):
            words = split_command(line.rstrip("\n"))
            if words[:2] == ["STREAM", "FILE"] and "silence" in words[2]:
                return
            reply = {"STREAM": "200 result=35 endpos=800\n", "GET": f"200 result=1 ({words[-1]})\n"}
            os.write(client.replies, reply.get(words[0], "200 result=0\n").encode())


async def die(client: Client, how: str) -> None:
    """The channel has gone, and the launcher has not been told."""
    if how == "HANGUP":
        os.write(client.replies, b"HANGUP\n")
        return
    if how == "closed":
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (client.replies, client.launchers[0]):  # our copy of the daemon's end goes, too
            os.dup2(null, fd)
        os.close(null)
        return
    os.write(client.replies, b"200 result=-1 endpos=0\n")
    with os.fdopen(os.dup(client.commands), encoding="utf-8") as commands:
        assert await asyncio.to_thread(commands.readline) == "CHANNEL STATUS\n"
    os.write(client.replies, b"511 Command Not Permitted on a dead channel or intercept routine\n")


@pytest.mark.parametrize("how", ["511", "HANGUP", "closed"])
async def test_a_dead_channel_frees_its_place_although_its_launcher_lives(
    daemon: DaemonProcess, how: str
) -> None:
    with Client(daemon.socket) as client:
        client.hello("1699.7")
        await until_silence_is_played(client)
        assert await client.answer() == ACCEPTED
        await die(client, how)
        assert await client.answer() == DONE
        assert await asyncio.to_thread(ask, daemon.socket) == DONE


async def test_an_operator_sees_a_call_and_ends_it(daemon: DaemonProcess) -> None:
    def offhook(*words: str) -> str:
        command = [
            sys.executable,
            "-m",
            "offhook.cli.main",
            *words,
            "--control",
            f"{daemon.folder}/offhook.ctl",
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout

    options = ChannelOptions(socket=daemon.socket, deadline_s=600)
    calling = asyncio.create_task(SimulatedCall([HangUp(After(600_000))], options).run())
    listed = ""
    while "listening" not in listed:
        assert not calling.done()
        listed = await asyncio.to_thread(offhook, "calls", "live")
    call_id = listed.splitlines()[1].split()[0]
    assert "calls 1 of" in await asyncio.to_thread(offhook, "top", "--once")
    assert "under way" in await asyncio.to_thread(offhook, "calls", "hangup", call_id, "--goodbye")
    assert (await calling).result == "ok"


def test_a_daemon_that_cannot_start_leaves_nothing_behind() -> None:
    daemon = DaemonProcess('[agent]\ndefault = "no-such-agent"\n')
    with pytest.raises(RuntimeError, match="no-such-agent"), daemon:
        pytest.fail("it has started")
    assert not daemon.folder.exists()
    assert not daemon.playback_dir.exists()
