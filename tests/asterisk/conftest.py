"""What the calls on a real Asterisk share: the server, the daemon, the voices.

Without an Asterisk these tests do not run, and say so with the way to get one; in
continuous integration (``CI=true``) that is a failure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.support.asterisk.asterisk_server import AsteriskServer
from tests.support.asterisk.received import sound, sounding
from tests.support.audio.audio import Phrase, load_phrases
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import MUSEUM, MUSEUM_SILENCE_S, ROOT, LongAnswer, PlaceCall, greeted
from tests.support.launchers import TWIN
from tests.support.needs import real_asterisk
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a call on a real Asterisk, and takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "asterisk_server" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.asterisk)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def asterisk_server() -> Iterator[AsteriskServer]:
    """A running Asterisk with the shipped configuration."""
    install = real_asterisk()
    assert LAUNCHER.exists(), f"no launcher at {LAUNCHER}: run 'make build'"
    with AsteriskServer(install, [LAUNCHER, TWIN]) as server:
        yield server


@pytest.fixture
def asterisk(asterisk_server: AsteriskServer) -> Iterator[AsteriskServer]:
    """The server for one test: no daemon at first, and no call left over afterwards."""
    asterisk_server.use_daemon(None)
    yield asterisk_server
    deadline = time.monotonic() + 30
    while asterisk_server.channels() or asterisk_server.scripts_running():
        assert time.monotonic() < deadline, "a channel or an AGI script outlives the test"
        time.sleep(0.05)  # Asterisk tells its channel count only when asked


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[DaemonProcess]:
    """One daemon for every test that leaves it as it was: its models load once."""
    with DaemonProcess() as daemon:
        yield daemon


@contextmanager
def taking_calls(asterisk: AsteriskServer, process: DaemonProcess) -> Iterator[DaemonProcess]:
    """A daemon takes one test's calls; its log of them has to be free of accidents."""
    mark = len(process.log())
    asterisk.use_daemon(process.socket)
    yield process
    asterisk.use_daemon(None)
    deadline = time.monotonic() + 30
    while (log := process.log()).count(" started agent=") != log.count(" ended result="):
        assert time.monotonic() < deadline, f"a call outlives its channel:\n{log[mark:]}"
        time.sleep(0.05)  # the daemon's log is all there is to see
    print(log[mark:])  # what turn-taking decided, beside a failure
    for accident in ("Traceback", "RuntimeWarning", "never retrieved"):
        assert accident not in log[mark:], log[mark:]
    assert not process.call_folders(), "no call is left, so none of their audio files may be"


@pytest.fixture
def daemon(asterisk: AsteriskServer, shared_daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    """The shared daemon with the shipped agent, taking this test's calls."""
    with taking_calls(asterisk, shared_daemon) as process:
        yield process


@pytest.fixture(scope="session")
def museum_recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the museum's calls are recorded."""
    return tmp_path_factory.mktemp("museum") / "recordings"


@pytest.fixture(scope="session")
def museum_daemon(museum_recordings: Path) -> Iterator[DaemonProcess]:
    """One more daemon, impatient with silence, whose agent has one long answer and many short ones."""
    agent = json.dumps(str(MUSEUM))
    settings = f"[agent]\ndefault = {agent}\n[turn]\nmax_silence_s = {MUSEUM_SILENCE_S}\n"
    settings += f"[recording]\nfolder = {json.dumps(str(museum_recordings))}\nagents = [{agent}]\n"
    settings += (
        f"min_free_mb = 0\n[tools]\nrecords = {json.dumps(str(museum_recordings.parent / 'box.db'))}\n"
    )
    with DaemonProcess(settings) as process:
        yield process


@pytest.fixture
def museum(asterisk: AsteriskServer, museum_daemon: DaemonProcess) -> Iterator[DaemonProcess]:
    """The museum's daemon, taking this test's calls."""
    with taking_calls(asterisk, museum_daemon) as process:
        yield process


@pytest.fixture(scope="session")
def long_answer(
    asterisk_server: AsteriskServer, museum_daemon: DaemonProcess, phrases: dict[str, Phrase]
) -> LongAnswer:
    """Heard once, to compare with what is heard of it when somebody disturbs it."""

    async def hear() -> LongAnswer:
        async with await _from_softphone(asterisk_server) as call:
            await greeted(call)
            turn = await call.ask(phrases["01_hours"])
            end_ns, received = time.monotonic_ns(), call.media.received
            started_ns = turn.utterance.ended_ns
            await eventually(lambda: len(museum_daemon.transcript()) > seen, "the turn is in the transcript")
            heard = sound(received, started_ns, end_ns)
            _, silence_ms = sounding(received.between(started_ns, end_ns))
            return LongAnswer(museum_daemon.transcript()[-1].answer, heard, silence_ms)

    seen = len(museum_daemon.transcript())
    asterisk_server.use_daemon(museum_daemon.socket)
    answer = asyncio.run(hear())
    assert len(answer.sound) > 3_000 * 8, f"not long: {answer.text}"
    return answer


@pytest.fixture(scope="session")
def phrases() -> dict[str, Phrase]:
    """The demo conversation and the phrases for tests."""
    folders = ("engine/offhook/assets/demo", "tests/data/speech", "tests/data/people", "tests/data/pieces")
    return {name: each for folder in folders for name, each in load_phrases(ROOT / folder).items()}


@pytest.fixture
def place_call(asterisk: AsteriskServer) -> PlaceCall:
    """Calls the agent from the shipped softphone."""

    async def place(extension: str = "700") -> SipCall:
        return await _from_softphone(asterisk, extension)

    return place


async def _from_softphone(asterisk: AsteriskServer, extension: str = "700") -> SipCall:
    return await SipCall.place(asterisk.address, extension, user="softphone", password="change-me")
