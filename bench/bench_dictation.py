"""Numbers, addresses and names in groups: whether each stays one turn, is taken, how soon it is answered.

    python bench/bench_dictation.py [--kind number ...] [--count 10] [--half all] [--pause 0.3 ...]
                                    [--voice NAME ...] [--json FILE]

Asked for by the agent's greeting, said in groups with pauses of 0.3, 0.6, 0.9 and 1.2 s between them, by each
voice, in calls through a simulated channel to a daemon of its own with the embedded models, two calls at a
time.  What is said is in ``bench/dictated.py``: ten-digit numbers as three, three and four digits; e-mail
addresses, surnames letter by letter, streets and towns.

whole     the call has one turn with all of it, and nothing was said before its last sound
again     nothing was said before its last sound either, and then the caller was asked to say it again
answered  from the last sound to the answer's first one, of those that were whole [ms]
written   of those, the ones in which the recogniser wrote every digit or letter
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.dictated import KINDS, half
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
AGENTS = {
    name: Agent(name="The desk", greeting=kind.question, otherwise="Thank you very much.")
    for name, kind in KINDS.items()
}
CALLS_AT_ONCE = 2
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Dictated:
    """One call."""

    kind: str
    voice: str
    pause_s: float
    wanted: str
    heard: str
    whole: bool
    again: bool
    written: bool
    answered_ms: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said in one call."""

    kind: str
    voice: str
    pause_s: float
    wanted: str
    audio: Samples


def spoken(groups: Sequence[str], pause_s: float, voice: CallersVoice) -> Samples:
    """The groups with exactly ``pause_s`` between the last sound of one and the first of the next."""
    blocks: list[Samples] = []
    for group in groups:
        audio = voice(group)
        sounds = audible_stretches(audio, RATE_HZ)
        blocks += [audio[sounds[0].start_samples : sounds[-1].stop_samples]]
        blocks += [np.zeros(round(pause_s * RATE_HZ), np.int16)]
    return np.concatenate(blocks[:-1])


def is_written(kind: str, wanted: str, heard: str) -> bool:
    """Whether every digit or letter of it is in what was heard, whatever stands between them."""
    if kind == "number":
        return count_digits(heard, turn_language("en")) == len(wanted)
    plain = re.sub(r"\bdot\b", ".", re.sub(r"\bat\b", "@", heard.lower()))
    keep = "a-z0-9@." if kind == "email" else "a-z0-9"
    return re.sub(f"[^{keep}]", "", wanted) in re.sub(f"[^{keep}]", "", plain)


def dictate(daemon: OwnDaemon, said: Said) -> Dictated:
    uniqueid = new_uniqueid()
    options = ChannelOptions(
        args=[uniqueid, f"agent={said.kind}"],
        uniqueid=uniqueid,
        socket=daemon.socket,
        rate_hz=RATE_HZ,
        deadline_s=DEADLINE_S,
    )
    steps: list[script.Step] = [Say(said.audio, WhenSilent(600), said.wanted), HangUp(WhenSilent(1_500))]
    outcome = SimulatedChannel(steps, options).run()
    record = account(outcome)
    complete(record, daemon.transcript, daemon.trace, timeout_s=2.0)
    words = read_transcript(daemon.transcript, uniqueid)
    heard = words[min(words)][0] if words else ""
    if not outcome.spoken:
        why = "; ".join(outcome.errors)
        return Dictated(said.kind, said.voice, said.pause_s, said.wanted, why, False, False, False, None)
    sounds = audible_stretches(said.audio, RATE_HZ)
    start = outcome.spoken[0].start_samples + sounds[0].start_samples
    stop = outcome.spoken[0].start_samples + sounds[-1].stop_samples
    ours = audible_playbacks(outcome, record.agent_audio)
    early = any(start < one.start_samples < stop for one in ours)
    after = next((one.start_samples for one in ours if one.start_samples >= stop), None)
    whole = not early and len(words) == 1
    answered_ms = None if after is None or not whole else (after - stop) * 1000 / RATE_HZ
    again = not early and not words and after is not None
    written = is_written(said.kind, said.wanted, heard)
    return Dictated(
        said.kind, said.voice, said.pause_s, said.wanted, heard, whole, again, written, answered_ms
    )


def report(found: Sequence[Dictated]) -> None:
    for kind in KINDS:
        of_kind = [each for each in found if each.kind == kind]
        for pause_s in sorted({each.pause_s for each in of_kind}):
            print(f"{kind}, {pause_s} s: {_line([each for each in of_kind if each.pause_s == pause_s])}")
        if of_kind:
            print(f"{kind}: {_line(of_kind)}")


def _line(found: Sequence[Dictated]) -> str:
    whole = [each for each in found if each.whole]
    waits = sorted(each.answered_ms for each in whole if each.answered_ms is not None)
    times = f"p50 {statistics.median(waits):.0f}, longest {waits[-1]:.0f} ms" if waits else "never answered"
    written, again = sum(each.written for each in whole), sum(each.again for each in found)
    return f"{len(whole)} of {len(found)} whole, {again} asked again, {written} written; {times}"


def _short(voice: str) -> str:
    return voice.rpartition("/")[2]


def main() -> None:
    parser = argparse.ArgumentParser(description="Numbers, addresses and names said in groups.")
    add = parser.add_argument
    add("--kind", action="append", choices=KINDS, help="default: all")
    add("--count", type=int, default=10, help="so many of each kind, before they are halved")
    add("--half", choices=("looked-at", "untouched", "all"), default="all")
    add("--pause", type=float, action="append", help=f"[s], default: {PAUSES_S}")
    add("--voice", action="append", help="as for offhook eval; default: the best, and espeak")
    add("--json", type=Path, help="write every call there")
    options = parser.parse_args()
    voices = [callers_voice(name) for name in options.voice or (default_voice("en"), "espeak:en-us")]
    work = [
        Said(kind, voice.name, pause_s, each.wanted, spoken(each.groups, pause_s, voice))
        for kind in options.kind or KINDS
        for voice in voices
        for pause_s in options.pause or PAUSES_S
        for each in half(KINDS[kind].make(options.count), options.half)
    ]
    with own_daemon(Config(), AGENTS) as daemon, ThreadPoolExecutor(CALLS_AT_ONCE) as calls:
        found = list(calls.map(lambda each: dictate(daemon, each), work))
    report(found)
    for each in found:
        if not each.whole or not each.written:
            what = "again" if each.again else "misheard" if each.whole else "cut"
            print(f"  {what}, {_short(each.voice)}, {each.pause_s} s, {each.wanted}: {each.heard!r}")
    if options.json:
        rows = [
            {name: getattr(each, name) for name in Dictated.__slots__ if name != "voice"}
            | {"voice": _short(each.voice)}
            for each in found
        ]
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
