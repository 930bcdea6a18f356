"""A caller who presses keys, and one who does nothing at all."""

from __future__ import annotations

import itertools
import time

import numpy as np

from offhook.agents.loader import load_agent
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.received import common_length, is_continuous, likeness, sound
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import MUSEUM, MUSEUM_SILENCE_S, LongAnswer, PlaceCall, greeted
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually
from tests.support.words import words

MS = 8


async def enter(call: SipCall, keys: str) -> int:
    """Presses keys, hears the answer to its end; returns when it began to press."""
    began_ns = time.monotonic_ns()
    await call.media.press(keys[:-1])
    last_ns = time.monotonic_ns()
    await call.media.press(keys[-1])
    await call.media.heard_after(last_ns)
    await call.media.quiet(600)
    return began_ns


async def test_keys_are_a_turn(
    museum: DaemonProcess,
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
    long_answer: LongAnswer,
) -> None:
    seen, mark = len(museum.transcript()), asterisk.log_mark()

    def lines() -> list[tuple[str, str]]:
        return [(line.heard, line.answer) for line in museum.transcript()[seen:]]

    async with await place_call() as call:
        await greeted(call)
        # Four digits are asked for, so the fourth ends the entry.
        await call.ask(phrases["insurance"], quiet_ms=600)
        await eventually(lambda: len(lines()) == 1, "the question is in the transcript")
        assert "four digit" in lines()[0][1], "the agent asks for four digits"
        await enter(call, "4271")
        await eventually(lambda: len(lines()) == 2, "the entry is in the transcript")
        assert lines()[1][0] == "4 2 7 1"
        # Nothing is asked for now: the terminator ends the entry, and is no part of it.
        entered_ns = await enter(call, "42#")
        await eventually(lambda: len(lines()) == 3, "the second entry is in the transcript")
        assert lines()[2][0] == "4 2"

        # A key interrupts, and those that follow it are an entry with it.
        received = call.media.received
        asked = await call.media.say(phrases["01_hours"])
        await eventually(lambda: len(sound(received, asked.ended_ns)) > 1_000 * MS, "a second of the answer")
        await enter(call, "42#")
        await eventually(lambda: len(lines()) == 5, "the cut answer and the entry are in the transcript")
        heard = sound(received, asked.ended_ns)
    assert lines()[4] == lines()[2], "the same entry, the same answer"
    cut, complete = words(lines()[3][1]), words(long_answer.text)
    assert cut == complete[: len(cut)]
    assert 0 < len(cut) < len(complete)
    # What was heard is the answer's beginning, then the answer to the same entry as before.
    kept = common_length(heard, long_answer.sound)
    assert 1_000 * MS <= kept < 0.7 * len(long_answer.sound)
    entered = sound(received, entered_ns, asked.first_audible_ns)
    assert np.array_equal(heard[-len(entered) :], entered)
    assert abs(len(heard) - len(entered) - kept) < 20 * MS, "and nothing in between"
    assert complaints(asterisk.log(mark)) == []


async def test_a_silent_caller_is_asked_once(
    museum: DaemonProcess, asterisk: AsteriskServer, place_call: PlaceCall
) -> None:
    seen, mark = len(museum.transcript()), asterisk.log_mark()
    async with await place_call() as call:
        await call.wait_ended(240)
        assert call.ended_by == "server"
    received, ended_ns = call.media.received, call.ended_ns
    assert ended_ns is not None
    runs = received.audible_runs(join_ns=MUSEUM_SILENCE_S * 500_000_000)
    assert len(runs) == 3, "a greeting, one question, a goodbye"
    for (_, before), (after, _) in itertools.pairwise(runs):
        silence_s = (after - before) / 1e9
        assert silence_s > MUSEUM_SILENCE_S - 0.5, "not before its time"
        # Silence is sent, not left out: a frame every 20 ms.
        assert is_continuous(received, before, after, late_ns=call.media.clock.worst_late_ns)
        frames = sum(before <= arrival.at_ns < after for arrival in received.arrivals)
        assert frames > 0.8 * silence_s * 50
    agent = load_agent(str(MUSEUM))
    phrases = (agent.greeting, agent.still_there, agent.goodbye)
    for run, text in zip(runs, phrases, strict=True):
        heard = received.between(run[0], run[1] + 100_000_000)
        # Which of three, not how exactly: in a second of sound one gap of a busy machine weighs much.
        alike = {phrase: likeness(heard, phrase) for phrase in phrases}
        assert max(alike, key=alike.__getitem__) == text, alike
    assert len(museum.transcript()) == seen, "there was no turn"
    await eventually(lambda: "ended: result=ok agi=SUCCESS" in asterisk.log(mark), "the call ended well")
    assert complaints(asterisk.log(mark)) == []
