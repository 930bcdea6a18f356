"""``python -m bench.turnaround``: measures what is missing, then prints the report, or writes it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from bench.turnaround import parts, report
from bench.turnaround.conversation import hold
from bench.turnaround.figures import figures, group_of
from bench.turnaround.scenarios import BY_NAME, DEFAULT_DIAL, DIALS, ONE_CALL, QUICK, SCENARIOS, Scenario
from bench.turnaround.systems import REFERENCES, running
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.support.asterisk.asterisk_install import NoAsteriskError, find_asterisk
from tests.support.asterisk.asterisk_server import AsteriskServer

QUICK_FACTOR = 0.35
_TURN_S = 6.0
"""What a turn takes, roughly: for the estimate that is printed first."""

Job = tuple[str, Scenario]


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    dials = [dial.name for dial in DIALS]
    parser = argparse.ArgumentParser(
        prog="python -m bench.turnaround",
        description="Measures offhook at the caller's ear, over a real Asterisk.  What is measured already, "
        "with the same code and the same table, is not measured again: interrupt it whenever you like.",
        epilog="The whole run takes about 45 minutes on a quiet machine and wants it for itself.",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="SCENARIO", choices=list(BY_NAME), help=f"of: {', '.join(BY_NAME)}"
    )
    parser.add_argument(
        "--turns",
        type=int,
        metavar="N",
        help="turns of one call at a time with the default dial (the table's, if left out)",
    )
    parser.add_argument(
        "--dials", nargs="*", metavar="DIAL", choices=dials, default=dials, help=f"of: {', '.join(dials)}"
    )
    parser.add_argument(
        "--references",
        nargs="*",
        metavar="REFERENCE",
        choices=REFERENCES,
        default=list(REFERENCES),
        help=f"of: {', '.join(REFERENCES)}; without a name: none",
    )
    parser.add_argument(
        "--quick", action="store_true", help="two minutes that touch everything; written to build/ only"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what is measured already")
    parser.add_argument(
        "--report", action="store_true", help="only merge what is measured into bench/reports/"
    )
    return parser.parse_args(words)


def jobs(options: argparse.Namespace) -> list[Job]:
    """What is to be measured, in an order that starts each system once per agent."""
    if options.quick:
        wanted = options.only or QUICK
        return [(DEFAULT_DIAL, shortened(BY_NAME[name])) for name in wanted]
    names = options.only or list(BY_NAME)
    factor = _factor(options.turns)
    found: list[Job] = []
    for system in [*options.dials, *options.references]:
        for name in names:
            if system == DEFAULT_DIAL:
                found.append((system, BY_NAME[name].resized(factor)))
            elif BY_NAME[name].curve_calls:
                found.append((system, BY_NAME[name].for_curve()))
    return sorted(found, key=lambda job: ([*options.dials, *options.references].index(job[0]), job[1].agent))


def measure(todo: Sequence[Job], folder: Path, *, fresh: bool) -> None:
    """Measures each job whose part is missing or out of date."""
    code = parts.code_digest()
    missing = [job for job in todo if fresh or not _is_there(job, code, folder)]
    turns = sum(scenario.turns / scenario.at_once for _, scenario in missing)
    minutes = turns * _TURN_S / 60
    print(
        f"{len(todo) - len(missing)} parts are there, {len(missing)} to measure: about {minutes:.0f} minutes"
    )
    if not missing:
        return
    if not LAUNCHER.exists():
        sys.exit(f"no launcher at {LAUNCHER}: run 'make build'")
    try:
        install = find_asterisk()
    except NoAsteriskError as error:
        sys.exit(str(error))
    number = 0
    with AsteriskServer(install, [LAUNCHER]) as server:
        for (system, agent), some in groupby(missing, key=lambda job: (job[0], job[1].agent_file)):
            with running(system, agent) as process:
                server.use_daemon(process.socket)
                for _, scenario in some:
                    number += 1
                    print(
                        f"[{number}/{len(missing)}] {system} {scenario.name}: {scenario.turns} turns ...",
                        flush=True,
                    )
                    load, began = os.getloadavg()[0], time.monotonic()
                    calls = asyncio.run(hold(scenario, server, process))
                    seconds = round(time.monotonic() - began, 1)
                    part = parts.Part(
                        system,
                        scenario.name,
                        parts.digest(system, scenario, code),
                        code,
                        load,
                        seconds,
                        calls,
                    )
                    parts.save(part, folder)
                    print(f"    {_line(scenario, part)}", flush=True)
                server.use_daemon(None)


def _is_there(job: Job, code: str, folder: Path) -> bool:
    system, scenario = job
    part = parts.load(system, scenario.name, folder)
    return part is not None and part.digest == parts.digest(system, scenario, code)


def _line(scenario: Scenario, part: parts.Part) -> str:
    one = figures(group_of(scenario, part.calls))
    said = (
        f"p50 {one['p50_ms']} p95 {one['p95_ms']} ms, premature {one['premature']}, missed {one['missed']}, "
    )
    said += f"right {one['right']}/{one['right_of']}, WER {one['wer']}"
    if one["barge_ins"]:
        said += f", barge-in p95 {one['barge_in_p95_ms']} ms"
    if one["false_stop_stimuli"]:
        said += f", false stops {one['false_stops']}/{one['false_stop_stimuli']}"
    return f"{said} ({part.seconds:.0f} s, load {part.load_before:.1f})"


def _factor(turns: int | None) -> float:
    if turns is None:
        return 1.0
    mine = [one for one in SCENARIOS if one.name in ONE_CALL]
    fixed = sum(one.turns for one in mine if not one.weight)
    return max(0.05, (turns - fixed) / sum(one.turns for one in mine if one.weight))


def shortened(scenario: Scenario) -> Scenario:
    """One call of it, and only its first steps: whether it works, and no figure."""
    return replace(
        scenario, calls=1, steps=scenario.steps[: max(3, round(len(scenario.steps) * QUICK_FACTOR))]
    )


def main() -> None:
    """Measures, reports."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that daemon and Asterisk end with us
    folder = parts.FOLDER.with_name("quick") if options.quick else parts.FOLDER
    if not options.report:
        measure(jobs(options), folder, fresh=options.fresh or options.quick)
    made = report.build(folder)
    print(report.table(made))
    if options.report:
        from bench.turnaround.picture import draw

        report.write(made)
        draw(made, report.REPORT.with_suffix(".png"))
        print(f"written: {report.REPORT} and the picture beside it")
    elif not options.quick:
        print("python -m bench.turnaround --report writes this to bench/reports/")


if __name__ == "__main__":
    main()
