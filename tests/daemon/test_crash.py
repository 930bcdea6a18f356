"""The daemon is killed in mid-call: every caller is the dialplan's at once, and may come back to the next."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.simulator import ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent
from offhook.simulator.channel import CallEnd
from offhook.simulator.script import After, Step
from tests.support.audio.audio import read_wav
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.waiting import until

CALLERS = 6
MEMORY = Path("/dev/shm")
SPEECH = Path(__file__).parents[1] / "data" / "speech" / "stop.wav"
AGENT = 'name = "Gannet Tours"\ngreeting = "Gannet Tours, hello."\nfacts = ["We open at nine."]\n'


@pytest.fixture
def notes() -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("/dev/shm cannot be written")
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="offhook-test-") as name:
        yield Path(name) / "calls"


@pytest.fixture
def daemon(tmp_path: Path, notes: Path) -> Iterator[DaemonProcess]:
    (tmp_path / "gannet.toml").write_text(AGENT)
    settings = f'[agent]\ndefault = "gannet"\nsearch = ["{tmp_path}"]\n[turn]\nmax_silence_s = 600\n'
    daemon = DaemonProcess(
        settings + cheap.SETTINGS,
        environment=cheap.installed(tmp_path / "site"),
        more=f'resume_folder = "{notes}"\n',
    )
    with daemon:
        yield daemon


def noted(notes: Path) -> int:
    return len(list(notes.glob("*.call")))


async def test_callers_are_the_dialplans_when_the_daemon_is_killed_and_may_come_back(
    daemon: DaemonProcess, notes: Path
) -> None:
    channels = [f"1790.{number}" for number in range(CALLERS)]
    steps: list[Step] = [Say(read_wav(SPEECH), WhenSilent(300)), HangUp(After(600_000))]

    def options(channel: str, *more: str) -> ChannelOptions:
        return ChannelOptions((channel, *more), socket=daemon.socket, uniqueid=channel, deadline_s=300)

    calls = [asyncio.create_task(SimulatedCall(steps, options(channel)).run()) for channel in channels]
    await asyncio.to_thread(
        until, lambda: len(daemon.transcript()) >= CALLERS, "everybody has had an answer", timeout_s=120
    )
    await asyncio.to_thread(until, lambda: noted(notes) == CALLERS, "it is noted")
    daemon.kill()
    for record in await asyncio.gather(*calls):
        assert record.result == "failed"
        assert record.end is CallEnd.DIALPLAN
    await asyncio.to_thread(daemon.start)
    assert noted(notes) == CALLERS, "their callers may come back"
    back = await SimulatedCall([HangUp(WhenSilent())], options(channels[0], "resume=cut")).run()
    assert back.greeting_ms is not None
    await asyncio.to_thread(until, lambda: f"call={channels[0]} ended" in daemon.log(), "it is over")
    assert f"call={channels[0]} is back\n" in daemon.log()
    await asyncio.to_thread(until, lambda: noted(notes) == CALLERS - 1, "it is erased")
    await SimulatedCall([HangUp(WhenSilent())], options("1791.7", "resume=cut")).run()
    assert "call=1791.7 is back, and what was said is forgotten\n" in daemon.log()
