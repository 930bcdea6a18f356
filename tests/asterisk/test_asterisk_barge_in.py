"""What a caller says, hums or coughs into an answer.  What they received is the evidence."""

from __future__ import annotations

import time

import numpy as np

from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.received import common_length, jumps_ms, sound, sounding
from tests.support.audio import sounds
from tests.support.audio.audio import Phrase, Samples, phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import LongAnswer, PlaceCall, greeted, new_lines
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually
from tests.support.words import recall, words

MS = 8


async def begin_answer(call: SipCall, phrases: dict[str, Phrase], heard_ms: int) -> int:
    """Asks, and waits until that much sound of the answer has come; returns when the question ended."""
    asked = await call.media.say(phrases["01_hours"])
    await heard_for(call, asked.ended_ns, heard_ms)
    return asked.ended_ns


async def heard_for(call: SipCall, since_ns: int, heard_ms: int) -> None:
    received = call.media.received
    await eventually(lambda: len(sound(received, since_ns)) >= heard_ms * MS, f"{heard_ms} ms of sound")


def both(first: Phrase, second: Phrase) -> Phrase:
    """Two phrases in one breath."""
    pause = np.zeros(150 * MS, np.int16)
    spoken = [each.samples[each.first_audible : each.last_audible + 1] for each in (first, second)]
    return phrase(first.name, f"{first.text} {second.text}", np.concatenate([spoken[0], pause, spoken[1]]))


def check_heard_to_end(whole: LongAnswer, heard: Samples) -> None:
    """All of the answer was heard, each part once: perhaps stopped, then it went on where it was."""
    jumps = jumps_ms(whole.sound, heard)
    same = common_length(whole.sound, heard) / MS
    assert jumps is not None, f"{same:.0f} ms are the answer's, of {len(heard) / MS:.0f} ms heard"
    assert all(-200 < jump < 40 for jump in jumps), f"it did not go on where it was: {jumps} ms"


async def test_words_stop_an_answer_and_are_answered(
    museum: DaemonProcess,
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
    long_answer: LongAnswer,
) -> None:
    mark = asterisk.log_mark()
    async with await place_call() as call:
        await greeted(call)
        seen = len(museum.transcript())
        asked_ns = await begin_answer(call, phrases, 1_000)
        turn = await call.ask(phrases["stop"])
        cut, answered = await new_lines(museum, seen, 2)

    received = call.media.received
    silent_ns = received.last_audible_before_ns(turn.answer_from_ns - 1)
    assert silent_ns is not None
    assert silent_ns < turn.utterance.ended_ns, "it fell silent while the caller was still speaking"
    heard = sound(received, asked_ns, turn.utterance.ended_ns)
    assert common_length(heard, long_answer.sound) == len(heard), "what was heard is the answer's beginning"
    share = len(heard) / len(long_answer.sound)
    assert share < 0.7, "long before its end"
    # What is remembered is what was heard: whole words from the beginning, and no more of them.
    remembered, all_words = words(cut.answer), words(long_answer.text)
    assert remembered == all_words[: len(remembered)]
    assert abs(len(remembered) / len(all_words) - share) < 0.2, (cut, share)
    # And the words that stopped it are the next turn.
    assert recall(phrases["stop"].text, answered.heard) >= 0.6, answered
    after = sound(received, turn.utterance.ended_ns)
    assert len(after) > 200 * MS
    assert common_length(after, long_answer.sound) < 100 * MS, "another answer"
    assert complaints(asterisk.log(mark)) == []


async def test_a_hum_and_a_cough_stop_nothing(
    museum: DaemonProcess, place_call: PlaceCall, phrases: dict[str, Phrase], long_answer: LongAnswer
) -> None:
    random = np.random.default_rng(7)
    hum = sounds.hum(random, pitch_hz=120, length_ms=400)
    noises = {"hum": hum, "cough": sounds.cough(random)}
    async with await place_call() as call:
        await greeted(call)
        seen = len(museum.transcript())
        asked_ns = await begin_answer(call, phrases, 800)
        for name, signal in noises.items():
            level = sounds.at_level(signal, sounds.SPEECH_DBFS)
            noise = await call.media.say(phrase(name, "", sounds.telephone(level)))
            await heard_for(call, noise.ended_ns, 1_000)  # it goes on
        await call.media.quiet(1_500)
        lines = await new_lines(museum, seen, 1)
    assert [line.answer for line in lines] == [long_answer.text], f"nothing else was answered: {lines}"
    check_heard_to_end(long_answer, sound(call.media.received, asked_ns))


async def test_an_answer_that_was_stopped_for_nothing_goes_on(
    museum: DaemonProcess,
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
    long_answer: LongAnswer,
) -> None:
    """ "I see" and "okay" are speech, so they stop us; their words tell that they were not meant to.

    The embedded recogniser may mishear one of them, on one machine and not on another; then it is a turn, and
    has to be answered as one: either outcome is checked, and each is said once.
    """
    mark, stops_ms = asterisk.log_mark(), []
    async with await place_call() as call:
        await greeted(call)
        received = call.media.received
        for said in (phrases["i_see"], phrases["okay"], both(phrases["okay"], phrases["i_see"])):
            seen = len(museum.transcript())
            asked_ns = await begin_answer(call, phrases, 1_000)
            await call.media.say(said)
            await call.media.quiet(2_000)
            line, *_ = await new_lines(museum, seen, 1)
            end_ns = time.monotonic_ns()
            if line.answer == long_answer.text:
                check_heard_to_end(long_answer, sound(received, asked_ns, end_ns))
                _, silence_ms = sounding(received.between(asked_ns, end_ns))
                stops_ms.append(silence_ms - long_answer.longest_silence_ms)
            else:
                assert words(line.answer) == words(long_answer.text)[: len(words(line.answer))]
                _, turn, *_ = await new_lines(museum, seen, 2)
                assert words(turn.heard) != words(said.text), "what was heard right is let go"
                assert turn.answer
                await call.media.quiet(1_000)
    assert max(stops_ms, default=0) > 150, f"none has stopped the answer and was let go: {stops_ms}"
    assert complaints(asterisk.log(mark)) == []
