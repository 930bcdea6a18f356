"""Telephone numbers said in groups: whether each stays one turn, and how soon it is answered.

    python bench/bench_dictation.py [--numbers 10] [--voice NAME ...] [--json FILE]

Ten-digit numbers, asked for by the agent's greeting, said digit by digit in groups of three, three and four
with pauses of 0.3, 0.6, 0.9 and 1.2 s between them, by each voice, in calls through a simulated channel to a
daemon of its own with the embedded models, two calls at a time.

whole     the call has one turn with the whole number in it, and nothing was said before its last digit
answered  from the last sound of the last digit to the answer's first one, of those that were whole [ms]
digits    of those, the ones in which the recogniser wrote all ten
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.evaluation.own_daemon import OwnDaemon, own_daemon
from offhook.evaluation.voices import RATE_HZ, CallersVoice, callers_voice, default_voice
from offhook.languages.turns import turn_language
from offhook.languages.wording import count_digits
from offhook.simulator import (
    ChannelOptions,
    HangUp,
    Say,
    WhenSilent,
    complete,
    new_uniqueid,
    read_transcript,
    script,
)
from offhook.simulator.audible import Samples, audible_stretches
from offhook.simulator.channel import SimulatedChannel
from offhook.simulator.record import account, audible_playbacks

PAUSES_S = (0.3, 0.6, 0.9, 1.2)
GROUPS = (3, 3, 4)
WORDS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
AGENT = Agent(name="The desk", greeting="What is your telephone number?", otherwise="Thank you very much.")
CALLS_AT_ONCE = 2
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Dictated:
    """One call."""

    voice: str
    pause_s: float
    number: str
    heard: str
    whole: bool
    digits: int
    answered_ms: float | None


def numbers(count: int) -> list[str]:
    """The same ones each time; no group is a word of its own to a recogniser."""
    chance = random.Random(10)
    return ["".join(chance.choice("0123456789") for _ in range(sum(GROUPS))) for _ in range(count)]


def spoken(number: str, pause_s: float, voice: CallersVoice) -> Samples:
    """The groups with exactly ``pause_s`` between the last sound of one and the first of the next."""
    blocks: list[Samples] = []
    begin = 0
    for size in GROUPS:
        audio = voice(" ".join(WORDS[int(digit)] for digit in number[begin : begin + size]))
        sounds = audible_stretches(audio, RATE_HZ)
        blocks += [audio[sounds[0].start_samples : sounds[-1].stop_samples]]
        blocks += [np.zeros(round(pause_s * RATE_HZ), np.int16)]
        begin += size
    return np.concatenate(blocks[:-1])


def dictate(daemon: OwnDaemon, voice: str, pause_s: float, number: str, audio: Samples) -> Dictated:
    uniqueid = new_uniqueid()
    options = ChannelOptions(
        args=[uniqueid], uniqueid=uniqueid, socket=daemon.socket, rate_hz=RATE_HZ, deadline_s=DEADLINE_S
    )
    steps: list[script.Step] = [Say(audio, WhenSilent(600), number), HangUp(WhenSilent(1_500))]
    outcome = SimulatedChannel(steps, options).run()
    record = account(outcome)
    complete(record, daemon.transcript, daemon.trace, timeout_s=2.0)
    words = read_transcript(daemon.transcript, uniqueid)
    heard = words[min(words)][0] if words else ""
    if not outcome.spoken:
        return Dictated(voice, pause_s, number, "; ".join(outcome.errors), False, 0, None)
    sounds = audible_stretches(audio, RATE_HZ)
    start = outcome.spoken[0].start_samples + sounds[0].start_samples
    stop = outcome.spoken[0].start_samples + sounds[-1].stop_samples
    ours = audible_playbacks(outcome, record.agent_audio)
    early = any(start < one.start_samples < stop for one in ours)
    after = next((one.start_samples for one in ours if one.start_samples >= stop), None)
    whole = not early and len(words) == 1
    answered_ms = None if after is None or not whole else (after - stop) * 1000 / RATE_HZ
    digits = count_digits(heard, turn_language("en"))
    return Dictated(voice, pause_s, number, heard, whole, digits, answered_ms)


def report(found: Sequence[Dictated]) -> None:
    for pause_s in PAUSES_S:
        print(f"pauses of {pause_s} s: {_line([each for each in found if each.pause_s == pause_s])}")
    print(f"all: {_line(found)}")


def _line(found: Sequence[Dictated]) -> str:
    whole = [each for each in found if each.whole]
    waits = sorted(each.answered_ms for each in whole if each.answered_ms is not None)
    times = f"p50 {statistics.median(waits):.0f}, longest {waits[-1]:.0f} ms" if waits else "never answered"
    understood = sum(each.digits == len(each.number) for each in whole)
    return f"{len(whole)} of {len(found)} whole, {understood} with ten digits; {times}"


def _short(voice: str) -> str:
    return voice.rpartition("/")[2]


def main() -> None:
    parser = argparse.ArgumentParser(description="Telephone numbers said in groups.")
    parser.add_argument("--numbers", type=int, default=10)
    parser.add_argument("--voice", action="append", help="as for offhook eval; default: the best, and espeak")
    parser.add_argument("--json", type=Path, help="write every call there")
    options = parser.parse_args()
    voices = [callers_voice(name) for name in options.voice or (default_voice("en"), "espeak:en-us")]
    work = [
        (voice.name, pause_s, number, spoken(number, pause_s, voice))
        for voice in voices
        for pause_s in PAUSES_S
        for number in numbers(options.numbers)
    ]
    with own_daemon(Config(), {"desk": AGENT}) as daemon, ThreadPoolExecutor(CALLS_AT_ONCE) as calls:
        found = list(calls.map(lambda each: dictate(daemon, *each), work))
    report(found)
    for each in found:
        if not each.whole or each.digits != len(each.number):
            what = "misheard" if each.whole else "cut"
            print(f"  {what}, {_short(each.voice)}, {each.pause_s} s, {each.number}: {each.heard!r}")
    if options.json:
        rows = [
            {name: getattr(each, name) for name in Dictated.__slots__ if name != "voice"}
            | {"voice": _short(each.voice)}
            for each in found
        ]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
