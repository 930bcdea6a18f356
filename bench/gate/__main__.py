"""Measure every stage and compare it with the committed baseline: ``make bench-gate``.

Each stage's CPU time is taken as a ratio to that of a calibration loop, which runs before every
round of it (``calibration.py``), so that the baseline holds on other machines of the same kind
and on a busy one.  A stage that seems slower is measured again, twice at most, in new
processes: a regression is there each time.  ``--update REASON`` measures the whole several
times and writes ``baseline.json``: ratios, and the noise between the runs, from which the
margins follow.

Exit status: 0 no regression, 1 a stage is slower or has no baseline, 2 a stage gave a wrong
answer or did not run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.gate.judge import Reading, best, dump, judge, load, readings, standards, table

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.json"
STAGES = HERE / "gate_stages.py"
ATTEMPTS = 3
RUNS = 7

Measure = Callable[[Sequence[str]], Mapping[str, Reading]]
"""Measure the named stages in a process of their own; none: all."""


class WrongAnswerError(Exception):
    """The stages did not run through; the message is pytest's output."""


def main(
    arguments: Sequence[str] | None = None, *, measure: Measure | None = None, baseline: Path = BASELINE
) -> int:
    parser = argparse.ArgumentParser(prog="bench.gate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--update", metavar="REASON", help="write a new baseline, and why into it")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs that a new baseline is made of")
    options = parser.parse_args(arguments)
    measure = measure or run_stages
    try:
        if options.update is not None:
            return update(baseline, measure, options.update.strip(), options.runs)
        return check(baseline, measure)
    except WrongAnswerError as error:
        print(error)
        print("bench-gate: a stage gave a wrong answer or did not run; see above")
        return 2


def check(baseline: Path, measure: Measure) -> int:
    """Compare; 0 when nothing is slower."""
    try:
        stored = json.loads(baseline.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"bench-gate: there is no {baseline.name}; make one: {_UPDATE}")
        return 1
    expected = load(stored["stages"])
    run = dict(measure([]))
    verdicts = judge(expected, run)
    runs = [run]
    while len(runs) < ATTEMPTS and (slower := [v.stage for v in verdicts if v.outcome == "slower"]):
        print(f"bench-gate: measuring again: {', '.join(slower)}")
        runs.append(dict(measure(slower)))
        verdicts = judge(expected, best(runs))
    print(table(verdicts))
    if stored["machine"] != machine():
        print(f"bench-gate: the baseline is from another machine ({stored['machine']}; this: {machine()})")
    failed = [verdict.stage for verdict in verdicts if verdict.fails]
    if not failed:
        return 0
    print(
        f"bench-gate: {', '.join(failed)}: slower than the baseline of '{stored['reason']}', or not in it.\n"
        f"If that is meant: {_UPDATE}"
    )
    return 1


def update(baseline: Path, measure: Measure, reason: str, count: int) -> int:
    """Measure ``count`` times and write the baseline."""
    if not reason:
        print("bench-gate: a new baseline needs a reason")
        return 1
    runs = []
    for number in range(count):
        print(f"bench-gate: run {number + 1} of {count}", flush=True)
        runs.append(measure([]))
    found = standards(runs)
    content = {"reason": reason, "machine": machine(), "stages": dump(found)}
    baseline.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(table(judge(found, runs[-1])))
    print(f"bench-gate: wrote {baseline.name}; commit it with what made it change")
    return 0


def run_stages(names: Sequence[str]) -> dict[str, Reading]:
    """Run the benchmarks in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        tests = [f"{STAGES}::test_{name}" for name in names] or [str(STAGES)]
        command = [sys.executable, "-m", "pytest", *tests, "-q", "--benchmark-only"]
        command += [f"--benchmark-json={report}", "-p", "no:cacheprovider", "-o", "python_files=gate_*.py"]
        # One thread everywhere: how many others the machine has must not matter.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not report.is_file():
            raise WrongAnswerError(done.stdout + done.stderr)
        content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return readings(content)


def machine() -> str:
    """The processor's name and number of cores."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


_UPDATE = '.venv/bin/python -m bench.gate --update "why it may be slower"'

if __name__ == "__main__":
    sys.exit(main())
