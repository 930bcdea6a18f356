"""When answers come, and that they come whole: one caller for long, several at once, one who hesitates."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics

import numpy as np

from tests.support.asterisk.asterisk_server import TRUNK_HOST, AsteriskServer, complaints
from tests.support.asterisk.received import ALIKE, is_continuous, likeness, sound, sounding, spoken
from tests.support.audio.audio import Phrase, Samples, phrase
from tests.support.daemon_process import DaemonProcess, Heard
from tests.support.english import split
from tests.support.kit import PlaceCall, greeted, new_lines
from tests.support.sip.sip_client import SipCall, Turn
from tests.support.words import recall

MS = 8
INNER_PAUSE_MS = 450
SHORT = ("02_location", "04_parking", "children", "03_cost")
"""Questions with short answers, and without a pause inside that an answer could fall into."""


# --- one turn -----------------------------------------------------------------------------------


async def test_a_caller_who_pauses_inside_is_answered_once(
    museum: DaemonProcess, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    first, second = phrases["i_would_like_to"], phrases["book_an_appointment"]
    audible = [each.samples[each.first_audible : each.last_audible + 1] for each in (first, second)]
    pause = np.zeros(INNER_PAUSE_MS * MS, np.int16)
    text = f"{first.text} {second.text}"
    seen = len(museum.transcript())
    async with await place_call() as call:
        await greeted(call)
        turn = await call.ask(phrase("hesitation", text, np.concatenate([audible[0], pause, audible[1]])))
        (line,) = await new_lines(museum, seen, 1)
    assert not turn.premature, "nothing was said into the pause"
    assert recall(text, line.heard) >= 0.7, line
    assert len(sound(call.media.received, turn.utterance.ended_ns)) > 200 * MS


async def test_a_long_answer_has_no_gap(
    museum: DaemonProcess, asterisk: AsteriskServer, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """Several sentences, made while they are heard.  A machine that stands still makes a gap, and says so."""
    seen, mark = len(museum.transcript()), asterisk.log_mark()
    async with await place_call() as call:
        await greeted(call)
        turn = await call.ask(phrases["01_hours"])
        (line,) = await new_lines(museum, seen, 1)
    received = call.media.received
    late_ns = call.media.clock.worst_late_ns
    assert is_continuous(received, turn.answer_from_ns, turn.answer_to_ns, late_ns=late_ns), (
        "a packet is missing"
    )
    assert received.lost_packets == 0
    assert likeness(turn.answer, line.answer) >= ALIKE, "nothing is left out"
    own = spoken(*split(line.answer))
    excess = [round(heard - said) for heard, said in zip(sounding(turn.answer), sounding(own), strict=True)]
    (trace,) = (
        each
        for each in map(json.loads, museum.trace_file.read_text().splitlines())
        if (each["call"], each["turn"]) == (line.call, line.turn)
    )
    # Two frames: the voice flutters, and an answer may end in the middle of one.
    assert max(excess) <= 40 or trace["underruns"], f"length, longest silence: {excess} ms too much"
    assert complaints(asterisk.log(mark)) == []


# --- a long call, and several -------------------------------------------------------------------


async def ask_in_turn(call: SipCall, questions: list[Phrase]) -> list[Turn]:
    return [await call.ask(question, quiet_ms=400) for question in questions]


async def test_the_thirtieth_turn_costs_what_the_first_did(
    museum: DaemonProcess, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """Its last ten run beside the first ten of a new call.  How long they take, bench/turnaround measures."""
    questions = [phrases[name] for name, _ in zip(itertools.cycle(SHORT[:3]), range(30), strict=False)]
    seen = len(museum.transcript())
    async with await place_call() as call:
        await greeted(call)
        turns = await ask_in_turn(call, questions[:20])
        async with await place_call() as other:
            await greeted(other)
            late, fresh = await asyncio.gather(
                ask_in_turn(call, questions[20:]), ask_in_turn(other, questions[:10])
            )
        lines = await new_lines(museum, seen, 40)
    turns += late
    one, new = by_call(lines)
    assert [line.turn for line in one] == list(range(1, 31)), "every turn was answered, once"
    assert [line.turn for line in new] == list(range(1, 11))
    assert not any(turn.premature for turn in [*turns, *fresh])
    for question, line in zip(questions, one, strict=True):
        assert recall(question.text, line.heard) >= 0.5, line
    # What is computed for a turn does not grow.
    traced = [json.loads(text) for text in museum.trace_file.read_text().splitlines()]
    computed = [turn["tokens_computed"] for turn in traced if turn["call"] == one[0].call]
    assert len(computed) == 30
    assert statistics.median(computed[20:]) <= 2 * statistics.median(computed[:10]), computed


def by_call(lines: list[Heard]) -> list[list[Heard]]:
    """The lines of each call, in the order of the calls: Asterisk numbers its channels."""
    calls: dict[str, list[Heard]] = {}
    for line in lines:
        calls.setdefault(line.call, []).append(line)
    return [calls[name] for name in sorted(calls, key=lambda name: [*map(int, name.split("."))])]


async def test_four_calls_at_once_get_their_own_answers(
    museum: DaemonProcess, asterisk: AsteriskServer, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """The same questions, each call in another order; one answer sounds the same in every call."""
    seen = len(museum.transcript())
    asked = [[phrases[SHORT[(start + at) % 4]] for at in range(4)] for start in range(4)]
    calls = [await place_call() for _ in range(3)]
    # Three from the softphone, one from the trunk: both doors lead to the same agent.
    calls.append(await SipCall.place(asterisk.address, "+12125550123", local_host=TRUNK_HOST))
    async with calls[0], calls[1], calls[2], calls[3]:
        for call in calls:
            await greeted(call)
        turns = await asyncio.gather(
            *(ask_in_turn(call, questions) for call, questions in zip(calls, asked, strict=True))
        )
        lines = await new_lines(museum, seen, 16)
        received = [
            sound(call.media.received, turn.utterance.ended_ns, turn.answer_to_ns + 100_000_000)
            for call, part in zip(calls, turns, strict=True)
            for turn in part
        ]
    written = by_call(lines)
    assert [len(part) for part in written] == [4, 4, 4, 4], written
    sounds_of: dict[str, list[Samples]] = {}
    one_list = itertools.chain.from_iterable
    for question, line, heard in zip(one_list(asked), one_list(written), received, strict=True):
        texts = [phrases[name].text for name in SHORT]
        assert question.text == max(texts, key=lambda text: recall(text, line.heard)), line
        sounds_of.setdefault(line.answer, []).append(heard)
    assert len(sounds_of) >= 4, "different questions have different answers"
    for answer, heard_by in sounds_of.items():
        assert all(np.array_equal(heard, heard_by[0]) for heard in heard_by), answer
    for one, other in itertools.combinations(sounds_of.values(), 2):
        assert not np.array_equal(one[0], other[0])
