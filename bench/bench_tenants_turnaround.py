"""Whether a caller waits longer where a thousand tenants share the box and their database is away.

    python -m bench.bench_tenants_turnaround [--tenants 1000] [--rounds 20]

Two real daemons on the embedded models, the same business behind both: one that has it as its agent, one
that has a thousand tenants in the tests' PostgreSQL, which is stopped once the daemon is ready.  A simulated
caller asks both the same recorded questions, one call at a time and in turns, so that whatever else the
machine does meets both alike.  Printed are the medians of turnaround (the caller's last sample to the first
audible one of the answer), their ratio, and the median of the ratios of the rounds, which one bad round does
not move.  Every question must be answered in both.  Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
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
ASKED = ("01_hours", "04_parking")
GOAL = 1.02


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


async def compare(alone: DaemonProcess, shared: DaemonProcess, rounds: int, tenants: int) -> None:
    without: list[float] = []
    with_all: list[float] = []
    await turnarounds(alone, ("agent=only",))
    for tenant in range(2):  # all that is loaded by a first call
        await turnarounds(shared, (f"did={number_of(tenant * len(businesses()))}",))
    for number in range(rounds):
        tenant = number * len(businesses()) % tenants  # of the same business, another one each time
        sides = [(without, alone, "agent=only"), (with_all, shared, f"did={number_of(tenant)}")]
        for times, daemon, argument in sides if number % 2 == 0 else sides[::-1]:
            times += await turnarounds(daemon, (argument,))
    pairs = [new / old for new, old in zip(with_all, without, strict=True)]
    before, after = statistics.median(without), statistics.median(with_all)
    print(f"{rounds} rounds of {len(ASKED)} questions, load average {os.getloadavg()[0]:.1f}")
    print(f"without tenants: p50 {before:.0f} ms; {tenants} tenants, database stopped: p50 {after:.0f} ms")
    print(
        f"ratio of medians {after / before:.3f}, median of ratios {statistics.median(pairs):.3f} (≤ {GOAL})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
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
