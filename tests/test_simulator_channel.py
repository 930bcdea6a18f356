"""Simulated calls over real pipes and the real launcher, against a stand-in for the daemon."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.errors import ConfigError
from offhook.simulator import (
    After,
    CallEnd,
    CallRecord,
    ChannelOptions,
    HangUp,
    Press,
    Say,
    SimulatedCall,
    WhenSilent,
    WhenSpeaking,
)
from offhook.simulator.audible import Samples
from offhook.simulator.launcher import INSTALLED
from offhook.simulator.script import Step
from tests.support.peer import Line, Peer

ROOT = Path(__file__).parent.parent
TWIN = ROOT / "agi" / "offhook_eagi.py"
F_GETPIPE_SZ = 1032


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher that the build installed, or one compiled from this checkout."""
    if INSTALLED.exists():
        return INSTALLED
    compiler = shutil.which("cc") or pytest.fail("no launcher and no C compiler: make build")
    built = tmp_path_factory.mktemp("launcher") / "offhook-eagi"
    subprocess.run([compiler, "-O1", "-o", built, ROOT / "agi" / "offhook_eagi.c"], check=True)
    return built


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = held()
    yield
    deadline = time.monotonic() + 5
    while held() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert held() <= before, "descriptors or threads leak"


def tone(ms: int, rate_hz: int = 8000) -> Samples:
    at = np.arange(ms * rate_hz // 1000)
    return (8000 * np.sin(2 * np.pi * 440 * at / rate_hz)).astype(np.int16)


def put(path: Path, audio: Samples) -> str:
    path.write_bytes(audio.astype("<i2").tobytes())
    return str(path.with_suffix(""))


def place(
    tmp_path: Path,
    launcher: Path,
    part: Callable[[Line], object],
    steps: list[Step],
    **more: object,
) -> tuple[CallRecord, object]:
    """One call in which the agent's side does ``part``."""
    socket = tmp_path / "d.sock"
    peer = Peer(socket, part)
    options = ChannelOptions(launcher=launcher, socket=socket, **{"deadline_s": 20.0, **more})  # type: ignore[arg-type]
    record = SimulatedCall(steps, options).run_blocking()
    return record, peer.result()


def test_the_header_is_what_asterisk_prints(tmp_path: Path, launcher: Path) -> None:
    record, result = place(
        tmp_path,
        launcher,
        lambda line: (line.header, line.args),
        [],
        args=["17.1", "agent=helpdesk"],
        uniqueid="17.1",
        header={"callerid": "5551234"},
    )
    assert isinstance(result, tuple)
    header, args = result
    assert args == ("17.1", "agent=helpdesk")
    assert list(header) == [
        *("agi_request", "agi_channel", "agi_language", "agi_type", "agi_uniqueid", "agi_version"),
        *("agi_callerid", "agi_calleridname", "agi_callingpres", "agi_callingani2", "agi_callington"),
        *("agi_callingtns", "agi_dnid", "agi_rdnis", "agi_context", "agi_extension", "agi_priority"),
        *("agi_enhanced", "agi_accountcode", "agi_threadid", "agi_arg_1", "agi_arg_2"),
    ]
    assert header["agi_request"] == "offhook-eagi"
    assert header["agi_type"] == "PJSIP"
    assert header["agi_uniqueid"] == "17.1"
    assert header["agi_enhanced"] == "1.0"
    assert header["agi_callerid"] == "5551234"
    assert header["agi_arg_2"] == "agent=helpdesk"
    assert record.end is CallEnd.DIALPLAN
    assert record.errors == []


def test_the_callers_audio_arrives_whole_and_in_time(tmp_path: Path, launcher: Path) -> None:
    speech = np.arange(1, 4001, dtype=np.int16)

    def listen(line: Line) -> tuple[bytes, float]:
        audio = line.read_audio(320)
        began = time.monotonic()
        audio += line.read_audio(320 * 39)
        took = time.monotonic() - began
        line.send("HANGUP")
        return audio, took

    record, result = place(tmp_path, launcher, listen, [Say(speech, After(100)), HangUp(After(5000))])
    assert isinstance(result, tuple)
    audio, took = result
    got = np.frombuffer(audio, "<i2")
    assert not got[:800].any()
    assert np.array_equal(got[800:4800], speech)
    assert took > 0.6, "39 frames do not come faster than real time"
    assert record.end is CallEnd.AGENT
    assert record.frames_dropped == 0
    assert np.array_equal(record.caller_audio[:6400], got[:6400])


def test_the_audio_pipe_is_asterisks(tmp_path: Path, launcher: Path) -> None:
    def look(line: Line) -> tuple[int, bool]:
        return fcntl.fcntl(line.audio, F_GETPIPE_SZ), os.get_blocking(line.audio)

    _, result = place(tmp_path, launcher, look, [])
    assert result == (65536, True), "default capacity; only the write end is non-blocking"


def test_a_full_audio_pipe_drops_frames_and_never_blocks(tmp_path: Path, launcher: Path) -> None:
    def neglect(line: Line) -> int:
        # 64 KiB fill within a second at 96 frames of 640 bytes when the pipe is made small.
        fcntl.fcntl(line.audio, 1031, 4096)
        while line.ask("NOOP") == "200 result=0" and time.monotonic() < deadline:
            pass
        return len(line.read_audio(8192))

    deadline = time.monotonic() + 1.0
    record, kept = place(tmp_path, launcher, neglect, [Say(tone(3000), After(0)), HangUp(After(0))])
    assert record.frames_dropped > 20
    assert f"{record.frames_dropped} audio frames were lost: the pipe was full" in record.errors
    assert kept == 8192


def test_audio_that_the_agent_has_closed_is_not_lost(tmp_path: Path, launcher: Path) -> None:
    def talk(line: Line) -> str:
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, line.audio)  # what closing it does, but the number stays ours
        os.close(null)
        return line.ask("WAIT FOR DIGIT 300")

    record, reply = place(tmp_path, launcher, talk, [])
    assert reply == "200 result=0"
    assert record.frames_dropped == 0
    assert record.errors == []


def test_a_conversation_is_measured(tmp_path: Path, launcher: Path) -> None:
    greeting = put(tmp_path / "greeting.sln", np.concatenate([np.zeros(400, np.int16), tone(300)]))
    answer = put(tmp_path / "answer.sln", tone(400))
    moments: list[int] = []

    def talk(line: Line) -> list[str]:
        replies = [line.ask(f'STREAM FILE "{greeting}" ""')]
        heard = 0
        while heard < 300 * 8:  # count the caller's loud samples: the utterance has 300 ms
            heard += int(np.count_nonzero(np.frombuffer(line.read_audio(320), "<i2")))
        moments.append(time.monotonic_ns())
        replies.append(line.ask(f'STREAM FILE "{answer}" ""'))
        replies.append(line.ask("SET VARIABLE OFFHOOK_RESULT ok"))
        return replies

    steps: list[Step] = [Say(tone(300) | 1, WhenSilent(ms=200), "hello"), HangUp(WhenSilent(ms=200))]
    record, replies = place(tmp_path, launcher, talk, steps, uniqueid="7.1")
    assert replies == ["200 result=0 endpos=2800", "200 result=0 endpos=3200", "200 result=1"]
    assert record.errors == []
    assert record.result == "ok"
    assert record.end is CallEnd.DIALPLAN, "the script ended before the caller's patience"
    (turn,) = record.turns
    assert turn.said == "hello"
    # The answer was begun at a known time; the recording must show it there.
    begun_samples = (moments[0] - record.began_ns) * 8 // 10**6
    assert turn.answer_start_samples is not None
    assert begun_samples <= turn.answer_start_samples <= begun_samples + 8 * 100
    expected = (turn.answer_start_samples - turn.speech_end_samples + 1) / 8
    assert expected > 0
    assert turn.turnaround_ms == pytest.approx(expected, abs=0.06)
    answered = record.answer_audio(turn)
    assert len(answered) == pytest.approx(3200, abs=4)
    assert record.greeting_ms is not None
    assert record.greeting_ms > 50, "the greeting's 50 ms of silence are not audible"
    assert len(record.greeting_audio()) >= 2400
    stereo = record.stereo()
    assert stereo.shape == (len(record.agent_audio), 2)
    left = stereo[turn.speech_start_samples : turn.speech_end_samples, 0]
    assert np.array_equal(left, (tone(300) | 1)[1:]), "all but the tone's first, inaudible sample"


def test_barge_in_stops_the_answer(tmp_path: Path, launcher: Path) -> None:
    long = put(tmp_path / "long.sln", tone(5000))
    short = put(tmp_path / "short.sln", tone(200))

    def talk(line: Line) -> str:
        line.send(f'STREAM FILE "{long}" ""')
        while not np.frombuffer(line.read_audio(320), "<i2").any():
            pass
        return line.ask(f'STREAM FILE "{short}" ""')

    record, reply = place(
        tmp_path, launcher, talk, [Say(tone(400), WhenSpeaking(ms=300)), HangUp(WhenSilent(ms=100))]
    )
    assert reply == "200 result=0 endpos=1600", "the interrupted command is not answered"
    (turn,) = record.turns
    assert turn.premature, "the answer began while the caller still spoke"
    assert len(record.answer_audio(turn)) == pytest.approx(1600, abs=4)
    assert len(record.greeting_audio()) < 8 * 1000, "the long file was cut"


def test_a_file_that_grows_while_it_plays(tmp_path: Path, launcher: Path) -> None:
    whole = tone(1200)
    path = tmp_path / "growing.sln"
    put(path, whole[:3200])

    def talk(line: Line) -> str:
        line.send(f"STREAM FILE {path.with_suffix('')} #")
        with path.open("ab") as file:
            for start in range(3200, len(whole), 800):
                line.read_audio(320)  # the caller's frames are the clock: 20 ms per 100 ms of answer
                file.write(whole[start : start + 800].tobytes())
                file.flush()
        return line.read_line()

    record, reply = place(tmp_path, launcher, talk, [])
    assert reply == "200 result=0 endpos=3200"
    start = record.agent_audio.nonzero()[0][0]
    assert np.array_equal(record.agent_audio[start : start + len(whole) - 1], whole[1:])


def test_the_caller_hangs_up_in_the_middle(tmp_path: Path, launcher: Path) -> None:
    name = put(tmp_path / "long.sln", tone(5000))

    def talk(line: Line) -> tuple[str, bool, str]:
        reply = line.ask(f"STREAM FILE {name} #")
        end = line.launcher_is_gone()  # SIGHUP has killed it
        return reply, end, line.ask("STREAM FILE x #")

    record, result = place(tmp_path, launcher, talk, [HangUp(WhenSpeaking(ms=200))])
    assert isinstance(result, tuple)
    reply, end, after = result
    assert reply.startswith("200 result=-1 endpos=")
    assert end
    assert after.startswith("511 ")
    assert record.end is CallEnd.CALLER
    assert record.errors == []


def test_the_agent_hangs_up(tmp_path: Path, launcher: Path) -> None:
    def talk(line: Line) -> tuple[str, bool]:
        return line.ask("HANGUP"), line.launcher_is_gone()

    record, result = place(tmp_path, launcher, talk, [Say(tone(100))])
    assert result == ("200 result=1", True)
    assert record.end is CallEnd.AGENT
    assert record.errors == []
    assert record.unspoken == 1


def test_keys_reach_get_data(tmp_path: Path, launcher: Path) -> None:
    record, reply = place(
        tmp_path,
        launcher,
        lambda line: line.ask('GET DATA "" 5000 4'),
        [Press("12#", After(100)), HangUp(After(3000))],
    )
    assert reply == "200 result=12"
    assert record.errors == []


def test_wideband(tmp_path: Path, launcher: Path) -> None:
    name = put(tmp_path / "a.sln16", tone(200, 16000))

    def talk(line: Line) -> tuple[str, int]:
        line.ask(f"STREAM FILE {name} #")
        return line.ask("GET VARIABLE EAGI_AUDIO_FORMAT"), len(line.read_audio(640))

    record, result = place(tmp_path, launcher, talk, [], rate_hz=16000)
    assert result == ("200 result=1 (slin16)", 640)
    assert record.rate_hz == 16000
    assert int(np.count_nonzero(record.agent_audio)) > 3000


def test_a_call_that_never_ends_is_ended(tmp_path: Path, launcher: Path) -> None:
    record, end = place(
        tmp_path, launcher, lambda line: line.launcher_is_gone(), [HangUp(After(60_000))], deadline_s=0.3
    )
    assert record.end is CallEnd.DEADLINE
    assert record.errors == ["the call did not end within 0.3 s"]
    assert end is True


def test_an_agent_that_keeps_the_pipes_after_hang_up_is_reported(tmp_path: Path, launcher: Path) -> None:
    release = threading.Event()
    socket = tmp_path / "d.sock"
    peer = Peer(socket, lambda line: release.wait(20), say_done=False)
    options = ChannelOptions(launcher=launcher, socket=socket, grace_s=0.2)
    record = SimulatedCall([HangUp(After(40))], options).run_blocking()
    release.set()
    peer.result()
    assert record.errors == ["the command pipe was still open 0.2 s after the hang-up"]


def test_no_daemon(tmp_path: Path, launcher: Path) -> None:
    options = ChannelOptions(launcher=launcher, socket=tmp_path / "nobody.sock")
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


async def test_several_calls_at_once(tmp_path: Path, launcher: Path) -> None:
    def echo(line: Line) -> object:
        line.ask(f"SET VARIABLE OFFHOOK_RESULT {line.args[0]}")
        return line.read_audio(320 * 20)

    peers, calls = [], []
    for number in range(10):  # more than asyncio's pool has threads on a small machine
        socket = tmp_path / f"{number}.sock"
        peers.append(Peer(socket, echo))
        options = ChannelOptions(launcher=launcher, socket=socket, args=[f"r{number}"])
        calls.append(SimulatedCall([Say(np.full(3200, number + 1, np.int16), After(0))], options).run())
    records = await asyncio.gather(*calls)
    for number, (record, peer) in enumerate(zip(records, peers, strict=True)):
        audio = np.frombuffer(peer.result(), "<i2")  # type: ignore[call-overload]
        assert audio.tolist() == [number + 1] * 3200
        assert record.result == f"r{number}"
        assert record.errors == []


async def test_a_missing_launcher_is_an_error_of_the_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no launcher at"):
        await SimulatedCall([], ChannelOptions(launcher=tmp_path / "none")).run()


async def test_cancelling_hangs_up(tmp_path: Path, launcher: Path) -> None:
    loop = asyncio.get_running_loop()
    taken, gone = asyncio.Event(), asyncio.Event()

    def talk(line: Line) -> bool:
        loop.call_soon_threadsafe(taken.set)
        end = line.launcher_is_gone()
        loop.call_soon_threadsafe(gone.set)
        return end

    socket = tmp_path / "d.sock"
    peer = Peer(socket, talk)
    call = SimulatedCall([HangUp(After(60_000))], ChannelOptions(launcher=launcher, socket=socket))
    running = asyncio.create_task(call.run())
    await asyncio.wait_for(taken.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(gone.wait(), 10)
    assert peer.result() is True


def test_the_python_twin_carries_a_call(tmp_path: Path) -> None:
    def talk(line: Line) -> str:
        line.ask("SET VARIABLE OFFHOOK_RESULT ok")
        return line.ask("NOOP")

    record, reply = place(tmp_path, TWIN, talk, [], args=["1.2"])
    assert reply == "200 result=0"
    assert record.result == "ok"
    assert record.errors == []
