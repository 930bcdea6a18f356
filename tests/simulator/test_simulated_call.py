"""A caller on a simulated Asterisk channel talks with the real daemon on the embedded models.

Real processes, real launcher, real time, real words; only Asterisk is simulated.  Nothing
here depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import offhook
from offhook.agents.loader import load_agent
from offhook.cli.call import listen
from offhook.config import Config
from offhook.simulator import (
    After,
    CallEnd,
    CallRecord,
    ChannelOptions,
    HangUp,
    Say,
    SimulatedCall,
    WhenSilent,
    WhenSpeaking,
    complete,
)
from offhook.simulator.script import Step, When
from offhook.simulator.speech import read_wav
from tests.support.asterisk.received import ALIKE, likeness
from tests.support.audio.audio import load_phrases, split_utterances
from tests.support.daemon_process import DaemonProcess
from tests.support.launchers import TWIN
from tests.support.waiting import eventually
from tests.support.words import recall, words

SPEECH = Path(offhook.__file__).parent / "assets" / "demo"
TEXTS = {name: phrase.text for name, phrase in load_phrases(SPEECH).items()}
MS = 1_000_000
ENDPOINTER_MS = 80
"""60 ms at most (tests/core/test_core_endpointer.py), and the frame that the caller's last sample lies in."""
POLITELY = WhenSilent(ms=2500)  # a loaded machine pauses between two clauses of an answer
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def daemon() -> Iterator[DaemonProcess]:
    with DaemonProcess() as running:
        yield running


def say(name: str, when: When = POLITELY) -> Say:
    return Say(read_wav(SPEECH / f"{name}.wav", 8000), when, name)


def call(daemon: DaemonProcess, *steps: Step, agent: str | None = None, twin: bool = False) -> SimulatedCall:
    options = ChannelOptions(socket=daemon.socket, deadline_s=120, args=[f"agent={agent}"] if agent else [])
    if twin:
        options = ChannelOptions(socket=daemon.socket, deadline_s=120, launcher=TWIN)
    return SimulatedCall([*steps, HangUp(POLITELY)], options)


def completed(record: CallRecord, daemon: DaemonProcess) -> CallRecord:
    complete(record, daemon.transcript_file, daemon.trace_file, timeout_s=120)
    return record


async def test_a_conversation(daemon: DaemonProcess) -> None:
    talk = call(daemon, say("01_hours"), say("04_parking"), agent="receptionist")
    record = completed(await talk.run(), daemon)
    assert record.errors == []
    assert record.unspoken == 0
    assert record.greeting_ms is not None
    for turn in record.turns:
        assert recall(TEXTS[turn.said or ""], turn.heard or "") >= 0.6, turn.heard
        assert turn.answer
        assert not turn.premature
        assert turn.trace is not None
        assert {"endpoint", "stt", "clause", "tts_first_audio"} <= set(turn.trace.stages_ms())
        assert turn.trace.act == "facts"
        # Both ends measure the same wait: the caller from sound to sound, the daemon from its endpointer's
        # end of speech to its command.  They may differ by what the endpointer may be off and by how late
        # this machine woke for its frames; a sound lies in the frame that was due, not where it was put in.
        assert turn.answer_start_samples is not None
        assert turn.trace.speech_end_ns is not None
        assert turn.trace.playback_started_ns is not None
        said_ns = record.began_ns + turn.speech_end_samples * 125_000
        heard_ns = record.began_ns + turn.answer_start_samples * 125_000
        assert abs(turn.trace.speech_end_ns - said_ns) <= (ENDPOINTER_MS + record.latest_frame_ms) * MS
        late_ns = round((20 + record.latest_frame_ms) * MS)
        assert heard_ns + late_ns >= turn.trace.playback_started_ns, "nothing is heard before the command"
        assert likeness(record.answer_audio(turn), turn.answer) >= ALIKE, turn.answer
    received = await listen(record, Config())
    assert len(received) == 3
    assert len(words(received[0])) > 2, "the greeting was intelligible"


async def test_two_calls_at_once_do_not_mix(daemon: DaemonProcess) -> None:
    calls = call(daemon, say("01_hours")), call(daemon, say("04_parking"), twin=True)
    first, second = [completed(record, daemon) for record in await asyncio.gather(*(c.run() for c in calls))]
    assert first.uniqueid != second.uniqueid
    for record, own, other in ((first, "01_hours", "04_parking"), (second, "04_parking", "01_hours")):
        heard = record.turns[0].heard or ""
        assert recall(TEXTS[own], heard) > recall(TEXTS[other], heard), heard
    assert first.errors == second.errors == []


async def test_the_caller_interrupts(daemon: DaemonProcess) -> None:
    talk = call(daemon, say("01_hours"), say("04_parking", WhenSpeaking(ms=600)))
    record = completed(await talk.run(), daemon)
    first, second = record.turns
    assert first.trace is not None
    assert first.trace.interrupted
    assert second.answer_start_samples is not None
    # Between the interruption and the new answer, the old one has fallen silent.
    gap = record.agent_audio[second.answer_start_samples - 800 : second.answer_start_samples - 80]
    assert not np.any(np.abs(gap.astype(int)) > 200)
    assert record.errors == []


async def test_hanging_up_at_any_moment_leaves_nothing(daemon: DaemonProcess) -> None:
    moments: list[list[Step]] = [
        [HangUp(After(0))],
        [HangUp(WhenSpeaking(ms=200))],
        [say("01_hours", After(100)), HangUp(After(250))],  # while the answer is being prepared
        [say("01_hours"), HangUp(WhenSpeaking(ms=300))],
    ]
    for steps in moments:
        record = await call(daemon, *steps).run()
        assert record.end is CallEnd.CALLER
        assert record.errors == []
    await eventually(lambda: not daemon.call_folders(), "the folders of ended calls are removed")
    after = await call(daemon, say("01_hours"), HangUp(WhenSpeaking(ms=100))).run()
    assert after.turns[0].answer_start_samples is not None, "the daemon is as well as before"


async def test_a_killed_daemon_leaves_the_call_to_the_dialplan() -> None:
    with DaemonProcess() as daemon:
        running = asyncio.create_task(call(daemon, HangUp(After(60_000))).run())
        await eventually(lambda: bool(daemon.call_folders()), "the call has begun")
        daemon.kill()
        record = await running
    assert record.end is CallEnd.DIALPLAN
    assert record.result == "failed"


async def test_a_full_daemon_says_busy() -> None:
    with DaemonProcess(max_calls=1) as daemon:
        long = asyncio.create_task(call(daemon).run())
        await eventually(lambda: bool(daemon.call_folders()), "the call has begun")
        refused = await call(daemon).run()
        held = await long
    assert refused.end is CallEnd.DIALPLAN
    assert refused.result == "busy"
    assert held.errors == []


async def test_a_silent_caller_is_asked_once_and_then_said_goodbye_to() -> None:
    with DaemonProcess("[turn]\nmax_silence_s = 1.0\n") as daemon:
        steps = [HangUp(After(60_000))]
        record = await SimulatedCall(steps, ChannelOptions(socket=daemon.socket, deadline_s=90)).run()
        agent = load_agent("receptionist")
    assert record.end is CallEnd.DIALPLAN, "the agent ends the call"
    assert record.result == "ok"
    assert record.turns == []
    phrases = (agent.greeting, agent.still_there, agent.goodbye)
    heard = split_utterances(record.agent_audio, pause_ms=700)
    assert len(heard) == len(phrases), "a greeting, one question, a goodbye"
    for phrase, audio in zip(phrases, heard, strict=True):
        alike = {each: likeness(audio, each) for each in phrases}  # a gap in a second of sound weighs much
        assert max(alike, key=alike.__getitem__) == phrase, alike


async def test_a_call_in_wideband(daemon: DaemonProcess) -> None:
    spoken = Say(read_wav(SPEECH / "04_parking.wav", 16_000), POLITELY, "04_parking")
    options = ChannelOptions(socket=daemon.socket, deadline_s=120, rate_hz=16_000)
    record = completed(await SimulatedCall([spoken, HangUp(POLITELY)], options).run(), daemon)
    assert record.errors == []
    assert recall(TEXTS["04_parking"], record.turns[0].heard or "") >= 0.6, record.turns[0].heard
    assert record.turns[0].answer
