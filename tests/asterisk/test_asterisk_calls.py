"""A caller on a real Asterisk talks with the real daemon, and both sides are listened to."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.received import ALIKE, likeness
from tests.support.audio.audio import Phrase, phrase, read_wav, split_utterances
from tests.support.daemon_process import DaemonProcess, Heard
from tests.support.kit import PlaceCall
from tests.support.launchers import TWIN
from tests.support.sip.sip_client import SipCall, Turn
from tests.support.waiting import eventually
from tests.support.words import recall, words

QUESTIONS = ["01_hours", "02_location", "03_cost", "04_parking"]


async def converse(call: SipCall, daemon: DaemonProcess, said: list[Phrase]) -> list[Turn]:
    """Waits for the greeting, says one phrase after the other, and waits for each answer's end."""
    greeting_ns = await call.media.heard_after(0)
    assert call.answered_ns is not None
    assert greeting_ns > call.answered_ns
    await call.media.quiet(700)
    turns = []
    for spoken in said:
        turns.append(await call.ask(spoken, quiet_ms=1_000))
    return turns


def new_turns(daemon: DaemonProcess, seen: list[Heard]) -> list[Heard]:
    """The transcript's lines since ``seen``."""
    return daemon.transcript()[len(seen) :]


async def test_conversation(
    daemon: DaemonProcess,
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
) -> None:
    seen, mark = daemon.transcript(), asterisk.log_mark()
    said = [phrases[name] for name in [*QUESTIONS, "05_book"]]
    async with await place_call() as call:
        turns = await converse(call, daemon, said)
        await eventually(lambda: len(new_turns(daemon, seen)) >= len(said), "every turn is in the transcript")
        written = new_turns(daemon, seen)
        goodbye = await call.ask(phrases["06_goodbye"])
        await eventually(lambda: len(new_turns(daemon, seen)) > len(said), "the goodbye is in the transcript")
        last = new_turns(daemon, seen)[-1]
        assert recall(phrases["06_goodbye"].text, last.heard) >= 0.6, last
        await call.wait_ended(60)
        assert call.ended_by == "server", "the agent hangs up after a goodbye"

    assert len(written) == len(said), f"one turn per phrase: {written}"
    assert [line.turn for line in written] == list(range(1, len(said) + 1))
    assert len({line.call for line in written}) == 1
    # What the daemon heard is what the caller said.
    for spoken, line in zip(said, written, strict=True):
        assert recall(spoken.text, line.heard) >= 0.6, line
    heard = " ".join(line.heard for line in written)
    assert recall(" ".join(spoken.text for spoken in said), heard) >= 0.85, heard
    # What the caller received is what the daemon says that it said, each answer in its own turn.
    for turn, line in zip(turns, written, strict=True):
        alike = {each.answer: likeness(turn.answer, each.answer) for each in written}
        assert alike[line.answer] >= ALIKE, (line, alike)
        assert max(alike, key=lambda text: alike[text]) == line.answer, alike
    assert not any(turn.premature for turn in [*turns, goodbye])
    assert call.media.received.lost_packets == 0
    log = asterisk.log(mark)
    assert "ended: result=ok agi=SUCCESS" in log
    assert complaints(log) == []
    # The turns are traced; what was said is nobody's but the transcript's.
    trace = daemon.trace_file.read_text()
    assert trace.count(written[0].call) == len(written) + 1
    for line in written:
        for spoken_text in (line.heard, line.answer):
            assert spoken_text not in trace
            assert spoken_text not in daemon.log()


async def test_hang_up_at_every_moment(
    daemon: DaemonProcess, asterisk: AsteriskServer, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """At once, in the greeting, in silence, while speaking, while the answer is made, and in mid-answer."""
    descriptors, mark = daemon.open_descriptors(), asterisk.log_mark()

    async def greeted(call: SipCall) -> None:
        await call.media.heard_after(0)
        await call.media.quiet(700)

    async def at_once(call: SipCall) -> None:
        pass

    async def in_the_greeting(call: SipCall) -> None:
        await call.media.heard_after(0)

    async def speaking(call: SipCall) -> None:
        await greeted(call)
        utterance = call.media.begin(phrases["05_book"])
        half = len(utterance.phrase.samples) // 2
        await eventually(lambda: utterance.position > half, "the caller is in mid-word")

    async def answer_being_made(call: SipCall) -> None:
        await greeted(call)
        await call.media.say(phrases["02_location"])

    async def in_mid_answer(call: SipCall) -> None:
        await greeted(call)
        asked = await call.media.say(phrases["01_hours"])
        await call.media.heard_after(asked.ended_ns)
        assert daemon.call_folders(), "the call has a playback folder while it lasts"

    async def hang_up_after(moment: Callable[[SipCall], Awaitable[None]]) -> None:
        async with await place_call() as call:
            await moment(call)
        assert call.ended_by == "caller"

    moments = [at_once, in_the_greeting, greeted, speaking, answer_being_made, in_mid_answer]
    await asyncio.gather(*(hang_up_after(moment) for moment in moments))
    await eventually(lambda: not daemon.call_folders(), "every call's audio files are removed")
    await eventually(lambda: daemon.open_descriptors() <= descriptors, "their descriptors are closed")
    await eventually(lambda: asterisk.channels() == 0, "the channels are gone")
    await eventually(lambda: asterisk.scripts_running() == 0, "the launchers have ended")
    log = asterisk.log(mark)
    assert "offhook: fallback" not in log, "a caller who hung up needs no fallback"
    assert complaints(log) == []
    # And the daemon takes the next call as if nothing had been.
    async with await place_call() as again:
        await again.media.heard_after(0)


async def test_a_human_voice(
    daemon: DaemonProcess, place_call: PlaceCall, phrases: dict[str, Phrase]
) -> None:
    """A person reads Dickens to the agent; what it answers is its affair, what it hears is ours."""
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None
    assert spec.origin is not None, "the embedded models are part of the development environment"
    recording = read_wav(Path(spec.origin).parent / "assets/two_cities.wav")
    texts = [
        "It was the best of times, it was the worst of times.",
        "It was the age of wisdom.",
        "It was the age of foolishness.",
        "It was the epoch of belief.",
    ]
    said = [phrase(f"dickens {number}", text, audio) for number, (text, audio) in enumerate(
        zip(texts, split_utterances(recording), strict=False)
    )]  # fmt: skip
    seen = daemon.transcript()
    async with await place_call() as call:
        turns = await converse(call, daemon, said)
        await eventually(lambda: len(new_turns(daemon, seen)) >= len(said), "every turn is in the transcript")
    assert not any(turn.premature for turn in turns)
    heard = [line.heard for line in new_turns(daemon, seen)]
    for text, line in zip(texts, heard, strict=True):
        assert recall(text, line) >= 0.6, (text, line)
    assert recall(" ".join(texts), " ".join(heard)) >= 0.8, heard


@pytest.mark.parametrize(
    ("variable", "value", "usual"),
    [
        pytest.param("OFFHOOK_AGI", TWIN.name, "offhook-eagi", id="python-launcher"),
        pytest.param("EAGI_AUDIO_FORMAT", "slin16", "slin", id="wideband"),
    ],
)
async def test_other_ways_of_handing_over(
    daemon: DaemonProcess,
    asterisk: AsteriskServer,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
    variable: str,
    value: str,
    usual: str,
) -> None:
    seen, mark = daemon.transcript(), len(daemon.log())
    asterisk.cli(f"dialplan set global {variable} {value}")
    try:
        async with await place_call() as call:
            (turn,) = await converse(call, daemon, [phrases["01_hours"]])
            await eventually(lambda: len(new_turns(daemon, seen)) == 1, "the turn is in the transcript")
            (line,) = new_turns(daemon, seen)
            await call.ask(phrases["06_goodbye"])
            await call.wait_ended(60)
    finally:
        asterisk.cli(f"dialplan set global {variable} {usual}")
    assert recall(phrases["01_hours"].text, line.heard) >= 0.6, line
    assert words(line.answer)
    assert likeness(turn.answer, line.answer) >= ALIKE, line
    rate_hz = 16_000 if value == "slin16" else 8_000
    assert f"rate_hz={rate_hz}" in daemon.log()[mark:], "the whole path has the rate of the handover"
