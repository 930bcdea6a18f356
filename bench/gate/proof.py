"""The gate's own proof: a stage that takes 30 % longer fails it, an unchanged tree passes again and again.

Both sides of each comparison are this tree.  In one that is to fail, every stage of the second side is
followed by a loop that takes another 30 % of its time (``gauge.py``): stages are judged one by one, so each
has to be named.  That is tried with this processor's instructions and with those of an older one, as
``.ci/test-kernels`` makes it.  Then an unchanged tree has to pass, ten times in a row.

Each comparison is kept in a file when it is done: stopped, the program goes on there.  Takes some 20 times as
long as the gate itself; the machine should have nothing else to do.

    python -m bench.gate.proof [--machines native desktop] [--unchanged 10] [--times 1.3] [--keep FILE]

Exit status: 0 proved; 1 not; 2 a stage gave a wrong answer or did not run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.gate.__main__ import WrongAnswerError, compared, machine, run_stages
from bench.gate.gauge import SLOWED
from bench.gate.judge import Reading, Verdict, table
from bench.gate.parent import ROOT, commit_of

NATIVE = "native"
KEPT = ROOT / "build" / "gate-proof.jsonl"


@dataclass(frozen=True, slots=True)
class Trial:
    """A comparison that is to be made."""

    machine: str
    """:data:`NATIVE`, or one of ``.ci/test-kernels --list``."""
    times: float
    """So many times its time every stage of the second side takes; 1: nothing is changed."""
    number: int = 1


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it."""

    trial: Trial
    changes: Mapping[str, float]
    """Of each stage, relative: 0.3 is 30 % slower."""
    slower: Sequence[str]
    """Stages that failed."""
    took_s: float

    @property
    def as_it_should(self) -> bool:
        return set(self.slower) == (set(self.changes) if self.trial.times > 1 else set())

    def line(self) -> str:
        trial, least, most = self.trial, min(self.changes.values()), max(self.changes.values())
        what = "unchanged" if trial.times == 1 else f"slowed by {trial.times - 1:.0%}"
        return (
            f"{trial.machine}, {what} ({trial.number}): {len(self.slower)} of {len(self.changes)} stages fail"
            f" (changes {least:+.0%} to {most:+.0%}), {'as it should' if self.as_it_should else 'WRONG'};"
            f" {self.took_s:.0f} s"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.gate.proof", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--machines", nargs="+", default=[NATIVE, "desktop"], help="slowed on each of these")
    parser.add_argument("--unchanged", type=int, default=10, help="comparisons of a tree with itself")
    parser.add_argument("--times", type=float, default=1.3, help="so many times a stage's time")
    parser.add_argument("--stages", nargs="*", default=[], help="these alone; all when left out")
    parser.add_argument("--keep", type=Path, default=KEPT)
    options = parser.parse_args(arguments)
    wanted = trials(options.machines, options.unchanged, options.times)
    done = kept(options.keep)
    for trial in wanted:
        if trial not in done:
            try:
                done[trial] = tried(trial, options.stages)
            except WrongAnswerError as error:
                print(f"{error}\ngate-proof: a stage gave a wrong answer or did not run; see above")
                return 2
            keep(options.keep, done[trial])
        print(done[trial].line(), flush=True)
    wrong = [trial for trial in wanted if not done[trial].as_it_should]
    print(f"gate-proof: {len(wanted) - len(wrong)} of {len(wanted)} comparisons came out as they should")
    return 1 if wrong else 0


def trials(machines: Sequence[str], unchanged: int, times: float) -> list[Trial]:
    """What has to be tried, in this order."""
    return [Trial(each, times) for each in machines] + [Trial(NATIVE, 1, n + 1) for n in range(unchanged)]


def tried(trial: Trial, stages: Sequence[str] = ()) -> Tried:
    """Make the comparison.  Raises WrongAnswerError."""
    environ = environment(trial.machine)

    def before(names: Sequence[str]) -> Mapping[str, Reading]:
        return run_stages(ROOT, "before", names or stages, environ)

    def after(names: Sequence[str]) -> Mapping[str, Reading]:
        slowed = {**environ, SLOWED: str(trial.times)}
        return run_stages(ROOT, "after", names or stages, slowed)

    began_s = time.monotonic()
    verdicts = compared(before, after)
    print(table(verdicts), flush=True)
    return judged(trial, verdicts, time.monotonic() - began_s)


def judged(trial: Trial, verdicts: Sequence[Verdict], took_s: float) -> Tried:
    """What a comparison says."""
    changes = {verdict.stage: round(verdict.change, 3) for verdict in verdicts}
    return Tried(trial, changes, [verdict.stage for verdict in verdicts if verdict.fails], round(took_s, 1))


def environment(name: str) -> dict[str, str]:
    """That of a process which computes as ``name`` does.  Raises CalledProcessError."""
    if name == NATIVE:
        return dict(os.environ)
    command = [str(ROOT / ".ci" / "test-kernels"), "--environment", name]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(each.split("=", 1) for each in printed.split("\0") if each)


# --- what was done already -----------------------------------------------------------------------


def identity() -> dict[str, str]:
    """What a comparison that is kept holds for."""
    return {"commit": commit_of("HEAD"), "machine": machine()}


def kept(file: Path) -> dict[Trial, Tried]:
    """Comparisons of this commit on this machine that are done."""
    return {each.trial: each for each in _read(file, identity())}


def keep(file: Path, one: Tried) -> None:
    """Write it down."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(identity() | asdict(one)) + "\n")


def _read(file: Path, ours: Mapping[str, str]) -> Iterator[Tried]:
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        row = json.loads(line)
        if [row.pop(key) for key in ours] == list(ours.values()):
            yield Tried(Trial(**row.pop("trial")), **row)


if __name__ == "__main__":
    sys.exit(main())
