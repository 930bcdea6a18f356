"""Holding the conversations of a scenario, and writing down what was sent and received.

Nothing is judged here: a :class:`CallRecord` has the times of every phrase and of every stretch of
agent sound, in ms after the call was answered, and :mod:`bench.turnaround.judge` makes figures of them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.turnaround import sounds
from bench.turnaround.measure import FINE_JOIN_NS, MISSED_MS, begins_between, within
from bench.turnaround.phrases import LINES, Spoken, spoken
from bench.turnaround.scenarios import BURST_FRAMES, ECHO_DELAY_MS, Condition, Scenario, Step
from bench.turnaround.systems import Running, SystemTurn, turns_of
from tests.support.asterisk.asterisk_server import AsteriskServer
from tests.support.audio.audio import Samples
from tests.support.audio.media import CallEndedError, Utterance
from tests.support.sip.impairments import Echo, GilbertElliott, Impairments
from tests.support.sip.sip_client import SipCall

QUIET_MS = 600
"""Silence after an answer before the caller speaks again."""
QUIET_AFTER_STIMULUS_MS = 1_300
"""The same after something was said into an answer: what it sets off has to show itself."""
QUIET_AFTER_PREMATURE_MS = 2_000
"""The same after an answer that came too early: a second one, to the rest of the phrase, may follow."""
GREETING_QUIET_MS = 700
_LONGEST_ANSWER_S = 20.0
"""An agent that talks on for so long talks to itself: the call is given up."""
_WRITTEN_S = 3.0


@dataclass(frozen=True, slots=True)
class Said:
    """A phrase as it was spoken. [ms after the call was answered]"""

    phrase: str
    kind: str
    text: str
    right: str | None
    first_ms: float
    """Its first audible sample."""
    ended_ms: float
    """Its last audible sample."""


@dataclass(frozen=True, slots=True)
class Written:
    """One turn in the system's own files."""

    heard: str
    answer: str
    stamps_ms: dict[str, float]
    """The trace's stamps, on the same clock as the times above."""
    wasted_revisions: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One step of a scenario."""

    said: Said
    during: Said | None
    """What was said into the answer."""
    until_ms: float | None
    """When the next phrase began; None for the last one."""
    runs_ms: list[tuple[float, float]]
    """Agent sound from this phrase's first audible sample to the next one's."""
    written: list[Written]


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call."""

    call: str
    greeting_ms: float | None
    turns: list[TurnRecord]
    ended_early: bool
    """The agent hung up before the last step."""
    sent_frames: int
    late_frames: int
    """Frames that the measuring side sent more than 5 ms late."""
    worst_late_ms: float
    lost_frames: int
    """Frames that the condition made disappear."""
    received_lost_packets: int


@dataclass(slots=True)
class _Spoken:
    """A step while it is held."""

    step: Step
    one: Spoken
    utterance: Utterance
    into: Spoken | None = None
    into_utterance: Utterance | None = None


@dataclass(slots=True)
class _Held:
    """A call while it is held."""

    call: SipCall
    id: str = ""
    greeting_ns: int | None = None
    steps: list[_Spoken] = field(default_factory=list)
    ended_early: bool = False


async def hold(scenario: Scenario, server: AsteriskServer, system: Running) -> list[CallRecord]:
    """Every call of a scenario, ``at_once`` of them at the same time."""
    records: list[CallRecord] = []
    for first in range(0, scenario.calls, scenario.at_once):
        numbers = range(first, min(first + scenario.at_once, scenario.calls))
        calls = [await _place(server, scenario.condition, number) for number in numbers]
        try:
            await asyncio.gather(*(_converse(held, scenario) for held in calls))
            for held in calls:
                await held.call.hang_up()
            for held in calls:
                records.append(await _record(held, system))
        finally:
            for held in calls:
                await held.call.__aexit__(None, None, None)
    return records


async def _place(server: AsteriskServer, condition: Condition, number: int) -> _Held:
    before = _channels(server)
    echo = None if condition.echo_db is None else Echo(condition.echo_db, ECHO_DELAY_MS)
    loss = GilbertElliott(condition.loss, BURST_FRAMES, seed=number + 1) if condition.loss else None
    noise = None if condition.snr_db is None else _room_noise(condition)
    call = await SipCall.place(
        server.address,
        "700",
        user="softphone",
        password="change-me",
        background=noise,
        impairments=Impairments(echo, loss),
    )
    held = _Held(call)
    try:
        held.greeting_ns = await call.media.heard_after(0, timeout_s=MISSED_MS / 1000)
        held.id = next(iter(_channels(server) - before), "")
    except (TimeoutError, CallEndedError):
        held.ended_early = True
    return held


async def _converse(held: _Held, scenario: Scenario) -> None:
    media = held.call.media
    try:
        if held.ended_early:
            return
        await media.quiet(GREETING_QUIET_MS)
        for step in scenario.steps:
            one = spoken(step.phrase).at_level(scenario.condition.level_db)
            doing = _Spoken(step, one, media.begin(one.phrase))
            held.steps.append(doing)
            await doing.utterance.done
            try:
                onset_ns = await media.heard_after(doing.utterance.ended_ns, timeout_s=MISSED_MS / 1000)
            except TimeoutError:
                continue
            if step.during is not None:
                doing.into = spoken(step.during).at_level(scenario.condition.level_db)
                await asyncio.sleep(max(0.0, (onset_ns - time.monotonic_ns()) / 1e9 + step.after_ms / 1000))
                doing.into_utterance = media.begin(doing.into.phrase)
                await doing.into_utterance.done
            await media.quiet(_quiet_ms(doing, held.call), timeout_s=_LONGEST_ANSWER_S)
    except (CallEndedError, TimeoutError):
        held.ended_early = True


def _quiet_ms(doing: _Spoken, call: SipCall) -> int:
    if doing.step.during is not None:
        return QUIET_AFTER_STIMULUS_MS
    utterance, runs = doing.utterance, call.media.received.audible_runs(FINE_JOIN_NS)
    early = begins_between(runs, _first_ns(utterance), utterance.ended_ns) is not None
    return QUIET_AFTER_PREMATURE_MS if early else QUIET_MS


async def _record(held: _Held, system: Running) -> CallRecord:
    call = held.call
    zero_ns = call.answered_ns
    assert zero_ns is not None, "a call that was placed was answered"
    steps = [doing for doing in held.steps if doing.utterance.last_audible_ns is not None]
    written = await _written(system, held.id, len(steps))
    runs = call.media.received.audible_runs(FINE_JOIN_NS)
    begins = [_first_ns(doing.utterance) for doing in steps]
    shares = _shared_out(written, begins)
    turns = []
    for number, doing in enumerate(steps):
        until_ns = begins[number + 1] if number + 1 < len(begins) else None
        mine = within(runs, begins[number], until_ns if until_ns is not None else 1 << 62)
        turns.append(
            TurnRecord(
                _said(doing.one, doing.utterance, zero_ns),
                _said(doing.into, doing.into_utterance, zero_ns)
                if doing.into is not None
                and doing.into_utterance is not None
                and doing.into_utterance.last_audible_ns is not None
                else None,
                None if until_ns is None else _ms(until_ns, zero_ns),
                [(_ms(start, zero_ns), _ms(stop, zero_ns)) for start, stop in mine],
                [_as_written(turn, zero_ns) for turn in shares[number]],
            )
        )
    clock, loss = call.media.clock, call.media.impairments.loss
    return CallRecord(
        held.id,
        None if held.greeting_ns is None else _ms(held.greeting_ns, zero_ns),
        turns,
        held.ended_early,
        clock.frames,
        clock.late_frames,
        round(clock.worst_late_ns / 1e6, 2),
        loss.lost if loss is not None else 0,
        call.media.received.lost_packets,
    )


async def _written(system: Running, call: str, wanted: int) -> list[SystemTurn]:
    """What the system wrote of a call that is over; traces are written a little later than the call ends."""
    deadline = time.monotonic() + _WRITTEN_S
    while True:
        turns = turns_of(system, call)
        if len(turns) >= wanted or time.monotonic() > deadline:
            return turns
        await asyncio.sleep(0.05)


def _shared_out(written: list[SystemTurn], begins: list[int]) -> list[list[SystemTurn]]:
    """The system's turns by step: the last phrase that had begun when it thought the caller had finished."""
    shares: list[list[SystemTurn]] = [[] for _ in begins]
    for turn in written:
        at_ns = turn.trace.speech_end_ns or turn.trace.playback_started_ns
        number = sum(begin <= at_ns for begin in begins) - 1 if at_ns is not None else -1
        if number >= 0:
            shares[number].append(turn)
    return shares


def _as_written(turn: SystemTurn, zero_ns: int) -> Written:
    record = turn.trace
    stamps = {
        name.removesuffix("_ns"): _ms(at_ns, zero_ns)
        for name in record.__dataclass_fields__
        if name.endswith("_ns") and isinstance(at_ns := getattr(record, name), int)
    }
    return Written(turn.heard, turn.answer, stamps, record.wasted_revisions, record.interrupted)


def _said(one: Spoken, utterance: Utterance, zero_ns: int) -> Said:
    line = one.line
    first_ms, ended_ms = _ms(_first_ns(utterance), zero_ns), _ms(utterance.ended_ns, zero_ns)
    return Said(line.name, line.kind, line.text, line.right, first_ms, ended_ms)


def _first_ns(utterance: Utterance) -> int:
    assert utterance.first_audible_ns is not None, "a phrase whose end was sent has begun"
    return utterance.first_audible_ns


def _ms(at_ns: int, zero_ns: int) -> float:
    return round((at_ns - zero_ns) / 1e6, 3)


def _channels(server: AsteriskServer) -> set[str]:
    """The unique ids of the channels that exist now."""
    lines = server.cli("core show channels concise").splitlines()
    return {line.rsplit("!", 1)[1].strip() for line in lines if line.count("!") > 5}


def _room_noise(condition: Condition) -> Samples:
    speech = [
        spoken(line.name).at_level(condition.level_db).phrase.samples for line in LINES if line.kind == "open"
    ]
    assert condition.snr_db is not None
    return sounds.background(sounds.room(speech), speech, condition.snr_db)


def to_json(records: list[CallRecord]) -> list[dict[str, Any]]:
    """As plain lists and dictionaries."""
    return [asdict(record) for record in records]


def from_json(records: list[dict[str, Any]]) -> list[CallRecord]:
    """The inverse of :func:`to_json`."""
    return [
        CallRecord(
            **{
                **call,
                "turns": [
                    TurnRecord(
                        Said(**turn["said"]),
                        Said(**turn["during"]) if turn["during"] else None,
                        turn["until_ms"],
                        [(start, stop) for start, stop in turn["runs_ms"]],
                        [Written(**written) for written in turn["written"]],
                    )
                    for turn in call["turns"]
                ],
            }
        )
        for call in records
    ]
