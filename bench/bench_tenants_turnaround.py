"""Whether a caller waits longer where a thousand tenants share the box and their database is away.

    python -m bench.bench_tenants_turnaround [--tenants 1000] [--rounds 40]

Two real daemons on the embedded models, the same business behind both: one that has it as its agent, one
that has a thousand tenants in the tests' PostgreSQL, which is stopped once the daemon is ready.  A simulated
caller asks both the same recorded questions, one call at a time and in turns (A B, B A, ...), so that
whatever else the machine does meets both alike.

Turnaround is from the caller's last sample to the first audible one of the answer; both answers to one
question in one round are a pair.  The ratio is 1 + the mean difference of the pairs, without the tenth of
them that is farthest off on either side, over the median without tenants.  Its interval is from 2,000
resamplings of whole rounds; 99 %, because it is looked at after every round: rounds go on, up to
``--rounds``, until all of it lies on one side of the goal.  (Turnarounds are multiples of frames: the median
of few ratios jumps by some percent.)  Every question must be answered in both.  Run it on a machine that does
nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

import offhook
from bench.bench_tenants import businesses, fill_database, number_of
from offhook.simulator import ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent
from offhook.simulator.speech import read_wav
from offhook.tenants.database import Database
from tests.support.daemon_process import DaemonProcess
from tests.support.postgresql import PrivateCluster, programs

SPEECH = Path(offhook.__file__).parent / "assets" / "demo"
ASKED = ("01_hours", "02_location", "03_cost", "04_parking")
GOAL = 1.02
FEWEST = 6
"""Rounds before which no interval is believed."""
_CUT = 0.1


def agent_file(folder: Path) -> None:
    """The first of bench/suites' businesses, as an agent of the box."""
    business = businesses()[0]
    lines = [f"{key} = {json.dumps(business[key])}" for key in business if key != "facts"]
    (folder / "only.toml").write_text("\n".join([*lines, f"facts = {json.dumps(business['facts'])}", ""]))


async def turnarounds(daemon: DaemonProcess, arguments: tuple[str, ...]) -> list[float]:
    """One call's, in ms.  AssertionError when a question was not answered."""
    polite = WhenSilent(ms=1_500)
    steps = [Say(read_wav(SPEECH / f"{name}.wav", 8_000), polite, name) for name in ASKED]
    options = ChannelOptions(socket=daemon.socket, deadline_s=120, args=arguments)
    record = await SimulatedCall([*steps, HangUp(polite)], options).run()
    found = [turn.turnaround_ms for turn in record.turns if turn.turnaround_ms is not None]
    assert len(found) == len(ASKED), f"{len(found)} of {len(ASKED)} answered: {record.errors}"
    return found


def ratio(rounds: list[list[tuple[float, float]]]) -> float:
    """Of pairs without and with all, in ms: see above."""
    pairs = [pair for each in rounds for pair in each]
    differences = sorted(new - old for old, new in pairs)
    cut = int(len(differences) * _CUT)
    middle = differences[cut : len(differences) - cut]
    return 1 + statistics.fmean(middle) / statistics.median(old for old, _ in pairs)


def interval(rounds: list[list[tuple[float, float]]]) -> tuple[float, float]:
    """In which the ratio lies, by the rounds that there are."""
    draw = random.Random(1)
    found = sorted(ratio(draw.choices(rounds, k=len(rounds))) for _ in range(2_000))
    return found[10], found[-11]


async def compare(alone: DaemonProcess, shared: DaemonProcess, rounds: int, tenants: int) -> None:
    done: list[list[tuple[float, float]]] = []
    await turnarounds(alone, ("agent=only",))
    for tenant in range(2):  # all that is loaded by a first call
        await turnarounds(shared, (f"did={number_of(tenant * len(businesses()))}",))
    for number in range(rounds):
        tenant = number * len(businesses()) % tenants  # of the same business, another one each time
        sides = [(alone, "agent=only"), (shared, f"did={number_of(tenant)}")]
        times = {}
        for daemon, argument in sides if number % 2 == 0 else sides[::-1]:
            times[daemon is shared] = await turnarounds(daemon, (argument,))
        done.append(list(zip(times[False], times[True], strict=True)))
        least, most = interval(done)
        if sys.stderr.isatty():
            print(f"\rround {number + 1}: {least:.3f} to {most:.3f}", end="", file=sys.stderr)
        if len(done) >= FEWEST and (most <= GOAL or least > GOAL):
            break
    pairs = [pair for each in done for pair in each]
    before, after = (statistics.median(side) for side in zip(*pairs, strict=True))
    verdict = "met" if most <= GOAL else "missed" if least > GOAL else "not decided: more --rounds"
    print(f"{len(done)} rounds of {len(ASKED)} questions, load average {os.getloadavg()[0]:.1f}")
    print(f"without tenants: p50 {before:.0f} ms; {tenants} tenants, database stopped: p50 {after:.0f} ms")
    print(f"ratio {ratio(done):.3f}, 99 % from {least:.3f} to {most:.3f}; ≤ {GOAL} is {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=40, help="at most")
    options = parser.parse_args()
    found = programs()
    if found is None:
        parser.error("PostgreSQL is not installed: tests/tenants/install-postgresql.sh")
    cluster = PrivateCluster(found)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            agent_file(folder)
            url = cluster.clean_url()
            database = Database(url)
            fill_database(database, options.tenants)
            database.forget()
            alone = f'[agent]\ndefault = "only"\nsearch = ["{folder}"]\n'
            shared = f'[tenants]\ndatabase = "{url}"\nsnapshot = "{folder}/snapshot"\n'
            with DaemonProcess(alone) as without, DaemonProcess(shared) as with_all:
                cluster.stop()
                asyncio.run(compare(without, with_all, options.rounds, options.tenants))
                cluster.start()
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
