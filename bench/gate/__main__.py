"""Measure every stage of a turn, in this tree and in the commit before: ``make bench-gate``.

Both are measured in turn, in processes of their own on one machine, so that its processor, its clock and its
neighbours are the same for both.  Each stage's CPU time is taken as a ratio to that of a calibration loop
that runs before every round of it (``calibration.py``).  A stage that seems slower is measured again in both,
twice at most: a regression is there each time.

``BASE=REVISION`` (``--against``) compares with another commit than the parent: a tag, say, so that no sum of
small steps goes unseen.  Every run is kept for ``pytest-benchmark compare`` below ``build/gate-runs``.

Exit status: 0 no regression, or this is the first commit; 1 a stage is slower; 2 a stage gave a wrong answer
or did not run, or there is nothing to compare with.  A shallow clone fetches the commit that it lacks.
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

from bench.gate.judge import MIN_RUNS, Reading, Verdict, best, judge, readings, standards, table
from bench.gate.parent import PARENT, ROOT, FirstCommitError, NoParentError, prepare

STAGES = Path("bench") / "gate" / "gate_stages.py"
RUNS = ROOT / "build" / "gate-runs"
ATTEMPTS = 3

Measure = Callable[[Sequence[str]], Mapping[str, Reading]]
"""Measure the named stages in a process of their own; none: all."""


class WrongAnswerError(Exception):
    """The stages did not run through; the message is pytest's output."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.gate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--against",
        metavar="REVISION",
        default=PARENT,
        help="compare with this commit (default: the parent)",
    )
    options = parser.parse_args(arguments)
    try:
        tree = prepare(options.against)
    except FirstCommitError as error:
        print(f"bench-gate: nothing to compare with, and nothing can have become slower: {error}")
        return 0
    except NoParentError as error:
        print(f"bench-gate: nothing to compare with: {error}")
        return 2
    print(f"bench-gate: against {options.against} ({tree.name}) on {machine()}", flush=True)
    return compare(_measurer(tree, "before"), _measurer(ROOT, "after"))


def compare(before: Measure, after: Measure) -> int:
    """Measure both in turn, and judge; see the module for the status."""
    try:
        verdicts = compared(before, after)
    except WrongAnswerError as error:
        print(error)
        print("bench-gate: a stage gave a wrong answer or did not run; see above")
        return 2
    print(table(verdicts))
    slower = [verdict.stage for verdict in verdicts if verdict.fails]
    if slower:
        print(f"bench-gate: {', '.join(slower)}: slower than before")
        return 1
    return 0


def compared(before: Measure, after: Measure) -> list[Verdict]:
    """Measure both in turn: the verdict of each stage.  Raises WrongAnswerError."""
    runs: tuple[list[Mapping[str, Reading]], list[Mapping[str, Reading]]] = ([], [])
    wanted: list[str] = []
    for attempt in range(ATTEMPTS):
        for number in range(MIN_RUNS):
            pair = (0, 1) if number % 2 == 0 else (1, 0)  # whoever comes second may find a warmer machine
            for side in pair:
                runs[side].append((before, after)[side](wanted))
        verdicts = judge(standards(runs[0]), best(runs[1]))
        wanted = [verdict.stage for verdict in verdicts if verdict.fails]
        if not wanted:
            break
        if attempt + 1 < ATTEMPTS:
            print(f"bench-gate: measuring again: {', '.join(wanted)}", flush=True)
    return verdicts


def _measurer(tree: Path, name: str) -> Measure:
    return lambda names: run_stages(tree, name, names)


def run_stages(
    tree: Path, name: str, names: Sequence[str], environ: Mapping[str, str] | None = None
) -> dict[str, Reading]:
    """Run a tree's benchmarks in a process of their own; ``name`` is what the run is kept as.

    ``environ``: another environment than this process has; its PYTHONPATH comes behind the tree's.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        tests = [f"{STAGES}::test_{each}" for each in names] or [str(STAGES)]
        command = [
            sys.executable,
            "-m",
            "pytest",
            *tests,
            "-q",
            "--benchmark-only",
            f"--benchmark-json={report}",
        ]
        command += [f"--benchmark-storage=file://{RUNS}", f"--benchmark-save={name}"]
        # pytest's own handler would report each question of tests/kernels for the processor as a crash.
        command += ["-p", "no:faulthandler", "-p", "no:cacheprovider", "-o", "python_files=gate_*.py"]
        # One thread everywhere: how many others the machine has must not matter.
        environment = dict(os.environ if environ is None else environ)
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        behind = [] if environ is None else [environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join([str(tree / "engine"), *behind])
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
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


if __name__ == "__main__":
    sys.exit(main())
