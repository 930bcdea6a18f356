"""Simulated calls in which something goes wrong: full pipes, bad launchers, no end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.simulator import After, CallEnd, ChannelOptions, HangUp, Say, SimulatedCall
from tests.support.engines.peer import Line, Peer
from tests.support.simulated import place
from tests.support.sip.tones import tone

pytestmark = pytest.mark.usefixtures("nothing_keeps_running")


def test_a_full_audio_pipe_drops_frames_and_never_blocks(tmp_path: Path, compiled_launcher: Path) -> None:
    def neglect(line: Line) -> int:
        # A second is 50 frames of 320 bytes, on the channel's clock; a small pipe is full after 12.
        fcntl.fcntl(line.audio, fcntl.F_SETPIPE_SZ, 4096)
        assert line.ask("WAIT FOR DIGIT 1000") == "200 result=0"
        return len(line.read_audio(8192))

    record, kept = place(tmp_path, compiled_launcher, neglect, [Say(tone(3000), After(0)), HangUp(After(0))])
    assert record.frames_dropped > 20
    assert f"{record.frames_dropped} audio frames were lost: the pipe was full" in record.errors
    assert kept == 8192


def test_audio_that_the_agent_has_closed_is_not_lost(tmp_path: Path, compiled_launcher: Path) -> None:
    def talk(line: Line) -> str:
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, line.audio)  # what closing it does, but the number stays ours
        os.close(null)
        return line.ask("WAIT FOR DIGIT 300")

    record, reply = place(tmp_path, compiled_launcher, talk, [])
    assert reply == "200 result=0"
    assert record.frames_dropped == 0
    assert record.errors == []


def test_a_call_that_never_ends_is_ended(tmp_path: Path, compiled_launcher: Path) -> None:
    record, end = place(
        tmp_path,
        compiled_launcher,
        lambda line: line.launcher_is_gone(),
        [HangUp(After(60_000))],
        deadline_s=2.0,  # long enough for a launcher to be started anywhere
    )
    assert record.end is CallEnd.DEADLINE
    assert record.errors == ["the call did not end within 2 s"]
    assert end is True


def test_an_agent_that_keeps_the_pipes_after_hang_up_is_reported(
    tmp_path: Path, compiled_launcher: Path
) -> None:
    release = threading.Event()
    socket = tmp_path / "d.sock"
    peer = Peer(socket, lambda line: release.wait(20), say_done=False)
    options = ChannelOptions(launcher=compiled_launcher, socket=socket, grace_s=0.2)
    record = SimulatedCall([HangUp(After(2_000))], options).run_blocking()
    release.set()
    peer.result()
    assert record.errors == ["the command pipe was still open 0.2 s after the hang-up"]


def test_no_daemon(tmp_path: Path, compiled_launcher: Path) -> None:
    options = ChannelOptions(launcher=compiled_launcher, socket=tmp_path / "nobody.sock")
    record = SimulatedCall([Say(tone(100))], options).run_blocking()
    assert record.end is CallEnd.DIALPLAN, "the dialplan goes on"
    assert record.result == "unavailable"
    assert any("no daemon at" in error for error in record.errors)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exit 3", "the launcher ended with exit status 3"),
        ("kill -9 $$", "the launcher ended with signal 9"),
        (
            "exec 0<&- 1>&- 3<&-; exec sleep 30",
            "the launcher did not exit after its command pipe closed: killed",
        ),
        ("echo failure; sleep 30", ""),
        ("echo trouble >&2", "trouble"),
        ("head -c 100000 /dev/zero | tr '\\0' x", ""),
    ],
)
def test_a_launcher_that_misbehaves(tmp_path: Path, script: str, error: str) -> None:
    path = tmp_path / "script"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    record = SimulatedCall([], ChannelOptions(launcher=path, grace_s=0.3)).run_blocking()
    assert record.end is CallEnd.DIALPLAN
    assert error in "\n".join(record.errors)


@pytest.mark.parametrize("kind", ["missing", "not executable", "not a program", "directory"])
def test_a_launcher_that_cannot_be_started(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "offhook-eagi"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(b"\x00\x01")
        path.chmod(0o755 if kind == "not a program" else 0o644)
    with pytest.raises(ConfigError, match="offhook-eagi") as caught:
        SimulatedCall([], ChannelOptions(launcher=path)).run_blocking()
    assert "\n" not in str(caught.value)


def test_a_rate_that_eagi_does_not_have() -> None:
    with pytest.raises(ValueError, match="44100 Hz"):
        SimulatedCall([], ChannelOptions(rate_hz=44100))


async def test_a_missing_launcher_is_an_error_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no launcher at"):
        await SimulatedCall([], ChannelOptions(launcher=tmp_path / "none")).run()


async def test_cancelling_hangs_up(tmp_path: Path, compiled_launcher: Path) -> None:
    loop = asyncio.get_running_loop()
    taken, gone = asyncio.Event(), asyncio.Event()

    def talk(line: Line) -> bool:
        loop.call_soon_threadsafe(taken.set)
        end = line.launcher_is_gone()
        loop.call_soon_threadsafe(gone.set)
        return end

    socket = tmp_path / "d.sock"
    peer = Peer(socket, talk)
    call = SimulatedCall([HangUp(After(60_000))], ChannelOptions(launcher=compiled_launcher, socket=socket))
    running = asyncio.create_task(call.run())
    await asyncio.wait_for(taken.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(gone.wait(), 10)
    assert peer.result() is True
