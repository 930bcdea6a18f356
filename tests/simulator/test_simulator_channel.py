"""Simulated calls over real pipes and the real launcher: audio both ways, keys, hang-up.

A stand-in plays the daemon.  What goes wrong is in test_simulator_trouble.py.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

import numpy as np
import pytest

from offhook.simulator import (
    After,
    CallEnd,
    ChannelOptions,
    HangUp,
    Press,
    Say,
    SimulatedCall,
    WhenSilent,
    WhenSpeaking,
)
from offhook.simulator.script import Step
from tests.support.engines.peer import Line, Peer
from tests.support.launchers import TWIN
from tests.support.simulated import place
from tests.support.sip.tones import put, tone

pytestmark = pytest.mark.usefixtures("nothing_keeps_running")


def test_the_header_is_what_asterisk_prints(tmp_path: Path, compiled_launcher: Path) -> None:
    record, result = place(
        tmp_path,
        compiled_launcher,
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


def test_the_callers_audio_arrives_whole_and_in_time(tmp_path: Path, compiled_launcher: Path) -> None:
    speech = np.arange(1, 4001, dtype=np.int16)

    def listen(line: Line) -> tuple[bytes, int]:
        audio = line.read_audio(320 * 40)
        had_ns = time.monotonic_ns()
        line.send("HANGUP")
        return audio, had_ns

    record, result = place(
        tmp_path, compiled_launcher, listen, [Say(speech, After(100)), HangUp(After(5000))]
    )
    assert isinstance(result, tuple)
    audio, had_ns = result
    got = np.frombuffer(audio, "<i2")
    assert not got[:800].any()
    assert np.array_equal(got[800:4800], speech)
    assert had_ns - record.began_ns >= 39 * 20_000_000, "40 frames do not come faster than real time"
    assert record.end is CallEnd.AGENT
    assert record.frames_dropped == 0
    assert np.array_equal(record.caller_audio[:6400], got[:6400])


def test_the_audio_pipe_is_asterisks(tmp_path: Path, compiled_launcher: Path) -> None:
    def look(line: Line) -> tuple[int, bool]:
        return fcntl.fcntl(line.audio, fcntl.F_GETPIPE_SZ), os.get_blocking(line.audio)

    _, result = place(tmp_path, compiled_launcher, look, [])
    assert result == (65536, True), "default capacity; only the write end is non-blocking"


def test_a_conversation_is_measured(tmp_path: Path, compiled_launcher: Path) -> None:
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
        moments.append(time.monotonic_ns())
        replies.append(line.ask("SET VARIABLE OFFHOOK_RESULT ok"))
        return replies

    steps: list[Step] = [Say(tone(300) | 1, WhenSilent(ms=200), "hello"), HangUp(WhenSilent(ms=200))]
    record, replies = place(tmp_path, compiled_launcher, talk, steps, uniqueid="7.1")
    assert replies == ["200 result=0 endpos=2800", "200 result=0 endpos=3200", "200 result=1"]
    assert record.errors == []
    assert record.result == "ok"
    assert record.end is CallEnd.DIALPLAN, "the script ended before the caller's patience"
    (turn,) = record.turns
    assert turn.said == "hello"
    # The answer was played between two known times; the recording must show it there.
    begun_samples, over_samples = ((moment - record.began_ns) * 8 // 10**6 for moment in moments)
    assert turn.answer_start_samples is not None
    assert begun_samples <= turn.answer_start_samples <= over_samples - 3200 + 160, "to the frame"
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


def test_barge_in_stops_the_answer(tmp_path: Path, compiled_launcher: Path) -> None:
    long = put(tmp_path / "long.sln", tone(5000))
    short = put(tmp_path / "short.sln", tone(200))

    def talk(line: Line) -> str:
        line.send(f'STREAM FILE "{long}" ""')
        while not np.frombuffer(line.read_audio(320), "<i2").any():
            pass
        return line.ask(f'STREAM FILE "{short}" ""')

    record, reply = place(
        tmp_path, compiled_launcher, talk, [Say(tone(400), WhenSpeaking(ms=300)), HangUp(WhenSilent(ms=100))]
    )
    assert reply == "200 result=0 endpos=1600", "the interrupted command is not answered"
    (turn,) = record.turns
    assert turn.premature, "the answer began while the caller still spoke"
    assert len(record.answer_audio(turn)) == pytest.approx(1600, abs=4)
    assert len(record.greeting_audio()) < 8 * 1000, "the long file was cut"


def test_a_file_that_grows_while_it_plays(tmp_path: Path, compiled_launcher: Path) -> None:
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

    record, reply = place(tmp_path, compiled_launcher, talk, [])
    assert reply == "200 result=0 endpos=3200"
    start = record.agent_audio.nonzero()[0][0]
    assert np.array_equal(record.agent_audio[start : start + len(whole) - 1], whole[1:])


def test_the_caller_hangs_up_in_the_middle(tmp_path: Path, compiled_launcher: Path) -> None:
    name = put(tmp_path / "long.sln", tone(5000))

    def talk(line: Line) -> tuple[str, bool, str]:
        reply = line.ask(f"STREAM FILE {name} #")
        end = line.launcher_is_gone()  # SIGHUP has killed it
        return reply, end, line.ask("STREAM FILE x #")

    record, result = place(tmp_path, compiled_launcher, talk, [HangUp(WhenSpeaking(ms=200))])
    assert isinstance(result, tuple)
    reply, end, after = result
    assert reply.startswith("200 result=-1 endpos=")
    assert end
    assert after.startswith("511 ")
    assert record.end is CallEnd.CALLER
    assert record.errors == []


def test_the_agent_hangs_up(tmp_path: Path, compiled_launcher: Path) -> None:
    def talk(line: Line) -> tuple[str, bool]:
        return line.ask("HANGUP"), line.launcher_is_gone()

    record, result = place(tmp_path, compiled_launcher, talk, [Say(tone(100))])
    assert result == ("200 result=1", True)
    assert record.end is CallEnd.AGENT
    assert record.errors == []
    assert record.unspoken == 1


def test_keys_reach_get_data(tmp_path: Path, compiled_launcher: Path) -> None:
    record, reply = place(
        tmp_path,
        compiled_launcher,
        lambda line: line.ask('GET DATA "" 5000 4'),
        [Press("12#", After(100)), HangUp(After(3000))],
    )
    assert reply == "200 result=12"
    assert record.errors == []


def test_wideband(tmp_path: Path, compiled_launcher: Path) -> None:
    name = put(tmp_path / "a.sln16", tone(200, 16000))

    def talk(line: Line) -> tuple[str, int]:
        line.ask(f"STREAM FILE {name} #")
        return line.ask("GET VARIABLE EAGI_AUDIO_FORMAT"), len(line.read_audio(640))

    record, result = place(tmp_path, compiled_launcher, talk, [], rate_hz=16000)
    assert result == ("200 result=1 (slin16)", 640)
    assert record.rate_hz == 16000
    assert int(np.count_nonzero(record.agent_audio)) > 3000


async def test_several_calls_at_once(tmp_path: Path, compiled_launcher: Path) -> None:
    def echo(line: Line) -> object:
        line.ask(f"SET VARIABLE OFFHOOK_RESULT {line.args[0]}")
        return line.read_audio(320 * 20)

    peers, calls = [], []
    for number in range(10):  # more than asyncio's pool has threads on a small machine
        socket = tmp_path / f"{number}.sock"
        peers.append(Peer(socket, echo))
        options = ChannelOptions(launcher=compiled_launcher, socket=socket, args=[f"r{number}"])
        calls.append(SimulatedCall([Say(np.full(3200, number + 1, np.int16), After(0))], options).run())
    records = await asyncio.gather(*calls)
    for number, (record, peer) in enumerate(zip(records, peers, strict=True)):
        audio = np.frombuffer(peer.result(), "<i2")  # type: ignore[call-overload]
        assert audio.tolist() == [number + 1] * 3200
        assert record.result == f"r{number}"
        assert record.errors == []


def test_the_python_twin_carries_a_call(tmp_path: Path) -> None:
    def talk(line: Line) -> str:
        line.ask("SET VARIABLE OFFHOOK_RESULT ok")
        return line.ask("NOOP")

    record, reply = place(tmp_path, TWIN, talk, [], args=["1.2"])
    assert reply == "200 result=0"
    assert record.result == "ok"
    assert record.errors == []
