"""systemd is told that the daemon lives only while every part of it moves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from offhook.core import MediaThread, PlayoutThread, SileroModel
from offhook.daemon import systemd
from offhook.daemon.watchdog import Beat, Watchdog
from offhook.engines.llm.native import NativeModel
from tests.support.engines.llm_engine import engine
from tests.support.waiting import until


class Manager:
    """systemd's end of the notify socket."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.sock.setblocking(False)

    def told(self) -> list[str]:
        """What has been said since the last time."""
        said = []
        while True:
            try:
                said.append(self.sock.recv(4096).decode())
            except BlockingIOError:
                return said


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield manager
    manager.sock.close()


def feed() -> None:
    systemd.notify("WATCHDOG=1")


def moving() -> Beat:
    rounds = iter(range(1_000_000))
    return lambda: next(rounds)


def test_it_is_told_while_all_parts_move_and_not_while_one_stands_still(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    part = SimpleNamespace(rounds=0)
    watchdog = Watchdog({"loop": moving(), "thread": lambda: part.rounds}, feed, 60.0)
    part.rounds += 1
    watchdog.look()
    assert manager.told() == ["WATCHDOG=1"]
    watchdog.look()
    watchdog.look()
    assert manager.told() == []
    assert caplog.text.count("the thread has not moved for 15 s") == 1, "said once"
    part.rounds += 1
    watchdog.look()
    assert manager.told() == ["WATCHDOG=1"]
    assert "the thread moves again" in caplog.text


async def test_it_looks_by_itself_as_long_as_the_loop_runs(manager: Manager) -> None:
    watchdog = Watchdog({"thread": moving()}, feed, 0.0)
    task = asyncio.create_task(watchdog.run())
    told: list[str] = []
    while len(told) < 3:
        await asyncio.sleep(0)
        told += manager.told()
    task.cancel()
    assert set(told) == {"WATCHDOG=1"}


def check(beat: Beat, manager: Manager) -> Watchdog:
    """A real thread, with nothing to do, moves whenever it is asked."""
    watchdog = Watchdog({"thread": beat}, feed, 60.0)
    for _ in range(3):
        before = watchdog._last["thread"]
        until(lambda before=before: beat() != before, "the thread moves")  # type: ignore[misc]
        watchdog.look()
        assert manager.told() == ["WATCHDOG=1"]
    return watchdog


def test_the_audio_threads(manager: Manager) -> None:
    with MediaThread(SileroModel()) as media, PlayoutThread() as playout:
        for thread in (media, playout):
            watchdog = check(thread.beat, manager)
            thread.stop()
            watchdog.look()  # what it did before it ended
            manager.told()
            watchdog.look()
            assert manager.told() == []


def test_the_language_models_thread(manager: Manager, llm_file: Path) -> None:
    with engine(llm_file) as model:
        assert isinstance(model, NativeModel)
        watchdog = check(model.beat, manager)
        model.close()
        watchdog.look()
        manager.told()
        watchdog.look()
        assert manager.told() == []


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_long_it_is_waited_for(environment: dict[str, str], seconds: float | None) -> None:
    assert systemd.watchdog_s(environment) == seconds


def test_nobody_is_told_where_nobody_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.notify("READY=1")


def test_a_reload_is_told_with_its_time(manager: Manager) -> None:
    systemd.reloading()
    (said,) = manager.told()
    kind, time_us = said.split("\n")
    assert kind == "RELOADING=1"
    assert int(time_us.removeprefix("MONOTONIC_USEC=")) > 0


def test_the_unit_asks_for_what_the_daemon_does() -> None:
    unit = (Path(__file__).parents[2] / "asterisk" / "offhookd.service").read_text(encoding="utf-8")
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] not in "#[")
    assert settings["Type"] == "notify"
    assert float(settings["WatchdogSec"]) > 0
    assert settings["ExecReload"].endswith("/offhook reload --pid $MAINPID"), "it can fail, and say why"
    assert settings["StartLimitIntervalSec"] == "0"
    assert float(settings["TimeoutStartSec"]) >= 300
