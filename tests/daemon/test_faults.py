"""What goes wrong around a daemon, one thing after the other, with callers on the line: what each costs.

docs/reference/faults.md is the table; each of its rows names the test that shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.simulator import CallRecord, ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent
from offhook.simulator.script import Step
from tests.support.audio.audio import read_wav
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "faults.md"
SPEECH = ROOT / "tests" / "data" / "speech" / "stop.wav"
LOST = {"unavailable", "busy", "failed"}
AGENT = """
name = "Plover Storage"
greeting = "Plover Storage, how can we help?"
excuse = "Sorry, please say that once more."
facts = ["We open at nine."]
"""
SETTINGS = """
[turn]
max_silence_s = 600
answer_timeout_s = 5
holding_ms = 0
[stt]
engine = "cheap"
model = "cheap"
timeout_s = 1
[llm]
engine = "cheap"
model = "cheap"
[tts]
engine = "cheap"
model = "cheap"
timeout_s = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plover")


@pytest.fixture(scope="module")
def trouble(folder: Path) -> Path:
    return folder / "trouble"


@pytest.fixture(scope="module")
def daemon(folder: Path, trouble: Path) -> Iterator[DaemonProcess]:
    (folder / "plover.toml").write_text(AGENT)
    environment = cheap.installed(folder / "site") | {cheap.TROUBLE: str(trouble)}
    settings = f'[agent]\ndefault = "plover"\nsearch = ["{folder}"]\n{SETTINGS}'
    daemon = DaemonProcess(settings, max_calls=12, environment=environment)
    daemon.trace_file.symlink_to("/dev/full")  # the disk is full from the first turn on
    with daemon:
        yield daemon


def options(daemon: DaemonProcess, **more: str) -> ChannelOptions:
    return ChannelOptions(socket=daemon.socket, deadline_s=120, **more)  # type: ignore[arg-type]


def speech() -> Say:
    return Say(read_wav(SPEECH), WhenSilent(400))


async def talk(daemon: DaemonProcess, turns: int = 1) -> CallRecord:
    """A caller who says something so many times, and each time waits for the answer."""
    return await SimulatedCall(
        [*(speech() for _ in range(turns)), HangUp(WhenSilent(300))], options(daemon)
    ).run()


def begin(trouble: Path, fault: str | None) -> None:
    """The engines have this fault from now on; None: none."""
    if fault is None:
        trouble.unlink()
    else:
        beside = trouble.with_suffix(".new")
        beside.write_text(f"{fault}\n")
        beside.replace(trouble)


async def all_is_well(daemon: DaemonProcess) -> None:
    """Whoever calls now is answered, and nothing of earlier calls is left."""
    before = len(daemon.transcript())
    record = await talk(daemon)
    assert record.result not in LOST
    assert record.errors == []
    await asyncio.to_thread(until, lambda: len(daemon.transcript()) > before, "the turn is noted")
    assert daemon.transcript()[-1].answer == cheap.ANSWER
    await asyncio.to_thread(until, lambda: daemon.call_folders() == [], "the folders are removed")


@pytest.mark.parametrize("fault", ["stt hang", "llm hang", "tts hang", "llm fail"])
async def test_an_engine_that_hangs_or_fails_costs_its_turn_and_no_other(
    daemon: DaemonProcess, trouble: Path, fault: str
) -> None:
    failures = daemon.log().count("a turn has failed")
    begin(trouble, fault)
    try:
        calling = asyncio.create_task(talk(daemon, turns=2))
        await asyncio.to_thread(
            until, lambda: daemon.log().count("a turn has failed") > failures, "the turn fails", timeout_s=60
        )
    finally:
        begin(trouble, None)
    record = await calling
    assert record.result not in LOST
    assert len(record.turns) == 2
    assert record.turns[0].turnaround_ms is not None, "the excuse is heard"
    await asyncio.to_thread(
        until, lambda: daemon.transcript()[-1].answer == cheap.ANSWER, "the next turn is answered"
    )


async def test_a_full_disk_costs_the_trace(daemon: DaemonProcess) -> None:
    await all_is_well(daemon)
    assert "No space left on device" in daemon.log()


async def test_a_thousand_connections_at_once_cost_a_caller_nothing(daemon: DaemonProcess) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(1_000):
            sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError, BrokenPipeError):
                sock.connect(str(daemon.socket))
                if number % 2:
                    sock.send(b"\xff" * (number % 200 + 1))
        await asyncio.to_thread(stack.close)
    await all_is_well(daemon)


def launchers() -> list[int]:
    """Those that this process has started."""
    me = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
            if name.startswith("offhook-eagi") and rest.split()[1] == me:
                found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
async def test_a_launcher_that_is_stopped_or_killed_costs_its_own_call_at_most(
    daemon: DaemonProcess, number: signal.Signals
) -> None:
    steps: list[Step] = [speech(), HangUp(WhenSilent(300))]
    calling = asyncio.create_task(SimulatedCall(steps, options(daemon)).run())
    await asyncio.to_thread(until, lambda: bool(daemon.call_folders()) and bool(launchers()), "it has begun")
    (pid,) = launchers()
    before = len(daemon.transcript())
    os.kill(pid, number)
    if number is signal.SIGSTOP:
        await asyncio.to_thread(
            until, lambda: len(daemon.transcript()) > before, "audio and commands do not pass through it"
        )
        os.kill(pid, signal.SIGCONT)
    await calling
    await all_is_well(daemon)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory with little room."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=640k,mode=700", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a tmpfs of its own size can only be mounted by root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


async def test_memory_for_audio_that_is_full_costs_the_calls_that_need_it(
    folder: Path, small: Path, tmp_path: Path
) -> None:
    settings = f'[agent]\ndefault = "plover"\nsearch = ["{folder}"]\n{SETTINGS}'
    daemon = DaemonProcess(settings, environment=cheap.installed(tmp_path / "site"))
    shutil.rmtree(daemon.playback_dir)
    daemon.playback_dir = small / "audio"
    daemon.configure(settings)
    with daemon:
        fill(small / "filler")
        record = await talk(daemon)
        assert record.result in LOST, "the fallback, and no silence"
        (small / "filler").unlink()
        await all_is_well(daemon)


def test_nothing_that_waits_goes_by_the_wall_clock() -> None:
    """An operator, or NTP, may set it at any time."""
    rooms = ("call", "doors", "turn_taking", "playout", "barge_in", "end_of_turn", "core", "workers")
    sources = [path for room in rooms for path in (ROOT / "engine" / "offhook" / room).rglob("*.py")]
    assert len(sources) > 50
    asked = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.now\(|\.utcnow\(")
    # cut_off looks at the age of files; when their time was set, too, a caller is greeted anew.
    found = {path.name for path in sources if asked.search(path.read_text(encoding="utf-8"))}
    assert found <= {"cut_off.py"}


def test_every_row_of_the_table_is_shown_by_a_test() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, f"no test is named: {row}"
        for file, name in named:
            assert re.search(rf"^\s*(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), name
