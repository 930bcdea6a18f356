"""Barge-in over our own echo, over whole calls: what stops answers in vain, and how soon callers stop them.

    python -m bench.bench_echo [--set tuned|held-out|both] [--calls N] [--json FILE]

A call is one line with one echo (hybrid, room, or distorted by a loudspeaker; -12, -20 or -30 dB; delay 20
to 200 ms) and six answers.  The audio goes through 300-3400 Hz and µ-law, the real endpointer opens the
candidates, and the call's own ``Ears`` is asked every 20 ms, as a call asks it, and keeps what it has
learned of the line.  What it is told we played lies wrong by up to 20 ms, differently for each answer, and
by 1 ms more for each onset.

In ``quiet`` calls the caller says nothing, and each stop is false.  In the others the caller speaks into
every answer, at a healthy level or 10 dB below; a stop before that is false, too.  Times are from the true
onset to the decision to stop; one that never comes counts as 9999 ms.  The answer goes on in any case.
``words`` is the share of answers with a sound that ended undecided, which a call would have recognised and
perhaps taken for a turn.  Sets are those of ``bench_barge_in``.  Needs Debian's package flite.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.bench_barge_in import ANSWERS, NEVER_MS, SETS, audible_from, model, onsets
from offhook.barge_in import JudgeSettings
from offhook.call.ears import Ears
from offhook.core import Endpointer
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from tests.support.audio import sounds
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.audio.sounds import MS, SPEECH_DBFS, Generator

SEED = 31
ANSWERS_PER_CALL = 6
EARLY_ANSWERS = 2
FRAME = 160
NS_PER_SAMPLE = 125_000
KINDS = ("hybrid", "room", "distorted")
GAINS_DB = (-12.0, -20.0, -30.0)
SPOKEN_DBFS = (SPEECH_DBFS, SPEECH_DBFS - 10)
LATEST_MS = 2_500
"""After the caller's onset nothing more is asked."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One answer of a call. [samples]"""

    start: int
    stop: int
    onset: int | None
    """Where the caller speaks into it."""
    misplaced: int
    """How much later than it was we believe to have played it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One call."""

    kind: str
    gain_db: float
    dbfs: float | None
    heard: Samples
    played: Samples
    spots: tuple[Spot, ...]


@dataclass(slots=True)
class Row:
    """What happened in one answer."""

    kind: str
    gain_db: float
    dbfs: float | None
    early: bool
    """One of a call's first two."""
    false_ms: float | None = None
    """From the answer's start to a stop that nobody wanted."""
    stopped_ms: float | None = None
    undecided: int = 0
    cpu_ms: list[float] = field(default_factory=list)


def said(name: str, rng: Generator) -> Samples:
    """Something that a caller says."""
    material = SETS[name]
    who = int(rng.integers(3))
    if who == 0:
        spoken = [sound for person in material.people for sound in onsets(person)]
        return spoken[int(rng.integers(len(spoken)))]
    words = material.words[int(rng.integers(len(material.words)))]
    if who == 1:
        return sounds.flite(str(rng.choice(material.flite)), words)
    return sounds.espeak(str(rng.choice(material.espeak)), words, 140 + 10 * int(rng.integers(5)))


def line(name: str, rng: Generator, kind: str, gain_db: float, dbfs: float | None) -> Line:
    """A call's two sides."""
    played, caller = [np.zeros(RATE_HZ, np.int16)], []
    spots, at = [], RATE_HZ
    voice, rate_wpm = SETS[name].own[int(rng.integers(len(SETS[name].own)))]
    for _ in range(ANSWERS_PER_CALL):
        first = int(rng.integers(len(ANSWERS)))
        gap = np.zeros(int(rng.uniform(100, 300)) * MS, np.int16)
        parts = [sounds.espeak(voice, ANSWERS[(first + n) % len(ANSWERS)], rate_wpm) for n in range(2)]
        answer = sounds.to_samples(sounds.at_level(np.concatenate([parts[0], gap, parts[1]]), -20))
        onset = None
        if dbfs is not None:
            sound = sounds.at_level(said(name, rng), dbfs)[: LATEST_MS * MS]
            begin = at + int(rng.uniform(800, 4_000)) * MS
            onset = begin + audible_from(sound)
            caller.append((begin, sound))
        spots.append(Spot(at, at + len(answer), onset, int(rng.integers(-20 * MS, 20 * MS + 1))))
        pause = np.zeros(int(rng.uniform(1_500, 2_500)) * MS, np.int16)
        played += [answer, pause]
        at += len(answer) + len(pause)
    sent = np.concatenate(played)
    delay_ms = rng.uniform(20, 200)
    signal = sounds.echo(rng, sent, delay_ms=delay_ms, gain_db=gain_db, kind=kind)
    for begin, sound in caller:
        end = min(len(signal), begin + len(sound))
        signal[begin:end] += sound[: end - begin]
    snr_db = float(rng.choice([45, 30]))
    noisy = sounds.with_noise(rng, signal, snr_db, pink=bool(rng.integers(2)), speech_dbfs=SPEECH_DBFS)
    return Line(kind, gain_db, dbfs, sounds.telephone(noisy), sent, tuple(spots))


def lines(name: str, calls: int) -> Iterator[Line]:
    """All calls of a set: as many quiet ones as ones with a caller who interrupts."""
    rng = np.random.default_rng(SEED + list(SETS).index(name))
    for kind in KINDS:
        for gain_db in GAINS_DB:
            for number in range(calls):
                yield line(name, rng, kind, gain_db, None)
                yield line(name, rng, kind, gain_db, SPOKEN_DBFS[number % 2])


class Sides:
    """What ``Ears`` sees of a call, at one moment of it: stream, and speaker."""

    rate_hz = RATE_HZ

    def __init__(self, call: Line) -> None:
        self._call = call
        self.written_samples = 0
        self.spot = call.spots[0]
        self.misplaced = 0
        """Of the latest onset's time. [samples]"""

    def read(self, start: int, stop: int) -> tuple[int, Samples]:
        return start, self._call.heard[start:stop]

    def played(self, start_ns: int, stop_ns: int, rate_hz: int) -> NDArray[np.int16]:
        """As it was sent, at the wrong time."""
        late = self.spot.misplaced + self.misplaced
        start, stop = start_ns // NS_PER_SAMPLE - late, stop_ns // NS_PER_SAMPLE - late
        known = self._call.played[: max(0, stop)]
        sent = np.zeros(max(0, stop - start), np.int16)
        part = known[max(0, start) :]
        sent[len(sent) - len(part) :] = part
        return sent


def events(call: Line) -> list[tuple[int, SpeechEvent]]:
    """What the endpointer reports: samples heard by then, and the event."""
    endpointer = Endpointer(model(), RATE_HZ)
    return [
        (start + FRAME, event)
        for start in range(0, len(call.heard), FRAME)
        for event in endpointer.process(call.heard[start : start + FRAME])
    ]


def listen(call: Line, rng: Generator) -> list[Row]:
    """Go through a call as ``offhook.call.turn_loop`` does: one row an answer."""
    sides: Any = Sides(call)
    unused: Any = None  # its worker is not asked: judgements are made here, one after the other
    ears = Ears(sides, sides, JudgeSettings(), worker=unused, spawn=unused, wake=unused)
    reported = events(call)
    rows, speaking = [], False
    for number, spot in enumerate(call.spots):
        row = Row(call.kind, call.gain_db, call.dbfs, number < EARLY_ANSWERS)
        rows.append(row)
        sides.spot = spot
        last = spot.stop if spot.onset is None else min(spot.stop, spot.onset + LATEST_MS * MS)
        done = False
        for now in range(spot.start // FRAME * FRAME, last, FRAME):
            sides.written_samples = now
            while reported and reported[0][0] <= now:
                _, event = reported.pop(0)
                if isinstance(event, SpeechStarted | SpeechResumed):
                    speaking = True
                    sides.misplaced = int(rng.integers(-MS, MS + 1))
                    ears.began(event.position_samples, event.position_samples * NS_PER_SAMPLE)
                elif isinstance(event, SpeechPaused | SpeechStopped):
                    before = spot.onset is None or now < spot.onset
                    ignored = ears.not_for_us or ears.too_little
                    if (
                        speaking
                        and isinstance(event, SpeechPaused)
                        and before
                        and not ignored
                        and now > spot.start + 100 * MS
                    ):
                        row.undecided += 1
                    speaking = False
            if not speaking or done:
                continue
            began = time.thread_time()
            wanted = ears.learn(ears.question()())
            row.cpu_ms.append((time.thread_time() - began) * 1e3)
            if wanted:
                done = True
                if spot.onset is None or now < spot.onset:
                    row.false_ms = (now - spot.start) / MS
                else:
                    row.stopped_ms = (now - spot.onset) / MS
    return rows


def shares(rows: Sequence[Row]) -> dict[str, float]:
    """Of some answers."""
    spoken = [row for row in rows if row.dbfs is not None and row.false_ms is None]
    times = [NEVER_MS if row.stopped_ms is None else row.stopped_ms for row in spoken]
    found: dict[str, float] = {"answers": len(rows)}
    for name, early in (("first", True), ("later", False)):
        some = [row for row in rows if row.early is early]
        found[f"false_{name}"] = round(float(np.mean([row.false_ms is not None for row in some])), 4)
    found["words"] = round(float(np.mean([row.undecided > 0 for row in rows])), 4)
    if times:
        found |= {
            "stopped": round(float(np.mean([t < NEVER_MS for t in times])), 4),
            "p50_ms": float(np.percentile(times, 50)),
            "p95_ms": round(float(np.percentile(times, 95)), 1),
            "by_300_ms": round(float(np.mean([t <= 300 for t in times])), 4),
            "by_500_ms": round(float(np.mean([t <= 500 for t in times])), 4),
        }
    return found


def report(name: str, calls: int) -> dict[str, dict[str, float]]:
    """Run a set, print its table, return it."""
    rng = np.random.default_rng(SEED)
    groups: dict[str, list[Row]] = defaultdict(list)
    for call in lines(name, calls):
        rows = listen(call, rng)
        who = "quiet" if call.dbfs is None else f"spoken, {call.dbfs:.0f} dBFS"
        groups[f"{call.gain_db:.0f} dB, {call.kind}, {who}"] += rows
        groups[f"ALL {who.split(',')[0]}"] += rows
        groups[f"ALL {call.gain_db:.0f} dB"] += rows
        groups["ALL"] += rows
    cpu_ms = [value for row in groups["ALL"] for value in row.cpu_ms]
    print(f"\n{name}: {len(cpu_ms)} judgements, CPU p50 {np.percentile(cpu_ms, 50):.2f} ms, "
          f"p95 {np.percentile(cpu_ms, 95):.2f} ms, p99 {np.percentile(cpu_ms, 99):.2f} ms")  # fmt: skip
    heads = (
        "answers",
        "false_first",
        "false_later",
        "words",
        "stopped",
        "p50_ms",
        "p95_ms",
        "by_300_ms",
        "by_500_ms",
    )
    print(f"{'':32s}" + "".join(f"{head:>12s}" for head in heads))
    table = {group: shares(rows) for group, rows in sorted(groups.items())}
    for group, row in table.items():
        cells = (row.get(head) for head in heads)
        print(
            f"{group:32s}"
            + "".join(f"{'' if c is None else f'{c:.3g}' if c < 2 else f'{c:.0f}':>12s}" for c in cells)
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables.  Exit status 2 when flite is missing."""
    parser = argparse.ArgumentParser(
        prog="bench_echo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", choices=[*SETS, "both"], default="both", help="which half of the material")
    parser.add_argument(
        "--calls", type=int, default=6, help="quiet calls, and others, of each echo (default 6)"
    )
    parser.add_argument("--json", type=Path, help="write the tables there, too")
    options = parser.parse_args(arguments)
    names = list(SETS) if options.set == "both" else [options.set]
    try:
        tables = {name: report(name, options.calls) for name in names}
    except FileNotFoundError as error:
        print(f"bench_echo: {error}; flite is Debian's package flite", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
